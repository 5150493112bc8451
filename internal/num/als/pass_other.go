//go:build !amd64 || noasm

package als

func pass(fixed []float32, cols []int32, weights []float32, v []float32, target float32, diagonal, out []float32) {
	passLoop(fixed, cols, weights, v, target, diagonal, out)
}

func step(x, r, p, ap, inverse []float32, rz float32) float32 {
	return stepLoop(x, r, p, ap, inverse, rz)
}

func shift(diagonal []float32, by float32, sum, inverse []float32) {
	shiftLoop(diagonal, by, sum, inverse)
}

func prefetch([]float32, int, []int32) {}
