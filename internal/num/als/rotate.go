package als

import (
	"cmp"
	"context"
	"math"
	"slices"
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
	basis := eigenvectors(gram, s.dim, s.stride)
	err = Spread(ctx, c.Threads, n, 256, func(lo, hi int) {
		y := make([]float64, s.dim)
		for i := lo; i < hi; i++ {
			turn(vectors[i*s.stride:i*s.stride+s.dim], basis, y)
		}
	})
	if err != nil {
		return nil, err
	}
	return s.Prepare(ctx, c.Threads)
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

// turn replaces x by its products with the rows of basis. y is scratch memory.
func turn(x []float32, basis [][]float64, y []float64) {
	clear(y)
	for a, row := range basis {
		var sum float64
		for k, v := range x {
			sum += float64(float64(v) * row[k])
		}
		y[a] = sum
	}
	for a := range x {
		x[a] = float32(y[a])
	}
}

// eigenvectors returns the eigenvectors of a symmetric matrix as rows, those of the largest eigenvalue first,
// each with its largest component positive. (Cyclic Jacobi rotations; Golub and Van Loan, Matrix Computations,
// §8.5.)
func eigenvectors(gram []float32, dim, stride int) [][]float64 {
	m, v := make([][]float64, dim), make([][]float64, dim)
	for a := range dim {
		m[a], v[a] = make([]float64, dim), make([]float64, dim)
		v[a][a] = 1
		for b := range dim {
			m[a][b] = float64(gram[a*stride+b])
		}
	}
	_, largest := offDiagonal(gram, dim, stride)
	for range 30 { // converges quadratically: ten suffice
		if !sweep(m, v, 1e-12*largest) { // far below the rounding of gram
			break
		}
	}
	order := make([]int, dim)
	for a := range order {
		order[a] = a
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(m[b][b], m[a][a]), cmp.Compare(a, b)) })
	rows := make([][]float64, dim)
	for a, o := range order {
		rows[a] = v[o]
		if most := slices.MaxFunc(v[o], func(x, y float64) int { return cmp.Compare(math.Abs(x), math.Abs(y)) }); most < 0 {
			for k := range v[o] {
				v[o][k] = -v[o][k]
			}
		}
	}
	return rows
}

// sweep zeroes once every pair of entries off the diagonal of m that is larger than small, and turns the rows
// of v along. It reports whether there was anything to do.
func sweep(m, v [][]float64, small float64) (did bool) {
	for a := range m {
		for b := a + 1; b < len(m); b++ {
			g := m[a][b]
			if math.Abs(g) <= small {
				continue
			}
			did = true
			theta := (m[b][b] - m[a][a]) / (2 * g)
			t := 1 / (math.Abs(theta) + math.Sqrt(float64(theta*theta)+1))
			if theta < 0 {
				t = -t
			}
			cos := 1 / math.Sqrt(float64(t*t)+1)
			sin := t * cos
			rotate(m[a], m[b], cos, sin)
			for k := range m {
				x, y := m[k][a], m[k][b]
				m[k][a], m[k][b] = float64(cos*x)-float64(sin*y), float64(sin*x)+float64(cos*y)
			}
			rotate(v[a], v[b], cos, sin)
		}
	}
	return did
}

func rotate(x, y []float64, cos, sin float64) {
	for k := range x {
		p, q := x[k], y[k]
		x[k], y[k] = float64(cos*p)-float64(sin*q), float64(sin*p)+float64(cos*q)
	}
}
