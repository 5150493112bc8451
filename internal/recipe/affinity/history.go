package affinity

import (
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A history is what one user did: distinct items in order of their last event, and how often.
type history struct {
	items  []int32
	weight []float32 // 1 + ln(number of events)
	events int       // all of them
}

// distinct keeps the newest maxHistory items of a history, each at its last place. at is memory for it.
func distinct(items []int32, at map[int32]int) history {
	h := history{events: len(items)}
	h.items, h.weight = recipe.DistinctItems(items, maxHistory, at)
	return h
}

// recent returns the weights with the newest items weighing more.
func (h history) recent() []float32 {
	w := make([]float32, len(h.items))
	for k := range w {
		age := len(w) - 1 - k
		w[k] = float32(base+math.Exp2(-float64(age)/half)) * h.weight[k]
	}
	return w
}

func distinctHistories(d *recipe.Data) []history {
	hs, at := make([]history, d.Users.Len()), map[int32]int{}
	for u := range hs {
		items, _ := d.History(u)
		hs[u] = distinct(items, at)
	}
	return hs
}

// without drops the newest n items.
func (h history) without(n int) history {
	keep := len(h.items) - n
	return history{h.items[:keep], h.weight[:keep], h.events}
}

// A heldBack says which newest items are kept from the first sweeps: history index → number.
type heldBack map[int]int

// holdBack picks the users to calibrate on, evenly by a hash of seed, and holds back the newest fifth of each
// (at most 10 items).
func holdBack(hs []history, seed uint64) heldBack {
	return recipe.HoldBackItems(len(hs), func(k int) int { return len(hs[k].items) }, calibrationUsers, 4, 5, seed)
}

// inputs returns the histories without what is held back.
func (held heldBack) inputs(hs []history) []history {
	out := slices.Clone(hs)
	for u, n := range held {
		out[u] = out[u].without(n)
	}
	return out
}

// logUsers is log(users + 1) of each item.
func logUsers(d *recipe.Data) []float32 {
	out := make([]float32, d.Items.Len())
	for i, n := range recipe.UniqueUsers(d) {
		out[i] = float32(math.Log(float64(n) + 1))
	}
	return out
}

// matrix is the histories as the rows of a factorisation.
func matrix(hs []history, items int) *als.Sparse {
	m := &als.Sparse{Rows: len(hs), Cols: items, Start: make([]int64, 1, len(hs)+1)}
	for _, h := range hs {
		m.Col, m.Weight = append(m.Col, h.items...), append(m.Weight, h.weight...)
		m.Start = append(m.Start, int64(len(m.Col)))
	}
	return m
}

// distinctItems returns every user's items, each once and ascending: user u's are had[start[u]:start[u+1]].
func distinctItems(d *recipe.Data) (start []int64, had []int32) {
	start = make([]int64, 1, d.Users.Len()+1)
	for u := range d.Users.Len() {
		from := len(had)
		items, _ := d.History(u)
		had = append(had, items...)
		slices.Sort(had[from:])
		had = had[:from+len(slices.Compact(had[from:]))]
		start = append(start, int64(len(had)))
	}
	return start, had
}
