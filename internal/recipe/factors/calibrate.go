package factors

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// calibrationItems bounds the items that calibration scores: an even sample of a larger catalogue.
const calibrationItems = 4_000

// calibrate sets s.Encoder, s.Scale and s.Repeat from what was held back.
//
// The encoder is the one under which held-back items rank best among those the user has not had
// (discounted gain without cut-off). Scale and Repeat then make the softmax over the catalogue as likely
// as possible, so that scores are probabilities, and so that a model of films everybody watches once
// does not offer what was just watched, while one of groceries does.
func calibrate(ctx context.Context, s *settings, held heldBack, hs []history, vectors []float32, d *recipe.Data, p params, threads int) error {
	s.Encoder, s.Scale, s.Repeat = encoder{Base: 1, Half: 1, Window: p.window}, 10, 0
	choices := candidates(p.recency, p.window)
	if len(held) < 20 { // too few to choose by
		s.Encoder = choices[len(choices)/2]
		return nil
	}
	solver := als.NewSolver(vectors, d.Items.Len(), s.als())
	if _, err := solver.Prepare(ctx, threads); err != nil {
		return err
	}
	cases := make([]trial, 0, len(held))
	for k := range hs {
		if n, ok := held[k]; ok {
			cases = append(cases, trial{input: hs[k].without(n), truth: hs[k].items[len(hs[k].items)-n:]})
		}
	}
	try := func(e encoder) error {
		return als.Spread(ctx, threads, len(cases), 4, func(lo, hi int) {
			w := solver.Workspace()
			for k := lo; k < hi; k++ {
				cases[k].run(solver, w, e, vectors, d.Items.Len())
			}
		})
	}
	best := math.Inf(-1)
	for _, e := range choices {
		if err := try(e); err != nil {
			return err
		}
		if gain := totalGain(cases); gain > best {
			best, s.Encoder = gain, e
		}
	}
	if err := try(s.Encoder); err != nil {
		return err
	}
	s.Scale, s.Repeat = fitSoftmax(cases, repeatShare(d))
	return nil
}

// repeatShare is the share of events, after each user's first, that are of an item the user had
// before at an earlier time.
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

// A trial is one user of the calibration.
type trial struct {
	input history
	truth []int32

	others []float32 // scores of (sampled) items neither had nor held back
	had    []float32 // scores of items had
	found  []float32 // scores of truth
	gain   float64
	step   float64 // items that each of others stands for
}

// run encodes the input and scores against it.
func (c *trial) run(s *als.Solver, w *als.Workspace, e encoder, vectors []float32, n int) {
	x := encode(s, w, e, c.input)
	score := func(i int) float32 { return f32.Dot(x, vectors[i*len(x):(i+1)*len(x)]) }
	c.others, c.had, c.found, c.gain = c.others[:0], c.had[:0], c.found[:0], 0
	known := map[int32]bool{}
	for _, i := range c.input.items {
		known[i] = true
		c.had = append(c.had, score(int(i)))
	}
	for _, i := range c.truth {
		known[i] = true
		c.found = append(c.found, score(int(i)))
	}
	step := max(1, float64(n)/calibrationItems)
	for at := 0.0; int(at) < n; at += step {
		if !known[int32(at)] {
			c.others = append(c.others, score(int(at)))
		}
	}
	ranked := slices.Sorted(slices.Values(c.others))
	for _, s := range c.found {
		above, _ := slices.BinarySearch(ranked, s)
		c.gain += 1 / math.Log2(2+step*float64(len(ranked)-above))
	}
	c.gain /= float64(len(c.truth))
	c.step = step
}

func totalGain(cases []trial) (sum float64) {
	for k := range cases {
		sum += cases[k].gain
	}
	return sum
}

// encode solves for a user's vector.
func encode(s *als.Solver, w *als.Workspace, e encoder, h history) []float32 {
	x := make([]float32, s.Stride())
	s.Solve(w, h.items, e.weights(h), encoderSteps, x)
	return x
}

// fitSoftmax returns the scale of scores and the addition for items had before.
//
// The scale maximises the likelihood of the held-back items among those not had; it is a concave
// problem in one number, so golden section finds it. The addition makes the mass of the items had
// equal, on average, to the share of repeats in the data.
func fitSoftmax(cases []trial, repeats float64) (scale, repeat float64) {
	scale = goldenMax(0.5, 60, func(t float64) (ll float64) {
		for k := range cases {
			c := &cases[k]
			z := logSum(c.others, t) + math.Log(c.step)
			for _, s := range c.found {
				ll += t*float64(s) - logAdd(z, t*float64(s))
			}
		}
		return ll
	})
	var sum float64
	for k := range cases {
		c := &cases[k]
		rest := logAdd(logSum(c.others, scale)+math.Log(c.step), logSum(c.found, scale))
		sum += logSum(c.had, scale) - rest
	}
	odds := sum / float64(len(cases)) // of the items had, before the addition
	repeat = math.Log(repeats/(1-min(repeats, 0.99))) - odds
	return scale, max(-20, min(20, repeat))
}

// logSum returns log Σ exp(t·s).
func logSum(scores []float32, t float64) float64 {
	top := math.Inf(-1)
	for _, s := range scores {
		top = max(top, t*float64(s))
	}
	if math.IsInf(top, -1) {
		return top
	}
	var sum float64
	for _, s := range scores {
		sum += math.Exp(t*float64(s) - top)
	}
	return top + math.Log(sum)
}

// logAdd returns log(exp(a)+exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// goldenMax returns where the unimodal f is largest between a and b.
func goldenMax(a, b float64, f func(float64) float64) float64 {
	const ratio = 0.6180339887498949
	x, y := b-ratio*(b-a), a+ratio*(b-a)
	fx, fy := f(x), f(y)
	for range 20 {
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
	return (a + b) / 2
}
