package blend

import (
	"context"
	"fmt"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// vectors are the items' of a factorisation of who had what, in which pairs that are not known count a little as zeros
// (iALS: Hu, Koren and Volinsky, 2008; Rendle, Krichene, Zhang and Koren, 2022). Whoever asks gets the vector that tells
// their history best, users that were learned from like strangers.
type vectors struct {
	shape  vectorShape
	row    []float32 // als.Stride(shape.Width) for each item, turned so that gram is diagonal
	gram   []float32 // als.Solver.Prepare's
	matrix *topk.Matrix
	solver *als.Solver
}

// A vectorShape is what a solver has to know.
type vectorShape struct {
	Width      int
	Unobserved float64 // weight of every pair
}

// The sizes of vectors. Sizes of less than vectorLeast say too little to be worth their time.
const (
	vectorMost   = 256
	vectorLeast  = 32
	vectorEach   = 32       // items a number
	vectorCells  = 64 << 20 // numbers for users and items together
	vectorSweeps = 8
	vectorSteps  = 5
	vectorRidge  = 0.01 // of a row's weight, the unknown pairs' included
	vectorZeros  = 5    // weight of all unknown pairs of a user, by the mean of the known ones'
)

// vectorWidth is the length for n items and some users, 0 where there are to be no vectors.
func vectorWidth(n, users int) int {
	width := min(vectorMost, n/vectorEach, vectorCells/max(1, n+users)) / 16 * 16
	if width < vectorLeast {
		return 0
	}
	return width
}

func (s vectorShape) config() als.Config {
	return als.Config{Dim: s.Width, Unobserved: s.Unobserved, Regularization: vectorRidge, Exponent: 1}
}

// trainVectors returns nil where data is too small or too large for vectors. Memory: 256 MB for those of users and items,
// and 24 bytes an event.
func trainVectors(ctx context.Context, s *sequences, seed uint64, threads int) (*vectors, error) {
	d := s.distinct()
	shape := vectorShape{Width: vectorWidth(d.n, d.len())}
	if shape.Width == 0 {
		return nil, nil
	}
	m := &als.Sparse{Rows: d.len(), Cols: d.n, Start: d.start, Col: d.item, Weight: d.weight}
	if m.Weight == nil {
		m.Weight = slices.Repeat([]float32{1}, len(d.item))
	}
	var total float64
	for _, w := range m.Weight {
		total += float64(w)
	}
	shape.Unobserved = vectorZeros * total / (float64(d.len()) * float64(d.n))
	c := shape.config()
	c.Sweeps, c.Steps, c.Seed, c.Threads = vectorSweeps, vectorSteps, seed, threads
	f := als.Start(m, c)
	if err := als.Fit(ctx, m, c, f); err != nil {
		return nil, err
	}
	gram, err := als.Rotate(ctx, f.Cols, d.n, c)
	if err != nil {
		return nil, err
	}
	return newVectors(shape, f.Cols, gram, d.n)
}

func newVectors(shape vectorShape, rows, gram []float32, n int) (*vectors, error) {
	matrix, err := topk.NewMatrix(n, als.Stride(shape.Width), rows, make([]float32, n))
	if err != nil {
		return nil, err
	}
	return &vectors{shape, rows, gram, matrix, als.NewSolver(rows, n, shape.config()).WithGram(gram)}, nil
}

// put writes the arrays of vectors, if there are any:
//
//	vectors.rows  float32, als.Stride(settings.Vectors.Width) for each item
//	vectors.gram  float32, what the vectors of those who ask share
func (v *vectors) put(w *artifact.Writer) error {
	if v == nil {
		return nil
	}
	if err := artifact.Put(w, "vectors.rows", v.row); err != nil {
		return err
	}
	return artifact.Put(w, "vectors.gram", v.gram)
}

func getVectors(f *artifact.File, shape *vectorShape, n int) (*vectors, error) {
	if shape == nil {
		return nil, nil
	}
	rows, err := artifact.Get[float32](f, "vectors.rows")
	if err != nil {
		return nil, err
	}
	gram, err := artifact.Get[float32](f, "vectors.gram")
	if err != nil {
		return nil, err
	}
	if stride := als.Stride(shape.Width); len(rows) != n*stride || len(gram) != shape.Width*stride {
		return nil, fmt.Errorf("the vectors do not fit %d items", n)
	}
	return newVectors(*shape, rows, gram, n)
}

// A teller is scratch memory for what vectors say to some histories: a queue, since several are told together faster than
// each alone.
type teller struct {
	of     *vectors
	work   *als.Workspace
	state  []float32
	cols   []int32
	weight []float32
	queue  []topk.Job
	left   int // of the queue, behind the one that is told
}

func newTeller(v *vectors) *teller {
	return &teller{of: v, work: v.solver.Workspace(), state: make([]float32, v.solver.Stride())}
}

// told is how many items vectors speak for: those with the highest products.
const told = 1000

// expect makes a queue of histories and finds the items with the highest products for each. It fails only when ctx is
// cancelled.
func (t *teller) expect(ctx context.Context, histories ...[]int32) error {
	for len(t.queue) < len(histories) {
		t.queue = append(t.queue, topk.Job{})
	}
	t.queue, t.left = t.queue[:len(histories)], len(histories)
	for k, items := range histories {
		t.solve(items)
		j := &t.queue[k]
		if j.Set(t.state, 0) != nil { // longer than topk.MaxNorm
			clear(t.state)
			j.Set(t.state, 0)
		}
		j.Best.Reset(min(told, t.of.matrix.N))
	}
	return topk.Best(ctx, t.of.matrix, t.queue)
}

// solve sets the state to the vector of a history, for its different items.
func (t *teller) solve(items []int32) {
	t.cols = append(t.cols[:0], items...)
	slices.Sort(t.cols)
	t.cols = slices.Compact(t.cols)
	for len(t.weight) < len(t.cols) {
		t.weight = append(t.weight, 1)
	}
	clear(t.state)
	t.of.solver.Solve(t.work, t.cols, t.weight[:len(t.cols)], vectorSteps, t.state)
}

// next goes on to the next of the queue, and reports false where there is none.
func (t *teller) next() bool {
	if t.left == 0 {
		return false
	}
	t.left--
	return true
}

func (t *teller) job() *topk.Job { return &t.queue[len(t.queue)-1-t.left] }

// loud are the items with the highest products, best first.
func (t *teller) loud() []topk.Key { return t.job().Best.Sorted() }

// product is what the vectors give item i.
func (t *teller) product(i int32) float32 { return t.of.matrix.Score(t.job(), int(i)) }
