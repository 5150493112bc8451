// Package f32 is the arithmetic of models: dot products and their kin over float32 vectors.
//
// Every function defines its order of additions, and rounds after every multiplication, so that the
// result is the same bits on every processor. Kernels for a processor may replace a loop here only if
// they give these bits. Lengths are the callers' to match; a shorter second operand panics.
package f32

// Dot returns the inner product of x and y.
//
//	lane[k%8] += x[k]*y[k]   for k ascending
//	((l0+l4)+(l2+l6)) + ((l1+l5)+(l3+l7))
//
// Eight lanes are one AVX2 register, and enough independent sums to hide the latency of an addition.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var a, b, c, d, e, f, g, h float32
	for len(x) >= 8 && len(y) >= 8 {
		a += float32(x[0] * y[0])
		b += float32(x[1] * y[1])
		c += float32(x[2] * y[2])
		d += float32(x[3] * y[3])
		e += float32(x[4] * y[4])
		f += float32(x[5] * y[5])
		g += float32(x[6] * y[6])
		h += float32(x[7] * y[7])
		x, y = x[8:], y[8:]
	}
	lanes := [8]float32{a, b, c, d, e, f, g, h}
	for k := range x {
		lanes[k] += float32(x[k] * y[k])
	}
	return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

// Axpy adds a multiple of x to y.
//
//	y[k] += a*x[k]
func Axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		y[0] += float32(a * x[0])
		y[1] += float32(a * x[1])
		y[2] += float32(a * x[2])
		y[3] += float32(a * x[3])
		x, y = x[4:], y[4:]
	}
	for k := range x {
		y[k] += float32(a * x[k])
	}
}

// Xpay replaces y by x plus a multiple of itself.
//
//	y[k] = x[k] + a*y[k]
func Xpay(x []float32, a float32, y []float32) {
	y = y[:len(x)]
	for k := range x {
		y[k] = x[k] + float32(a*y[k])
	}
}

// Scale multiplies x by a.
func Scale(a float32, x []float32) {
	for k := range x {
		x[k] *= a
	}
}

// Score returns the inner product of x and y as a ranking score: exact products, summed in float64,
// rounded once. x is widened by the caller, who scores many y against it.
//
//	lane[k%4] += x[k]*y[k]   in float64, where the product of two float32 is exact
//	float32((l0+l2) + (l1+l3))
//
// As products are exact, fused multiply-add gives the same bits.
func Score(x []float64, y []float32) float32 {
	y = y[:len(x)]
	var a, b, c, d float64
	for len(x) >= 4 && len(y) >= 4 {
		a += x[0] * float64(y[0])
		b += x[1] * float64(y[1])
		c += x[2] * float64(y[2])
		d += x[3] * float64(y[3])
		x, y = x[4:], y[4:]
	}
	lanes := [4]float64{a, b, c, d}
	for k := range x {
		lanes[k] += x[k] * float64(y[k])
	}
	return float32((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]))
}
