package blend

import "context"

// trainTransitions lists what followed an item within five events, nearer ones weighing more.
func trainTransitions(ctx context.Context, s *sequences, threads int) (lists, error) {
	return follow(ctx, s, threads, 5, func(gap int) float32 { return 1 / float32(gap) })
}

// trainFarTransitions is the same within twenty events, for catalogues too large for trainForward.
func trainFarTransitions(ctx context.Context, s *sequences, threads int) (lists, error) {
	return follow(ctx, s, threads, 20, func(int) float32 { return 1 })
}

// follow lists what follows each item within a window:
//
//	weight(i→j) = Σ over places of i, and of j up to window events later, of by(gap)·(weight of the event of j) / (places of i + 5)
//
// It is the expected number of sightings, each for what it weighs, so that it compares between items; the 5 keeps those of few
// places from being sure.
func follow(ctx context.Context, s *sequences, threads, window int, by func(gap int) float32) (lists, error) {
	start, all := s.places()
	weight := make([]float32, window+1)
	for gap := 1; gap <= window; gap++ {
		weight[gap] = by(gap)
	}
	return build(ctx, s.n, threads, func(r *row, i int32) {
		places := all[start[i]:start[i+1]]
		for _, p := range places {
			items, weights := s.of(int(p.user)), s.weights(int(p.user))
			for k := int(p.at) + 1; k < min(len(items), int(p.at)+1+window); k++ {
				r.add(items[k], weight[k-int(p.at)]*at(weights, k))
			}
		}
		each := 1 / float32(len(places)+5)
		for _, j := range r.touched {
			r.value[j] *= each
		}
	})
}
