package actions

import (
	"context"
	"math"
	"math/rand/v2"
)

// How the regression is learned: AdaGrad, which gives every weight a pace of its own (Duchi, Hazan and Singer, 2011),
// over a number of steps that does not depend on the data beyond its size.
const (
	leastSteps = 60_000
	mostEpochs = 40
	leastTimes = 4 // epochs
	pace       = 0.2
	sharedLoss = 1e-4 // weight of the squares of the shared weights, for each example
	ownLoss    = 3e-3 // likewise of each action's own
	// calibrated is which share of the users says how probable a score is.
	calibrated = 5
)

// A weights is a logistic regression: features·(shared + own of the action).
type weights struct {
	shared [features]float64
	own    []float64 // by action, features apart
}

func (w *weights) logit(action int32, x *[features]float64) (z float64) {
	own := w.own[int(action)*features : (int(action)+1)*features]
	for k, v := range x {
		z += v * (w.shared[k] + own[k])
	}
	return z
}

// fit learns the weights from four fifths of the users, and from the others how probable what they say is. Examples
// are few enough for one thread, which goes through them in an order drawn from the seed.
func fit(ctx context.Context, all []example, actions int, seed uint64) (weights, settings, error) {
	w := weights{own: make([]float64, actions*features)}
	s := settings{Slope: 1}
	var learn, apart []int
	for k := range all {
		if mix(seed, uint64(all[k].user))%calibrated == 0 {
			apart = append(apart, k)
		} else {
			learn = append(learn, k)
		}
	}
	if len(learn) == 0 {
		return w, s, ctx.Err()
	}
	epochs := min(mostEpochs, max(leastTimes, leastSteps/len(learn)))
	g := gradient{weights: &w, shared: [features]float64{}, own: make([]float64, len(w.own))}
	r := rand.New(rand.NewPCG(seed, 0xac710))
	for range epochs {
		if err := ctx.Err(); err != nil {
			return w, s, err
		}
		r.Shuffle(len(learn), func(a, b int) { learn[a], learn[b] = learn[b], learn[a] })
		for _, k := range learn {
			g.step(&all[k])
		}
	}
	s.Slope, s.Offset = platt(&w, all, apart)
	return w, s, ctx.Err()
}

// A gradient is the sums of squares that AdaGrad divides by.
type gradient struct {
	weights *weights
	shared  [features]float64
	own     []float64
}

func (g *gradient) step(e *example) {
	w := g.weights
	miss := sigmoid(w.logit(e.action, &e.x))
	if e.taken {
		miss--
	}
	from := int(e.action) * features
	own, ownSquares := w.own[from:from+features], g.own[from:from+features]
	for k, x := range e.x {
		d := miss*x + sharedLoss*w.shared[k]
		g.shared[k] += d * d
		w.shared[k] -= pace * d / math.Sqrt(1e-8+g.shared[k])
		d = miss*x + ownLoss*own[k]
		ownSquares[k] += d * d
		own[k] -= pace * d / math.Sqrt(1e-8+ownSquares[k])
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

// mix hashes two numbers. (The finaliser of SplitMix64; Steele, Lea and Flood, 2014.)
func mix(a, b uint64) uint64 {
	z := a + (b+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
