package topk

import (
	"math"
	"slices"
)

// The shape of what a kernel computes at once.
const (
	tileUsers  = 12 // times two registers of sums leave just enough for the operands
	panelItems = 32
	groupDims  = 4 // the dimensions of one multiplication
)

// A call is what a kernel is told, and where it leaves what it found: a run of panels, and a number for each of
// up to sixteen users per array. The kernels know the offsets.
//
// With sums(u, i) the sum of the products of the integers of user u and item i of a panel, whose bytes are 128
// too large, less base[u],
//
//	limit[u] = nearest integer to x[u]·pars[0] − y[u]·pars[1] − z[u]·pars[2] − slack,  at most ±2³⁰
//	codes has the panel's number·codePanel + u·panelItems + i if sums(u, i) ≥ limit[u], in that order, found of them
//	lanes[u][i mod 16] += exp2(sums(u, i)·(unit[u]·pars[3]) − shift[u])   if masks[u] has i
//
// in float32, each step rounded. find and sum end before the first panel whose codes might not fit, which is when found is more
// than room, and return how many panels are done. store writes the sums to out.
//
// In find and store a user is one byte per dimension; in sum two, and 128·high + low is the integer.
type call struct {
	items  *uint8
	users  *int8 // per group, user and digit: four
	groups int
	panels int
	pars   *panelPars
	masks  *uint32 // per panel and user
	out    *int32  // per panel, user and item
	slack  float32
	_      float32

	x, y, z     [lanes]float32
	base        [lanes]int32 // 128 times the sum of the user's integers, modulo 2³²
	unit, shift [lanes]float32
	codes       *uint32
	room, found int
	head        int // how many groups items has; tails has the others
	tails       *uint8
	look        int     // 1 if find looks at the sums of the head, see user, else 0
	round       float32 // likewise: what makes a rounded number an upper bound
	_           float32
	_           int

	start, limit [lanes]int32 // for the kernel
	scale        [lanes]float32
	lanes        [tileUsers][lanes]float32
	rest         [lanes]float32 // see user; 0 unless it looks
	headBase     [lanes]int32   // of base: the part of the head, all unless it looks
	later        [lanes]int32   // for the kernel
}

const lanes = 16 // of a register

// codePanel is by how much codes of items of panels that follow each other differ.
const codePanel = 512

// A panelPars is what a panel brings to limits and scores: see packed.
type panelPars [5]float32

// A tile is users whose scores are computed together, as many as fit or one. Places without a user never hit.
type tile struct {
	call
	n      int // users
	digits int // of a user's integers
	ints   []int8
	jobs   []*Job
	ended  bool
	finds  *finds // of all tiles
}

// finds are codes of hits: see call.
type finds [mostFinds]uint32

const (
	mostFinds = 4096
	// wide is how many places a kernel may write to behind the last find.
	wide = 16
)

// mostFound is how many may be found before a panel, whose items may all hit.
func (t *tile) mostFound() int { return mostFinds - wide - panelItems*t.n }

// never is an x that no sum reaches, and always, negated, one that all do.
const never = 0x1p62

// load puts jobs in the tile, at most tileUsers/digits.
func (t *tile) load(p *packed, jobs []*Job, digits int) {
	t.jobs, t.n, t.digits, t.ended = jobs, tileUsers/digits, digits, false
	if len(jobs) == 1 {
		t.n = 1
	}
	t.groups, t.slack = p.groups, p.slack[digits-1]
	size := p.groups * groupDims * t.n * digits
	t.ints = slices.Grow(t.ints[:0], size)[:size]
	t.y, t.z, t.base, t.unit, t.shift = [lanes]float32{}, [lanes]float32{}, [lanes]int32{}, [lanes]float32{}, [lanes]float32{}
	t.lanes = [tileUsers][lanes]float32{}
	for u := range t.x {
		t.x[u] = never
	}
	if len(jobs) < t.n {
		clear(t.ints)
	}
	for u, j := range jobs {
		v := &j.user[digits-1]
		for k := range p.groups * digits {
			g, d := k/digits, k%digits
			copy(t.ints[groupDims*(g*t.n*digits+u*digits+d):], v.ints[groupDims*k:groupDims*(k+1)])
		}
		t.y[u], t.z[u], t.base[u], t.unit[u] = v.y, v.z, v.base, v.unit
		t.shift[u] = float32(j.Shift * math.Log2E)
	}
	t.users = &t.ints[0]
	t.lookAway()
}

