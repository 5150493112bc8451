package seqnet

import "math"

// An adam moves parameters against their gradients, each by its own scale, and averages where they have been.
// (Kingma and Ba, 2015; the average after Polyak and Juditsky, 1992.)
type adam struct {
	value, mean, square, average []float32
}

const (
	meanDecay   = 0.9
	squareDecay = 0.98
	adamFloor   = 1e-8
)

func newAdam(value []float32) *adam {
	n := len(value)
	a := &adam{value, make([]float32, n), make([]float32, n), make([]float32, n)}
	copy(a.average, value)
	return a
}

// A pace is one step's constants.
type pace struct {
	rate          float32 // with what corrects for the moments' start at zero
	floor         float32
	gradient      float32 // what gradients are multiplied with
	averageWeight float32
}

func newPace(step int, rate, gradient float64, weight float64) pace {
	first := 1 - math.Pow(meanDecay, float64(step))
	second := math.Sqrt(1 - math.Pow(squareDecay, float64(step)))
	return pace{float32(rate * second / first), float32(adamFloor * second), float32(gradient), float32(weight)}
}

// move takes one step of the parameters from at on.
func (a *adam) move(p pace, at int, g []float32) {
	value, mean, square := a.value[at:at+len(g)], a.mean[at:at+len(g)], a.square[at:at+len(g)]
	for k, x := range g {
		x *= p.gradient
		m := float32(mean[k]*meanDecay) + float32(x*(1-meanDecay))
		s := float32(square[k]*squareDecay) + float32(float32(x*x)*(1-squareDecay))
		mean[k], square[k] = m, s
		value[k] -= float32(p.rate*m) / (float32(math.Sqrt(float64(s))) + p.floor)
	}
}

// follow moves the average of n parameters from at on towards them.
func (a *adam) follow(p pace, at, n int) {
	value, average := a.value[at:at+n], a.average[at:at+n]
	for k, v := range value {
		average[k] += float32(p.averageWeight * (v - average[k]))
	}
}
