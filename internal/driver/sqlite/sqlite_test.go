package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/catalog/catalogtest"
	"github.com/kindredrec/kindred/internal/fault"
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

// Two processes may use one file: here two handles that know nothing of each other. Locks are waited
// for and never reported, at the first opening as well.
func TestTwoHandles(t *testing.T) {
	path := file(t)
	handles := make([]*DB, 2)
	var wg sync.WaitGroup
	for i := range handles {
		wg.Go(func() {
			d, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Errorf("Open beside another = %v", err)
				return
			}
			handles[i] = d
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	defer func() { _, _ = handles[0].Close(), handles[1].Close() }()
	r := resource(0)
	r.Doc = []byte("0")
	if err := handles[0].Insert(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	const workers, each = 4, 25
	for w := range workers {
		wg.Go(func() {
			d := handles[w%2]
			for range each {
				err := catalog.Change(t.Context(), d, r.ARN, func(r *catalog.Record) error {
					n, err := strconv.Atoi(string(r.Doc))
					r.Doc = []byte(strconv.Itoa(n + 1))
					return err
				})
				if err != nil {
					t.Errorf("Change beside another process = %v", err)
				}
				if _, _, err := d.List(t.Context(), catalog.Query{Account: account, Kind: r.Kind, Limit: 1}); err != nil {
					t.Errorf("List beside another process = %v", err)
				}
			}
		})
	}
	wg.Wait()
	for i, d := range handles {
		if got, err := d.Get(t.Context(), r.ARN); err != nil || string(got.Doc) != strconv.Itoa(workers*each) {
			t.Errorf("handle %d counts %s, %v, want %d", i, got.Doc, err, workers*each)
		}
	}
	if a, b := secret(t, handles[0]), secret(t, handles[1]); a != b {
		t.Errorf("the handles have secrets %x and %x, want the same", a, b)
	}
}

func secret(t *testing.T, d *DB) string {
	t.Helper()
	b, err := d.Secret(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A call that waits for the write lock ends with its context.
func TestWaitEndsWithContext(t *testing.T) {
	path := file(t)
	holder, waiter := open(t, path, Options{}), open(t, path, Options{})
	err := holder.Tx(t.Context(), func(tx catalog.Store) error {
		if err := tx.Insert(t.Context(), resource(1)); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := waiter.Insert(ctx, resource(2)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Insert while another process writes = %v, want a deadline exceeded", err)
		}
		if _, err := waiter.Get(t.Context(), resource(1).ARN); !fault.Is(err, fault.NotFound) {
			t.Errorf("Get of what is not committed = %v, want a fault of kind not found", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := waiter.Insert(t.Context(), resource(2)); err != nil {
		t.Errorf("Insert afterwards = %v", err)
	}
}

// The path is taken when the database is opened: a later change of the working directory does not move it.
func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	d := open(t, filepath.Join("data", "k.db"), Options{})
	if err := d.Insert(t.Context(), resource(1)); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(filepath.Join("data", "k.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for i := 2; i < 40; i++ { // through every connection
		if _, err := d.Get(t.Context(), resource(1).ARN); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(here); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("Stat = %v, %v, want a file only its owner can read", info, err)
	}
}

// A file that is no database is refused with its name.
func TestOpenRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := Open(t.Context(), path, Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open of a text = %v, %v, want an error that names it", d, err)
	}
}

// Every way to list and count walks along an index, in order: nothing is sorted and nothing is read that
// is not asked for.
func TestPlans(t *testing.T) {
	d := open(t, file(t), Options{})
	for _, q := range []catalog.Query{
		{}, {Newest: true}, {After: "1 a"}, {Parent: "p"}, {Parent: "p", After: "1 a", Newest: true},
		{Status: []string{"a"}}, {Status: []string{"a"}, After: "1 a"},
	} {
		q.Account, q.Kind, q.Limit = account, "k", 10
		text, err := listText(q)
		if err != nil {
			t.Fatal(err)
		}
		err = (&session{db: d, q: d.r}).each(t.Context(), "EXPLAIN QUERY PLAN "+text.String(), text.args, func(rows *sql.Rows) error {
			var id, parent, unused int
			var detail string
			err := rows.Scan(&id, &parent, &unused, &detail)
			if !strings.HasPrefix(detail, "SEARCH resources USING INDEX resources_by_") {
				t.Errorf("the plan of %+v has the step %q, want only a search along an index", q, detail)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
