// Package sqlite keeps the catalog and the job queue in one SQLite file.
//
// One connection writes and a few read, so that a reader never waits for a writer. What a call has
// acknowledged survives the loss of power: every commit is synced. Several processes may open the same
// file; they take turns to write, and a call waits for its turn until its context ends.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/job"
)

// Memory is the path of a database that lives in this process only and ends with Close.
const Memory = ":memory:"

// readers is how many connections read at a time; each caches up to 2 MiB of pages.
const readers = 4

// mapped is how much of the file readers see through the system's own cache rather than copies of its pages: a
// commit spoils the copies of all readers, and making one takes longer than using it.
const mapped = 1 << 30

//go:embed migrations/*.sql
var migrations embed.FS

// Options change how a database is opened. The zero value is right for a server.
type Options struct {
	Now func() time.Time // the clock of leases; time.Now if nil

	// Cache is how many bytes of records to keep in memory for Get, 0 for none. Only right while no other
	// process, and no other DB, writes to the file.
	Cache int
}

// A DB is a catalog.Store and a job.Queue on one database. It may be used from many goroutines.
type DB struct {
	now     func() time.Time
	w, r    *sql.DB  // r is w for a database in memory
	reads   querier  // r, with its statements kept
	secrets sync.Map // name → []byte, what was read or committed
	cache   *cache   // nil for none
}

var (
	_ catalog.Store = (*DB)(nil)
	_ job.Queue     = (*DB)(nil)
)

// Open opens the database at path, makes it and its folder if they are not there, and brings its tables
// up to date. The path may be relative; it does not follow later changes of the working directory.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	d := &DB{now: opts.Now, cache: newCache(opts.Cache)}
	if d.now == nil {
		d.now = time.Now
	}
	if err := d.connect(path); err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	if err := d.migrate(ctx); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	return d, nil
}

// Close ends the use of the database. Transactions that are still open are undone.
func (d *DB) Close() error {
	if d.r == d.w {
		return d.w.Close()
	}
	return errors.Join(d.r.Close(), d.w.Close())
}

// connect makes the two handles. Nothing is read yet except that the file is there.
func (d *DB) connect(path string) error {
	if path == Memory {
		w, err := handle("file::memory:?"+pragmas().Encode(), 1)
		d.w, d.r, d.reads = w, w, w
		return err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := create(abs); err != nil {
		return err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: pragmas().Encode()}
	if d.w, err = handle(u.String(), 1); err != nil {
		return err
	}
	read := pragmas()
	read.Del("_txlock")
	read.Set("_query_only", "1")
	read.Set("_pragma", fmt.Sprintf("mmap_size(%d)", mapped))
	u.RawQuery = read.Encode()
	d.r, err = handle(u.String(), readers)
	d.reads = &prepared{DB: d.r}
	return err
}

// create makes the file and its folder, readable by their owner alone: the secrets of page tokens are
// in it. SQLite gives its side files the same mode.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// pragmas are the settings of a connection. Transactions take the write lock when they begin, because
// one that begins reading and writes later can fail for a reason that waiting does not mend.
func pragmas() url.Values {
	return url.Values{
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"1"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_txlock":       {"immediate"},
	}
}

func handle(dsn string, conns int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns) // a database in memory ends with its last connection
	return db, nil
}

// migrate brings the tables up to date. Two processes that start together on a new file both try; the
// one that loses tries again and finds nothing to do.
func (d *DB) migrate(ctx context.Context) error {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	up := func() error {
		p, err := goose.NewProvider(goose.DialectSQLite3, d.w, sub, goose.WithSlog(slog.New(slog.DiscardHandler)))
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return err
	}
	for range 3 {
		if err = d.retry(ctx, up); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// busy reports whether err says that another connection holds a lock.
func busy(err error) bool {
	var e *driver.Error
	if !errors.As(err, &e) {
		return false
	}
	const sqliteBusy, sqliteLocked = 5, 6
	code := e.Code() & 0xff // the rest of the code says which lock
	return code == sqliteBusy || code == sqliteLocked
}

// retry runs do until it fails for a reason other than a lock. SQLite itself has waited five seconds for
// the lock each time, so the pause is only there to keep an immediate refusal from spinning.
func (d *DB) retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !busy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
