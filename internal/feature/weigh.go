package feature

import "math"

// A Trial is a record of which something is known that others can be asked about: logits of what it was, and of what else it
// could have been.
type Trial struct {
	Told, Bias           []float32 // of what else, or of some of it: what is told, and what is added to its weight times that
	TruthTold, TruthBias []float32 // the same of what it was
	Step                 float64   // how many each of what else stands for
}

// Weigh returns the weight, from 0 to most, under which a softmax of weight · told + bias makes what the records
// were likeliest, each record counting as much as any other. It is 0 unless that is better than nothing by more
// than twice the deviation of how much better.
//
// It is a concave problem in one number: Newton's steps, kept within the range.
func Weigh(trials []Trial, most float64) float64 {
	weight := 0.0
	for range 20 {
		var slope, curve float64
		for k := range trials {
			_, s, c := trials[k].at(weight)
			slope, curve = slope+s, curve+c
		}
		if curve <= 0 {
			break
		}
		next := min(most, max(0, weight+slope/curve))
		done := math.Abs(next-weight) < 1e-4*(1+weight)
		if weight = next; done {
			break
		}
	}
	var sum, squares float64
	for k := range trials {
		with, _, _ := trials[k].at(weight)
		without, _, _ := trials[k].at(0)
		sum, squares = sum+with-without, squares+(with-without)*(with-without)
	}
	if !(sum > 2*math.Sqrt(squares)) {
		return 0
	}
	return weight
}

// at is the mean log likelihood of the truth at a weight, its slope and the negative of its curvature. Each of the truth
// competes with what else there is.
func (t *Trial) at(weight float64) (value, slope, curve float64) {
	if len(t.TruthTold) == 0 {
		return 0, 0, 0
	}
	logit := func(told, bias float32) float64 { return weight*float64(told) + float64(bias) }
	top := math.Inf(-1)
	for k, told := range t.Told {
		top = max(top, logit(told, t.Bias[k]))
	}
	for k, told := range t.TruthTold {
		top = max(top, logit(told, t.TruthBias[k]))
	}
	var n, sum, squares float64
	for k, told := range t.Told {
		p, x := t.Step*math.Exp(logit(told, t.Bias[k])-top), float64(told)
		n, sum, squares = n+p, sum+p*x, squares+p*x*x
	}
	for k, told := range t.TruthTold {
		z, x := logit(told, t.TruthBias[k])-top, float64(told)
		p := math.Exp(z)
		all := n + p
		mean := (sum + p*x) / all
		value += z - math.Log(all)
		slope += x - mean
		curve += (squares+p*x*x)/all - mean*mean
	}
	by := float64(len(t.TruthTold))
	return value / by, slope / by, curve / by
}
