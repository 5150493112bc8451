package affinity

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
)

// calibrationUsers is how many users calibration looks at.
const calibrationUsers = 400

// popularities are what calibration chooses from.
var popularities = []float64{0, 0.25, 0.5, 0.75, 1}

// A trial is one user of the calibration: the inner products and log users of items not had, those held
// back last.
type trial struct {
	product, popularity []float32
	held                int
	step                float64 // items that each of those before the held ones stands for
}

// calibrate sets Scale and Popularity to what makes the held-back items most likely among those the user has
// not had.
func (e *encoder) calibrate(ctx context.Context, held heldBack) error {
	e.Scale, e.Popularity = 10, 0.5
	if len(held) < 20 { // too few to choose by
		return nil
	}
	solver, err := e.solver(ctx)
	if err != nil {
		return err
	}
	users := slices.Sorted(maps.Keys(held))
	trials := make([]trial, len(users))
	err = als.Spread(ctx, e.config.Threads, len(users), 4, func(lo, hi int) {
		w := solver.Workspace()
		for k := lo; k < hi; k++ {
			trials[k] = e.trial(solver, w, e.histories[users[k]], held[users[k]])
		}
	})
	if err != nil {
		return err
	}
	best := math.Inf(-1)
	for _, popularity := range popularities {
		if err := ctx.Err(); err != nil {
			return err
		}
		scale, likelihood := goldenMax(0, 40, func(scale float64) float64 { return likelihood(trials, scale, popularity) })
		if likelihood > best {
			best, e.Scale, e.Popularity = likelihood, scale, popularity
		}
	}
	return nil
}

func (e *encoder) trial(s *als.Solver, w *als.Workspace, h history, held int) (t trial) {
	input := h.without(held)
	x := make([]float32, s.Stride())
	s.Solve(w, input.items, input.recent(), encoderSteps, x)
	known := map[int32]bool{}
	for _, i := range h.items {
		known[i] = true
	}
	add := func(i int) {
		t.product = append(t.product, f32.Dot(x, e.item(i)))
		t.popularity = append(t.popularity, e.popularity[i])
	}
	t.step, t.held = max(1, float64(e.items)/catalogueSample), held
	for at := 0.0; int(at) < e.items; at += t.step {
		if !known[int32(at)] {
			add(int(at))
		}
	}
	for _, i := range h.items[len(h.items)-held:] {
		add(int(i))
	}
	return t
}

// likelihood is the mean log of the softmax of the held-back items.
func likelihood(trials []trial, scale, popularity float64) float64 {
	var sum, count float64
	for _, t := range trials {
		logit := func(k int) float64 { return scale*float64(t.product[k]) + popularity*float64(t.popularity[k]) }
		rest, n := 0.0, len(t.product)-t.held
		for k := range n {
			rest += math.Exp(logit(k))
		}
		rest = max(rest*t.step, math.SmallestNonzeroFloat64)
		for k := n; k < len(t.product); k++ {
			s := logit(k)
			sum += s - math.Log(rest+math.Exp(s))
			count++
		}
	}
	return sum / max(1, count)
}

// goldenMax returns where the unimodal f is largest between a and b, and its value there.
func goldenMax(a, b float64, f func(float64) float64) (at, value float64) {
	const ratio = 0.6180339887498949
	x, y := b-ratio*(b-a), a+ratio*(b-a)
	fx, fy := f(x), f(y)
	for range 12 { // to one part in 300
		if fx < fy {
			a, x, fx = x, y, fy
			y = a + ratio*(b-a)
			fy = f(y)
		} else {
			b, y, fy = y, x, fx
			x = b - ratio*(b-a)
			fx = f(x)
		}
	}
	return (a + b) / 2, max(fx, fy)
}
