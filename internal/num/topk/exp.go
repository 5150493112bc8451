package topk

import "math"

// The range in which exp gives a float32 of full precision. What is beyond counts as its end.
const (
	expMin = -87
	expMax = 80 // 64 of them can be added
)

// The numbers of exp.
const (
	log2e = 1.4426950408889634
	// Adding magic to a number below 2²² rounds it to the nearest integer, ties to even, and leaves the integer in
	// the low bits.
	magic = 3 << 22
	// ln 2 in two parts; the first has few bits, so that its multiples by up to 127 are exact.
	ln2Hi = 0x2.c6p-2
	ln2Lo = 0.6931471805599453 - ln2Hi
)

// exp is e to the t with an error of at most 4 parts in ten million, the same bits everywhere:
//
//	n = round(t/ln 2),  r = t − n·ln 2
//	2ⁿ · (1 + r + r²/2! + … + r⁶/6!)
//
// every multiplication and addition rounded to float32, the polynomial from the inside out. |r| ≤ 0.347
// leaves 1.3e-7 for the terms that are missing.
func exp(t float32) float32 {
	t = min(max(t, expMin), expMax)
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
