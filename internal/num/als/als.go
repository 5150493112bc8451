// Package als factorises a sparse matrix of implicit feedback by alternating least squares.
//
// It finds a vector x for each row and y for each column that make the loss
//
//	sum over known (r,c) of w(r,c)·(x·y − 1)²  +  Unobserved · sum over all (r,c) of (x·y)²
//	  + sum over rows of λ(r)·|x|²  +  the same over columns
//
// small, where λ(r) = Regularization · (weight of the row + Unobserved · number of columns)^Exponent.
// (Hu, Koren and Volinsky, 2008, in the form of Rendle, Krichene, Zhang and Koren, 2022.)
package als

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// A Sparse is a matrix of known weights by rows; row r is Col[Start[r]:Start[r+1]].
type Sparse struct {
	Rows, Cols int
	Start      []int64
	Col        []int32
	Weight     []float32
}

// Row returns the columns and weights of row r.
func (s *Sparse) Row(r int) ([]int32, []float32) {
	a, b := s.Start[r], s.Start[r+1]
	return s.Col[a:b], s.Weight[a:b]
}

// Transpose returns the matrix by columns; entries of a column are in order of row.
func (s *Sparse) Transpose() *Sparse {
	t := &Sparse{Rows: s.Cols, Cols: s.Rows, Start: make([]int64, s.Cols+1),
		Col: make([]int32, len(s.Col)), Weight: make([]float32, len(s.Col))}
	for _, c := range s.Col {
		t.Start[c+1]++
	}
	for c := range s.Cols {
		t.Start[c+1] += t.Start[c]
	}
	next := append([]int64(nil), t.Start[:s.Cols]...)
	for r := range s.Rows {
		cols, weights := s.Row(r)
		for k, c := range cols {
			t.Col[next[c]], t.Weight[next[c]] = int32(r), weights[k]
			next[c]++
		}
	}
	return t
}

// A Config says how to fit.
type Config struct {
	Dim            int     // length of a vector
	Unobserved     float64 // weight of every pair, known or not
	Regularization float64
	Exponent       float64 // 0: the same for every row; 1: in proportion to the row's weight
	Sweeps         int     // times both sides are solved
	Steps          int     // conjugate gradient steps per row and sweep
	Seed           uint64
	Threads        int // the result does not depend on it
	Progress       func(done, total int)
	Halves         int                                // half sweeps that the factors have had already
	Checkpoint     func(halves int, f *Factors) error // told of each half sweep, nil for nobody
}

// Stride is the distance between vectors of dim in memory: dim rounded up to a multiple of 16, the
// rest zero, so that kernels have no tail.
func Stride(dim int) int { return (dim + 15) &^ 15 }

// Factors are the vectors of both sides, Stride apart.
type Factors struct{ Rows, Cols []float32 }

// Start returns zero rows and random columns, the state before the first sweep.
func Start(m *Sparse, c Config) *Factors {
	stride := Stride(c.Dim)
	return &Factors{make([]float32, m.Rows*stride), random(m.Cols, c.Dim, stride, c.Seed)}
}

// Fit improves f by c.Sweeps sweeps over m. It needs memory for the transpose of m and for 64 Gram
// matrices beside f. With the factors that Checkpoint was shown, and with Halves, it goes on as if nothing had
// been between, to the bit. An error of Checkpoint ends it.
func Fit(ctx context.Context, m *Sparse, c Config, f *Factors) error {
	t := m.Transpose()
	sides := [2]side{{m, c.penalties(m), f.Rows, f.Cols}, {t, c.penalties(t), f.Cols, f.Rows}}
	for half := c.Halves; half < 2*c.Sweeps; half++ {
		if err := sides[half%2].solve(ctx, c); err != nil {
			return err
		}
		if c.Checkpoint != nil {
			if err := c.Checkpoint(half+1, f); err != nil {
				return err
			}
		}
		if c.Progress != nil && half%2 == 1 {
			c.Progress(half/2+1, c.Sweeps)
		}
	}
	return nil
}

// A side is what is solved in half a sweep: a vector x for each row of m, given those of its columns.
type side struct {
	m         *Sparse
	penalties []float32 // by row
	x, fixed  []float32
}

// solve first turns the vectors of both sides, which changes no product of them, so that the matrix that rows
// share is diagonal.
func (h *side) solve(ctx context.Context, c Config) error {
	s := NewSolver(h.fixed, h.m.Cols, c)
	diagonal, err := s.align(ctx, h.x, h.m.Rows)
	if err != nil {
		return err
	}
	s.diagonal = diagonal
	return Spread(ctx, c.Threads, h.m.Rows, 64, func(lo, hi int) {
		w := s.Workspace()
		for r := lo; r < hi; r++ {
			cols, weights := h.m.Row(r)
			if next := r + 1; next < hi {
				soon, _ := h.m.Row(next)
				prefetch(h.fixed, s.stride, soon[:min(len(soon), ahead)])
			}
			s.solveDiagonal(w, cols, weights, h.penalties[r], c.Steps, h.x[r*s.stride:(r+1)*s.stride])
		}
	})
}

// random returns n vectors of about unit length.
func random(n, dim, stride int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	v := make([]float32, n*stride)
	scale := 1 / math.Sqrt(float64(dim))
	for i := range n {
		for k := range dim {
			v[i*stride+k] = float32(r.NormFloat64() * scale)
		}
	}
	return v
}

// A Solver finds the vector of a row given the vectors of the columns. It is read-only once made.
type Solver struct {
	n, dim, stride int
	fixed          []float32
	gram           []float32 // Unobserved × sum of y·yᵀ, stride × stride
	diagonal       []float32 // of gram if it has nothing else, or nil; ones behind dim
	c              Config
}

