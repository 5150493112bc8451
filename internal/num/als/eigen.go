package als

import (
	"cmp"
	"math"
	"slices"
)

// eigenvectors returns the eigenvectors of a symmetric matrix as rows, each with its largest component positive,
// and their eigenvalues, the largest first. It takes about 9·dim³ operations.
//
// Reflections make the matrix tridiagonal, rotations then make that diagonal. (Golub and Van Loan, Matrix
// Computations, §8.3.)
func eigenvectors(gram []float32, dim, stride int) (rows [][]float64, values []float64) {
	a := make([][]float64, dim)
	for i := range a {
		a[i] = make([]float64, dim)
		for j := range a[i] {
			a[i][j] = float64(gram[i*stride+j])
		}
	}
	t := tridiagonal(a)
	t.diagonalize()
	order := make([]int, dim)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(t.diagonal[j], t.diagonal[i]), cmp.Compare(i, j)) })
	for _, o := range order {
		row := t.basis[o]
		if most := slices.MaxFunc(row, func(x, y float64) int { return cmp.Compare(math.Abs(x), math.Abs(y)) }); most < 0 {
			for k := range row {
				row[k] = -row[k]
			}
		}
		rows, values = append(rows, row), append(values, t.diagonal[o])
	}
	return rows, values
}

// A tridiagonalMatrix T has its diagonal and what is beside it; basis·A·basisᵀ = T for the matrix A it comes from.
type tridiagonalMatrix struct {
	diagonal, beside []float64 // beside[i] is T[i+1][i]; the last is 0
	basis            [][]float64
}

// tridiagonal reduces a symmetric a, which it overwrites.
func tridiagonal(a [][]float64) *tridiagonalMatrix {
	n := len(a)
	t := &tridiagonalMatrix{make([]float64, n), make([]float64, n), identity(n)}
	reflections, factors := make([][]float64, n), make([]float64, n)
	w := make([]float64, n)
	var largest float64
	for _, row := range a {
		for _, x := range row {
			largest = max(largest, math.Abs(x))
		}
	}
	for k := range n - 1 {
		v := make([]float64, n-k-1)
		for i := range v {
			v[i] = a[k+1+i][k]
		}
		t.beside[k], factors[k] = reflection(v, largest*0x1p-60)
		reflections[k] = v
		reflectBoth(a, k+1, v, factors[k], w)
	}
	for k := range n {
		t.diagonal[k] = a[k][k]
	}
	for k := n - 2; k >= 0; k-- { // the last reflection is the first to meet the identity, which is still small
		reflectRows(t.basis, k+1, reflections[k], factors[k], w)
	}
	for i := range n { // of the columns of the product, rows
		for j := range i {
			t.basis[i][j], t.basis[j][i] = t.basis[j][i], t.basis[i][j]
		}
	}
	return t
}

func identity(n int) [][]float64 {
	m := make([][]float64, n)
	for i := range m {
		m[i] = make([]float64, n)
		m[i][i] = 1
	}
	return m
}

// reflection replaces v by a vector with which I − factor·v·vᵀ turns the old one into (first, 0, 0, …). What is as
// small as small is taken for zero: what rounding leaves of a singular matrix shrinks from column to column, until its
// square has no inverse.
func reflection(v []float64, small float64) (first, factor float64) {
	var rest float64
	for _, x := range v[1:] {
		rest += float64(x * x)
	}
	if rest <= float64(small*small) {
		return v[0], 0
	}
	first = -math.Copysign(math.Sqrt(float64(v[0]*v[0])+rest), v[0])
	v[0] -= first
	return first, 2 / (float64(v[0]*v[0]) + rest)
}

// reflectBoth applies a reflection to the rows and columns of a symmetric matrix from from on. w is scratch memory.
func reflectBoth(a [][]float64, from int, v []float64, factor float64, w []float64) {
	if factor == 0 {
		return
	}
	w = w[:len(v)]
	var along float64
	for i, x := range v {
		var sum float64
		for j, y := range a[from+i][from:] {
			sum += float64(y * v[j])
		}
		w[i] = factor * sum
		along += float64(x * w[i])
	}
	half := factor * along / 2
	for i, x := range v {
		w[i] -= float64(half * x)
	}
	for i, x := range v {
		row, y := a[from+i][from:], w[i]
		for j := range row {
			row[j] -= float64(x*w[j]) + float64(y*v[j])
		}
	}
}

// reflectRows applies a reflection to the rows from from on. w is scratch memory.
func reflectRows(m [][]float64, from int, v []float64, factor float64, w []float64) {
	w = w[:len(v)] // what was left of from is untouched as yet
	clear(w)
	for i, x := range v {
		for j, y := range m[from+i][from:] {
			w[j] += float64(x * y)
		}
	}
	for i, x := range v {
		row, f := m[from+i][from:], factor*x
		for j := range row {
			row[j] -= float64(f * w[j])
		}
	}
}

// diagonalize turns the basis until nothing is beside the diagonal that float64 would tell from zero.
func (t *tridiagonalMatrix) diagonalize() {
	var norm float64
	for i, d := range t.diagonal {
		norm = max(norm, math.Abs(d)+math.Abs(t.beside[i]))
	}
	small := norm * 0x1p-52
	tries := 30 * len(t.diagonal) // three for each suffice; of NaN nothing comes whatever is tried
	for last := len(t.diagonal) - 1; last > 0 && tries > 0; {
		if math.Abs(t.beside[last-1]) <= small {
			last--
			continue
		}
		first := last - 1
		for first > 0 && math.Abs(t.beside[first-1]) > small {
			first--
		}
		t.chase(first, last)
		tries--
	}
}

// chase is a step of the QR algorithm with Wilkinson's shift on the rows first to last: each rotation takes away
// what the one before left outside the three diagonals.
func (t *tridiagonalMatrix) chase(first, last int) {
	d, e := t.diagonal, t.beside
	gap := (d[last-1] - d[last]) / 2
	shift := d[last] - float64(e[last-1]*e[last-1])/(gap+math.Copysign(math.Hypot(gap, e[last-1]), gap))
	x, z := d[first]-shift, e[first]
	for k := first; k < last; k++ {
		r := math.Hypot(x, z)
		if r == 0 {
			return
		}
		cos, sin := x/r, z/r
		if k > first {
			e[k-1] = r
		}
		a, b, c := d[k], e[k], d[k+1]
		cc, ss, cs := float64(cos*cos), float64(sin*sin), float64(cos*sin)
		d[k] = float64(cc*a) + float64(2*cs*b) + float64(ss*c)
		d[k+1] = float64(ss*a) - float64(2*cs*b) + float64(cc*c)
		e[k] = float64(cs*(c-a)) + float64((cc-ss)*b)
		rotate(t.basis[k], t.basis[k+1], cos, sin)
		if k+1 < last {
			x, z = e[k], float64(sin*e[k+1])
			e[k+1] *= cos
		}
	}
}

// rotate replaces x by cos·x + sin·y, and y by cos·y − sin·x.
func rotate(x, y []float64, cos, sin float64) {
	y = y[:len(x)]
	for k := range x {
		p, q := x[k], y[k]
		x[k], y[k] = float64(cos*p)+float64(sin*q), float64(cos*q)-float64(sin*p)
	}
}
