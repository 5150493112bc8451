package blend

import (
	"context"
	"fmt"
	"math"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// A spectrum is the part of who had what that varies least from an item to its neighbours. With R the matrix of who had
// what, each row and column divided by the root of its sum, and V its greatest right singular vectors, a history h is
// worth to item j
//
//	Σ over i in h of V[i]·V[j] · √(users(j)/users(i))
//
// (The ideal low-pass filter of GF-CF: Shen, Wu, Zhang, Shan, Zhang, Letaief and Li, 2021.) Only the space that V spans
// matters, so V is any orthonormal basis of it.
type spectrum struct {
	width  int
	vector []float32 // width for each item: V[i]·√users(i)
	share  []float32 // 1/users(i), 0 for an item without users
}

// The sizes of a spectrum. Sizes of less than spectrumLeast say too little to be worth their time.
const (
	spectrumMost   = 256
	spectrumLeast  = 32
	spectrumCells  = 64 << 20 // numbers for users and items together
	spectrumRounds = 8        // the error of a random start shrinks with each by the square of a ratio of singular values
)

// spectrumWidth is the rank for n items and some users, 0 where there is to be no spectrum.
func spectrumWidth(n, users int) int {
	width := min(spectrumMost, n/24, spectrumCells/max(1, n+users)) / 16 * 16
	if width < spectrumLeast || n > denseTogether {
		return 0
	}
	return width
}

// trainSpectrum finds V by iterating a subspace from a random start (Halko, Martinsson and Tropp, 2011). It returns nil
// where data is too small or too large for it. Memory: 256 MB for vectors, and half as much again while they are turned.
//
// The bits do not depend on threads: every row of every product is the work of one.
func trainSpectrum(ctx context.Context, s *sequences, seed uint64, threads int) (*spectrum, error) {
	d := s.distinct()
	width := spectrumWidth(d.n, d.len())
	if width == 0 {
		return nil, nil
	}
	a := newHad(d)
	x, y := make([]float32, d.n*width), make([]float32, d.len()*width)
	for k := range x {
		x[k] = float32(int(mix(seed, uint64(k))>>63)*2 - 1)
	}
	for range spectrumRounds {
		if err := a.there(ctx, x, y, width, threads); err != nil {
			return nil, err
		}
		if err := a.back(ctx, y, x, width, threads); err != nil {
			return nil, err
		}
		orthonormalise(x, d.n, width, threads)
	}
	out := &spectrum{width: width, vector: x, share: make([]float32, d.n)}
	for i, root := range a.item {
		if root > 0 {
			f32.Scale(1/root, x[i*width:(i+1)*width])
			out.share[i] = root * root
		}
	}
	return out, nil
}

// had is the matrix of who had what, divided by the roots of its rows' and columns' sums.
type had struct {
	*sequences           // distinct
	start      []int64   // places of item i are all[start[i]:start[i+1]]
	all        []place   //
	user, item []float32 // 1/√sum, 0 for an empty row or column
}

func newHad(d *sequences) *had {
	a := &had{sequences: d, user: make([]float32, d.len()), item: make([]float32, d.n)}
	a.start, a.all = d.places()
	for u := range a.user {
		weights := d.weights(u)
		for k, i := range d.of(u) {
			a.user[u] += at(weights, k)
			a.item[i] += at(weights, k)
		}
	}
	for _, sums := range [][]float32{a.user, a.item} {
		for k, sum := range sums {
			if sum > 0 {
				sums[k] = float32(1 / math.Sqrt(float64(sum)))
			}
		}
	}
	return a
}

// there sets y, a row of width for each user, to the product with x, one for each item.
func (a *had) there(ctx context.Context, x, y []float32, width, threads int) error {
	return als.Spread(ctx, threads, a.len(), 64, func(lo, hi int) {
		for u := lo; u < hi; u++ {
			to := y[u*width : (u+1)*width]
			clear(to)
			weights := a.weights(u)
			for k, i := range a.of(u) {
				f32.Axpy(at(weights, k)*a.user[u]*a.item[i], x[int(i)*width:(int(i)+1)*width], to)
			}
		}
	})
}

// back sets x to the product of the transpose with y.
func (a *had) back(ctx context.Context, y, x []float32, width, threads int) error {
	return als.Spread(ctx, threads, a.n, 64, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := x[i*width : (i+1)*width]
			clear(to)
			for _, p := range a.all[a.start[i]:a.start[i+1]] {
				u := int(p.user)
				w := at(a.weight, int(a.sequences.start[u])+int(p.at))
				f32.Axpy(w*a.user[u]*a.item[i], y[u*width:(u+1)*width], to)
			}
		}
	})
}

// orthonormalise makes the columns of x, n rows of width, orthogonal and of unit length: x·L⁻ᵀ for the Cholesky factor L
// of xᵀx. A column that the others span already becomes zero.
func orthonormalise(x []float32, n, width, threads int) {
	gram := make([]float32, width*width)
	gemm.Gram(threads, true, width, n, 1, x, width, 0, gram, width)
	turn := inverseFactor(gram, width)
	const rows = 4096
	old := make([]float32, min(n, rows)*width)
	for lo := 0; lo < n; lo += rows {
		part := x[lo*width : min(n, lo+rows)*width]
		copy(old, part)
		gemm.MulThreads(threads, false, true, len(part)/width, width, width, 1, old, width, turn, width, 0, part, width)
	}
}

// inverseFactor returns L⁻¹ for the Cholesky factor L of a symmetric matrix; the row and column of a pivot that is
// nothing but rounding are zero.
func inverseFactor(gram []float32, n int) []float32 {
	l, inverse := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			sum := float64(gram[i*n+j])
			for k := range j {
				sum -= l[i*n+k] * l[j*n+k]
			}
			switch pivot := l[j*n+j]; {
			case i == j && sum > 1e-6*float64(gram[i*n+i]):
				l[i*n+i] = math.Sqrt(sum)
			case i != j && pivot > 0:
				l[i*n+j] = sum / pivot
			}
		}
	}
	out := make([]float32, n*n)
	for i := range n {
		if l[i*n+i] == 0 {
			continue
		}
		row := inverse[i*n : (i+1)*n]
		row[i] = 1
		for k := range i {
			for j := range k + 1 {
				row[j] -= l[i*n+k] * inverse[k*n+j]
			}
		}
		for j := range i + 1 {
			row[j] /= l[i*n+i]
			out[i*n+j] = float32(row[j])
		}
	}
	return out
}

// of returns the vector of item i.
func (s *spectrum) of(i int32) []float32 {
	return s.vector[int(i)*s.width : (int(i)+1)*s.width]
}

// put writes the arrays of a spectrum, if there is one:
//
//	spectrum.vectors  float32, settings.Spectrum for each item
//	spectrum.shares   float32, 1/users
func (s *spectrum) put(w *artifact.Writer) error {
	if s == nil {
		return nil
	}
	if err := artifact.Put(w, "spectrum.vectors", s.vector); err != nil {
		return err
	}
	return artifact.Put(w, "spectrum.shares", s.share)
}

func getSpectrum(f *artifact.File, width, n int) (*spectrum, error) {
	if width == 0 {
		return nil, nil
	}
	s := &spectrum{width: width}
	var err error
	if s.vector, err = artifact.Get[float32](f, "spectrum.vectors"); err != nil {
		return nil, err
	}
	if s.share, err = artifact.Get[float32](f, "spectrum.shares"); err != nil {
		return nil, err
	}
	if len(s.vector) != n*width || len(s.share) != n {
		return nil, fmt.Errorf("the spectrum does not fit %d items", n)
	}
	return s, nil
}
