package als

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/gemm"
)

// Rotate turns n vectors into the basis in which their Gram matrix is diagonal, largest entry first, and
// returns that matrix as Prepare does. Inner products of vectors stay what they are, up to rounding.
//
// In this basis a step of Solve takes dim multiplications for all columns together instead of dim².
func Rotate(ctx context.Context, vectors []float32, n int, c Config) ([]float32, error) {
	s := NewSolver(vectors, n, c)
	gram, err := s.Prepare(ctx, c.Threads)
	if err != nil {
		return nil, err
	}
	basis, _ := eigenvectors(gram, s.dim, s.stride)
	if err := turn(ctx, c.Threads, vectors, n, s.dim, s.stride, basis); err != nil {
		return nil, err
	}
	return s.Prepare(ctx, c.Threads)
}

// align turns the solver's vectors as Rotate does, and n others with them, and returns the diagonal that the Gram
// matrix then has.
func (s *Solver) align(ctx context.Context, others []float32, n int) ([]float32, error) {
	diagonal := ones(s.stride)
	if s.c.Unobserved == 0 {
		clear(diagonal[:s.dim])
		return diagonal, nil
	}
	if err := s.gather(ctx, s.c.Threads); err != nil {
		return nil, err
	}
	basis, values := eigenvectors(s.gram, s.dim, s.stride)
	for a, v := range values {
		diagonal[a] = float32(max(0, v))
	}
	if err := turn(ctx, s.c.Threads, s.fixed, s.n, s.dim, s.stride, basis); err != nil {
		return nil, err
	}
	return diagonal, turn(ctx, s.c.Threads, others, n, s.dim, s.stride, basis)
}

// turn replaces each of n vectors by its products with the rows of basis.
func turn(ctx context.Context, threads int, vectors []float32, n, dim, stride int, basis [][]float64) error {
	columns := make([]float32, dim*stride)
	for a, row := range basis {
		for k, v := range row {
			columns[k*stride+a] = float32(v)
		}
	}
	return Spread(ctx, threads, n, 256, func(lo, hi int) {
		x := vectors[lo*stride : hi*stride]
		y := make([]float32, len(x))
		gemm.Mul(false, false, hi-lo, dim, dim, 1, x, stride, columns, stride, 0, y, stride)
		copy(x, y)
	})
}

// offDiagonal returns the size of the largest entry off the diagonal of gram, and of the largest on it.
func offDiagonal(gram []float32, dim, stride int) (off, on float64) {
	for a := range dim {
		for b := range dim {
			if x := math.Abs(float64(gram[a*stride+b])); a == b {
				on = max(on, x)
			} else {
				off = max(off, x)
			}
		}
	}
	return off, on
}

// straighten zeroes the entries off the diagonal if all of them are rounding errors: less than a millionth
// of the largest entry on it.
func straighten(gram []float32, dim, stride int) {
	if off, on := offDiagonal(gram, dim, stride); off > 1e-6*on {
		return
	}
	for a := range dim {
		for b := range dim {
			if a != b {
				gram[a*stride+b] = 0
			}
		}
	}
}
