package blend

import (
	"math"

	"github.com/kindredrec/kindred/internal/recipe"
)

// A tail is what items are worth that are not among the scored ones, where all are to have scores: less than the last of
// those, and among themselves in proportion to their users. Memory: 4 bytes an item.
type tail struct {
	crowd []float32 // users+1
	all   float64   // of all items
	most  float64   // of the best-known
}

func newTail(popular []float32) *tail {
	t := &tail{crowd: make([]float32, len(popular))}
	for i, p := range popular {
		t.crowd[i] = float32(math.Exp(float64(p)))
		t.all += float64(t.crowd[i])
		t.most = max(t.most, float64(t.crowd[i]))
	}
	return t
}

// share is what item i is worth beside the last of the scored ones: half of that at most.
func (t *tail) share(i int32) float64 { return float64(t.crowd[i]) / (2 * t.most) }

// rest is what all the items are worth together that are allowed and were not seen.
func (t *tail) rest(q *recipe.Query, d *desk) float64 {
	sum := 0.0
	if q.Allow == nil {
		sum = t.all
		for _, i := range d.touched {
			sum -= float64(t.crowd[i])
		}
	} else {
		for i := range q.Allow.All {
			if !d.seen[i] {
				sum += float64(t.crowd[i])
			}
		}
	}
	return max(0, sum) / (2 * t.most)
}
