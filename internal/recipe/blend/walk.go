package blend

import (
	"context"
	"math"
)

// The exponents of walks: how much longer histories count less, and popular items are held back. Both near what is known to
// do well on Gowalla; of 0.1 and 0.2 the latter told a random fifth of its training events better.
const (
	walkAlpha = 0.7
	walkBeta  = 0.2
)

// trainWalks lists where a walk from an item to one of its users and on to one of theirs ends:
//
//	weight(i→j) = Σ over users of both of (weight of j for the user) · (1/users(i) · 1/items(user))^α / users(j)^β
//
// (RP3beta: Paudel, Christoffel, Newell and Bernstein, 2017.)
func trainWalks(ctx context.Context, s *sequences, threads int) (lists, error) {
	d := s.distinct()
	start, all := d.places()
	pass := make([]float32, d.len())
	for u := range pass {
		pass[u] = float32(math.Pow(1/float64(max(1, len(d.of(u)))), walkAlpha))
	}
	arrive := make([]float32, d.n)
	for j := range arrive {
		arrive[j] = float32(math.Pow(float64(max(1, start[j+1]-start[j])), -walkBeta))
	}
	return build(ctx, d.n, threads, func(r *row, i int32) {
		places := all[start[i]:start[i+1]]
		for _, p := range places {
			weights := d.weights(int(p.user))
			for k, j := range d.of(int(p.user)) {
				r.add(j, pass[p.user]*at(weights, k))
			}
		}
		leave := float32(math.Pow(float64(max(1, len(places))), -walkAlpha))
		for _, j := range r.touched {
			r.value[j] *= leave * arrive[j]
		}
	})
}
