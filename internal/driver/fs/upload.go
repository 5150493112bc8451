package fs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

func (b *Bucket) uploadDir(id string) string { return filepath.Join(b.dir, private, "uploads", id) }

// Begin is blob.Driver's.
func (b *Bucket) Begin(ctx context.Context, key string, _ blob.Options) (string, error) {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return "", err
	}
	id := rand.Text()
	if err := os.Mkdir(b.uploadDir(id), 0o700); err != nil {
		return "", fmt.Errorf("begin upload of %s: %w", key, err)
	}
	if err := os.WriteFile(filepath.Join(b.uploadDir(id), "key"), []byte(key), 0o600); err != nil {
		return "", fmt.Errorf("begin upload of %s: %w", key, err)
	}
	return id, nil
}

// find returns the folder of an upload of key.
func (b *Bucket) find(key, id string) (string, error) {
	unknown := fault.Newf(fault.NotFound, "There is no upload %s of the object %s.", id, key)
	if id == "" || strings.ContainsAny(id, `./\`) {
		return "", unknown
	}
	got, err := os.ReadFile(filepath.Join(b.uploadDir(id), "key"))
	if isMissing(err) || err == nil && string(got) != key {
		return "", unknown
	}
	return b.uploadDir(id), err
}

// Upload is blob.Driver's.
func (b *Bucket) Upload(ctx context.Context, key, id string, n int, data []byte) (blob.Part, error) {
	dir, err := b.find(key, id)
	if err != nil {
		return blob.Part{}, err
	}
	if n < 1 {
		return blob.Part{}, fault.Newf(fault.Invalid, "The part number %d is not positive.", n)
	}
	tmp, err := os.CreateTemp(dir, "write-*")
	if err != nil {
		return blob.Part{}, fmt.Errorf("upload part %d of %s: %w", n, key, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = io.Copy(tmp, bytes.NewReader(data))
	if err == nil {
		err = errors.Join(ctx.Err(), tmp.Sync())
	}
	info, serr := tmp.Stat()
	if err = errors.Join(err, serr, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, strconv.Itoa(n)))
	}
	if err != nil {
		return blob.Part{}, fmt.Errorf("upload part %d of %s: %w", n, key, err)
	}
	return blob.Part{Number: n, ETag: describe(key, info).ETag, Size: info.Size()}, nil
}

// Complete is blob.Driver's. It copies the parts, which file systems that share blocks make cheap.
func (b *Bucket) Complete(ctx context.Context, key, id string, parts []blob.Part) error {
	dir, err := b.find(key, id)
	if err != nil {
		return err
	}
	_, err = b.publish(ctx, key, func(w *os.File) error {
		for _, p := range parts {
			if err := appendPart(w, dir, key, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("complete upload of %s: %w", key, err)
	}
	return remove(dir)
}

func appendPart(w *os.File, dir, key string, p blob.Part) error {
	f, err := os.Open(filepath.Join(dir, strconv.Itoa(p.Number)))
	if isMissing(err) {
		return fault.Newf(fault.Invalid, "The upload of %s has no part %d.", key, p.Number)
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if got := describe(key, info).ETag; got != p.ETag {
		return fault.Newf(fault.Invalid, "Part %d of the upload of %s has the ETag %s, not %s.", p.Number, key, got, p.ETag)
	}
	_, err = io.Copy(w, f)
	return err
}

// Abort is blob.Driver's.
func (b *Bucket) Abort(ctx context.Context, key, id string) error {
	dir, err := b.find(key, id)
	if fault.Is(err, fault.NotFound) {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return remove(dir)
}

// remove takes the key away first: from then on the upload is unknown, even if a crash leaves parts.
func remove(dir string) error {
	if err := os.Remove(filepath.Join(dir, "key")); err != nil && !isMissing(err) {
		return err
	}
	return os.RemoveAll(dir)
}
