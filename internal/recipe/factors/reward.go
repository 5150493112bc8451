package factors

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// spreadUsers is how many users the spread of relevance is measured on, evenly by place.
const spreadUsers = 200

// weighReward returns what the logit of an item is to change per standard reward: as much as relevance differs
// between items, times what the training says. As much is the standard deviation of scale·(user·item) over the
// catalogue, in the mean over users.
func weighReward(ctx context.Context, t recipe.Training, s settings, vectors []float32, hs []history) (float64, error) {
	if t.Data.Reward == nil || t.Reward == 0 || len(hs) == 0 {
		return 0, nil
	}
	n := t.Data.Items.Len()
	solver := als.NewSolver(vectors, n, s.als())
	if _, err := solver.Prepare(ctx, t.Threads); err != nil {
		return 0, err
	}
	step := max(1, len(hs)/spreadUsers)
	spread := make([]float64, (len(hs)+step-1)/step)
	err := als.Spread(ctx, t.Threads, len(spread), 4, func(lo, hi int) {
		w := solver.Workspace()
		for k := lo; k < hi; k++ {
			spread[k] = deviation(encode(solver, w, s.Encoder, hs[k*step]), vectors, n)
		}
	})
	var sum float64
	for _, d := range spread {
		sum += d
	}
	return t.Reward * s.Scale * sum / float64(len(spread)), err
}

// deviation is the standard deviation of a user's inner products with an even sample of n items.
func deviation(x, vectors []float32, n int) float64 {
	var count, sum, squares float64
	step := max(1, float64(n)/calibrationItems)
	for at := 0.0; int(at) < n; at += step {
		v := float64(f32.Dot(x, vectors[int(at)*len(x):(int(at)+1)*len(x)]))
		count, sum, squares = count+1, sum+v, squares+v*v
	}
	return math.Sqrt(max(0, squares/count-sum/count*sum/count))
}
