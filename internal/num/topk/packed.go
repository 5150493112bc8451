package topk

import "math"

// The scan does not read the rows. It reads bytes, whose sums of products are the same in any order and
// therefore on any processor, and asks for the exact score of the few items that could be among the best.
//
// The bias is a dimension like the others: with v' = (v, a·b) in four equal parts and u' = (u, w/a) likewise,
// u'·v' = u·v + w·b, and |u'|·|v'| ≥ |u|·|v| + |w·b|. The scale a makes the part of the largest bias half as
// long as the average vector.
//
// Every user and every panel of 32 items has a scale:
//
//	v' = scale·q + rest,  q from −127 to 127
//
// The four parts of a bias are rounded a quarter of a step apart, so that their sum, which is all that counts,
// keeps two more bits.

// groupBytes is the size of four dimensions of a panel.
const groupBytes = panelItems * groupDims

// A packed matrix: panels of 32 items, from long vectors to short, ties by index.
//
//	heads  per panel, group of four dimensions and item: four, each 128 + q; of the head
//	tails  likewise, of the other groups, so that what looks at heads alone reads on and on
//	pars   per panel, with its scale s in units of the matrix: 1/s; |v'|/s and |rest|/s, the largest of its
//	       items, rounded up; s; the length of q behind the head, likewise
//	norms  per panel: the largest |v| of this and all later panels, rounded up
//	later  likewise: the largest |bias|
type packed struct {
	ids    []int32 // the item at each place
	place  []int32 // of each item
	dims   int     // without those that are zero for every item and come last
	groups int     // with that of the bias, if there is one
	head   int     // of them: about the first half, or none
	biased bool
	parts  float64 // a·b/2: what each part of a bias is multiplied by
	unit   float64
	slack  [2]float32 // for one digit and for two, see user
	heads  []uint8
	tails  []uint8
	pars   []panelPars
	norms  []float64
	later  []float64
	tail   tail
}

// pack packs m with the items in the order of ids, whose vectors have the norms.
func pack(m *Matrix, ids []int32, norms []float64) *packed {
	p := &packed{ids: ids, place: make([]int32, m.N), dims: used(m)}
	for place, i := range ids {
		p.place[i] = int32(place)
	}
	p.groups = (p.dims + groupDims - 1) / groupDims
	p.scaleBias(m, norms)
	p.groups = max(1, p.groups)
	p.head = p.groups / 2 &^ 3 // kernels for one user take four at a time
	p.slack = [2]float32{float32(2 + float64(127*127*p.groups*groupDims)*0x1p-21), 2 + mostSum*0x1p-21}
	panels := (m.N + panelItems - 1) / panelItems
	p.heads = make([]uint8, panels*p.head*groupBytes+1) // one more, so that there is a first
	p.tails = make([]uint8, panels*(p.groups-p.head)*groupBytes)
	p.pars, p.norms, p.later = make([]panelPars, panels), make([]float64, panels), make([]float64, panels)
	p.unit = p.largestScale(m)
	rows := make([]float64, panelItems*p.groups*groupDims)
	for k := range panels {
		p.fill(m, k, rows)
	}
	norm, bias := 0.0, 0.0
	for k := panels - 1; k >= 0; k-- {
		for _, i := range p.panel(k) {
			norm, bias = max(norm, norms[i]), max(bias, math.Abs(float64(m.Bias[i])))
		}
		p.norms[k], p.later[k] = norm, bias
	}
	return p
}

// four returns the bytes of a group, four of an item, of a panel.
func (p *packed) four(panel, g int) []uint8 {
	if g < p.head {
		return p.heads[(panel*p.head+g)*groupBytes:][:groupBytes]
	}
	return p.tails[(panel*(p.groups-p.head)+g-p.head)*groupBytes:][:groupBytes]
}

// panel returns the items of a panel.
func (p *packed) panel(k int) []int32 { return p.ids[k*panelItems : min((k+1)*panelItems, len(p.ids))] }

