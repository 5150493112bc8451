// Package fs keeps objects as files in a folder, each under its own key.
//
// A file appears under its name only when it is written and synced, by a rename. On disk:
//
//	<dir>/<key>                                 an object
//	<dir>/.kindred/write-…                      being written; left over by a crash
//	<dir>/.kindred/uploads/<upload>/key         the key of a multipart upload
//	<dir>/.kindred/uploads/<upload>/<number>    its parts
//
// A key is not also a folder of other keys, has no empty, "." or ".." part, and does not begin with
// .kindred/. Memory is a buffer for each call, whatever the size of an object.
package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

const (
	private = ".kindred"
	// leftover is the age at which a file being written belongs to nobody any more.
	leftover = 24 * time.Hour
)

// A Bucket is a blob.Driver over a folder. Several processes may use one folder.
type Bucket struct {
	dir string // absolute
}

var (
	_ blob.Driver = (*Bucket)(nil)
	_ blob.Local  = (*Bucket)(nil)
)

// New returns a bucket over dir, which it makes if it is not there.
func New(dir string) (*Bucket, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	b := &Bucket{dir: dir}
	if err := os.MkdirAll(b.uploadDir(""), 0o700); err != nil {
		return nil, err
	}
	return b, b.sweep()
}

// sweep removes what a crash left half written.
func (b *Bucket) sweep() error {
	old, err := filepath.Glob(filepath.Join(b.dir, private, "write-*"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > leftover {
			_ = os.Remove(file) // another process may be faster
		}
	}
	return nil
}

// Path returns the file that holds key. It is blob.Local's.
func (b *Bucket) Path(key string) string { return filepath.Join(b.dir, filepath.FromSlash(key)) }

func checkKey(key string) error {
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsRune(part, 0) {
			return fault.Newf(fault.Invalid, "The key %q cannot be a file: it has an empty part, a dot part or a zero byte.", key)
		}
	}
	if first, _, _ := strings.Cut(key, "/"); first == private {
		return fault.Newf(fault.Invalid, "The key %q begins with %s, which is reserved.", key, private)
	}
	return nil
}

func notFound(key string) error { return fault.Newf(fault.NotFound, "There is no object %s.", key) }

// open opens the file of key, which must be a plain one.
func (b *Bucket) open(key string) (*os.File, iofs.FileInfo, error) {
	if err := checkKey(key); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(b.Path(key))
	if isMissing(err) {
		return nil, nil, notFound(key)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notFound(key)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Open is blob.Driver's.
func (b *Bucket) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, info, err := b.open(key)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	left := max(0, info.Size()-off)
	if n < 0 || n > left {
		n = left
	}
	return section{io.NewSectionReader(f, off, n), f}, nil
}

type section struct {
	*io.SectionReader
	f *os.File
}

func (s section) Close() error { return s.f.Close() }

// Stat is blob.Driver's.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, err
	}
	if err := checkKey(key); err != nil {
		return blob.Info{}, err
	}
	info, err := os.Stat(b.Path(key))
	if isMissing(err) || err == nil && !info.Mode().IsRegular() {
		return blob.Info{}, notFound(key)
	}
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat %s: %w", key, err)
	}
	return describe(key, info), nil
}

// describe makes an ETag from what changes with every rename into place: the file itself, its time
// and its size.
func describe(key string, info iofs.FileInfo) blob.Info {
	return blob.Info{
		Key:      key,
		Size:     info.Size(),
		ETag:     fmt.Sprintf("%x-%x-%x", inode(info), info.ModTime().UnixNano(), info.Size()),
		Modified: info.ModTime(),
	}
}

// Put is blob.Driver's.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, _ blob.Options) (blob.Info, error) {
	if err := checkKey(key); err != nil {
		return blob.Info{}, err
	}
	info, err := b.publish(ctx, key, func(w *os.File) error {
		_, err := io.Copy(w, r)
		return err
	})
	if err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", key, err)
	}
	return info, nil
}

// publish writes a file under another name and moves it into place when it is safely on disk.
func (b *Bucket) publish(ctx context.Context, key string, write func(*os.File) error) (blob.Info, error) {
	tmp, err := os.CreateTemp(filepath.Join(b.dir, private), "write-*")
	if err != nil {
		return blob.Info{}, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already if all went well
	err = write(tmp)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = tmp.Sync()
	}
	info, serr := tmp.Stat()
	if cerr := tmp.Close(); err == nil {
		err = errors.Join(serr, cerr)
	}
	if err != nil {
		return blob.Info{}, err
	}
	return describe(key, info), b.place(tmp.Name(), b.Path(key))
}

// place renames file to path and syncs the folder. Delete may take an empty folder away between
// making it and using it, so that is tried again.
func (b *Bucket) place(file, path string) error {
	const attempts = 100
	for range attempts {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
		_ = os.Remove(emptyFolder(path)) // what a deleted key/… left
		err := os.Rename(file, path)
		if err == nil {
			return syncDir(filepath.Dir(path))
		}
		if !errors.Is(err, iofs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the folder of %s is taken away again and again", path)
}

// emptyFolder returns path if it is a folder, and else a name of nothing; removing a folder that is
// not empty fails, as it should.
func emptyFolder(path string) string {
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return path
	}
	return filepath.Join(path, private, "none")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if isMissing(err) {
		return nil // deleted meanwhile, and the object with it
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Delete is blob.Driver's. Folders that become empty go too.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	path := b.Path(key)
	if info, err := os.Lstat(path); isMissing(err) || err == nil && info.IsDir() {
		return nil
	}
	if err := os.Remove(path); err != nil && !isMissing(err) {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	for dir := filepath.Dir(path); dir != b.dir; dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil { // not empty
			return nil
		}
	}
	return nil
}
