package seqnet

import (
	"cmp"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/gemm"
)

// A recurrent is a stack of gated recurrent units, whose last state is brought to the width of the items'
// vectors. (Cho et al., 2014; as a recommender: Hidasi, Karatzoglou, Baltrunas and Tikk, 2016.)
type recurrent struct {
	width int
	cells []cell
	out   linear
	last  norm
}

// A cell is one layer: with x the input and h the state before,
//
//	r = σ(x·W₁ + h·U₁)   z = σ(x·W₂ + h·U₂)   c = tanh(x·W₃ + r·(h·U₃))   h ← z·h + (1−z)·c
//
// the W and U side by side, biases with the W.
type cell struct {
	in  linear // to 3·hidden
	n   int    // hidden
	own int    // U, hidden×3·hidden
}

func newRecurrent(l *layout, s *Shape) *recurrent {
	r := &recurrent{width: s.Width}
	in := s.Width
	for range s.Layers {
		r.cells = append(r.cells, cell{newLinear(l, in, 3*s.Hidden, 1), s.Hidden,
			l.take(3*s.Hidden*s.Hidden, 0, 1/float32(math.Sqrt(float64(s.Hidden))))})
		in = s.Hidden
	}
	r.out, r.last = newLinear(l, in, s.Width, 1), newNorm(l, s.Width)
	return r
}

// A cellTape is what a cell keeps for its backward step, rows in the order of the batch.
type cellTape struct {
	x, gates    []float32 // input; r, z and c side by side
	kept        []float32 // h·U₃
	before, out []float32 // states
	mask        []float32
}

// A march is the order in which recurrent steps go through a batch: sequences from long to short, so that those
// that have a t-th event come first.
type march struct {
	order  []int
	active []int // by t: how many sequences have a t-th event
}

func (m *march) set(w *work) {
	m.order, m.active = m.order[:0], m.active[:0]
	for s := range w.sequences() {
		m.order = append(m.order, s)
	}
	n := func(s int) int { return w.start[s+1] - w.start[s] }
	slices.SortFunc(m.order, func(a, b int) int { return cmp.Or(cmp.Compare(n(b), n(a)), cmp.Compare(a, b)) })
	for k := len(m.order) - 1; k >= 0; k-- {
		for len(m.active) < n(m.order[k]) {
			m.active = append(m.active, k+1)
		}
	}
}

func (r *recurrent) forward(p []float32, w *work) {
	n := w.rows()
	w.march.set(w)
	for len(w.cells) < len(r.cells) {
		w.cells = append(w.cells, &cellTape{})
	}
	x := w.x
	for k, c := range r.cells {
		t := w.cells[k]
		copy(grow(&t.x, len(x)), x)
		w.drop(t.x, &t.mask)
		c.forward(p, w, t)
		x = t.out
	}
	y := grow(&w.spare, n*r.width)
	r.out.forward(p, x, y, n)
	r.last.forward(p, y, grow(&w.out, n*r.width), grow(&w.hat, n*r.width), grow(&w.scale, n), n)
}

func (r *recurrent) backward(p, g []float32, w *work) {
	n := w.rows()
	y := grow(&w.spare, n*r.width)
	clear(y)
	r.last.backward(p, g, w.hat, w.scale, w.dout, y, n)
	top := r.cells[len(r.cells)-1]
	dx := grow(&w.narrow, n*top.n)
	r.out.backward(p, g, w.cells[len(r.cells)-1].out, y, dx, n)
	for k := len(r.cells) - 1; k >= 0; k-- {
		c := r.cells[k]
		to := &w.narrow
		if k == 0 {
			to = &w.dx
		}
		c.backward(p, g, w, w.cells[k], dx, to)
		dx = *to
		w.dropped(dx, w.cells[k].mask)
	}
}

func (c *cell) forward(p []float32, w *work, t *cellTape) {
	n, h := w.rows(), c.n
	c.in.forward(p, t.x, grow(&t.gates, n*3*h), n)
	grow(&t.kept, n*h)
	grow(&t.before, n*h)
	grow(&t.out, n*h)
	state, own := grow(&w.state, w.sequences()*h), grow(&w.wide, w.sequences()*3*h)
	clear(state)
	for at, m := range w.march.active {
		gemm.Mul(false, false, m, 3*h, h, 1, state, h, p[c.own:], 3*h, 0, own, 3*h)
		for j, s := range w.march.order[:m] {
			row := w.start[s] + at
			copy(t.before[row*h:(row+1)*h], state[j*h:(j+1)*h])
			c.step(t, row, own[j*3*h:(j+1)*3*h], state[j*h:(j+1)*h])
		}
	}
}

// step moves one state by one event; own is state·U.
func (c *cell) step(t *cellTape, row int, own, state []float32) {
	h := c.n
	gates, kept := t.gates[row*3*h:(row+1)*3*h], t.kept[row*h:(row+1)*h]
	for k := range state {
		r, z := sigmoid(gates[k]+own[k]), sigmoid(gates[h+k]+own[h+k])
		u := own[2*h+k]
		v := float32(math.Tanh(float64(gates[2*h+k] + float32(r*u))))
		gates[k], gates[h+k], gates[2*h+k], kept[k] = r, z, v, u
		state[k] = v + float32(z*(state[k]-v))
	}
	copy(t.out[row*h:(row+1)*h], state)
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// backward sets dx to the gradient of the input from dout, that of the output, which may be the same memory.
func (c *cell) backward(p, g []float32, w *work, t *cellTape, dout []float32, dx *[]float32) {
	n, h := w.rows(), c.n
	own, in := grow(&w.wide, n*3*h), grow(&w.square, n*3*h) // gradients of h·U and of x·W
	ds, step := grow(&w.state, w.sequences()*h), grow(&w.step, w.sequences()*3*h)
	clear(ds)
	for at := len(w.march.active) - 1; at >= 0; at-- {
		m := w.march.active[at]
		for j, s := range w.march.order[:m] {
			row := w.start[s] + at
			c.slope(t, row, dout, ds[j*h:(j+1)*h], own[row*3*h:(row+1)*3*h], in[row*3*h:(row+1)*3*h])
			copy(step[j*3*h:(j+1)*3*h], own[row*3*h:(row+1)*3*h])
		}
		gemm.Mul(false, true, m, h, 3*h, 1, step, 3*h, p[c.own:], 3*h, 1, ds, h)
	}
	gemm.Mul(true, false, h, 3*h, n, 1, t.before, h, own, 3*h, 1, g[c.own:], 3*h)
	c.in.backward(p, g, t.x, in, grow(dx, n*c.in.in), n)
}

// slope takes the gradient ds of one state to that of the state before, but for what goes through own, whose gradient it
// sets with that of in.
func (c *cell) slope(t *cellTape, row int, dout, ds, own, in []float32) {
	h := c.n
	gates, kept := t.gates[row*3*h:(row+1)*3*h], t.kept[row*h:(row+1)*h]
	before, dout := t.before[row*h:(row+1)*h], dout[row*h:(row+1)*h]
	for k := range ds {
		r, z, v := gates[k], gates[h+k], gates[2*h+k]
		d := ds[k] + dout[k]
		dv := float32(float32(d*(1-z)) * (1 - float32(v*v)))
		in[2*h+k] = dv
		own[2*h+k] = float32(dv * r)
		in[h+k] = float32(float32(d*(before[k]-v)) * float32(z*(1-z)))
		in[k] = float32(float32(dv*kept[k]) * float32(r*(1-r)))
		own[h+k], own[k] = in[h+k], in[k]
		ds[k] = float32(d * z)
	}
}
