// Package f32 is the arithmetic of models: dot products and their kin over float32 vectors.
//
// Every function defines its order of additions, and rounds after every multiplication, so that the
// result is the same bits on every processor. The kernels for a processor give these bits; the loops
// here are what they compute, and what runs where there is none (and everywhere with the build tag
// noasm). Lengths are the callers' to match; a shorter second operand panics.
package f32

import "math"

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

// Max returns the largest element, or −∞ for none. NaNs are passed over.
//
//	if x[k] > lane[k%16] { lane[k%16] = x[k] }   over whole blocks of 16, lanes folded as in Dot, then the rest
func Max(x []float32) float32 {
	n := len(x) / Block
	top := float32(math.Inf(-1))
	if n > 0 {
		top = maxBlocks(x[:n*Block])
	}
	for _, v := range x[n*Block:] {
		if v > top {
			top = v
		}
	}
	return top
}

func maxLoop(x []float32) float32 {
	var l [Block]float32
	for k := range l {
		l[k] = float32(math.Inf(-1))
	}
	for k, v := range x {
		if v > l[k%Block] {
			l[k%Block] = v
		}
	}
	for w := Block / 2; w > 0; w /= 2 {
		for k := range w {
			if l[k+w] > l[k] {
				l[k] = l[k+w]
			}
		}
	}
	return l[0]
}

// Scale multiplies x by a number.
//
//	x[k] *= a
func Scale(a float32, x []float32) {
	n := len(x) / Block * Block
	if n > 0 {
		scaleBlocks(a, x[:n])
	}
	scaleLoop(a, x[n:])
}

func scaleLoop(a float32, x []float32) {
	for k := range x {
		x[k] *= a
	}
}

// Times multiplies y by x, element by element.
//
//	y[k] *= x[k]
func Times(x, y []float32) {
	y = y[:len(x)]
	n := len(x) / Block * Block
	if n > 0 {
		timesBlocks(x[:n], y[:n])
	}
	timesLoop(x[n:], y[n:])
}

func timesLoop(x, y []float32) {
	y = y[:len(x)]
	for k := range x {
		y[k] *= x[k]
	}
}

// Exp replaces x by its exponentials and returns their sum.
//
//	x[k] = e^(x[k]−top)   with an error of at most 4 parts in ten million, for x[k]−top in [−87, 80];
//	                      what is below −87 counts as that, and what is above 80 is not defined
//	the sum is taken in lanes, as in Dot
func Exp(x []float32, top float32) float32 {
	n := len(x) / Block
	var sum float32
	if n > 0 {
		sum = expBlocks(x[:n*Block], top)
	}
	for k := n * Block; k < len(x); k++ {
		x[k] = exp(x[k] - top)
		sum += x[k]
	}
	return sum
}

func expLoop(x []float32, top float32) float32 {
	var l [Block]float32
	for k, v := range x {
		x[k] = exp(v - top)
		l[k%Block] += x[k]
	}
	for w := Block / 2; w > 0; w /= 2 {
		for k := range w {
			l[k] += l[k+w]
		}
	}
	return l[0]
}

// exp is e to the t:
//
//	n = round(t/ln 2),  r = t − n·ln 2
//	2ⁿ · (1 + r + r²/2! + … + r⁶/6!)
//
// every multiplication and addition rounded to float32, the polynomial from the inside out.
func exp(t float32) float32 {
	const (
		log2e = 1.4426950408889634
		magic = 3 << 22 // adding it to a number below 2²² rounds to an integer and leaves that in the low bits
		ln2Hi = 0x2.c6p-2
		ln2Lo = 0.6931471805599453 - ln2Hi
	)
	if t < -87 {
		t = -87
	}
	z := float32(t*log2e) + magic
	n := z - magic
	r := t - float32(n*ln2Hi)
	r -= float32(n * ln2Lo)
	p := float32(r*(1./720)) + 1./120
	p = float32(p*r) + 1./24
	p = float32(p*r) + 1./6
	p = float32(p*r) + 1./2
	p = float32(p*r) + 1
	p = float32(p*r) + 1
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(z)<<23)
}