// scaleBias sets biased and parts, and makes room for the bias.
func (p *packed) scaleBias(m *Matrix, norms []float64) {
	largest, total := 0.0, 0.0
	for i, b := range m.Bias {
		largest = max(largest, math.Abs(float64(b)))
		total += norms[i]
	}
	if largest == 0 {
		return
	}
	p.biased = true
	p.groups++
	// Four parts of a length x each are 2x long.
	p.parts = max(total/float64(m.N), 0x1p-126) / largest / 4
}

// row writes v' of an item.
func (p *packed) row(m *Matrix, i int32, v []float64) {
	clear(v)
	for k, x := range m.row(int(i))[:p.dims] {
		v[k] = float64(x)
	}
	if p.biased {
		for k := range groupDims {
			v[len(v)-1-k] = p.parts * float64(m.Bias[i])
		}
	}
}

// largestScale is the unit: the scale of the panel that has the largest.
func (p *packed) largestScale(m *Matrix) float64 {
	most := 0.0
	for i := range m.N {
		for _, x := range m.row(i) {
			most = max(most, math.Abs(float64(x)))
		}
		most = max(most, p.parts*math.Abs(float64(m.Bias[i])))
	}
	if most == 0 {
		return 1
	}
	return most / 127
}

// mostSum bounds the sums of products, so that their difference from a limit fits an int32.
const mostSum = 1 << 29

// smallest bounds how far apart scales are, so that no limit overflows a float32: what is smaller still gets
// fewer bits, and its rest says so.
const smallest = 0x1p-40

// fill packs a panel. rows is scratch.
func (p *packed) fill(m *Matrix, k int, rows []float64) {
	dims := p.groups * groupDims
	scale := 0.0
	items := p.panel(k)
	for n, i := range items {
		row := rows[n*dims : (n+1)*dims]
		p.row(m, i, row)
		for _, x := range row {
			scale = max(scale, math.Abs(x))
		}
	}
	scale = max(scale/127, smallest*p.unit)
	for g := range p.groups {
		for n := range p.four(k, g) {
			p.four(k, g)[n] = 128 // zero
		}
	}
	norm, rest, behind := 0.0, 0.0, 0.0
	for n := range items {
		a, b := p.item(k, n, rows[n*dims:(n+1)*dims], scale)
		norm, rest, behind = max(norm, a), max(rest, b), max(behind, p.behind(k, n))
	}
	p.pars[k] = panelPars{float32(p.unit / scale), float32(up(norm / scale)), float32(up(rest)), float32(scale / p.unit), float32(up(behind))}
}

// behind is the length of what is packed at a place of a panel, without the head.
func (p *packed) behind(panel, place int) float64 {
	sum := 0
	for g := p.head; g < p.groups; g++ {
		for _, b := range p.four(panel, g)[place*groupDims:][:groupDims] {
			sum += (int(b) - 128) * (int(b) - 128)
		}
	}
	return math.Sqrt(float64(sum))
}

// item packs an item at a place of a panel and returns |v'|, and |rest| in units of the scale.
func (p *packed) item(panel, place int, row []float64, scale float64) (norm, rest float64) {
	var parts float64
	for d, x := range row {
		norm += x * x
		x /= scale
		bias := p.biased && d >= len(row)-groupDims
		near := x
		if bias {
			near += float64(len(row)-1-d)/4 - 0.375
		}
		q := min(max(math.RoundToEven(near), -127), 127)
		if bias {
			parts += x - q
		} else {
			rest += (x - q) * (x - q)
		}
		p.four(panel, d/groupDims)[place*groupDims+d%groupDims] = uint8(128 + int(q))
	}
	return math.Sqrt(norm), math.Sqrt(rest + parts*parts/4)
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

// up makes room for the rounding of a norm's sum and of making it a float32.
func up(x float64) float64 { return x * (1 + 0x1p-20) }
