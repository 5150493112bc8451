package similar

import (
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/topk"
)

// width is how many places an accumulator has. Its two numbers for each of them stay within a second cache of 1 MB
// together with what is scattered into them.
const width = 1 << 16

// A workspace is what one goroutine multiplies in.
//
// Row i of the product of who touched what with itself says how many users item i shares with every other, and is the
// sum of the rows of i's users; its likeness of metadata is a sum of the rows of its terms in the same way. Rows are sparse and
// ascending by place. They are scattered into an accumulator of width places at a time, while cursors keep how far each
// has been read, so that memory depends on neither the number of items nor of pairs: 8 bytes for each of width places,
// and 4 for each row that is summed. (Gustavson, 1978, by blocks of columns.)
type workspace struct {
	count   []int32   // of each place of the block: users of both; zero outside touched, as is match
	match   []float32 // and likeness of metadata
	touched []int32
	cursor  []int32 // of each row
	best    topk.Heap
}

// newWorkspace makes a workspace whose blocks have so many places.
func newWorkspace(places int) *workspace {
	return &workspace{count: make([]int32, places), match: make([]float32, places)}
}

// end is where the block that begins at a place ends; no item's place is there.
func (w *workspace) end(from int32) int32 {
	return int32(min(math.MaxInt32, int(from)+len(w.count)))
}

// product calls do for the place of each item that shares a user or a term with the item at place own, itself included
// if it has any: with the number of users of both, and the cosine of their metadata.
func (w *workspace) product(l *likeness, own int32, do func(at, both int32, match float32)) {
	fans := l.graph.fans(own)
	var terms []term
	if l.features != nil {
		terms = l.features.within(own)
	}
	w.cursor = slices.Grow(w.cursor[:0], len(fans)+len(terms))[:len(fans)+len(terms)]
	clear(w.cursor)
	for from := int32(0); int(from) < len(l.graph.item); from = w.end(from) {
		w.scatterUsers(l.graph, fans, w.cursor[:len(fans)], from)
		w.scatterTerms(l.features, own, terms, w.cursor[len(fans):], from)
		for _, at := range w.touched {
			do(from+at, w.count[at], w.match[at])
			w.count[at], w.match[at] = 0, 0
		}
		w.touched = w.touched[:0]
	}
}

// scatterUsers counts what users have in the block that begins at a place.
func (w *workspace) scatterUsers(g *graph, users, cursor []int32, from int32) {
	count, touched, end := w.count, w.touched, w.end(from)
	for k, u := range users {
		for _, at := range advance(g.user(u), &cursor[k], end) {
			at -= from
			if count[at] == 0 {
				touched = append(touched, at)
			}
			count[at]++
		}
	}
	w.touched = touched
}

// scatterTerms adds up what each term contributes to the cosine of the item at place own with those in the block that
// have it.
func (w *workspace) scatterTerms(f *features, own int32, terms []term, cursor []int32, from int32) {
	end := w.end(from)
	for k, t := range terms {
		for _, at := range advance(f.posted[t], &cursor[k], end) {
			share := float32(f.weight[t] * f.weight[t] / (f.norm[own] * f.norm[at]))
			at -= from
			if w.count[at] == 0 && w.match[at] == 0 {
				w.touched = append(w.touched, at)
			}
			w.match[at] += share
		}
	}
}

// advance returns what is left of an ascending row before a place, and moves its cursor behind that.
func advance(row []int32, cursor *int32, end int32) []int32 {
	rest := row[*cursor:]
	if len(rest) > 0 && rest[len(rest)-1] >= end {
		n, _ := slices.BinarySearch(rest, end)
		rest = rest[:n]
	}
	*cursor += int32(len(rest))
	return rest
}
