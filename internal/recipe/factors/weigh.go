package factors

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
)

// weigh sets s.Scale and s.Mix, the weights of the factors' and of the network's scores, to those that make what was held
// back likeliest. Mix is 0, and Scale what it was, unless the held-back items then rank better by more than chance:
// the gain over all users by more than twice its deviation.
func weigh(ctx context.Context, s *settings, cases []trial, network *seqnet.Model, threads int) error {
	err := als.Spread(ctx, threads, len(cases), 4, func(lo, hi int) {
		state := make([]float32, network.Shape().Width)
		for k := lo; k < hi; k++ {
			network.Encode(cases[k].input.items, state)
			cases[k].score(&cases[k].network, state, network.Vectors(), network.Items())
		}
	})
	if err != nil {
		return err
	}
	w, err := likeliest(ctx, cases, [2]float64{s.Scale, 0}, threads)
	if err != nil || w[0] < 0 || w[1] <= 0 {
		return err
	}
	better, err := improves(ctx, cases, w, threads)
	if better {
		s.Scale, s.Mix = w[0], w[1]
	}
	return err
}

// mixed returns the logits for two weights.
func (c *trial) mixed(scale, mix float64) scores {
	sum := func(f, n []float32) []float32 {
		out := make([]float32, len(f))
		for k := range out {
			v := scale * float64(f[k])
			if mix != 0 {
				v += mix * float64(n[k])
			}
			out[k] = float32(v)
		}
		return out
	}
	f, n := &c.factors, &c.network
	return scores{sum(f.others, n.others), sum(f.had, n.had), sum(f.found, n.found)}
}

// improves reports whether truth ranks better by w than by the factors alone, on all users and not by chance.
func improves(ctx context.Context, cases []trial, w [2]float64, threads int) (bool, error) {
	more := make([]float64, len(cases))
	err := als.Spread(ctx, threads, len(cases), 4, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			s := cases[k].mixed(w[0], w[1])
			more[k] = cases[k].rank(&s) - cases[k].gain
		}
	})
	var sum, squares float64
	for _, d := range more {
		sum += d
		squares += d * d
	}
	return sum > 2*math.Sqrt(squares), err
}

// A fitting is the log likelihood of truth at two weights, its gradient and its curvature (the negative Hessian: aa, ab,
// bb).
type fitting struct {
	value    float64
	gradient [2]float64
	curve    [3]float64
}

// likeliest returns the two weights that make the held-back items likeliest among those not had. That is
// a concave problem: Newton's steps, halved where they lead down, find its top from anywhere.
func likeliest(ctx context.Context, cases []trial, w [2]float64, threads int) ([2]float64, error) {
	at, err := fitAt(ctx, cases, w, threads)
	for range 12 {
		if err != nil {
			return w, err
		}
		step := at.newton()
		next, then := at, w
		for by := 1.0; by > 1e-3; by /= 2 {
			then = [2]float64{w[0] + by*step[0], w[1] + by*step[1]}
			if next, err = fitAt(ctx, cases, then, threads); err != nil || next.value >= at.value {
				break
			}
		}
		if next.value < at.value+1e-6*math.Abs(at.value) { // NaN goes on, and no further than the range
			return w, err
		}
		at, w = next, then
	}
	return w, err
}

// newton solves curve·step = gradient. A little is added to the diagonal, for a network that says nothing.
func (f *fitting) newton() [2]float64 {
	a, b, c := f.curve[0], f.curve[1], f.curve[2]
	a, c = a+1e-9*(a+c)+1e-12, c+1e-9*(a+c)+1e-12
	det := a*c - b*b
	return [2]float64{(c*f.gradient[0] - b*f.gradient[1]) / det, (a*f.gradient[1] - b*f.gradient[0]) / det}
}

// fitAt sums over the cases, in their order.
func fitAt(ctx context.Context, cases []trial, w [2]float64, threads int) (sum fitting, err error) {
	parts := make([]fitting, len(cases))
	err = als.Spread(ctx, threads, len(cases), 4, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			parts[k] = cases[k].fit(w)
		}
	})
	for _, p := range parts {
		sum.value += p.value
		for k := range p.gradient {
			sum.gradient[k] += p.gradient[k]
		}
		for k := range p.curve {
			sum.curve[k] += p.curve[k]
		}
	}
	return sum, err
}

// fit is the share of one case: for each item of truth, a softmax over it and the others.
func (c *trial) fit(w [2]float64) (f fitting) {
	logit := func(a, b float32) float64 { return w[0]*float64(a) + w[1]*float64(b) }
	top := math.Inf(-1)
	for k, a := range c.factors.others {
		top = max(top, logit(a, c.network.others[k]))
	}
	for k, a := range c.factors.found {
		top = max(top, logit(a, c.network.found[k]))
	}
	var all moments
	for k, a := range c.factors.others {
		b := c.network.others[k]
		all.add(c.step*math.Exp(logit(a, b)-top), float64(a), float64(b))
	}
	for k := range c.factors.found {
		a, b := float64(c.factors.found[k]), float64(c.network.found[k])
		z := logit(c.factors.found[k], c.network.found[k]) - top
		m := all
		m.add(math.Exp(z), a, b)
		ma, mb := m.a/m.n, m.b/m.n
		f.value += z - math.Log(m.n)
		f.gradient[0] += a - ma
		f.gradient[1] += b - mb
		f.curve[0] += m.aa/m.n - ma*ma
		f.curve[1] += m.ab/m.n - ma*mb
		f.curve[2] += m.bb/m.n - mb*mb
	}
	return f
}

// A moments is sums of weighted pairs.
type moments struct{ n, a, b, aa, ab, bb float64 }

func (m *moments) add(p, a, b float64) {
	m.n += p
	m.a += p * a
	m.b += p * b
	m.aa += p * a * a
	m.ab += p * a * b
	m.bb += p * b * b
}
