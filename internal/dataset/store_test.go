package dataset

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// A store is buckets in memory. An object may be given as a function that makes its reader, so that it
// need not be in memory; and the store may refuse a key or break in the middle of it.
type store struct {
	blob.Driver // the methods that are not used here
	objects     map[string]func() io.Reader
	size        map[string]int64
	deny        string       // this key
	fail        func() error // called before every operation
}

func newStore() *store {
	return &store{objects: map[string]func() io.Reader{}, size: map[string]int64{}}
}

func (s *store) set(key, text string) *store {
	s.objects[key] = func() io.Reader { return strings.NewReader(text) }
	s.size[key] = int64(len(text))
	return s
}

// Bucket has one bucket, "b".
func (s *store) Bucket(ctx context.Context, name string) (blob.Driver, error) {
	if name != "b" {
		return nil, fault.Newf(fault.NotFound, "The bucket %s does not exist.", name)
	}
	return s, s.broken()
}

func (s *store) broken() error {
	if s.fail != nil {
		return s.fail()
	}
	return nil
}

func (s *store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := s.broken(); err != nil {
		return blob.Info{}, err
	}
	if key == s.deny {
		return blob.Info{}, fault.Newf(fault.Denied, "No access.")
	}
	if _, ok := s.objects[key]; !ok {
		return blob.Info{}, fault.Newf(fault.NotFound, "There is no object %s.", key)
	}
	return blob.Info{Key: key, Size: s.size[key]}, nil
}

func (s *store) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if _, err := s.Stat(ctx, key); err != nil {
		return nil, err
	}
	r := s.objects[key]()
	if _, err := io.CopyN(io.Discard, r, off); err != nil && err != io.EOF {
		return nil, err
	}
	if n >= 0 {
		r = io.LimitReader(r, n)
	}
	return io.NopCloser(r), nil
}

func (s *store) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		if err := s.broken(); err != nil {
			yield(blob.Info{}, err)
			return
		}
		for _, k := range slices.Sorted(maps.Keys(s.objects)) {
			if strings.HasPrefix(k, prefix) && !yield(blob.Info{Key: k, Size: s.size[k]}, nil) {
				return
			}
		}
	}
}

func (s *store) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	if err := s.broken(); err != nil {
		return blob.Info{}, err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return blob.Info{}, err
	}
	s.objects[key] = func() io.Reader { return bytes.NewReader(b) }
	s.size[key] = int64(len(b))
	return blob.Info{Key: key, Size: int64(len(b))}, nil
}

// A disk is a store of own artifacts that keeps files, as the default driver does.
type disk struct {
	blob.Driver
	dir string
}

func (f disk) Path(key string) string { return filepath.Join(f.dir, filepath.FromSlash(key)) }

func (f disk) Stat(ctx context.Context, key string) (blob.Info, error) {
	st, err := os.Stat(f.Path(key))
	if os.IsNotExist(err) {
		return blob.Info{}, fault.Newf(fault.NotFound, "There is no object %s.", key)
	}
	if err != nil {
		return blob.Info{}, err
	}
	return blob.Info{Key: key, Size: st.Size()}, nil
}

func (f disk) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	path := f.Path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return blob.Info{}, err
	}
	w, err := os.Create(path + ".new")
	if err != nil {
		return blob.Info{}, err
	}
	n, err := io.Copy(w, r)
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return blob.Info{Key: key, Size: n}, err
}

// mustParse reads a schema.
func mustParse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := ParseSchema(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// remove drops an object without a call to the store.
func (s *store) remove(key string) { delete(s.objects, key) }

// openContent maps a snapshot file until the test ends.
func openContent(t testing.TB, path string) *content {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Verify(); err != nil {
		t.Fatal(err)
	}
	c, err := readSnapshot(f)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
