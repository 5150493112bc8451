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

// How many users something is held back of: so many that there are heldItems of it, between calibrationUsers and mostHeld.
// That is enough to tell settings apart by one part in a hundred.
const (
	calibrationUsers = 600
	mostHeld         = 3000
	heldItems        = 6000
)

// holdBack picks the users to calibrate on, evenly by a hash of seed, and holds back the newest tenth of
// each (at most 10 items). Where events are scattered, so that the newest are no better than any others, it shuffles the
// histories of these users first.
func holdBack(hs []history, seed uint64, scattered bool) heldBack {
	all := 0
	for _, h := range hs {
		all += min(10, max(1, len(h.items)/10))
	}
	users := min(mostHeld, max(calibrationUsers, heldItems*len(hs)/max(1, all)))
	held := recipe.HoldBackItems(len(hs), func(k int) int { return len(hs[k].items) }, users, 3, 10, seed)
	if scattered {
		for k := range held {
			hs[k] = hs[k].shuffled(mix(seed, uint64(k)))
		}
	}
	return held
}

// sample returns about most of the histories' items: the users that something is held back of, and others evenly by place.
func (held heldBack) sample(hs []history, most int) (some []history) {
	all := 0
	for _, h := range hs {
		all += len(h.items)
	}
	step := 1 + (all-1)/most
	for k, h := range hs {
		if _, ok := held[k]; ok || k%step == 0 {
			some = append(some, h)
		}
	}
	return some
}

// shuffled returns h in another order.
func (h history) shuffled(seed uint64) history {
	h.items, h.times = slices.Clone(h.items), slices.Clone(h.times)
	for k := len(h.items) - 1; k > 0; k-- {
		j := int(mix(seed, uint64(k)) % uint64(k+1))
		h.items[k], h.items[j] = h.items[j], h.items[k]
		h.times[k], h.times[j] = h.times[j], h.times[k]
	}
	return h
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
