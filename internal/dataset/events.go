package dataset

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"path/filepath"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
)

// An event is one interaction of a known user while a range of users is sorted.
type event struct {
	time  int64
	rest  uint64 // hash of all columns that are not here
	item  int32
	value float32
	at    uint32 // where its context stands in the range; not one of its properties
	kind  uint16
}

// compare orders a user's events: by time, then by item, then so that equal ones are neighbours.
func (e event) compare(o event) int {
	switch {
	case e.time != o.time:
		return cmp.Compare(e.time, o.time)
	case e.item != o.item:
		return cmp.Compare(e.item, o.item)
	case e.kind != o.kind:
		return cmp.Compare(e.kind, o.kind)
	}
	// Nulls are NaN: their bits compare where they do not.
	return cmp.Or(cmp.Compare(math.Float32bits(e.value), math.Float32bits(o.value)), cmp.Compare(e.rest, o.rest))
}

// same reports whether two events are equal in all properties. Columns that are not kept are compared by a
// hash of 64 bits, which can only err between events that are equal in everything else.
func (e event) same(o event) bool { return e.compare(o) == 0 }

// An eventSink takes sorted events, one array after the other being what an artifact can be given.
type eventSink struct {
	item  *spool[int32]
	time  *spool[int64]
	kind  *spool[uint16]
	value *spool[float32]

	context []*contextSink
	bits    []uint32 // of the range's events, one after another for each of context
}

// writeEvents writes the interactions by user, range by range.
func (b *builder) writeEvents(w *artifact.Writer) error {
	var sink eventSink
	for _, err := range []error{
		newSpool(b.dir, "item", &sink.item), newSpool(b.dir, "time", &sink.time),
		newSpool(b.dir, "event", &sink.kind), newSpool(b.dir, "value", &sink.value),
	} {
		if err != nil {
			return err
		}
	}
	defer sink.discard()
	var err error
	if sink.context, err = b.contextSinks(); err != nil {
		return err
	}
	n := len(b.users.order)
	start := make([]int64, 1, n+1)
	b.oldest = make([]int64, len(b.items.order))
	for i := range b.oldest {
		b.oldest[i] = math.MaxInt64
	}
	for from := 0; from < n; {
		to := b.rangeFrom(from)
		lengths, err := b.sortRange(from, to, &sink)
		if err != nil {
			return err
		}
		for _, l := range lengths {
			start = append(start, start[len(start)-1]+l)
		}
		from = to
	}
	if err := artifact.Put(w, "start", start); err != nil {
		return err
	}
	for _, x := range sink.context {
		b.meta.Context = append(b.meta.Context, x.field)
	}
	return sink.copyTo(w, b.hasValue())
}

func (b *builder) hasValue() bool {
	s := b.parts.Interactions.Schema
	return s != nil && s.index("EVENT_VALUE") >= 0
}

// rangeFrom returns the end of the range of users that begins at from: as many as fit, at least one.
func (b *builder) rangeFrom(from int) int {
	sum := int64(0)
	for to := from; to < len(b.users.order); to++ {
		sum += b.counts[b.users.order[to]]
		if sum > b.most && to > from {
			return to
		}
	}
	return len(b.users.order)
}

