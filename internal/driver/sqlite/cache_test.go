package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/catalog/catalogtest"
	"github.com/kindredrec/kindred/internal/fault"
)

// A cache changes nothing of what a store promises, be there room for all or for a record or two.
func TestCatalogCached(t *testing.T) {
	for _, bound := range []int{1 << 20, 3000} {
		t.Run(fmt.Sprint("bytes=", bound), func(t *testing.T) {
			catalogtest.Run(t, catalogtest.Driver{Open: func(t testing.TB) catalog.Store { return open(t, file(t), Options{Cache: bound}) }})
		})
	}
}

// kept reports whether Get would answer without asking the database.
func kept(d *DB, a arn.ARN) bool {
	_, ok := d.cache.get(a)
	return ok
}

func TestCacheKeeps(t *testing.T) {
	ctx := t.Context()
	d := open(t, file(t), Options{Cache: 1 << 20})
	r := resource(0)
	r.Tags = map[string]string{"team": "a"}
	if err := d.Insert(ctx, r); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is the cache's, and whoever spoils what they got spoils only that
		got, err := d.Get(ctx, r.ARN)
		if err != nil || string(got.Doc) != string(r.Doc) || got.Tags["team"] != "a" {
			t.Fatalf("Get = %s, tags %v, %v, want %s, team a", got.Doc, got.Tags, err, r.Doc)
		}
		got.Doc[0], got.Tags["team"] = 'x', "b"
	}
	if !kept(d, r.ARN) {
		t.Error("a record that was read is not kept")
	}
	undo := errors.New("undo")
	err := d.Tx(ctx, func(tx catalog.Store) error {
		got, err := tx.Get(ctx, r.ARN)
		if err != nil {
			return err
		}
		got.Status = "CHANGED"
		if err := tx.Tx(ctx, func(tx catalog.Store) error { return tx.Update(ctx, got) }); err != nil {
			return err
		}
		if outside, err := d.Get(ctx, r.ARN); err != nil || outside.Status != r.Status {
			t.Errorf("Get beside a transaction = %s, %v, want %s", outside.Status, err, r.Status)
		}
		if kept(d, r.ARN) {
			t.Error("a record being written is kept")
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatalf("Tx = %v, want %v", err, undo)
	}
	if got, err := d.Get(ctx, r.ARN); err != nil || got.Status != r.Status || got.Version != 1 {
		t.Errorf("Get after a transaction was undone = %s, version %d, %v, want %s, version 1", got.Status, got.Version, err, r.Status)
	}
	if !kept(d, r.ARN) {
		t.Error("a record that was read after a transaction is not kept")
	}
	if err := d.Delete(ctx, r.ARN, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Get(ctx, r.ARN); !fault.Is(err, fault.NotFound) {
		t.Errorf("Get after Delete = %v, want NotFound", err)
	}
}

// A record that was read before a change is turned away when it comes after.
func TestCacheTurnsAwayWhatWasOvertaken(t *testing.T) {
	r := resource(0)
	for name, change := range map[string]func(c *cache){
		"being written": func(c *cache) { c.begin(r.ARN) },
		"written":       func(c *cache) { c.begin(r.ARN); c.end([]arn.ARN{r.ARN}) },
	} {
		c := newCache(1 << 20)
		since := c.moment()
		change(c)
		c.put(r, since)
		if _, ok := c.get(r.ARN); ok {
			t.Errorf("%s meanwhile: the record is kept", name)
		}
	}
	c := newCache(1 << 20)
	c.begin(r.ARN)
	c.put(r, c.moment())
	if _, ok := c.get(r.ARN); ok {
		t.Error("read while being written: the record is kept")
	}
}

func TestCacheIsBounded(t *testing.T) {
	const bound = 100_000
	c := newCache(bound)
	for i := range 1000 {
		c.put(resource(i), c.moment())
		c.get(resource(0).ARN) // used all the time
	}
	held := 0
	for _, half := range []map[arn.ARN]catalog.Record{c.young, c.old} {
		for _, r := range half {
			held += sizeOf(r)
		}
	}
	if held > bound || held < bound/2 {
		t.Errorf("%d bytes are held, want %d to %d", held, bound/2, bound)
	}
	if _, ok := c.get(resource(0).ARN); !ok {
		t.Error("a record that is used all the time is not kept")
	}
	big := resource(2000)
	big.Doc = make([]byte, bound)
	if c.put(big, c.moment()); len(c.young) == 0 {
		t.Error("a record that does not fit drives out the others")
	}
}

// Whoever saw a version never sees an earlier one afterwards, and a writer sees its own.
func TestCacheNeverGoesBack(t *testing.T) {
	ctx := t.Context()
	d := open(t, file(t), Options{Cache: 1 << 20})
	a := resource(0).ARN
	if err := d.Insert(ctx, resource(0)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := int64(0); ; {
				r, err := d.Get(ctx, a)
				if err != nil || r.Version < last {
					t.Errorf("Get = version %d, %v, want at least %d", r.Version, err, last)
					return
				}
				last = r.Version
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 100 {
		err := catalog.Change(ctx, d, a, func(*catalog.Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if r, err := d.Get(ctx, a); err != nil || r.Version != int64(i+2) {
			t.Errorf("Get after change %d = version %d, %v, want %d", i+1, r.Version, err, i+2)
		}
	}
	close(done)
	readers.Wait()
}
