package factors

import (
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A history is what one user did: distinct items in order of their last event, and how often.
type history struct {
	items []int32
	times []float32 // 1 + ln(number of events)
}

// distinct keeps the newest maxHistory items of a history, each at its last place.
func distinct(items []int32) (h history) {
	h.items, h.times = recipe.DistinctItems(items, maxHistory, make(map[int32]int, min(len(items), maxHistory)))
	return h
}

func distinctHistories(d *recipe.Data, users []int) []history {
	hs := make([]history, len(users))
	for k, u := range users {
		items, _ := d.History(u)
		hs[k] = distinct(items)
	}
	return hs
}

// matrix is the histories as the rows of a factorisation.
func matrix(hs []history, items int) *als.Sparse {
	m := &als.Sparse{Rows: len(hs), Cols: items, Start: make([]int64, 1, len(hs)+1)}
	for _, h := range hs {
		m.Col, m.Weight = append(m.Col, h.items...), append(m.Weight, h.times...)
		m.Start = append(m.Start, int64(len(m.Col)))
	}
	return m
}

// A heldBack says which newest items are kept from the first sweeps: history index → number.
type heldBack map[int]int

// calibrationUsers is how many users calibration looks at: enough to tell encoders apart by one part
// in twenty.
const calibrationUsers = 600

// holdBack picks the users to calibrate on, evenly by a hash of seed, and holds back the newest tenth of
// each (at most 10 items).
func holdBack(hs []history, seed uint64) heldBack {
	return recipe.HoldBackItems(len(hs), func(k int) int { return len(hs[k].items) }, calibrationUsers, 3, 10, seed)
}

// inputs returns the histories without what is held back.
func (held heldBack) inputs(hs []history) []history {
	out := slices.Clone(hs)
	for k, n := range held {
		out[k] = out[k].without(n)
	}
	return out
}

// without drops the newest n items.
func (h history) without(n int) history {
	keep := len(h.items) - n
	return history{h.items[:keep], h.times[:keep]}
}

// mix hashes two numbers.
func mix(a, b uint64) uint64 { return recipe.Mix(a, b) }
