package catalogtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
)

// A Twin is a Store that is obviously right: maps in memory, copied for every transaction. Random
// operations on a driver are compared with it, and tests of what stands above the catalog may use it.
// It keeps everything in memory and gets slower with every record. Its zero value is empty.
type Twin struct {
	mu    sync.Mutex
	state state
}

type state struct {
	records map[arn.ARN]catalog.Record
	work    map[arn.ARN]catalog.Work
	secrets map[string][]byte
}

var _ catalog.Store = (*Twin)(nil)

func (s state) clone() state {
	c := state{maps.Clone(s.records), maps.Clone(s.work), maps.Clone(s.secrets)}
	if c.records == nil {
		c = state{map[arn.ARN]catalog.Record{}, map[arn.ARN]catalog.Work{}, map[string][]byte{}}
	}
	return c
}

// copied returns r as a store keeps it: in whole milliseconds, and sharing no memory.
func copied(r catalog.Record) catalog.Record {
	r.Created, r.Updated = millis(r.Created), millis(r.Updated)
	r.Doc, r.Extra, r.Tags = bytes.Clone(r.Doc), bytes.Clone(r.Extra), maps.Clone(r.Tags)
	if len(r.Tags) == 0 {
		r.Tags = nil
	}
	return r
}

// Work returns what was handed over, by owner.
func (t *Twin) Work() map[arn.ARN]catalog.Work {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.state.work)
}

// Tx implements catalog.Store. A transaction in a transaction is one on the copy of a copy.
func (t *Twin) Tx(ctx context.Context, do func(catalog.Store) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	inner := &Twin{state: t.state.clone()}
	if err := do(inner); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.state = inner.state
	return nil
}

// change runs do on a state that may be written to.
func (t *Twin) change(ctx context.Context, do func(state) error) error {
	return t.Tx(ctx, func(s catalog.Store) error { return do(s.(*Twin).state) })
}

// Get implements catalog.Store.
func (t *Twin) Get(ctx context.Context, a arn.ARN) (r catalog.Record, err error) {
	err = t.change(ctx, func(s state) error {
		var ok bool
		if r, ok = s.records[a]; !ok {
			return catalog.NotFound(a)
		}
		r = copied(r)
		return nil
	})
	return r, err
}

// Insert implements catalog.Store.
func (t *Twin) Insert(ctx context.Context, r catalog.Record) error {
	return t.change(ctx, func(s state) error {
		if _, taken := s.records[r.ARN]; taken {
			return catalog.Exists(r.ARN)
		}
		r.Version = 1
		s.records[r.ARN] = copied(r)
		return nil
	})
}

// current returns the stored record if it has that version.
func (s state) current(a arn.ARN, version int64) (catalog.Record, error) {
	old, ok := s.records[a]
	switch {
	case !ok:
		return old, catalog.NotFound(a)
	case old.Version != version:
		return old, catalog.Stale(a)
	}
	return old, nil
}

// Update implements catalog.Store.
func (t *Twin) Update(ctx context.Context, r catalog.Record) error {
	return t.change(ctx, func(s state) error {
		old, err := s.current(r.ARN, r.Version)
		if err != nil {
			return err
		}
		r.Account, r.Kind, r.Parent, r.Created, r.Version = old.Account, old.Kind, old.Parent, old.Created, old.Version+1
		s.records[r.ARN] = copied(r)
		return nil
	})
}

// Delete implements catalog.Store.
func (t *Twin) Delete(ctx context.Context, a arn.ARN, version int64) error {
	return t.change(ctx, func(s state) error {
		_, err := s.current(a, version)
		if err == nil {
			delete(s.records, a)
		}
		return err
	})
}

// all returns every record that q selects, in its order.
func (s state) all(q catalog.Query) (all []catalog.Record) {
	for _, r := range s.records {
		if r.Account == q.Account && r.Kind == q.Kind && (q.Parent == "" || r.Parent == q.Parent) &&
			(q.Status == nil || slices.Contains(q.Status, r.Status)) {
			all = append(all, copied(r))
		}
	}
	slices.SortFunc(all, func(a, b catalog.Record) int {
		c := cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ARN, b.ARN))
		if q.Newest {
			return -c
		}
		return c
	})
	return all
}

// List implements catalog.Store.
func (t *Twin) List(ctx context.Context, q catalog.Query) (page []catalog.Record, next string, err error) {
	if q.Limit < 1 {
		return nil, "", errors.New("a page of no records")
	}
	behind := func(catalog.Record) bool { return true }
	if q.After != "" {
		pos, err := catalog.ParsePosition(q.After)
		if err != nil {
			return nil, "", err
		}
		behind = func(r catalog.Record) bool {
			if q.Newest {
				return catalog.PositionOf(r).Before(pos)
			}
			return pos.Before(catalog.PositionOf(r))
		}
	}
	err = t.change(ctx, func(s state) error {
		page = slices.DeleteFunc(s.all(q), func(r catalog.Record) bool { return !behind(r) })
		return nil
	})
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = catalog.PositionOf(page[q.Limit-1]).String()
	}
	return page, next, err
}

// Count implements catalog.Store.
func (t *Twin) Count(ctx context.Context, q catalog.Query) (n int, err error) {
	err = t.change(ctx, func(s state) error { n = len(s.all(q)); return nil })
	return n, err
}

// Enqueue implements catalog.Store. Nothing does the work.
func (t *Twin) Enqueue(ctx context.Context, w catalog.Work) error {
	return t.change(ctx, func(s state) error {
		if _, unfinished := s.work[w.Owner]; unfinished {
			return catalog.Busy(w.Owner)
		}
		s.work[w.Owner] = w
		return nil
	})
}

// Secret implements catalog.Store.
func (t *Twin) Secret(ctx context.Context, name string) (secret []byte, err error) {
	err = t.change(ctx, func(s state) error {
		if s.secrets[name] == nil {
			s.secrets[name] = []byte(rand.Text())
		}
		secret = bytes.Clone(s.secrets[name])
		return nil
	})
	return secret, err
}
