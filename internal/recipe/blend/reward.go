package blend

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// spreadUsers is how many users the spread of relevance is measured on, evenly by place.
const spreadUsers = 200

// weighReward sets what the logit of an item is to change per standard reward: as much as relevance differs between the
// items that are scored, times what the training says. As much is the standard deviation of the logits, in the mean over
// users.
func (s *settings) weighReward(ctx context.Context, t *recipe.Training, l *learned, all *sequences) error {
	if t.Data.Reward == nil || t.Reward == 0 || all.len() == 0 {
		return nil
	}
	m := &model{learned: l, settings: *s, weigher: newWeigher(s, l)}
	step := max(1, all.len()/spreadUsers)
	spread := make([]float64, (all.len()+step-1)/step)
	err := als.Spread(ctx, t.Threads, len(spread), 4, func(lo, hi int) {
		d := newDesk(m)
		for k := lo; k < hi; k++ {
			u := k * step
			d.listen(all.of(u), all.time[all.start[u]:all.start[u+1]])
			d.touchAll(l.wellKnown())
			d.best.Reset(1)
			d.score(m, &recipe.Query{Items: all.of(u)}, d.touched)
			spread[k] = deviation(d.logit)
		}
	})
	var sum float64
	for _, d := range spread {
		sum += d
	}
	s.Reward = t.Reward * sum / float64(len(spread))
	return err
}

// deviation is the standard deviation of some logits.
func deviation(logits []float32) float64 {
	n := float64(max(1, len(logits)))
	var sum, squares float64
	for _, v := range logits {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	return math.Sqrt(max(0, squares/n-sum/n*sum/n))
}
