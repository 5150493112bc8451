package gemm

import (
	"context"
	"fmt"
	"math"
)

// A NotPositiveError says that a matrix has no inverse that Invert finds: it is not positive definite, or too near
// to one that is not for float32.
type NotPositiveError struct {
	Row   int     // the first row, from 0, at which that shows
	Pivot float64 // what is left of its diagonal element there
}

func (e *NotPositiveError) Error() string {
	return fmt.Sprintf("the matrix is not positive definite: at row %d the pivot is %g, and it must be above 0", e.Row, e.Pivot)
}

// Blocks of columns are eliminated together, and each in turn by blocks; the smallest are done one by one.
const (
	outerBlock = depth
	innerBlock = 32
)

// Invert replaces a symmetric positive definite matrix of n×n, of which only the lower half is read, by its
// inverse, whole, in n³ multiplications and additions on at most so many goroutines; their number changes nothing.
// It works in n·256 floats and what products need. progress, unless nil, is told of steps of about n²·256 operations.
// When it returns an error, a *NotPositiveError or ctx's own, the matrix is in pieces.
//
// With L·Lᵀ = A it is A⁻¹ = L⁻ᵀ·L⁻¹, and all three steps stay in the lower half. The triangles on the diagonal of
// L are inverted at once, so that all else is products of matrices. (Golub and Van Loan, Matrix Computations,
// §4.2; LAPACK's spotrf and spotri.)
func Invert(ctx context.Context, threads, n int, a []float32, lda int, progress func(done, total int)) error {
	checkMatrix("A", false, n, n, a, lda)
	steps := (n + outerBlock - 1) / outerBlock
	s := symmetric{n: n, a: a, lda: lda, block: outerBlock, threads: threads, work: make([]float32, n*outerBlock)}
	s.step = func(done int) error {
		if progress != nil {
			progress(done, 3*steps)
		}
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.decompose(); err != nil {
		return err
	}
	if err := s.invertTriangle(steps); err != nil {
		return err
	}
	if err := s.square(2 * steps); err != nil {
		return err
	}
	s.mirror()
	return nil
}

// A symmetric is a matrix of which the lower half is worked on in place. The upper halves of its blocks on the
// diagonal are zero once a block has been decomposed, so that these multiply as they are.
type symmetric struct {
	n       int
	a       []float32
	lda     int
	block   int
	threads int
	work    []float32            // n×block
	row     int                  // of the whole matrix, where this begins
	step    func(done int) error // after a block
}

func (s *symmetric) at(i, j int) []float32 { return s.a[i*s.lda+j:] }

// decompose replaces the lower half by L, with its triangles on the diagonal inverted.
func (s *symmetric) decompose() error {
	for j := 0; j < s.n; j += s.block {
		size := min(s.block, s.n-j)
		if err := s.diagonal(j, size); err != nil {
			return err
		}
		if below := s.n - j - size; below > 0 {
			low, w := s.at(j+size, j), s.work
			MulThreads(s.threads, false, true, below, size, size, 1, low, s.lda, s.at(j, j), s.lda, 0, w, size)
			copyRows(low, s.lda, w, size, below, size)
			Gram(s.threads, false, below, size, -1, w, size, 1, s.at(j+size, j+size), s.lda)
		}
		if err := s.step(j/s.block + 1); err != nil {
			return err
		}
	}
	return nil
}

// diagonal replaces a block on the diagonal by the inverse of its triangle.
func (s *symmetric) diagonal(j, size int) error {
	d := symmetric{n: size, a: s.at(j, j), lda: s.lda, block: innerBlock, threads: 1, work: s.work, row: s.row + j,
		step: func(int) error { return nil }}
	if s.block == innerBlock {
		return d.small()
	}
	if err := d.decompose(); err != nil {
		return err
	}
	for i := range size { // above the inner blocks
		clear(d.at(i, i)[1 : size-i])
	}
	return d.invertTriangle(0)
}

// small does diagonal's work element by element, summing in float64.
func (s *symmetric) small() error {
	var l, inverse [innerBlock][innerBlock]float64
	for i := range s.n {
		row := s.at(i, 0)[:s.n]
		for j := range i + 1 {
			sum := float64(row[j])
			for p := range j {
				sum -= float64(l[i][p] * l[j][p])
			}
			if j < i {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 1) {
				return &NotPositiveError{Row: s.row + i, Pivot: sum}
			}
			l[i][i] = math.Sqrt(sum)
		}
		inverse[i][i] = 1 / l[i][i]
		for j := range i {
			var sum float64
			for p := j; p < i; p++ {
				sum -= float64(l[i][p] * inverse[p][j])
			}
			inverse[i][j] = sum / l[i][i]
		}
	}
	for i := range s.n {
		for j := range s.n {
			s.at(i, j)[0] = float32(inverse[i][j])
		}
	}
	return nil
}

// invertTriangle replaces what decompose left by L⁻¹: from the last column of blocks on, what is right of and below
// it being inverted,
//
//	⎡ D⁻¹  ⎤⁻¹   ⎡     D⁻¹          ⎤
//	⎣ B  T ⎦   = ⎣ T⁻¹·B·(−D⁻¹) T⁻¹ ⎦      with D for the block's own triangle
func (s *symmetric) invertTriangle(done int) error {
	last := (s.n - 1) / s.block * s.block
	for j := last; j >= 0; j -= s.block {
		size := min(s.block, s.n-j)
		if below := s.n - j - size; below > 0 {
			MulThreads(s.threads, false, false, below, size, size, -1, s.at(j+size, j), s.lda, s.at(j, j), s.lda, 0, s.work, size)
			s.triangleTimesWork(j+size, j, size)
		}
		if err := s.step(done + (last-j)/s.block + 1); err != nil {
			return err
		}
	}
	return nil
}

// triangleTimesWork writes the product of the triangle that begins at (from,from) and the work, which has size
// columns, to column to. Long rows come first, so that goroutines end together.
func (s *symmetric) triangleTimesWork(from, to, size int) {
	blocks := (s.n - from + s.block - 1) / s.block
	spread(s.threads, blocks, func(k int) {
		i := (blocks - 1 - k) * s.block
		rows := min(s.block, s.n-from-i)
		Mul(false, false, rows, size, i+rows, 1, s.at(from+i, from), s.lda, s.work, size, 0, s.at(from+i, to), s.lda)
	})
}

// square replaces the lower half W by that of Wᵀ·W, from the first row of blocks on: a row needs those below it.
func (s *symmetric) square(done int) error {
	for i := 0; i < s.n; i += s.block {
		size, w := min(s.block, s.n-i), s.work
		below, k := i+size, s.n-i-size
		for j := 0; j < i; j += s.block { // Dᵀ times what is left of D
			copyRows(w[j*size:], s.block, s.at(i, j), s.lda, size, s.block)
		}
		spread(s.threads, i/s.block, func(j int) {
			j *= s.block
			Mul(true, false, size, s.block, size, 1, s.at(i, i), s.lda, w[j*size:], s.block, 0, s.at(i, j), s.lda)
		})
		d := w[:size*size] // free again
		copyRows(d, size, s.at(i, i), s.lda, size, size)
		Gram(s.threads, true, size, size, 1, d, size, 0, s.at(i, i), s.lda)
		if k > 0 {
			MulThreads(s.threads, true, false, size, below, k, 1, s.at(below, i), s.lda, s.at(below, 0), s.lda, 1, s.at(i, 0), s.lda)
		}
		if err := s.step(done + i/s.block + 1); err != nil {
			return err
		}
	}
	return nil
}

// mirror copies the lower half to the upper, by squares that stay in the cache.
func (s *symmetric) mirror() {
	const side = 64
	blocks := (s.n + side - 1) / side
	spread(s.threads, blocks, func(b int) {
		for j := 0; j <= b*side; j += side {
			for i := b * side; i < min(b*side+side, s.n); i++ {
				row := s.at(i, 0)
				for k := j; k < min(j+side, i); k++ {
					s.a[k*s.lda+i] = row[k]
				}
			}
		}
	})
}

// copyRows copies rows×cols elements.
func copyRows(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		copy(dst[i*ldd:i*ldd+cols], src[i*lds:i*lds+cols])
	}
}
