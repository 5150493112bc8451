package blend

import (
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/topk"
)

// What users have who share most with a history, in whatever order. Walks over users say the same but for one thing: who
// shares two things counts for more than two who share one. With n(i) the sequences that item i is found in, a sequence s is
// as like a history as
//
//	like(s) = (Σ over items i of both of n(i)^−0.6)^1.25 / length(s)^0.7
//
// and item j is worth Σ over sequences s with j of like(s)·(weight of j's newest event there) / n(j)^0.2.
const (
	alikeMost    = 1000 // sequences heard, the most alike
	alikeRare    = 0.6
	alikeLong    = 0.7
	alikePopular = 0.2
)

// A crowd is what alike sequences are measured with. Memory: 8 bytes an item and 4 a sequence.
type crowd struct {
	rare   []float32 // by item: n^−0.6
	spread []float32 // by item: n^−0.2
	short  []float32 // by sequence: length^−0.7
}

func newCrowd(n *sessions) *crowd {
	power := func(x int64, by float64) float32 { return float32(math.Pow(float64(max(1, x)), -by)) }
	c := &crowd{short: make([]float32, n.len())}
	for i := range n.from[1:] {
		found := n.from[i+1] - n.from[i]
		c.rare, c.spread = append(c.rare, power(found, alikeRare)), append(c.spread, power(found, alikePopular))
	}
	for s := range c.short {
		c.short[s] = power(n.start[s+1]-n.start[s], alikeLong)
	}
	return c
}

// findAlike calls do for what the sequences that are most like a history have, and how loudly they speak for it. The history is
// its different items, which are those whose age is not 0. A sequence of nothing else does not speak, as may be the user's own.
func (f *finder) findAlike(history, age []int32, do func(i int32, by float32)) {
	f.forget()
	for _, i := range history {
		for _, s := range f.seq[f.from[i]:f.from[i+1]] {
			if f.like[s] == 0 {
				f.found = append(f.found, s)
			}
			f.like[s] += f.crowd.rare[i]
		}
	}
	f.best.Reset(alikeMost)
	for _, s := range f.found {
		x := f.like[s]
		x *= float32(math.Sqrt(math.Sqrt(float64(x))))
		f.best.Push(topk.Make(x*f.crowd.short[s], s))
	}
	for _, key := range f.best.Sorted() {
		s := key.Index()
		said := f.of(int(s))
		if !slices.ContainsFunc(said, func(i int32) bool { return age[i] == 0 }) {
			continue
		}
		f.turn++
		for p := len(said) - 1; p >= 0; p-- {
			if i := said[p]; f.heard[i] != f.turn {
				f.heard[i] = f.turn
				do(i, key.Score()*f.worth(s, p)*f.crowd.spread[i])
			}
		}
	}
}

// forget makes all sequences unlike again.
func (f *finder) forget() {
	for _, s := range f.found {
		f.like[s] = 0
	}
	f.found = f.found[:0]
}
