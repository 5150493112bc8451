package feature

import (
	"cmp"
	"math"
	"slices"
)

// A Space is what the dimensions of rows are: the terms that at least two records have, of some fields.
type Space struct {
	Fields []Field
	Places []uint32  // ascending: dimension k is the term at Places[k]
	Rarity []float32 // of dimension k: ln((1+records)/records that have it)
}

// A Table is sparse rows: record i has the terms Term[Start[i]:Start[i+1]], ascending, with the values alongside.
//
// The values of a field have a square sum of 1 in all, shared by rarity, so that a long text counts no more than a
// category; a row of m fields that are not null has m.
type Table struct {
	Start []int64
	Term  []int32
	Value []float32
	Terms int // dimensions
}

// Len is the number of records.
func (t *Table) Len() int { return len(t.Start) - 1 }

// Row returns the terms and values of record i.
func (t *Table) Row(i int) ([]int32, []float32) {
	a, b := t.Start[i], t.Start[i+1]
	return t.Term[a:b], t.Value[a:b]
}

// Learn reads n records of columns. nil if no two records have a value in common.
//
// Memory: 1 MB, and for each record 8 bytes for each of its values, of a text for at most some hundred.
func Learn[C Column](columns []C, n int) (*Space, *Table) {
	s := &Space{}
	var of []C
	for _, c := range columns {
		if f, ok := fieldOf(c, n); ok {
			s.Fields, of = append(s.Fields, f), append(of, c)
		}
	}
	having := make([]int32, places)
	r := newReader()
	for k := range s.Fields {
		for i := range n {
			text, number := value(of[k], i)
			for _, t := range r.read(&s.Fields[k], text, number) {
				having[t.place]++
			}
		}
	}
	for p, h := range having {
		if h > 1 && int(h) < n { // what all have tells nothing apart
			s.Places = append(s.Places, uint32(p))
			s.Rarity = append(s.Rarity, float32(math.Log((1+float64(n))/float64(h))))
		}
	}
	if len(s.Places) == 0 {
		return nil, nil
	}
	t := &Table{Start: make([]int64, 1, n+1), Terms: len(s.Places)}
	for i := range n {
		from := len(t.Term)
		for k := range s.Fields {
			text, number := value(of[k], i)
			t.Term, t.Value = s.append(r, &s.Fields[k], text, number, t.Term, t.Value)
		}
		t.close(from)
	}
	return s, t
}

func value[C Column](c C, i int) (string, float64) {
	if v, ok := c.Number(i); ok {
		return "", v
	}
	s, _ := c.Text(i)
	return s, math.NaN()
}

// close ends a row that began at from: ascending, and the same term of two fields is one.
func (t *Table) close(from int) {
	row := make([]entry, len(t.Term)-from)
	for k := range row {
		row[k] = entry{t.Term[from+k], t.Value[from+k]}
	}
	row = tidy(row)
	t.Term, t.Value = t.Term[:from], t.Value[:from]
	for _, e := range row {
		t.Term, t.Value = append(t.Term, e.term), append(t.Value, e.value)
	}
	t.Start = append(t.Start, int64(len(t.Term)))
}

type entry struct {
	term  int32
	value float32
}

// tidy sorts entries by term and adds up those of one.
func tidy(row []entry) []entry {
	slices.SortStableFunc(row, func(a, b entry) int { return cmp.Compare(a.term, b.term) })
	out := row[:0]
	for _, e := range row {
		if n := len(out); n > 0 && out[n-1].term == e.term {
			out[n-1].value += e.value
		} else {
			out = append(out, e)
		}
	}
	return out
}

// Row returns the terms, ascending, and values of a record that need not be among those that were learned from. A
// record without a known value has none.
func (s *Space) Row(record Record) (terms []int32, values []float32) {
	r := newReader()
	t := Table{Start: []int64{0}}
	for k := range s.Fields {
		text, number, ok := record.Attribute(s.Fields[k].Name)
		if !ok {
			continue
		}
		t.Term, t.Value = s.append(r, &s.Fields[k], text, number, t.Term, t.Value)
	}
	t.close(0)
	return t.Term, t.Value
}

// append adds the terms of a field's value that the space knows, with a square sum of 1.
func (s *Space) append(r *reader, f *Field, text string, number float64, terms []int32, values []float32) ([]int32, []float32) {
	kept := r.known[:0]
	for _, t := range r.read(f, text, number) {
		if at, ok := slices.BinarySearch(s.Places, t.place); ok {
			kept = append(kept, entry{int32(at), float32(t.weight) * s.Rarity[at]})
		}
	}
	r.known = kept
	slices.SortFunc(kept, func(a, b entry) int { return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.term, b.term)) })
	kept = kept[:min(len(kept), mostTerms)]
	var squares float64
	for _, e := range kept {
		squares += float64(e.value) * float64(e.value)
	}
	for _, e := range kept {
		terms, values = append(terms, e.term), append(values, float32(float64(e.value)/math.Sqrt(squares)))
	}
	return terms, values
}

// A reader is scratch memory for the terms of one value.
type reader struct {
	weight map[uint32]float64
	count  map[uint32]float64
	found  []term
	known  []entry
}

type term struct {
	place  uint32
	weight float64 // of its kind, times 1 + ln of how often it occurs
}

func newReader() *reader { return &reader{weight: map[uint32]float64{}, count: map[uint32]float64{}} }

// read returns the terms of a value, ascending by place, until the next call.
func (r *reader) read(f *Field, text string, number float64) []term {
	clear(r.weight)
	clear(r.count)
	f.terms(text, number, func(place uint32, weight float64) {
		r.weight[place] = max(r.weight[place], weight) // the heavier of two that share a place
		r.count[place]++
	})
	r.found = r.found[:0]
	for p, w := range r.weight {
		r.found = append(r.found, term{p, w * (1 + math.Log(r.count[p]))})
	}
	slices.SortFunc(r.found, func(a, b term) int { return cmp.Compare(a.place, b.place) })
	return r.found
}