// aim points the call at panels.
func (t *tile) aim(p *packed, first, panels int) {
	t.pars, t.panels, t.head = &p.pars[first], panels, p.head
	t.items, t.tails = &p.heads[first*p.head*groupBytes], &p.tails[first*(p.groups-p.head)*groupBytes]
	t.codes, t.room = &t.finds[0], t.mostFound()
}

// products returns sums(u, i) of a panel.
func (t *tile) products(u int, p *packed, panel int) (sums [panelItems]int32) {
	for d := range t.digits {
		for i := range sums {
			sums[i] <<= 7
		}
		for g := range p.groups {
			q := (*[groupDims]int8)(t.ints[groupDims*((g*t.n+u)*t.digits+d):])
			four := (*[groupBytes]uint8)(p.four(panel, g))
			for i := range sums {
				v := four[groupDims*i : groupDims*(i+1)]
				sums[i] += int32(v[0])*int32(q[0]) + int32(v[1])*int32(q[1]) + int32(v[2])*int32(q[2]) + int32(v[3])*int32(q[3])
			}
		}
	}
	for i := range sums {
		sums[i] -= t.base[u]
	}
	return sums
}

// limitOf is limit.
func (t *tile) limitOf(u int, par *panelPars) int32 {
	l := float32(t.x[u]*par[0]) - float32(t.y[u]*par[1])
	l -= float32(t.z[u] * par[2])
	l -= t.slack
	return int32(math.RoundToEven(float64(min(max(l, -1<<30), 1<<30))))
}

// loop is what the kernels of find compute, and with masks those of sum.
func (t *tile) loop(p *packed, first, panels int, masks []uint32) (done int) {
	t.found = 0
	for k := range panels {
		if t.found > t.mostFound() {
			return k
		}
		par := &p.pars[first+k]
		for u := range t.n {
			sums, limit := t.products(u, p, first+k), t.limitOf(u, par)
			for i, s := range sums {
				if s >= limit {
					t.finds[t.found] = uint32(k*codePanel + u*panelItems + i)
					t.found++
				}
			}
			if masks != nil {
				t.add(u, &sums, masks[k*t.n+u], float32(t.unit[u]*par[3]))
			}
		}
	}
	return panels
}

// add adds the exponentials of a panel up.
func (t *tile) add(u int, sums *[panelItems]int32, mask uint32, scale float32) {
	for i, s := range sums {
		if mask>>i&1 != 0 {
			t.lanes[u][i%lanes] += exp2(float32(float32(s)*scale) - t.shift[u])
		}
	}
}

// storeLoop is what the kernels of store compute.
func (t *tile) storeLoop(p *packed, first, panels int, out []int32) {
	for k := range panels {
		for u := range t.n {
			sums := t.products(u, p, first+k)
			copy(out[(k*t.n+u)*panelItems:], sums[:])
		}
	}
}

// total takes the sum of user u's lanes, and leaves them zero.
func (t *tile) total(u int) float64 {
	sum := 0.0
	for _, x := range t.lanes[u] {
		sum += float64(x)
	}
	t.lanes[u] = [lanes]float32{}
	return sum
}

// lookAt decides whether find looks at the sums of the head before it multiplies the rest: whether they are likely to tell that
// panels from the given one on have no hit. If directions are random, their largest is a few deviations.
func (t *tile) lookAt(p *packed, panel int) {
	deviations := 3.5
	if t.n == 1 {
		deviations = 2
	}
	most := 1 + deviations/math.Sqrt(float64(p.head*groupDims))
	par := &p.pars[panel]
	for u, j := range t.jobs {
		if t.x[u] < never && !(float64(t.limitOf(u, par)) > float64(j.user[0].rest*par[4])*most) {
			t.lookAway()
			return
		}
	}
	t.look, t.round = 1, 1
	for u, j := range t.jobs {
		t.rest[u], t.headBase[u] = j.user[0].rest, j.user[0].headBase
	}
}

// lookAway has find multiply everything.
func (t *tile) lookAway() {
	t.look, t.round, t.rest, t.headBase = 0, 0, [lanes]float32{}, t.base
}
