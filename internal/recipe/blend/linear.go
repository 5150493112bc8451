package blend

import (
	"context"
	"math"
	"runtime"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// The largest catalogues that get linear models. These are made of matrices of items by items, whose time grows with
// the cube: one for trainTogether, 1.6 GB at that size, and two for trainForward, 600 MB each.
const (
	denseTogether = 20_000
	denseForward  = 12_288
)

// forwardRidge is near what is known to do well on catalogues of films; not tuned here.
const forwardRidge = 300

// trainTogether is the linear item model without self-similarity: the B that minimises
//
//	|X − XB|² + λ|B|²  with a zero diagonal
//
// for the matrix X of who had what. With P = (XᵀX + λ)⁻¹ it is B[i][j] = −P[i][j]/P[j][j].
// (EASE: Steck, 2019.) Where events have weights, it is to tell these instead of ones: see weightedTogether.
func trainTogether(ctx context.Context, s *sequences, ridge float32, threads int) (lists, error) {
	d := s.distinct()
	if d.weight != nil {
		return weightedTogether(ctx, d, ridge, threads)
	}
	g := newSquare(d.n)
	if err := g.products(ctx, d, nil, ridge, threads); err != nil {
		return lists{}, err
	}
	if err := g.invert(ctx, threads); err != nil {
		return lists{}, err
	}
	return build(ctx, d.n, threads, func(r *row, i int32) {
		for j, p := range g.row(int(i)) {
			r.add(int32(j), -p/g.row(j)[j])
		}
	})
}

// weightedTogether is the B that minimises |Y − XB|² + λ|B|² with a zero diagonal, where Y is X with the weights of
// what users had in place of ones. With Z = P·XᵀY it is B[i][j] = Z[i][j] − P[i][j]·Z[j][j]/P[j][j]: each column's
// multiplier makes its own entry 0.
func weightedTogether(ctx context.Context, d *sequences, ridge float32, threads int) (lists, error) {
	g, z := newSquare(d.n), newSquare(d.n) // rows of z are columns of Z
	if err := g.products(ctx, d, nil, ridge, threads); err != nil {
		return lists{}, err
	}
	if err := z.products(ctx, d, d.weight, 0, threads); err != nil {
		return lists{}, err
	}
	if err := g.solve(ctx, z, threads); err != nil {
		return lists{}, err
	}
	return build(ctx, d.n, threads, func(r *row, i int32) {
		for j, p := range g.row(int(i)) {
			of := z.row(j)
			r.add(int32(j), of[i]-p*of[j]/g.row(j)[j])
		}
	})
}

// products sets row i to the sum, over the users of item i, of everything they had; with weights alongside the
// events, to the sum of that times the weight that i has for them; and adds the ridge.
func (m *square) products(ctx context.Context, d *sequences, weights []float32, ridge float32, threads int) error {
	start, all := d.places()
	return als.Spread(ctx, threads, d.n, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			to := m.row(i)
			for _, p := range all[start[i]:start[i+1]] {
				w := at(weights, int(d.start[p.user])+int(p.at))
				for _, j := range d.of(int(p.user)) {
					to[j] += w
				}
			}
			to[i] += ridge
		}
	})
}

// The shape of trainForward: the past fades by e^(−1/4) an event and is forgotten after 20, and what
// comes in the next three events is to be told, nearer ones first.
const (
	fade   = 4.0
	window = 20
)

var future = [...]float64{1, 1.0 / 2, 1.0 / 3}