// NewSolver returns a solver against n column vectors. It does nothing until it has its Gram matrix,
// by Prepare or WithGram.
func NewSolver(fixed []float32, n int, c Config) *Solver {
	return &Solver{n: n, dim: c.Dim, stride: Stride(c.Dim), fixed: fixed, c: c}
}

// Prepare computes the Gram matrix and returns it; keep it to make the same solver again. A matrix that is
// diagonal up to rounding, as after Rotate, is made so.
func (s *Solver) Prepare(ctx context.Context, threads int) ([]float32, error) {
	if err := s.gather(ctx, threads); err != nil {
		return nil, err
	}
	straighten(s.gram, s.dim, s.stride)
	return s.WithGram(s.gram).gram, nil
}

// Stride is the length of the vectors that Solve fills.
func (s *Solver) Stride() int { return s.stride }

// WithGram gives the solver what Prepare returned.
func (s *Solver) WithGram(gram []float32) *Solver {
	s.gram, s.diagonal = gram, nil
	if largest, _ := offDiagonal(gram, s.dim, s.stride); largest == 0 {
		s.diagonal = ones(s.stride)
		for a := range s.dim {
			s.diagonal[a] = gram[a*s.stride+a]
		}
	}
	return s
}

// gather sums the Gram matrix in 64 parts that do not depend on the number of threads.
//
// Every row shares it, so it is built once per half-sweep and each row's own entries only correct
// it. That turns rows × columns × dim² into known × dim. (Hu, Koren and Volinsky, 2008.)
func (s *Solver) gather(ctx context.Context, threads int) error {
	const parts = 64
	size := (s.n + parts - 1) / parts
	sums := make([][]float32, parts)
	err := Spread(ctx, threads, parts, 1, func(p, _ int) {
		g := make([]float32, s.dim*s.stride)
		if lo, hi := p*size, min((p+1)*size, s.n); lo < hi {
			gemm.Gram(1, true, s.dim, hi-lo, 1, s.fixed[lo*s.stride:], s.stride, 0, g, s.stride)
		}
		sums[p] = g
	})
	if err != nil {
		return err
	}
	s.gram = make([]float32, s.dim*s.stride)
	for _, g := range sums {
		f32.Axpy(float32(s.c.Unobserved), g, s.gram)
	}
	for a := range s.dim {
		for b := range a {
			s.gram[b*s.stride+a] = s.gram[a*s.stride+b]
		}
	}
	return nil
}

// enough is the square of the residual's share at which a solution is as good as it gets in float32.
const enough = 1e-10

// A Workspace is the scratch memory of one goroutine.
type Workspace struct{ r, p, ap, shared, inverse []float32 }

// Workspace returns new scratch memory.
func (s *Solver) Workspace() *Workspace {
	all := make([]float32, 5*s.stride)
	part := func(k int) []float32 { return all[k*s.stride : (k+1)*s.stride : (k+1)*s.stride] }
	return &Workspace{part(0), part(1), part(2), part(3), part(4)}
}

// Solve improves x, a vector of Stride, by steps of conjugate gradients towards
//
//	(Gram + Σ w·y·yᵀ + λ) x = Σ w·y
//
// over the given columns. Start with zeros or with an earlier solution. It stops early where the residual is
// a hundred-thousandth of what it was.
func (s *Solver) Solve(w *Workspace, cols []int32, weights []float32, steps int, x []float32) {
	for _, c := range cols {
		if uint(c) >= uint(s.n) {
			panic(fmt.Sprintf("als: column %d of %d", c, s.n))
		}
	}
	lambda := s.c.penalty(weights, s.n)
	if s.diagonal != nil {
		s.solveDiagonal(w, cols, weights, lambda, steps, x)
		return
	}
	r, p, ap := w.r, w.p, w.ap
	clear(r)
	for k, c := range cols {
		y := s.column(c)
		f32.Axpy(weights[k]*(1-f32.Dot(x, y)), y, r)
	}
	s.subtractShared(x, lambda, r)
	copy(p, r)
	rr := f32.Dot(r, r)
	stop := rr * enough
	for range steps {
		if rr <= stop || rr < 1e-20 {
			return
		}
		clear(ap)
		s.subtractShared(p, lambda, ap)
		for k, c := range cols {
			y := s.column(c)
			f32.Axpy(-weights[k]*f32.Dot(p, y), y, ap)
		}
		a := -rr / f32.Dot(p, ap)
		f32.Axpy(a, p, x)
		f32.Axpy(a, ap, r)
		next := f32.Dot(r, r)
		f32.Xpay(r, next/rr, p)
		rr = next
	}
}

// subtractShared takes (Gram + λ)·x from r.
func (s *Solver) subtractShared(x []float32, lambda float32, r []float32) {
	for a := range s.dim {
		r[a] -= f32.Dot(s.gram[a*s.stride:(a+1)*s.stride], x) + float32(lambda*x[a])
	}
}

func (s *Solver) column(c int32) []float32 {
	return s.fixed[int(c)*s.stride : (int(c)+1)*s.stride]
}

// penalty is the regularisation of a row with these weights and so many columns.
func (c Config) penalty(weights []float32, columns int) float32 {
	sum := c.Unobserved * float64(columns)
	for _, w := range weights {
		sum += float64(w)
	}
	return float32(c.Regularization * math.Pow(sum, c.Exponent))
}

// penalties returns the penalty of every row of m.
func (c Config) penalties(m *Sparse) []float32 {
	p := make([]float32, m.Rows)
	for r := range p {
		_, weights := m.Row(r)
		p[r] = c.penalty(weights, m.Cols)
	}
	return p
}
