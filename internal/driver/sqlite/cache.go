package sqlite

import (
	"bytes"
	"maps"
	"sync"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
)

// A cache keeps records that were read, so that Get need not ask the database. A nil cache keeps nothing.
//
// It is right where all writing goes through one DB. From the first statement that writes a record until its
// transaction is over, however it ends, the record is neither in the cache nor let in, and everybody reads the
// database; a record that was read before or meanwhile is turned away afterwards, because a change was begun or
// ended since. So whoever saw a change sees it, or a later one, ever after. Transactions themselves read the
// database.
//
// It holds at most bound bytes as sizeOf counts them: half of them in records that were used lately, the rest in
// those used before. When the young half is full it becomes the old one and the old one is forgotten.
type cache struct {
	bound int

	mu         sync.RWMutex
	young, old map[arn.ARN]catalog.Record
	size       int             // of young
	changes    uint64          // counts begin and end
	open       map[arn.ARN]int // records being written → by how many transactions
}

// newCache returns a cache of at most bound bytes, nil if that is none.
func newCache(bound int) *cache {
	if bound <= 0 {
		return nil
	}
	return &cache{bound: bound, young: map[arn.ARN]catalog.Record{}, open: map[arn.ARN]int{}}
}

// sizeOf is what a record takes, roughly: its texts, and what maps and headers add.
func sizeOf(r catalog.Record) int {
	const header, tag = 500, 60
	return header + len(r.ARN) + len(r.Account) + len(r.Kind) + len(r.Parent) + len(r.Status) + len(r.Doc) + len(r.Extra) + len(r.Tags)*tag
}

// own returns a record that shares nothing that can be changed.
func own(r catalog.Record) catalog.Record {
	r.Doc, r.Extra, r.Tags = bytes.Clone(r.Doc), bytes.Clone(r.Extra), maps.Clone(r.Tags)
	return r
}

// get returns a record that was put.
func (c *cache) get(a arn.ARN) (catalog.Record, bool) {
	if c == nil {
		return catalog.Record{}, false
	}
	c.mu.RLock()
	r, ok := c.young[a]
	c.mu.RUnlock()
	if !ok {
		r, ok = c.renew(a)
	}
	if !ok {
		return catalog.Record{}, false
	}
	return own(r), true
}

// renew makes an old record a young one.
func (c *cache) renew(a arn.ARN) (catalog.Record, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.young[a]; ok {
		return r, true
	}
	r, ok := c.old[a]
	if ok {
		delete(c.old, a)
		c.add(r)
	}
	return r, ok
}

// add makes r young.
func (c *cache) add(r catalog.Record) {
	n := sizeOf(r)
	if n > c.bound/2 {
		return
	}
	if c.size+n > c.bound/2 {
		c.old, c.young, c.size = c.young, make(map[arn.ARN]catalog.Record, len(c.young)), 0
	}
	c.young[r.ARN], c.size = r, c.size+n
}

// moment tells of a time before a record is read; put takes it afterwards.
func (c *cache) moment() uint64 {
	if c == nil {
		return 0
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changes
}

// put keeps a record that was read since a moment, unless a change may have overtaken it.
func (c *cache) put(r catalog.Record, since uint64) {
	if c == nil {
		return
	}
	r = own(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.young[r.ARN]; !has && c.changes == since && c.open[r.ARN] == 0 {
		delete(c.old, r.ARN)
		c.add(r)
	}
}

// begin says that a transaction is about to write a record.
func (c *cache) begin(a arn.ARN) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.open[a]++
	if r, ok := c.young[a]; ok {
		c.size -= sizeOf(r)
		delete(c.young, a)
	}
	delete(c.old, a)
}

// end says that the transaction which began to write these records is over.
func (c *cache) end(written []arn.ARN) {
	if c == nil || len(written) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for _, a := range written {
		if c.open[a]--; c.open[a] == 0 {
			delete(c.open, a)
		}
	}
}
