package actions

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/kindredrec/kindred/internal/recipe"
)

// How the regression is learned: AdaGrad, which gives every weight a pace of its own (Duchi, Hazan and Singer, 2011),
// over a number of steps that does not depend on the data beyond its size.
const (
	leastSteps = 60_000
	mostEpochs = 40
	leastTimes = 4 // epochs
	pace       = 0.2
	sharedLoss = 1e-4 // weight of the squares of the shared weights, for each example
	kindLoss   = 1e-3 // likewise of those of actions of a kind
	ownLoss    = 3e-3 // likewise of each action's own
	// calibrated is which share of the users says how probable a score is.
	calibrated = 5
)

// A weights is a logistic regression: features·(shared + Σ value·kind + own), where the sum is over the terms of the
// action's fields. A kind is what actions have in common that have a term.
type weights struct {
	size   int       // features in all
	shared []float64 // by feature
	kinds  []float64 // by term of actions, size apart
	own    []float64 // by action, size apart
	of     []row     // by action: its terms
}

func newWeights(size, kinds int, of []row) weights {
	return weights{size, make([]float64, size), make([]float64, kinds*size), make([]float64, len(of)*size), of}
}

// part is one of several vectors of weights of the same size.
func (w *weights) part(all []float64, k int32) []float64 {
	return all[int(k)*w.size : (int(k)+1)*w.size]
}

func (w *weights) logit(action int32, x *vector) float64 {
	z := x.dot(w.shared) + x.dot(w.part(w.own, action))
	for k, t := range w.of[action].terms {
		z += float64(w.of[action].values[k]) * x.dot(w.part(w.kinds, t))
	}
	return z
}

// dot is the product of the features with their weights.
func (x *vector) dot(w []float64) (z float64) {
	for k, v := range x.told {
		z += v * w[k]
	}
	for k, t := range x.fields.terms {
		z += float64(x.fields.values[k]) * w[features+int(t)]
	}
	return z
}

// fit learns the weights from four fifths of the users, and from the others how probable what they say is. Examples
// are few enough for one thread, which goes through them in an order drawn from the seed.
func fit(ctx context.Context, all []example, w *weights, seed uint64) (slope, offset float64, err error) {
	var learn, apart []int
	for k := range all {
		if recipe.Mix(seed, uint64(all[k].user))%calibrated == 0 {
			apart = append(apart, k)
		} else {
			learn = append(learn, k)
		}
	}
	if len(learn) == 0 {
		return 1, 0, ctx.Err()
	}
	epochs := min(mostEpochs, max(leastTimes, leastSteps/len(learn)))
	squares := newWeights(w.size, len(w.kinds)/w.size, w.of)
	g := gradient{w, &squares}
	r := rand.New(rand.NewPCG(seed, 0xac710))
	for range epochs {
		if err := ctx.Err(); err != nil {
			return 1, 0, err
		}
		r.Shuffle(len(learn), func(a, b int) { learn[a], learn[b] = learn[b], learn[a] })
		for _, k := range learn {
			g.step(&all[k])
		}
	}
	slope, offset = platt(w, all, apart)
	return slope, offset, ctx.Err()
}

// A gradient is the sums of squares that AdaGrad divides by.
type gradient struct{ weights, squares *weights }

func (g *gradient) step(e *example) {
	w, q := g.weights, g.squares
	miss := sigmoid(w.logit(e.action, &e.x))
	if e.taken {
		miss--
	}
	e.x.descend(w.shared, q.shared, miss, sharedLoss)
	e.x.descend(w.part(w.own, e.action), q.part(q.own, e.action), miss, ownLoss)
	kinds := w.of[e.action]
	for k, t := range kinds.terms {
		e.x.descend(w.part(w.kinds, t), q.part(q.kinds, t), miss*float64(kinds.values[k]), kindLoss)
	}
}

// descend moves the weights of the features that x has.
func (x *vector) descend(w, squares []float64, miss, loss float64) {
	move := func(k int, v float64) {
		d := miss*v + loss*w[k]
		squares[k] += d * d
		w[k] -= pace * d / math.Sqrt(1e-8+squares[k])
	}
	for k, v := range x.told {
		move(k, v)
	}
	for k, t := range x.fields.terms {
		move(features+int(t), float64(x.fields.values[k]))
	}
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// platt returns slope and offset such that sigmoid(slope·logit + offset) is how often examples of a logit are taken.
// With few examples, or all alike, nothing is changed. (Platt, 1999, with his prior counts; Newton's method.)
func platt(w *weights, all []example, apart []int) (slope, offset float64) {
	logits, targets := make([]float64, len(apart)), make([]float64, len(apart))
	var yes, no float64
	for _, k := range apart {
		if all[k].taken {
			yes++
		} else {
			no++
		}
	}
	if yes < 10 || no < 10 {
		return 1, 0
	}
	for n, k := range apart {
		logits[n] = w.logit(all[k].action, &all[k].x)
		if targets[n] = 1 / (no + 2); all[k].taken {
			targets[n] = (yes + 1) / (yes + 2)
		}
	}
	slope = 1
	for range 50 {
		var ga, gb, haa, hab, hbb float64
		for n, z := range logits {
			p := sigmoid(slope*z + offset)
			d, v := p-targets[n], p*(1-p)
			ga, gb = ga+d*z, gb+d
			haa, hab, hbb = haa+v*z*z, hab+v*z, hbb+v
		}
		haa, hbb = haa+1e-6, hbb+1e-6
		det := haa*hbb - hab*hab
		if det < 1e-12 {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		slope, offset = slope-da, offset-db
		if math.Abs(da)+math.Abs(db) < 1e-9 {
			break
		}
	}
	if !(slope > 0.05 && slope < 20) || math.IsNaN(offset) { // the scores say nothing, or too little is known
		return 1, 0
	}
	return slope, offset
}
