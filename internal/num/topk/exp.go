package topk

import "math"

// The range in which exp2 gives a float32. What is beyond counts as its end; 64 of the largest can be added.
const (
	exp2Min = -120
	exp2Max = 120
)

// Adding magic to a number below 2²² rounds it to the nearest integer, ties to even, and leaves the integer in
// the low bits.
const magic = 3 << 22

// exp2 is 2 to the t with an error of at most 4 parts in a million, the same bits everywhere:
//
//	n = round(t),  r = t − n,  2ⁿ · (q0 + q1·r + … + q4·r⁴)
//
// every multiplication and addition rounded to float32, the polynomial from the inside out. It is that
// through the five zeros of a Chebyshev polynomial over −½ … ½.
func exp2(t float32) float32 {
	t = min(max(t, exp2Min), exp2Max)
	z := t + magic
	r := t - (z - magic)
	p := float32(r*0.009666368515387469) + 0.055921975842256264
	p = float32(p*r) + 0.24022349038020335
	p = float32(p*r) + 0.693121045203427
	p = float32(p*r) + 1
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(z)<<23)
}