// trainForward is the linear model of the next events given the fading past: the B that minimises
//
//	Σ over places p of |y(p) − x(p)B|² + λ|B|²
//
// where x(p) = Σ_{a<20} e^(−a/4)·(item at p−a) and y(p) = Σ_f future[f]·(weight of p+1+f)·(item at p+1+f). The moments it is
// made of are sums over pairs of places, so that every row can be summed apart.
func trainForward(ctx context.Context, s *sequences, threads int) (lists, error) {
	start, all := s.places()
	gram, cross := newSquare(s.n), newSquare(s.n)
	k := newKernels()
	err := als.Spread(ctx, threads, s.n, 16, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := gram.row(i)
			for _, p := range all[start[i]:start[i+1]] {
				items := s.of(int(p.user))
				k.past(g, items, int(p.at))
				k.next(cross, int32(i), items, s.weights(int(p.user)), int(p.at))
			}
			g[i] += forwardRidge
		}
	})
	if err != nil {
		return lists{}, err
	}
	if err := gram.solve(ctx, cross, threads); err != nil {
		return lists{}, err
	}
	return build(ctx, s.n, threads, func(r *row, i int32) {
		for j := range s.n {
			r.add(int32(j), cross.row(j)[i])
		}
	})
}

// kernels are what a pair of places adds to the moments.
type kernels struct {
	pair   [window][window + 1]float32   // gap, then places from the later on that have a future
	follow [window + len(future)]float32 // gap
}

func newKernels() *kernels {
	var k kernels
	for gap := range window {
		for left := 1; left <= window; left++ {
			var sum float64
			for a := 0; a < left && a+gap < window; a++ {
				sum += math.Exp(-float64(2*a+gap) / fade)
			}
			k.pair[gap][left] = float32(sum)
		}
	}
	for gap := range k.follow {
		for f, y := range future {
			if a := gap - 1 - f; a >= 0 && a < window {
				k.follow[gap] += float32(y * math.Exp(-float64(a)/fade))
			}
		}
	}
	return &k
}

// past adds the products of the place q with all places that share an x with it.
func (k *kernels) past(g []float32, items []int32, q int) {
	last := len(items) - 2 // the last place with a future
	for p := max(0, q-window+1); p < min(len(items), q+window); p++ {
		later, gap := max(p, q), max(p-q, q-p)
		if later <= last {
			g[items[p]] += k.pair[gap][min(window, last-later+1)]
		}
	}
}

// next adds the products of item i at q with what came after, as column i of the cross moments' rows.
// Rows are targets, since the solver's right-hand sides are; column i belongs to one goroutine.
func (k *kernels) next(cross *square, i int32, items []int32, weights []float32, q int) {
	for p := q + 1; p < min(len(items), q+len(k.follow)); p++ {
		cross.row(int(items[p]))[i] += k.follow[p-q] * at(weights, p)
	}
}

// A square is a dense matrix of n×n.
type square struct {
	n    int
	cell []float32
}

// newSquare makes a square of zeros. Large ones are worth giving back first what nobody needs any more: as much as the last
// family's.
func newSquare(n int) *square {
	if n >= largeSquare {
		runtime.GC()
	}
	return &square{n, make([]float32, n*n)}
}

const largeSquare = 4096 // 64 MB

func (m *square) row(i int) []float32 { return m.cell[i*m.n : (i+1)*m.n] }

// invert replaces a symmetric m by its inverse. The ridge on its diagonal makes it positive definite.
func (m *square) invert(ctx context.Context, threads int) error {
	return gemm.Invert(ctx, threads, m.n, m.cell, m.n, nil)
}

// band is how many rows are multiplied together.
const band = 256

// solve replaces each row b of right by the x with m·x = b. m is symmetric and positive definite, and is
// replaced by its inverse. The bits do not depend on threads.
func (m *square) solve(ctx context.Context, right *square, threads int) error {
	if err := m.invert(ctx, threads); err != nil {
		return err
	}
	return als.Spread(ctx, threads, right.n, band, func(lo, hi int) {
		b := right.cell[lo*m.n : hi*m.n]
		x := make([]float32, len(b))
		gemm.Mul(false, false, hi-lo, m.n, m.n, 1, b, m.n, m.cell, m.n, 0, x, m.n)
		copy(b, x)
	})
}
