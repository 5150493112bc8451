package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/catalog/catalogtest"
	"github.com/kindredrec/kindred/internal/job/jobtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string, opts Options) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// file is a path in a folder that is not there yet, with characters that mean something in an URL.
func file(t testing.TB) string { return filepath.Join(t.TempDir(), "a folder?%41#", "k.db") }

func TestCatalog(t *testing.T) {
	paths := map[catalog.Store]string{}
	catalogtest.Run(t, catalogtest.Driver{
		Open: func(t testing.TB) catalog.Store {
			path := file(t)
			d := open(t, path, Options{})
			paths[d] = path
			return d
		},
		Reopen: func(t testing.TB, s catalog.Store) catalog.Store {
			if err := s.(*DB).Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, paths[s], Options{})
		},
	})
}

func TestCatalogInMemory(t *testing.T) {
	catalogtest.Run(t, catalogtest.Driver{Open: func(t testing.TB) catalog.Store { return open(t, Memory, Options{}) }})
}

func TestQueue(t *testing.T) {
	paths := map[jobtest.Store]string{}
	jobtest.Run(t, jobtest.Driver{
		Open: func(t testing.TB, now func() time.Time) jobtest.Store {
			path := file(t)
			d := open(t, path, Options{Now: now})
			paths[d] = path
			return d
		},
		Reopen: func(t testing.TB, s jobtest.Store, now func() time.Time) jobtest.Store {
			if err := s.(*DB).Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, paths[s], Options{Now: now})
		},
	})
}

func TestQueueInMemory(t *testing.T) {
	jobtest.Run(t, jobtest.Driver{Open: func(t testing.TB, now func() time.Time) jobtest.Store {
		return open(t, Memory, Options{Now: now})
	}})
}
