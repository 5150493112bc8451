// Package f32 is the arithmetic of models: dot products and their kin over float32 vectors.
//
// Every function defines its order of additions, and rounds after every multiplication, so that the
// result is the same bits on every processor. The kernels for a processor give these bits; the loops
// here are what they compute, and what runs where there is none (and everywhere with the build tag
// noasm). Lengths are the callers' to match; a shorter second operand panics.
package f32

//go:generate go -C asm run . -out ../f32_amd64.s -stubs ../stubs_amd64.go -pkg f32

// Block is how many elements a kernel takes at a time. Vectors of a multiple of Block are fastest.
const Block = 16

// Dot returns the inner product of x and y.
//
//	lane[k%16] += x[k]*y[k]   for k ascending, over whole blocks of 16
//	lane[k] += lane[k+8], then lane[k+4], lane[k+2], lane[k+1]; lane[0]
//	then the products of the rest, one by one
//
// Sixteen lanes are two AVX2 registers: enough independent sums to hide the latency of an addition.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	n := len(x) / Block
	var sum float32
	if n > 0 {
		sum = dotBlocks(x[:n*Block], y[:n*Block])
	}
	for k := n * Block; k < len(x); k++ {
		sum += float32(x[k] * y[k])
	}
	return sum
}

func dotLoop(x, y []float32) float32 {
	var l [Block]float32
	for len(x) >= Block && len(y) >= Block {
		a, b := (*[Block]float32)(x), (*[Block]float32)(y)
		for k := range l {
			l[k] += float32(a[k] * b[k])
		}
		x, y = x[Block:], y[Block:]
	}
	for w := Block / 2; w > 0; w /= 2 {
		for k := range w {
			l[k] += l[k+w]
		}
	}
	return l[0]
}

// Axpy adds a multiple of x to y.
//
//	y[k] += a*x[k]
func Axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	n := len(x) / Block * Block
	if n > 0 {
		axpyBlocks(a, x[:n], y[:n])
	}
	axpyLoop(a, x[n:], y[n:])
}

func axpyLoop(a float32, x, y []float32) {
	y = y[:len(x)]
	for k := range x {
		y[k] += float32(a * x[k])
	}
}

// Xpay replaces y by x plus a multiple of itself.
//
//	y[k] = x[k] + a*y[k]
func Xpay(x []float32, a float32, y []float32) {
	y = y[:len(x)]
	n := len(x) / Block * Block
	if n > 0 {
		xpayBlocks(x[:n], a, y[:n])
	}
	xpayLoop(x[n:], a, y[n:])
}

func xpayLoop(x []float32, a float32, y []float32) {
	y = y[:len(x)]
	for k := range x {
		y[k] = x[k] + float32(a*y[k])
	}
}

// Score returns the inner product of x and y as a ranking score: exact products, summed in float64,
// rounded once. x is widened by the caller, who scores many y against it.
//
//	lane[k%16] += x[k]*y[k]   in float64, for k ascending, over whole blocks of 16
//	folded as in Dot, then the products of the rest one by one, then rounded to float32
//
// The product of two float32 is exact in float64, so fused multiply-add gives the same bits.
func Score(x []float64, y []float32) float32 {
	y = y[:len(x)]
	n := len(x) / Block
	var sum float64
	if n > 0 {
		sum = scoreBlocks(x[:n*Block], y[:n*Block])
	}
	for k := n * Block; k < len(x); k++ {
		sum += x[k] * float64(y[k])
	}
	return float32(sum)
}

func scoreLoop(x []float64, y []float32) float64 {
	var l [Block]float64
	for len(x) >= Block && len(y) >= Block {
		a, b := (*[Block]float64)(x), (*[Block]float32)(y)
		for k := range l {
			l[k] += a[k] * float64(b[k])
		}
		x, y = x[Block:], y[Block:]
	}
	for w := Block / 2; w > 0; w /= 2 {
		for k := range w {
			l[k] += l[k+w]
		}
	}
	return l[0]
}
