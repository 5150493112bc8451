package seqnet

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// An encoder is a body that can do with less where only the state after a sequence's last event is asked for: it
// sets w.out to a row for each sequence that is not empty.
type encoder interface {
	encode(p []float32, w *work)
}

// encode leaves out what the last block would compute for all events but the last.
func (t *transformer) encode(p []float32, w *work) {
	t.enter(p, w)
	final := len(t.blocks) - 1
	for k, b := range t.blocks[:final] {
		b.forward(p, w, w.tapes[k])
	}
	n := t.blocks[final].encode(p, w, w.tapes[final])
	t.last.forward(p, w.ends, grow(&w.out, n*t.width), grow(&w.hat, n*t.width), grow(&w.scale, n), n)
}

// encode sets w.ends to the rows that forward would leave in w.x for the last events, and returns how many.
func (b *block) encode(p []float32, w *work, t *tape) int {
	d, rows := b.width, w.rows()
	b.first.forward(p, w.x, grow(&t.row1, rows*d), grow(&t.hat1, rows*d), grow(&t.scale1, rows), rows)
	grow(&w.ends, w.sequences()*d)
	query := grow(&w.narrow, w.sequences()*d)
	n := 0
	for s := range w.sequences() {
		if r := w.start[s+1]; r > w.start[s] {
			copy(w.ends[n*d:(n+1)*d], w.x[(r-1)*d:r*d])
			copy(query[n*d:(n+1)*d], t.row1[(r-1)*d:r*d])
			n++
		}
	}
	w.ends = w.ends[:n*d]
	q := b.qkv.columns(p, query, grow(&t.hat2, n*d), 0, d, n)
	kv := b.qkv.columns(p, t.row1, grow(&t.qkv, rows*2*d), d, 3*d, rows)
	read := grow(&t.read, n*d)
	n = 0
	for s := range w.sequences() {
		if from, to := w.start[s], w.start[s+1]; to > from {
			b.attention.last(p, q[n*d:(n+1)*d], kv[from*2*d:to*2*d], read[n*d:(n+1)*d], grow(&w.square, to-from))
			n++
		}
	}
	y := grow(&w.spare, n*d)
	b.mix.forward(p, read, y, n)
	add(w.ends, y)
	b.second.forward(p, w.ends, grow(&t.row2, n*d), grow(&t.hat2, n*d), grow(&t.scale2, n), n)
	b.up.forward(p, t.row2, grow(&t.inner, n*b.up.out), n)
	rectify(t.inner)
	b.down.forward(p, t.inner, y, n)
	add(w.ends, y)
	return n
}

// columns sets y to the columns from..to-1 of what forward gives.
func (l linear) columns(p, x, y []float32, from, to, rows int) []float32 {
	n := to - from
	for r := range rows {
		copy(y[r*n:(r+1)*n], p[l.b+from:l.b+to])
	}
	gemm.Mul(false, false, rows, n, l.in, 1, x, l.in, p[l.w+from:], l.out, 1, y, n)
	return y
}

// last sets out to what the last event reads: q is its row, kv the rows k and v of all, side by side.
func (a attention) last(p, q, kv, out, scores []float32) {
	w, e, n := a.width, a.width/a.heads, len(scores)
	by := 1 / float32(math.Sqrt(float64(e)))
	clear(out)
	for h := range a.heads {
		near := p[a.near+h*a.window : a.near+(h+1)*a.window]
		for j := range n {
			k := kv[j*2*w+h*e : j*2*w+(h+1)*e]
			scores[j] = float32(by*f32.Dot(q[h*e:(h+1)*e], k)) + near[n-1-j]
		}
		softmax(scores)
		for j, s := range scores {
			f32.Axpy(s, kv[j*2*w+w+h*e:j*2*w+w+(h+1)*e], out[h*e:(h+1)*e])
		}
	}
}
