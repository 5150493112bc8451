package seqnet

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// A Model is a trained network. It may be used by several goroutines.
type Model struct {
	shape   Shape
	n       int // items
	params  []float32
	vectors []float32 // n×Width
	layout  layout
	body    body
	idle    *sync.Pool // of *work
}

func newModel(n int, shape Shape) *Model {
	m := &Model{shape: shape, n: n, idle: &sync.Pool{New: func() any { return &work{} }}}
	if shape.Kind == Recurrent {
		m.body = newRecurrent(&m.layout, &m.shape)
	} else {
		m.body = newTransformer(&m.layout, &m.shape)
	}
	m.params, m.vectors = make([]float32, m.layout.size), make([]float32, n*shape.Width)
	return m
}

// Of puts a model together from what Shape, Params and Vectors gave. The model refers to the slices.
func Of(shape Shape, params, vectors []float32) (*Model, error) {
	if err := shape.fill(); err != nil {
		return nil, err
	}
	m := newModel(0, shape)
	if len(params) != m.layout.size || len(vectors)%shape.Width != 0 {
		return nil, fmt.Errorf("network of %d parameters and vectors of %d numbers, want %d and a multiple of %d",
			len(params), len(vectors), m.layout.size, shape.Width)
	}
	m.n = len(vectors) / shape.Width
	m.params, m.vectors = params, vectors
	return m, m.check()
}

// with returns a model of the same form with other numbers.
func (m *Model) with(params, vectors []float32) *Model {
	c := *m
	c.params, c.vectors = params, vectors
	return &c
}

func (m *Model) clone() *Model {
	if m == nil {
		return nil
	}
	return m.with(slices.Clone(m.params), slices.Clone(m.vectors))
}

// check refuses a model with numbers that are not finite.
func (m *Model) check() error {
	for _, a := range [][]float32{m.params, m.vectors} {
		for _, v := range a {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("a number of the network is %v", v)
			}
		}
	}
	return nil
}

// Shape says what the network looks like. Width is the length of states and of items' vectors, Window how
// many of the newest events a state depends on.
func (m *Model) Shape() Shape { return m.shape }

// Params are the numbers of the network, all but the items' vectors. The caller must not write to them.
func (m *Model) Params() []float32 { return m.params }

// Items is how many items there are.
func (m *Model) Items() int { return m.n }

// Vectors are the items' vectors, Width numbers each: an item's logit is its vector times the state. The
// caller must not write to them.
func (m *Model) Vectors() []float32 { return m.vectors }

func (m *Model) vector(i int32) []float32 {
	return m.vectors[int(i)*m.shape.Width : (int(i)+1)*m.shape.Width]
}

// read sets w.x to the vectors of the events, enlarged to a length of some size.
func (m *Model) read(w *work) {
	d := m.shape.Width
	x, by := grow(&w.x, w.rows()*d), m.enlarge()
	for r, i := range w.item {
		for c, v := range m.vector(i) {
			x[r*d+c] = v * by
		}
	}
}

// unread is read's backward step; row gives where an item's gradient is summed.
func (m *Model) unread(w *work, row func(i int32) []float32) {
	d, by := m.shape.Width, m.enlarge()
	for r, i := range w.item {
		f32.Axpy(by, w.dx[r*d:(r+1)*d], row(i))
	}
}

func (m *Model) enlarge() float32 { return float32(math.Sqrt(float64(m.shape.Width))) }

// Encode sets out to the state after a history, oldest first. It is 0 for an empty one.
func (m *Model) Encode(history []int32, out []float32) { m.EncodeAll([][]int32{history}, out) }

// EncodeAll is Encode for several histories, whose states are put end to end. Several at once are faster; they
// take some 100·Width bytes an event and layer.
func (m *Model) EncodeAll(histories [][]int32, out []float32) {
	d := m.shape.Width
	w := m.idle.Get().(*work)
	defer m.idle.Put(w)
	w.reset()
	for k, h := range histories {
		h = h[max(0, len(h)-m.shape.Window):]
		clear(out[k*d : (k+1)*d])
		w.push(h)
	}
	if w.rows() == 0 {
		return
	}
	m.read(w)
	e, short := m.body.(encoder)
	if short {
		e.encode(m.params, w)
	} else {
		m.body.forward(m.params, w)
	}
	row := 0
	for k := range histories {
		a, b := w.start[k], w.start[k+1]
		if a == b {
			continue
		}
		if !short {
			row = b - 1
		}
		copy(out[k*d:(k+1)*d], w.out[row*d:(row+1)*d])
		row++
	}
}

// encodeAtOnce is how many histories are encoded together.
const encodeAtOnce = 16

// scales are what Surprise tries to multiply logits with.
var scales = [...]float32{1, 0.85, 0.7, 0.55, 0.4, 0.25}

// Surprise is the mean of −log P(next) over tests, the softmax being over all items and of logits made smaller by
// the factor that serves the tests best. A network that has learned its sequences by heart is too sure of all it
// says before it is worse at telling what is likelier, and whoever weighs it can take its sureness away.
func (m *Model) Surprise(ctx context.Context, tests []Test, threads int) (float64, error) {
	d := m.shape.Width
	parts := make([][len(scales)]float64, (len(tests)+encodeAtOnce-1)/encodeAtOnce)
	err := als.Spread(ctx, threads, len(tests), encodeAtOnce, func(lo, hi int) {
		states, logits, spare := make([]float32, (hi-lo)*d), make([]float32, (hi-lo)*m.n), make([]float32, m.n)
		var histories [][]int32
		for _, t := range tests[lo:hi] {
			histories = append(histories, t.History)
		}
		m.EncodeAll(histories, states)
		gemm.Mul(false, true, hi-lo, m.n, d, 1, states, d, m.vectors, d, 0, logits, m.n)
		for k, t := range tests[lo:hi] {
			x := logits[k*m.n : (k+1)*m.n]
			for s, by := range scales {
				copy(spare, x)
				f32.Scale(by, spare)
				top, sum := softmax(spare)
				parts[lo/encodeAtOnce][s] += math.Log(float64(sum)) + float64(top-by*x[t.Next])
			}
		}
	})
	best := math.Inf(1)
	for s := range scales {
		var total float64
		for _, p := range parts {
			total += p[s]
		}
		if mean := total / float64(len(tests)); mean < best {
			best = mean
		}
	}
	return best, err
}
