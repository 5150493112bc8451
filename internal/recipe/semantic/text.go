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
	piece     = 4       // characters of a piece of a word
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

// vectorise reads all texts: (1 + ln amount) · ln((1+items)/items that have it) for each term that at least two
// items have, and then to unit length. (tf-idf: Salton and Buckley, 1988; hashing: Weinberger et al., 2009.)
func vectorise(ctx context.Context, t recipe.Training) (*matrix, error) {
	d := t.Data
	n := d.Items.Len()
	found := make([][]term, n)
	err := als.Spread(ctx, t.Threads, n, 64, func(lo, hi int) {
		r := reader{map[uint32]float64{}}
		for i := lo; i < hi; i++ {
			found[i] = r.read(d, i)
		}
	})
	if err != nil {
		return nil, err
	}
	items := make([]int32, hashes)
	for _, terms := range found {
		for _, x := range terms {
			items[x.hash]++
		}
	}
	column := make([]int32, hashes)
	m := &matrix{start: make([]int64, 1, n+1)}
	for h, have := range items {
		if column[h] = -1; have > 1 {
			column[h] = int32(m.cols)
			m.cols++
		}
	}
	for _, terms := range found {
		m.add(terms, column, items, n)
	}
	return m, nil
}

// add appends a row.
func (m *matrix) add(terms []term, column, items []int32, n int) {
	kept := terms[:0]
	for _, x := range terms {
		if column[x.hash] >= 0 {
			x.amount = float32(float64(x.amount) * math.Log((1+float64(n))/float64(items[x.hash])))
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
		switch h >> 30 {
		case pairs:
			kind = pairWeight
		case pieces:
			kind = pieceWeight
		}
		terms = append(terms, term{h % hashes, float32(kind * (1 + math.Log(n)))})
	}
	slices.SortFunc(terms, func(a, b term) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(b.amount, a.amount)) })
	return slices.CompactFunc(terms, func(a, b term) bool { return a.hash == b.hash }) // the heavier of two that share a place
}

// The kinds of terms, which are the upper two bits of their hashes while they are counted.
const (
	singles = iota
	pairs
	pieces
)

// add counts words, pairs of neighbouring words, and pieces of words with their borders: those find a word's other
// forms.
func (r *reader) add(words []string) {
	for k, w := range words {
		r.count[hash(singles, w, "")]++
		if k > 0 {
			r.count[hash(pairs, words[k-1], w)]++
		}
		bordered := []rune("^" + w + "$")
		for k := range max(0, len(bordered)-piece+1) {
			r.count[hash(pieces, string(bordered[k:k+piece]), "")]++
		}
	}
}

// hash is FNV-1a over a kind and two words, with a final mixing; the kind is in the upper two bits.
func hash(kind uint32, a, b string) uint32 {
	h := uint32(2166136261) ^ kind*0x9e3779b9
	for k := range len(a) {
		h = (h ^ uint32(a[k])) * 16777619
	}
	h = (h ^ ' ') * 16777619
	for k := range len(b) {
		h = (h ^ uint32(b[k])) * 16777619
	}
	h = (h ^ h>>16) * 0x7feb352d
	h ^= h >> 15
	return kind<<30 | h&(1<<30-1)
}
