package blend

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// ridges are what trainTogether may be regularised with: little for what few users share, much where histories are long.
var ridges = [...]float32{40, 100, 250, 600, 1500, 3500}

// usualRidge is where the search for a better one begins, and what larger catalogues than tunedItems have: each step of the
// search takes a training.
const (
	usualRidge = 2 // index
	tunedItems = 6000
)

// chooseRidge goes from the usual ridge to the next as long as the tests are told better. It leaves the best lists in l.
func (l *learned) chooseRidge(ctx context.Context, part *sequences, tests []test, recency bool, threads int) (float32, error) {
	best := usualRidge
	if part.n > tunedItems {
		return ridges[best], nil
	}
	worth, err := l.tells(ctx, tests, recency, threads)
	for _, way := range []int{1, -1} {
		for next := best + way; err == nil && next >= 0 && next < len(ridges); next += way {
			other := *l
			if other.families[together], err = trainTogether(ctx, part, ridges[next], threads); err != nil {
				break
			}
			var there float64
			if there, err = other.tells(ctx, tests, recency, threads); err != nil || there <= worth {
				break
			}
			best, worth, l.families[together] = next, there, other.families[together]
		}
		if best != usualRidge {
			break
		}
	}
	return ridges[best], err
}

// tells is how well the lists of what goes together tell the tests: the discounted gain of what users did not have
// among the first twenty. With recency the past fades by half in twenty events.
func (l *learned) tells(ctx context.Context, tests []test, recency bool, threads int) (sum float64, err error) {
	worth := make([]float64, len(tests))
	err = als.Spread(ctx, threads, len(tests), 16, func(lo, hi int) {
		r := newRow(len(l.order))
		for k := lo; k < hi; k++ {
			worth[k] = l.families[together].tell(r, &tests[k], recency)
		}
	})
	for _, w := range worth {
		sum += w
	}
	return sum, err
}

// tell is the discounted gain of one test, with scratch memory r.
func (l *lists) tell(r *row, t *test, recency bool) (worth float64) {
	const places = 20
	r.reset()
	had := map[int32]bool{}
	for age := range t.before {
		i := t.before[len(t.before)-1-age]
		if had[i] {
			continue
		}
		had[i] = true
		by := float32(1)
		if recency {
			by = float32(math.Exp2(-float64(age) / 20))
		}
		js, vs := l.of(i)
		for k, j := range js {
			r.add(j, by*vs[k])
		}
	}
	r.best.Reset(places)
	for _, i := range r.touched {
		if !had[i] {
			r.best.Push(topk.Make(r.value[i], i))
		}
	}
	for place, key := range r.best.Sorted() {
		if slices.Contains(t.next, key.Index()) {
			worth += 1 / math.Log2(float64(place)+2)
		}
	}
	return worth
}
