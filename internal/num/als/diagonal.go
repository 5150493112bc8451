package als

import "github.com/kindredrec/kindred/internal/num/f32"

// solveDiagonal is Solve for a diagonal Gram matrix, preconditioned with it.
//
// The matrix is then a diagonal and a term per column, and the diagonal is known to invert: what is left to
// conjugate gradients is what the row's own columns add. A few steps do where Solve takes fifteen, each without
// the dim² multiplications.
func (s *Solver) solveDiagonal(w *Workspace, cols []int32, weights []float32, lambda float32, steps int, x []float32) {
	r, p, ap := w.r, w.p, w.ap
	clear(r)
	for a, g := range s.diagonal {
		w.shared[a] = g + lambda
		w.inverse[a] = 1 / w.shared[a]
		r[a] = -float32(w.shared[a] * x[a])
	}
	for k, c := range cols {
		y := s.column(c)
		f32.Axpy(weights[k]*(1-f32.Dot(x, y)), y, r)
	}
	multiply(w.inverse, r, w.z)
	copy(p, w.z)
	rz := f32.Dot(r, w.z)
	stop := rz * enough
	for range steps {
		if rz <= stop || rz < 1e-20 {
			return
		}
		multiply(w.shared, p, ap)
		for k, c := range cols {
			y := s.column(c)
			f32.Axpy(weights[k]*f32.Dot(p, y), y, ap)
		}
		a := rz / f32.Dot(p, ap)
		f32.Axpy(a, p, x)
		f32.Axpy(-a, ap, r)
		multiply(w.inverse, r, w.z)
		next := f32.Dot(r, w.z)
		f32.Xpay(w.z, next/rz, p)
		rz = next
	}
}

// multiply sets z[k] = x[k]*y[k].
func multiply(x, y, z []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for k := range z {
		z[k] = x[k] * y[k]
	}
}
