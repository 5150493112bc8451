package filter

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A textIndex finds the records that have a value, each value with its posting set.
//
// It takes 4 bytes per record and value, or n/8 bytes for a value that more than one record in 32
// has, whichever is less, and the distinct values themselves with about 80 bytes for each.
type textIndex struct {
	sets map[string]posting
}

// A posting is a set of records: sparse ones as a list, dense ones as bits.
type posting struct {
	list []int32
	bits *bitset.Set // nil if list holds them
}

func (p posting) addTo(out *bitset.Set) {
	if p.bits != nil {
		out.Or(p.bits)
		return
	}
	for _, i := range p.list {
		out.Add(int(i))
	}
}

// match sets out to the records that have one of the values, or none of them if negated.
func (x *textIndex) match(values []string, negated bool, out *bitset.Set) {
	out.Clear()
	for _, v := range values {
		if p, ok := x.sets[v]; ok {
			p.addTo(out)
		}
	}
	if negated {
		out.Not()
	}
}

// A textBuilder collects pairs of record and value for a textIndex over n records.
type textBuilder struct {
	n       int
	ids     map[string]int32
	count   []int32 // by id
	last    []int32 // by id: the last record noted, so that none is noted twice
	records []int32
	values  []int32 // ids, parallel to records
}

func newTextBuilder(n int) *textBuilder { return &textBuilder{n: n, ids: map[string]int32{}} }

// add notes that record i has a value; records come in ascending order. The value is copied if it is kept.
func (b *textBuilder) add(i int, value string) {
	id, ok := b.ids[value]
	if !ok {
		id = int32(len(b.count))
		b.ids[strings.Clone(value)] = id
		b.count = append(b.count, 0)
		b.last = append(b.last, -1)
	}
	if b.last[id] == int32(i) {
		return
	}
	b.last[id] = int32(i)
	b.count[id]++
	b.records = append(b.records, int32(i))
	b.values = append(b.values, id)
}

// build lays the pairs out by value.
func (b *textBuilder) build() *textIndex {
	sets := make([]posting, len(b.count))
	for id, count := range b.count {
		if int(count) > b.n/32 {
			sets[id].bits = bitset.New(b.n)
		} else {
			sets[id].list = make([]int32, 0, count)
		}
	}
	for k, id := range b.values {
		if s := &sets[id]; s.bits != nil {
			s.bits.Add(int(b.records[k]))
		} else {
			s.list = append(s.list, b.records[k])
		}
	}
	x := &textIndex{sets: make(map[string]posting, len(sets))}
	for value, id := range b.ids {
		x.sets[value] = sets[id]
	}
	return x
}

// indexText builds the index of a text column; every part between bars is a value of its own.
func indexText(c Column, n int) *textIndex {
	b := newTextBuilder(n)
	for i := range n {
		text, ok := c.Text(i)
		if !ok {
			continue
		}
		for part := range parts(text) {
			b.add(i, part)
		}
	}
	return b.build()
}

// parts yields the values of a multi-valued field. An empty part is no value.
func parts(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(text, "|") {
			if part != "" && !yield(part) {
				return
			}
		}
	}
}

// A numberIndex finds the records whose number lies in a span: the records in ascending order of
// their numbers, nulls left out, and the sets of the first k records for every step-th k, so that a
// span costs one pass over words and at most two steps of single bits.
//
// It takes 12 bytes per record and at most 4 more for the sets.
type numberIndex struct {
	values   []float64
	records  []int32
	step     int
	prefixes []*bitset.Set // prefixes[k] holds records[:k*step]
}

func indexNumbers(c Column, n int) *numberIndex {
	type pair struct {
		value  float64
		record int32
	}
	var pairs []pair
	for i := range n {
		if v, ok := c.Number(i); ok && !math.IsNaN(v) {
			pairs = append(pairs, pair{v, int32(i)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.record, b.record))
	})
	x := &numberIndex{values: make([]float64, len(pairs)), records: make([]int32, len(pairs))}
	for k, p := range pairs {
		x.values[k], x.records[k] = p.value, p.record
	}
	x.addPrefixes(n)
	return x
}

func (x *numberIndex) addPrefixes(n int) {
	x.step = max(64, (n+31)/32)
	set := bitset.New(n)
	for k := 0; k <= len(x.records); k++ {
		if k%x.step == 0 {
			x.prefixes = append(x.prefixes, set.Clone())
		}
		if k < len(x.records) {
			set.Add(int(x.records[k]))
		}
	}
}

// firstFrom returns the first place whose number is at least v.
func (x *numberIndex) firstFrom(v float64) int { return sort.SearchFloat64s(x.values, v) }

// firstAbove returns the first place whose number is greater than v.
func (x *numberIndex) firstAbove(v float64) int {
	return sort.Search(len(x.values), func(i int) bool { return x.values[i] > v })
}

// match sets out to the records whose number compares with one of the values as op says.
func (x *numberIndex) match(op *operator, values []float64, out *bitset.Set) {
	out.Clear()
	for _, v := range values {
		x.add(out, v, op)
	}
	if op.negated {
		out.Not()
	}
}

func (x *numberIndex) add(out *bitset.Set, v float64, op *operator) {
	from, to := op.span(x, v)
	first, last := (from+x.step-1)/x.step, to/x.step
	if first >= last {
		x.addEach(out, from, to)
		return
	}
	x.addEach(out, from, first*x.step)
	less, more := x.prefixes[first].Words(), x.prefixes[last].Words()
	for i, w := range out.Words() {
		out.Words()[i] = w | more[i]&^less[i]
	}
	x.addEach(out, last*x.step, to)
}

func (x *numberIndex) addEach(out *bitset.Set, from, to int) {
	for k := from; k < to; k++ {
		out.Add(int(x.records[k]))
	}
}

// numeric reports whether a column holds numbers: whether any record has one.
func numeric(c Column, n int) bool {
	for i := range n {
		if _, ok := c.Number(i); ok {
			return true
		}
	}
	return false
}
