package semantic

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/text"
)

// The bounds of what is read of a text.
const (
	hashes    = 1 << 18 // different terms; terms beyond share places, as hashing has it
	mostWords = 4000    // of an item, from the beginning
	mostTerms = 256     // of an item that count, the heaviest
)

// The weights of what a text is made of. A title says in a few words what a text takes long to.
const (
	titleTimes  = 3
	pairWeight  = 0.5
	pieceWeight = 0.3
)

// A matrix is sparse rows of unit length, one for each item; an item without text has an empty one.
type matrix struct {
	start []int64
	col   []int32 // ascending within a row
	value []float32
	cols  int
}

// A term is one thing that occurs in a text, and how much of it.
type term struct {
	hash   uint32
	amount float32
}

// A vocabulary is the terms that count, each with a column.
type vocabulary struct {
	hash   []int32   // ascending
	rarity []float64 // ln((1+items)/items that have it)
}

// vectorise reads all texts: (1 + ln amount) · ln((1+items)/items that have it) for each term that at least two
// items have, and then to unit length. (tf-idf: Salton and Buckley, 1988; hashing: Weinberger et al., 2009.)
func vectorise(ctx context.Context, t recipe.Training) (*matrix, vocabulary, error) {
	n := t.Data.Items.Len()
	found, err := readAll(ctx, t, n, func(k int) int { return k })
	if err != nil {
		return nil, vocabulary{}, err
	}
	items := make([]int32, hashes)
	for _, terms := range found {
		for _, x := range terms {
			items[x.hash]++
		}
	}
	var v vocabulary
	for h, have := range items {
		if have > 1 {
			v.hash = append(v.hash, int32(h))
			v.rarity = append(v.rarity, math.Log((1+float64(n))/float64(have)))
		}
	}
	return v.rows(found), v, nil
}

// readAll reads the texts of n items, those that item names.
func readAll(ctx context.Context, t recipe.Training, n int, item func(k int) int) ([][]term, error) {
	found := make([][]term, n)
	err := als.Spread(ctx, t.Threads, n, 64, func(lo, hi int) {
		r := reader{map[uint32]float64{}}
		for k := lo; k < hi; k++ {
			found[k] = r.read(t.Data, item(k))
		}
	})
	return found, err
}

// rows makes a row of each item's terms, without those that do not count.
func (v vocabulary) rows(found [][]term) *matrix {
	column := slices.Repeat([]int32{-1}, hashes)
	for c, h := range v.hash {
		column[h] = int32(c)
	}
	m := &matrix{start: make([]int64, 1, len(found)+1), cols: len(v.hash)}
	for _, terms := range found {
		m.add(terms, column, v.rarity)
	}
	return m
}

// add appends a row.
func (m *matrix) add(terms []term, column []int32, rarity []float64) {
	kept := terms[:0]
	for _, x := range terms {
		if c := column[x.hash]; c >= 0 {
			x.amount = float32(float64(x.amount) * rarity[c])
			kept = append(kept, x)
		}
	}
	slices.SortFunc(kept, func(a, b term) int { return cmp.Or(cmp.Compare(b.amount, a.amount), cmp.Compare(a.hash, b.hash)) })
	kept = kept[:min(len(kept), mostTerms)]
	slices.SortFunc(kept, func(a, b term) int { return cmp.Compare(a.hash, b.hash) })
	var squares float64
	for _, x := range kept {
		squares += float64(x.amount) * float64(x.amount)
	}
	for _, x := range kept {
		m.col = append(m.col, column[x.hash])
		m.value = append(m.value, float32(float64(x.amount)/math.Sqrt(squares)))
	}
	m.start = append(m.start, int64(len(m.col)))
}

// A reader collects the terms of one item at a time.
type reader struct{ count map[uint32]float64 }

// read returns the terms of item i, ascending, with 1 + ln of how often they occur times what their kind weighs.
func (r *reader) read(d *recipe.Data, i int) []term {
	clear(r.count)
	title, _ := d.Title.Text(i)
	words := text.Words(title)
	for range titleTimes {
		r.add(words)
	}
	left := mostWords - len(words)
	for _, c := range d.Texts {
		s, _ := c.Text(i)
		words := text.Words(s)
		words = words[:min(len(words), max(0, left))]
		left -= len(words)
		r.add(words)
	}
	terms := make([]term, 0, len(r.count))
	for h, n := range r.count {
		kind := 1.0
		switch text.Kind(h >> kindBits) {
		case text.Pair:
			kind = pairWeight
		case text.Piece:
			kind = pieceWeight
		}
		terms = append(terms, term{h % hashes, float32(kind * (1 + math.Log(n)))})
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(b.amount, a.amount)) })
	return slices.CompactFunc(terms, func(a, b term) bool { return a.hash == b.hash }) // the heavier of two that share a place
}

// kindBits is where the kind stands in what terms are counted by.
const kindBits = 30

// add counts the terms of words.
func (r *reader) add(words []string) {
	text.Terms(words, func(kind text.Kind, hash uint32) { r.count[uint32(kind)<<kindBits|hash]++ })
}
