package als

import "github.com/kindredrec/kindred/internal/num/f32"

// ahead is how many columns are brought into the cache before they are needed.
const ahead = 16

// solveDiagonal is Solve for a diagonal Gram matrix, preconditioned with it.
//
// The matrix is then a diagonal and a term per column, and the diagonal is known to invert: what is left to
// conjugate gradients is what the row's own columns add. A few steps do where Solve takes fifteen, each without
// the dim² multiplications.
func (s *Solver) solveDiagonal(w *Workspace, cols []int32, weights []float32, lambda float32, steps int, x []float32) {
	if len(cols) == 0 {
		clear(x)
		return
	}
	shift(s.diagonal, lambda, w.shared, w.inverse)
	s.goOver(cols, weights, x, 1, w.shared, w.r)
	multiply(w.inverse, w.r, w.p)
	rz := f32.Dot(w.r, w.p)
	stop := rz * enough
	for range steps {
		if rz <= stop || rz < 1e-20 {
			return
		}
		s.goOver(cols, weights, w.p, 0, w.shared, w.ap)
		rz = step(x, w.r, w.p, w.ap, w.inverse, rz)
	}
}

// goOver is pass, with an eye on what comes next where the columns are many.
func (s *Solver) goOver(cols []int32, weights []float32, v []float32, target float32, diagonal, out []float32) {
	for len(cols) > 2*ahead {
		prefetch(s.fixed, s.stride, cols[ahead:2*ahead])
		pass(s.fixed, cols[:ahead], weights, v, target, diagonal, out)
		cols, weights, diagonal = cols[ahead:], weights[ahead:], nil
	}
	pass(s.fixed, cols, weights, v, target, diagonal, out)
}

// ones returns n of them: where they are a matrix's diagonal they have an inverse.
func ones(n int) []float32 {
	x := make([]float32, n)
	for k := range x {
		x[k] = 1
	}
	return x
}
