package factors

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// calibrationItems bounds the items that calibration scores: an even sample of a larger catalogue.
const calibrationItems = 4_000

// leastHeld is how many users calibration takes at least; by fewer there is no choosing.
const leastHeld = 20

// calibrate sets s.Encoder, s.Scale, s.Mix and s.Repeat from what was held back, and returns the network, which it may have
// been given, if it is of use.
//
// The encoder is that of the choices under which held-back items rank best (gainsOf). Scale, Mix and Repeat then make the
// softmax over the catalogue as likely as possible, by calibrationUsers of the cases, so that scores are probabilities, and
// so that a model of films everybody watches once does not offer what was just watched, while one of groceries does.
func calibrate(ctx context.Context, s *settings, cases []trial, vectors []float32, network *seqnet.Model, d *recipe.Data, choices []encoder, threads int) (*seqnet.Model, error) {
	s.Scale, s.Repeat = 10, 0
	if len(cases) < leastHeld {
		s.Encoder = choices[len(choices)/2]
		return nil, nil
	}
	var err error
	if s.Encoder, err = bestEncoder(ctx, cases, vectors, d.Items.Len(), *s, choices, threads); err != nil {
		return nil, err
	}
	cases = evenly(cases, calibrationUsers)
	solver := als.NewSolver(vectors, d.Items.Len(), s.als())
	if _, err := solver.Prepare(ctx, threads); err != nil {
		return nil, err
	}
	err = als.Spread(ctx, threads, len(cases), 4, func(lo, hi int) {
		w := solver.Workspace()
		for k := lo; k < hi; k++ {
			cases[k].run(solver, w, s.Encoder, vectors, d.Items.Len())
		}
	})
	if err != nil {
		return nil, err
	}
	s.Scale = fitScale(cases)
	if network != nil {
		if err := weigh(ctx, s, cases, network, threads); err != nil {
			return nil, err
		}
	}
	if s.Mix == 0 {
		network = nil
	}
	s.Repeat = fitRepeat(cases, s.Scale, s.Mix, repeatShare(d))
	return network, nil
}

// evenly returns at most so many of the cases.
func evenly(cases []trial, most int) []trial {
	if len(cases) <= most {
		return cases
	}
	some := make([]trial, most)
	for k := range some {
		some[k] = cases[k*len(cases)/most]
	}
	return some
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

	factors scores // inner products with the factors
	network scores // and with the network's vectors; empty without one
	gain    float64
	step    float64 // items that each of others stands for
}

// A scores is what one half of the model says after a trial's input.
type scores struct {
	others []float32 // of (sampled) items neither had nor held back
	had    []float32 // of items had
	found  []float32 // of truth
}

// trials are the users that something is held back of, in order.
func (held heldBack) trials(hs []history) []trial {
	cases := make([]trial, 0, len(held))
	for k := range hs {
		if n, ok := held[k]; ok {
			cases = append(cases, trial{input: hs[k].without(n), truth: hs[k].items[len(hs[k].items)-n:]})
		}
	}
	return cases
}

// run encodes the input and scores against it.
func (c *trial) run(s *als.Solver, w *als.Workspace, e encoder, vectors []float32, n int) {
	c.score(&c.factors, encode(s, w, e, c.input), vectors, n)
	c.gain = c.rank(&c.factors)
}

// score sets s to the inner products of x with the vectors, which are as long, of n items.
func (c *trial) score(s *scores, x, vectors []float32, n int) {
	score := func(i int) float32 { return f32.Dot(x, vectors[i*len(x):(i+1)*len(x)]) }
	s.others, s.had, s.found = s.others[:0], s.had[:0], s.found[:0]
	known := map[int32]bool{}
	for _, i := range c.input.items {
		known[i] = true
		s.had = append(s.had, score(int(i)))
	}
	for _, i := range c.truth {
		known[i] = true
		s.found = append(s.found, score(int(i)))
	}
	c.step = max(1, float64(n)/calibrationItems)
	for at := 0.0; int(at) < n; at += c.step {
		if !known[int32(at)] {
			s.others = append(s.others, score(int(at)))
		}
	}
}

// rank returns the discounted gain of the truth among the others.
func (c *trial) rank(s *scores) (gain float64) {
	ranked := slices.Sorted(slices.Values(s.others))
	for _, x := range s.found {
		above, _ := slices.BinarySearch(ranked, x)
		gain += 1 / math.Log2(2+c.step*float64(len(ranked)-above))
	}
	return gain / float64(len(c.truth))
}

// encode solves for a user's vector.
func encode(s *als.Solver, w *als.Workspace, e encoder, h history) []float32 {
	x := make([]float32, s.Stride())
	s.Solve(w, h.items, e.weights(h), encoderSteps, x)
	return x
}

// fitScale returns the scale of the factors' scores.
//
// It maximises the likelihood of the held-back items among those not had; it is a concave
// problem in one number, so golden section finds it.
func fitScale(cases []trial) float64 {
	return goldenMax(0.5, 60, func(t float64) (ll float64) {
		for k := range cases {
			c := &cases[k]
			z := logSum(c.factors.others, t) + math.Log(c.step)
			for _, s := range c.factors.found {
				ll += t*float64(s) - logAdd(z, t*float64(s))
			}
		}
		return ll
	})
}

// fitRepeat returns the addition for items had before: it makes the mass of the items had
// equal, on average, to the share of repeats in the data.
func fitRepeat(cases []trial, scale, mix, repeats float64) float64 {
	var sum float64
	for k := range cases {
		c := &cases[k]
		s := c.mixed(scale, mix)
		rest := logAdd(logSum(s.others, 1)+math.Log(c.step), logSum(s.found, 1))
		sum += logSum(s.had, 1) - rest
	}
	odds := sum / float64(len(cases)) // of the items had, before the addition
	repeat := math.Log(repeats/(1-min(repeats, 0.99))) - odds
	return max(-20, min(20, repeat))
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
