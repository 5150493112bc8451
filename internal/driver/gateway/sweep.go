package gateway

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/versity/versitygw/backend/posix"
)

const (
	// abandonedAfter is how long an unfinished multipart upload stays that gets no part.
	abandonedAfter = 7 * 24 * time.Hour
	// claimed ends the name of an upload's folder while the backend makes the object; the upload's name comes before
	// the first dot.
	claimed = ".inprogress"
)

// sweep clears up what a child left behind that ended in the middle, before there is another one: uploads that were
// being completed are finished or as they were, those abandoned are gone, and so is what was kept beside uploads that
// are gone. It reads the folders of unfinished uploads, not those of objects.
func sweep(objects, meta string, abandoned time.Duration) error {
	buckets, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	var errs []error
	for _, b := range buckets {
		hashes := filepath.Join(b.Name(), posix.MetaTmpMultipartDir)
		s := sweeper{objects, meta, time.Now().Add(-abandoned)}
		errs = append(errs,
			each(filepath.Join(objects, hashes), func(e fs.DirEntry) error { return s.key(filepath.Join(hashes, e.Name())) }),
			each(filepath.Join(meta, hashes), func(e fs.DirEntry) error { return s.beside(filepath.Join(hashes, e.Name())) }))
	}
	return errors.Join(errs...)
}

// each calls do for what is in a folder, if it is there.
func each(dir string, do func(fs.DirEntry) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	for _, e := range entries {
		errs = append(errs, do(e))
	}
	return errors.Join(errs...)
}

// A sweeper knows the two trees, which have the same folders in them.
type sweeper struct {
	objects, meta string
	before        time.Time // uploads that nothing came for since are abandoned
}

// key sweeps the uploads of one key and their folder, if that is empty then.
func (s sweeper) key(dir string) error {
	err := each(filepath.Join(s.objects, dir), func(e fs.DirEntry) error {
		return s.upload(dir, e)
	})
	_ = os.Remove(filepath.Join(s.objects, dir)) // unless there are uploads
	return err
}

func (s sweeper) upload(dir string, e fs.DirEntry) error {
	path := filepath.Join(dir, e.Name())
	if !e.IsDir() { // a part that did not come to its end
		return os.Remove(filepath.Join(s.objects, path))
	}
	info, err := e.Info()
	if err != nil {
		return err
	}
	published := false
	if f, err := os.Open(filepath.Join(s.objects, path, assemblyName)); err == nil {
		published = links(f) != 1
		_ = f.Close()
	}
	name, _, interrupted := strings.Cut(e.Name(), ".")
	switch {
	case published || info.ModTime().Before(s.before):
		return os.RemoveAll(filepath.Join(s.objects, path)) // what is kept beside it goes with what belongs to no upload
	case interrupted && strings.HasSuffix(e.Name(), claimed):
		return s.rename(path, filepath.Join(dir, name))
	}
	return nil
}

// rename moves an upload in both trees. What is kept beside the parts is moved first, so that the next sweep finds
// the upload as this one did if it does not come to its end.
func (s sweeper) rename(from, to string) error {
	err := os.Rename(filepath.Join(s.meta, from), filepath.Join(s.meta, to))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the backend had not come to it
		return err
	}
	return os.Rename(filepath.Join(s.objects, from), filepath.Join(s.objects, to))
}

// beside removes what is kept beside the uploads of a key that are gone.
func (s sweeper) beside(dir string) error {
	if _, err := os.Lstat(filepath.Join(s.objects, dir)); errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(filepath.Join(s.meta, dir))
	}
	return each(filepath.Join(s.meta, dir), func(e fs.DirEntry) error {
		path := filepath.Join(dir, e.Name())
		if e.Name() == "meta" { // of the key
			return nil
		}
		if _, err := os.Lstat(filepath.Join(s.objects, path)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.RemoveAll(filepath.Join(s.meta, path))
	})
}
