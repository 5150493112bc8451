package semantic

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
)

// rounds is how often the basis is turned towards the directions in which texts differ most. The error of a random
// start shrinks with every one by the square of a ratio of singular values.
const rounds = 3

// reduce returns a basis of the dim greatest right singular vectors of m, approximately: a row for each of m's columns,
// stride apart. It is nil with no more columns than dim, where there is nothing to reduce. (Randomised subspace iteration: Halko,
// Martinsson and Tropp, 2011.)
//
// The result does not depend on the number of threads: every row of every product is the work of one.
func reduce(ctx context.Context, t recipe.Training, m *matrix, dim, stride int) ([]float32, error) {
	if m.cols <= dim {
		return nil, nil
	}
	rows := make([]float32, (len(m.start)-1)*stride)
	back := m.transpose()
	basis := make([]float32, m.cols*stride)
	for j := range m.cols {
		for k := range dim {
			basis[j*stride+k] = sign(t.Seed, uint64(j*dim+k))
		}
	}
	for r := range rounds {
		if err := m.times(ctx, t.Threads, basis, rows, stride); err != nil {
			return nil, err
		}
		if err := back.times(ctx, t.Threads, rows, basis, stride); err != nil {
			return nil, err
		}
		if err := orthonormalise(ctx, basis, m.cols, dim, stride); err != nil {
			return nil, err
		}
		if t.Progress != nil {
			t.Progress("meaning", r+1, rounds+1)
		}
	}
	return basis, nil
}

// project returns the rows of m in a basis, each to unit length again and stride apart; an empty row stays zero. Without a
// basis the columns are the dimensions.
func (m *matrix) project(ctx context.Context, threads int, basis []float32, dim, stride int) ([]float32, error) {
	n := len(m.start) - 1
	rows := make([]float32, n*stride)
	if basis == nil {
		for i := range n {
			for k := m.start[i]; k < m.start[i+1]; k++ {
				rows[i*stride+int(m.col[k])] = m.value[k]
			}
		}
		return rows, nil
	}
	if err := m.times(ctx, threads, basis, rows, stride); err != nil {
		return nil, err
	}
	for i := range n {
		unit(rows[i*stride : i*stride+dim])
	}
	return rows, nil
}

// sign is 1 or −1, drawn from a seed.
func sign(seed, k uint64) float32 { return float32(int(recipe.Mix(seed, k)>>63)*2 - 1) }

// times sets out, one row for each of m's, to m·x, where x has a row for each column of m. Rows are stride apart.
func (m *matrix) times(ctx context.Context, threads int, x, out []float32, stride int) error {
	return als.Spread(ctx, threads, len(m.start)-1, 64, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y := out[i*stride : (i+1)*stride]
			clear(y)
			for k := m.start[i]; k < m.start[i+1]; k++ {
				j := int(m.col[k]) * stride
				f32.Axpy(m.value[k], x[j:j+stride], y)
			}
		}
	})
}

// transpose turns rows into columns.
func (m *matrix) transpose() *matrix {
	t := &matrix{start: make([]int64, m.cols+1), col: make([]int32, len(m.col)), value: make([]float32, len(m.col)), cols: len(m.start) - 1}
	for _, j := range m.col {
		t.start[j+1]++
	}
	for j := range m.cols {
		t.start[j+1] += t.start[j]
	}
	next := append([]int64(nil), t.start...)
	for i := range t.cols {
		for k := m.start[i]; k < m.start[i+1]; k++ {
			at := next[m.col[k]]
			next[m.col[k]]++
			t.col[at], t.value[at] = int32(i), m.value[k]
		}
	}
	return t
}

// orthonormalise makes the dim columns of x, which has n rows, orthogonal and of unit length, one after the other
// (modified Gram and Schmidt). A column that the others span already becomes zero.
func orthonormalise(ctx context.Context, x []float32, n, dim, stride int) error {
	long := als.Stride(n)
	columns := make([]float32, dim*long)
	turn(n, dim, func(i, k int) { columns[k*long+i] = x[i*stride+k] })
	for k := range dim {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := columns[k*long : (k+1)*long]
		before := f32.Dot(c, c)
		for j := range k {
			other := columns[j*long : (j+1)*long]
			f32.Axpy(-f32.Dot(other, c), other, c)
		}
		if after := f32.Dot(c, c); after <= 1e-10*before { // what rounding leaves
			clear(c)
			continue
		}
		unit(c)
	}
	turn(n, dim, func(i, k int) { x[i*stride+k] = columns[k*long+i] })
	return nil
}

// turn calls do for all i in 0..n-1 and k in 0..m-1, in squares whose rows and columns both stay in the first cache.
func turn(n, m int, do func(i, k int)) {
	const square = 32
	for i := 0; i < n; i += square {
		for k := 0; k < m; k += square {
			for a := i; a < min(n, i+square); a++ {
				for b := k; b < min(m, k+square); b++ {
					do(a, b)
				}
			}
		}
	}
}

// unit scales v to unit length, unless it is zero.
func unit(v []float32) {
	var squares float64
	for _, x := range v {
		squares += float64(x) * float64(x)
	}
	if squares == 0 {
		return
	}
	by := 1 / math.Sqrt(squares)
	for k, x := range v {
		v[k] = float32(float64(x) * by)
	}
}
