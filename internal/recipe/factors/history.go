package factors

import (
	"cmp"
	"math"
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
func distinct(items []int32) history {
	var h history
	at := make(map[int32]int, min(len(items), maxHistory))
	for k := len(items) - 1; k >= 0; k-- {
		if j, ok := at[items[k]]; ok {
			h.times[j]++
		} else if len(h.items) < maxHistory {
			at[items[k]] = len(h.items)
			h.items, h.times = append(h.items, items[k]), append(h.times, 1)
		}
	}
	slices.Reverse(h.items)
	slices.Reverse(h.times)
	for k, n := range h.times {
		h.times[k] = float32(1 + math.Log(float64(n)))
	}
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
	var can []int
	for k, h := range hs {
		if len(h.items) >= 3 {
			can = append(can, k)
		}
	}
	slices.SortFunc(can, func(a, b int) int {
		return cmp.Or(cmp.Compare(mix(seed, uint64(a)), mix(seed, uint64(b))), cmp.Compare(a, b))
	})
	held := heldBack{}
	for _, k := range can[:min(len(can), calibrationUsers)] {
		held[k] = min(10, max(1, len(hs[k].items)/10))
	}
	return held
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
