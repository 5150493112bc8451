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
	clear(at)
	h := history{events: len(items)}
	for _, i := range slices.Backward(items) {
		if j, ok := at[i]; ok {
			h.weight[j]++
		} else if len(h.items) < maxHistory {
			at[i] = len(h.items)
			h.items, h.weight = append(h.items, i), append(h.weight, 1)
		}
	}
	slices.Reverse(h.items)
	slices.Reverse(h.weight)
	for k, n := range h.weight {
		h.weight[k] = float32(1 + math.Log(float64(n)))
	}
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