// sortRange gives the events of users from to to-1 to the sink, and returns how many each has.
func (b *builder) sortRange(from, to int, sink *eventSink) ([]int64, error) {
	next := make([]int64, to-from+1) // where the next event of each user goes
	for u := range to - from {
		next[u+1] = next[u] + b.counts[b.users.order[from+u]]
	}
	events := make([]event, next[to-from])
	begin := slices.Clone(next)
	wide := len(sink.context)
	sink.bits = make([]uint32, len(events)*wide)
	err := b.blocks(b.parts.Interactions, func(s *segment, block int) error {
		c, err := b.readEvents(s, block)
		if err != nil {
			return err
		}
		context := make([]values, wide)
		for k, x := range sink.context {
			if context[k], err = s.column(block, x.field.Name); err != nil {
				return err
			}
		}
		for row := range c.rows {
			u := int(c.users[c.user.codes[row]]) - from
			if u < 0 || u >= to-from {
				continue
			}
			at := next[u]
			events[at] = c.event(row)
			events[at].at = uint32(at)
			for k, s := range sink.context {
				sink.bits[int(at)*wide+k] = s.bits(&context[k], row)
			}
			next[u]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	lengths := make([]int64, to-from)
	for u := range lengths {
		of := events[begin[u]:begin[u+1]]
		slices.SortFunc(of, event.compare)
		of = slices.CompactFunc(of, event.same)
		lengths[u] = int64(len(of))
		b.note(of)
		sink.add(of)
	}
	return lengths, nil
}

// note keeps what the events tell of items and of time.
func (b *builder) note(of []event) {
	for _, e := range of {
		b.oldest[e.item] = min(b.oldest[e.item], e.time)
	}
	if len(of) == 0 {
		return
	}
	first, last := of[0].time, of[len(of)-1].time
	if !b.any {
		b.any, b.meta.MinTime, b.meta.MaxTime = true, first, last
	}
	b.meta.MinTime, b.meta.MaxTime = min(b.meta.MinTime, first), max(b.meta.MaxTime, last)
}

// An eventBlock is a block of interactions with its dictionaries translated to the snapshot's numbers.
type eventBlock struct {
	rows             int
	user, item, time values
	kind, value      values
	users, items     []uint32 // by code: rank
	kinds            []uint16 // by code: number of the event type
	extra            []values
	extraHash        [][]uint64 // of each value of extra's dictionaries, by code
}

func (b *builder) readEvents(s *segment, block int) (*eventBlock, error) {
	c := &eventBlock{rows: s.meta.Blocks[block], extra: make([]values, len(b.extra)), extraHash: make([][]uint64, len(b.extra))}
	for name, v := range map[string]*values{"USER_ID": &c.user, "ITEM_ID": &c.item, "TIMESTAMP": &c.time, "EVENT_TYPE": &c.kind, "EVENT_VALUE": &c.value} {
		var err error
		if *v, err = s.column(block, name); err != nil {
			return nil, err
		}
	}
	if len(c.user.codes) != c.rows || len(c.item.codes) != c.rows || len(c.time.ints) != c.rows {
		return nil, fmt.Errorf("segment: block %d has no user, item or time", block)
	}
	c.users, c.items = b.users.ranks(&c.user), b.items.ranks(&c.item)
	c.kinds = make([]uint16, c.kind.dict.Len())
	for i := 1; i < len(c.kinds); i++ {
		c.kinds[i] = b.event[b.types.CodeOf(c.kind.dict.At(i))]
	}
	for i, name := range b.extra {
		v, err := s.column(block, name)
		if err != nil {
			return nil, err
		}
		c.extra[i], c.extraHash[i] = v, hashes(&v)
	}
	return c, nil
}

// ranks returns the rank of each value of a column's dictionary; that of null means nothing.
func (r *registry) ranks(v *values) []uint32 {
	out := r.numbers(v)
	for i := 1; i < len(out); i++ {
		out[i] = r.rank[out[i]]
	}
	return out
}

// hashes returns the hash of each value of a column's dictionary.
func hashes(v *values) []uint64 {
	out := make([]uint64, v.dict.Len())
	for i := range out {
		out[i] = hashText(v.dict.At(i))
	}
	return out
}

var nan32 = float32(math.NaN())

func (c *eventBlock) event(row int) event {
	e := event{time: c.time.ints[row], item: int32(c.items[c.item.codes[row]]), value: nan32}
	if c.kind.codes != nil {
		e.kind = c.kinds[c.kind.codes[row]]
	}
	if c.value.floats != nil && !c.value.null(row) {
		e.value = float32(c.value.floats[row])
	}
	for i := range c.extra {
		e.rest = mix(e.rest, c.hash(i, row))
	}
	return e
}

// hash returns what stands for extra column i in the hash of a row; 0 for null, whichever segment it is
// from and whether that has the column or not.
func (c *eventBlock) hash(i, row int) uint64 {
	v := &c.extra[i]
	switch {
	case v.null(row):
		return 0
	case v.codes != nil:
		return c.extraHash[i][v.codes[row]]
	case v.ints != nil:
		return mix(1, uint64(v.ints[row]))
	}
	return mix(1, math.Float64bits(v.floats[row]))
}

// hashText is FNV-1a: the same on every run.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

func mix(h, w uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, w^0xd6e8feb86659fd93)
	return hi ^ bits.RotateLeft64(lo, 29) ^ h
}

func (s *eventSink) add(of []event) {
	for _, e := range of {
		s.item.add(e.item)
		s.time.add(e.time)
		s.kind.add(e.kind)
		s.value.add(e.value)
		for k, x := range s.context {
			x.add(s.bits[int(e.at)*len(s.context)+k])
		}
	}
}

func (s *eventSink) discard() {
	s.item.w.Discard()
	s.time.w.Discard()
	s.kind.w.Discard()
	s.value.w.Discard()
	for _, x := range s.context {
		x.discard()
	}
}

func (s *eventSink) copyTo(w *artifact.Writer, value bool) error {
	if err := s.item.copyTo(w, "item"); err != nil {
		return err
	}
	if err := s.time.copyTo(w, "time"); err != nil {
		return err
	}
	if err := s.kind.copyTo(w, "event"); err != nil {
		return err
	}
	for _, x := range s.context {
		if err := x.copyTo(w); err != nil {
			return err
		}
	}
	if !value {
		return nil
	}
	return s.value.copyTo(w, "value")
}

// A spool is an array in a file of its own until its turn has come: an artifact takes one array at a time.
type spool[T artifact.Element] struct {
	path string
	w    *artifact.Writer
	a    *artifact.Array[T]
	buf  []T
}

func newSpool[T artifact.Element](dir, name string, to **spool[T]) error {
	s := &spool[T]{path: filepath.Join(dir, name), buf: make([]T, 0, 4096)}
	var err error
	if s.w, err = artifact.Create(s.path); err != nil {
		return err
	}
	s.a = artifact.Stream[T](s.w, "spool")
	*to = s
	return nil
}

func (s *spool[T]) add(x T) {
	if len(s.buf) == cap(s.buf) {
		s.a.Append(s.buf...)
		s.buf = s.buf[:0]
	}
	s.buf = append(s.buf, x)
}

// copyTo writes what was added as an array of w.
func (s *spool[T]) copyTo(w *artifact.Writer, name string) error {
	s.a.Append(s.buf...)
	if err := s.a.Close(); err != nil {
		return err
	}
	if err := s.w.Commit(); err != nil {
		return err
	}
	f, err := artifact.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	xs, err := artifact.Get[T](f, "spool")
	if err != nil {
		return err
	}
	return artifact.Put(w, name, xs)
}
