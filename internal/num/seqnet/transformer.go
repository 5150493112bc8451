package seqnet

import "math"

// A body turns the vectors of a packed batch's events into states, one an event: forward reads w.x and sets
// w.out; backward reads w.dout and sets w.dx. Both have rows of width.
type body interface {
	forward(p []float32, w *work)
	backward(p, g []float32, w *work)
}

// A transformer is a stack of blocks that add to the rows: x += attention(norm(x)), x += down(max(0,
// up(norm(x)))). Rows start with a vector for the place in the sequence. (Vaswani et al., 2017; as a
// recommender: Kang and McAuley, 2018; norms before what they feed: Xiong et al., 2020.)
type transformer struct {
	width, window int
	place         int // window×width
	blocks        []block
	last          norm
}

// A block is one layer.
type block struct {
	first, second norm
	attention
	qkv, mix, up, down linear
}

func newTransformer(l *layout, o *Shape) *transformer {
	t := &transformer{width: o.Width, window: o.Window, place: l.take(o.Window*o.Width, 0, initial)}
	thin := 1 / float32(math.Sqrt(2*float64(o.Layers)))
	for range o.Layers {
		t.blocks = append(t.blocks, block{
			newNorm(l, o.Width), newNorm(l, o.Width), newAttention(l, o.Width, o.Heads, o.Window),
			newLinear(l, o.Width, 3*o.Width, 1), newLinear(l, o.Width, o.Width, thin),
			newLinear(l, o.Width, o.Hidden, 1), newLinear(l, o.Hidden, o.Width, thin),
		})
	}
	t.last = newNorm(l, o.Width)
	return t
}

// A tape is what a block keeps for its backward step.
type tape struct {
	hat1, row1, qkv, probs, read, mask1 []float32
	hat2, row2, inner, mask2            []float32
	scale1, scale2                      []float32
}

func (t *transformer) forward(p []float32, w *work) {
	n, d := w.rows(), t.width
	t.enter(p, w)
	for k, b := range t.blocks {
		b.forward(p, w, w.tapes[k])
	}
	t.last.forward(p, w.x, grow(&w.out, n*d), grow(&w.hat, n*d), grow(&w.scale, n), n)
}

// enter adds the places to w.x.
func (t *transformer) enter(p []float32, w *work) {
	d := t.width
	for s := range w.sequences() {
		a, b := w.start[s], w.start[s+1]
		add(w.x[a*d:b*d], p[t.place:t.place+(b-a)*d])
	}
	w.drop(w.x, &w.mask)
	for len(w.tapes) < len(t.blocks) {
		w.tapes = append(w.tapes, &tape{})
	}
}

func (t *transformer) backward(p, g []float32, w *work) {
	n, d := w.rows(), t.width
	dx := grow(&w.dx, n*d)
	clear(dx)
	t.last.backward(p, g, w.hat, w.scale, w.dout, dx, n)
	for k := len(t.blocks) - 1; k >= 0; k-- {
		t.blocks[k].backward(p, g, w, w.tapes[k])
	}
	w.dropped(dx, w.mask)
	for s := range w.sequences() {
		a, b := w.start[s], w.start[s+1]
		add(g[t.place:t.place+(b-a)*d], dx[a*d:b*d])
	}
}

func (b *block) forward(p []float32, w *work, t *tape) {
	n, d, x := w.rows(), b.width, w.x
	b.first.forward(p, x, grow(&t.row1, n*d), grow(&t.hat1, n*d), grow(&t.scale1, n), n)
	b.qkv.forward(p, t.row1, grow(&t.qkv, n*3*d), n)
	grow(&t.read, n*d)
	grow(&t.probs, b.kept(w))
	probs := t.probs
	for s := range w.sequences() {
		a, n := w.start[s], w.start[s+1]-w.start[s]
		b.attention.forward(p, t.qkv[a*3*d:], t.read[a*d:], probs, n)
		probs = probs[b.probabilities(n):]
	}
	y := grow(&w.spare, n*d)
	b.mix.forward(p, t.read, y, n)
	w.drop(y, &t.mask1)
	add(x, y)
	b.second.forward(p, x, grow(&t.row2, n*d), grow(&t.hat2, n*d), grow(&t.scale2, n), n)
	b.up.forward(p, t.row2, grow(&t.inner, n*b.up.out), n)
	rectify(t.inner)
	b.down.forward(p, t.inner, y, n)
	w.drop(y, &t.mask2)
	add(x, y)
}

// kept is how many probabilities a batch has.
func (b *block) kept(w *work) int {
	total := 0
	for s := range w.sequences() {
		total += b.probabilities(w.start[s+1] - w.start[s])
	}
	return total
}

// backward replaces w.dx, the gradient of the block's output, by that of its input.
func (b *block) backward(p, g []float32, w *work, t *tape) {
	n, d, dx := w.rows(), b.width, w.dx
	y := grow(&w.spare, n*d)
	copy(y, dx)
	w.dropped(y, t.mask2)
	inner := grow(&w.wide, n*max(b.up.out, 3*d))[:n*b.up.out]
	b.down.backward(p, g, t.inner, y, inner, n)
	rectified(t.inner, inner)
	b.up.backward(p, g, t.row2, inner, y, n)
	b.second.backward(p, g, t.hat2, t.scale2, y, dx, n)
	copy(y, dx)
	w.dropped(y, t.mask1)
	read := grow(&w.narrow, n*d)
	b.mix.backward(p, g, t.read, y, read, n)
	dqkv, probs := w.wide[:n*3*d], t.probs
	for s := range w.sequences() {
		a, n := w.start[s], w.start[s+1]-w.start[s]
		b.attention.backward(p, g, t.qkv[a*3*d:], probs, read[a*d:], dqkv[a*3*d:], n, &w.square)
		probs = probs[b.probabilities(n):]
	}
	b.qkv.backward(p, g, t.row1, dqkv, y, n)
	b.first.backward(p, g, t.hat1, t.scale1, y, dx, n)
}
