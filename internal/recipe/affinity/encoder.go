package affinity

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The bounds of what calibration looks at: an even sample of more.
const (
	calibrationUsers = 1_000
	catalogueSample  = 2_000 // items that a softmax is summed over
)

// An encoder turns histories into the vectors and biases of users.
type encoder struct {
	config    als.Config
	histories []history
	factors   *als.Factors // Rows become the users' vectors, times scale
	items     int
}

func (e *encoder) user(u int) []float32 {
	stride := als.Stride(e.config.Dim)
	return e.factors.Rows[u*stride : (u+1)*stride]
}

func (e *encoder) item(i int) []float32 {
	stride := als.Stride(e.config.Dim)
	return e.factors.Cols[i*stride : (i+1)*stride]
}

// encode solves for every user's vector anew, recent events weighing more.
func (e *encoder) encode(ctx context.Context) error {
	solver := als.NewSolver(e.factors.Cols, e.items, e.config)
	if _, err := solver.Prepare(ctx, e.config.Threads); err != nil {
		return err
	}
	return als.Spread(ctx, e.config.Threads, len(e.histories), 64, func(lo, hi int) {
		w := solver.Workspace()
		for u := lo; u < hi; u++ {
			x := e.user(u)
			clear(x)
			solver.Solve(w, e.histories[u].items, e.histories[u].recent(), encoderSteps, x)
			for k := range x {
				x[k] *= scale
			}
		}
	})
}

// calibrate returns what is added to the logits of items a user had, and every user's bias.
//
// The addition makes the mass of the items had equal, on average, to the share of repeats in the data: a
// segment for a film that nobody watches twice is those who have not seen it, while one for
// milk is those who buy it.
func (e *encoder) calibrate(ctx context.Context, d *recipe.Data) (repeat float64, bias []float32, err error) {
	n := len(e.histories)
	had, rest := make([]float64, n), make([]float64, n)
	err = als.Spread(ctx, e.config.Threads, n, 16, func(lo, hi int) {
		in := make(map[int32]bool)
		for u := lo; u < hi; u++ {
			had[u], rest[u] = e.mass(u, in)
		}
	})
	if err != nil || n == 0 {
		return 0, nil, err
	}
	share := repeatShare(d)
	repeat = math.Log(share/(1-min(share, 0.99))) - meanOdds(had, rest)
	repeat = max(-20, min(20, repeat))
	bias = make([]float32, n)
	for u, h := range e.histories {
		bias[u] = float32(math.Log(float64(max(1, h.events))) - math.Log(rest[u]+math.Exp(repeat)*had[u]))
	}
	return repeat, bias, nil
}

// mass returns the sums of exp(logit) over the items that user u had and over the others, these estimated on
// an even sample. rest is at least 1, so that a user who had everything has a bias too.
func (e *encoder) mass(u int, in map[int32]bool) (had, rest float64) {
	clear(in)
	x := e.user(u)
	for _, i := range e.histories[u].items {
		in[i] = true
		had += math.Exp(logit(x, e.item(int(i))))
	}
	step, seen := max(1, float64(e.items)/catalogueSample), 0
	for at := 0.0; int(at) < e.items; at += step {
		if i := int(at); !in[int32(i)] {
			rest += math.Exp(logit(x, e.item(i)))
			seen++
		}
	}
	if seen > 0 {
		rest *= float64(e.items-len(in)) / float64(seen)
	}
	return had, max(rest, 1)
}

// logit bounds an inner product, so that its exponential is a number.
func logit(x, y []float32) float64 { return min(float64(f32.Dot(x, y)), 80) }

// meanOdds is the mean log of had/rest over an even sample of users.
func meanOdds(had, rest []float64) float64 {
	var sum, count float64
	step := max(1, float64(len(had))/calibrationUsers)
	for at := 0.0; int(at) < len(had); at += step {
		if u := int(at); had[u] > 0 {
			sum += math.Log(had[u] / rest[u])
			count++
		}
	}
	return sum / max(1, count)
}

// repeatShare is the share of events, after each user's first, that are of an item the user had before at
// an earlier time.
func repeatShare(d *recipe.Data) float64 {
	var repeats, all float64
	seen := make(map[int32]int64)
	for u := range d.Users.Len() {
		clear(seen)
		items, times := d.History(u)
		for k, i := range items {
			if when, ok := seen[i]; ok && when < times[k] {
				repeats++
			}
			if k > 0 {
				all++
			}
			seen[i] = times[k]
		}
	}
	return (repeats + 0.01) / (all + 1)
}
