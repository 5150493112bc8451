package topk

import "math"

// The scan does not read the rows. It reads integers, whose sums are the same in any order and therefore on
// any processor, and asks for the exact score of the few items that could be among the best.
//
// Every vector is quantised on a scale of its own to integers whose Euclidean norm is at most reach, plus
// rounding. By Cauchy and Schwarz no partial sum of the products of two such vectors leaves an int32.
//
//	v = scale·q + rest,  |q| ≤ reach + √len/2,  each |rest[k]| ≤ scale/2
//
// With 64 numbers that keeps 13 bits of each: rest is about a ten-thousandth of v.
const reach = 32000

// The shape of the packed matrix.
const (
	blockItems  = 64 // a word of a bitset
	panelItems  = 16 // two AVX2 registers of int32
	blockPanels = blockItems / panelItems
)

// The packed matrix: blocks of 64 items, made of panels of 16.
//
//	items   per block, panel, pair of dimensions and item: two int16, the dimensions 2k and 2k+1
//	factors per block: 64 scales, then 64 biases; zero beyond the last item
//	bounds  per block
type panels struct {
	ids     []int32 // the item at each place; nil if it is the place
	pairs   int     // of dimensions, up to the last that any item uses; at least one
	items   []int16
	factors []float32
	bounds  []bound
}

// A bound is the largest of each in a block. later is the largest bias of this and all later blocks.
type bound struct{ norm, rest, bias, later float64 }

// block returns the packed vectors and the scales and biases of block b.
func (p *panels) block(b int) (items []int16, factors []float32) {
	size := blockItems * 2 * p.pairs
	return p.items[b*size : (b+1)*size], p.factors[b*2*blockItems : (b+1)*2*blockItems]
}

// pack packs the items in the order of p.ids.
func (p *panels) pack(m *Matrix) {
	p.pairs = max(1, (used(m)+1)/2)
	blocks := (m.N + blockItems - 1) / blockItems
	p.items = make([]int16, blocks*blockItems*2*p.pairs)
	p.factors = make([]float32, blocks*2*blockItems)
	p.bounds = make([]bound, blocks)
	q := make([]int16, m.Stride+2)
	for place := range m.N {
		i := place
		if p.ids != nil {
			i = int(p.ids[place])
		}
		v := quantise(m.row(i), q)
		p.put(place, v.scale, m.Bias[i], q)
		o := &p.bounds[place/blockItems]
		o.norm, o.rest, o.bias = max(o.norm, v.norm), max(o.rest, v.rest), max(o.bias, math.Abs(float64(m.Bias[i])))
	}
	later := 0.0
	for b := blocks - 1; b >= 0; b-- {
		later = max(later, p.bounds[b].bias)
		p.bounds[b].later = later
	}
}

// put stores a vector at a place.
func (p *panels) put(place int, scale, bias float32, q []int16) {
	b, within := place/blockItems, place%blockItems
	items, factors := p.block(b)
	panel := items[within/panelItems*panelItems*2*p.pairs:]
	for k := range p.pairs {
		at := (k*panelItems + within%panelItems) * 2
		panel[at], panel[at+1] = q[2*k], q[2*k+1]
	}
	factors[within], factors[blockItems+within] = scale, bias
}

// used is the number of leading dimensions without those that are zero for every item.
func used(m *Matrix) int {
	n := 0
	for i := range m.N {
		row := m.row(i)
		for k := m.Stride; k > n; k-- {
			if row[k-1] != 0 {
				n = k
			}
		}
	}
	return n
}

// A quantised vector, without its integers. The norms are rounded up.
type quantised struct {
	scale float32
	norm  float64 // |v|
	near  float64 // |scale·q|
	rest  float64 // |v − scale·q|
}

// quantise writes the integers of v to q, which may be longer; the rest of q is zero.
func quantise(v []float32, q []int16) quantised {
	clear(q)
	norm := length(v)
	if norm == 0 {
		return quantised{}
	}
	scale := float32(norm / reach)
	if float64(scale)*reach < norm {
		scale = math.Nextafter32(scale, math.MaxFloat32)
	}
	var near, rest float64
	for k, x := range v {
		n := math.RoundToEven(float64(x) / float64(scale))
		q[k] = int16(n)
		y := float64(scale) * n // exact: 24 bits times 16
		near += y * y
		rest += (float64(x) - y) * (float64(x) - y)
	}
	return quantised{scale, up(norm), up(math.Sqrt(near)), up(math.Sqrt(rest))}
}

// up makes room for the rounding of a norm's sum: less than one part in 2⁴⁰ for any length below 4,096.
func up(x float64) float64 { return x * (1 + 0x1p-40) }
