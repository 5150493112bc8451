//go:build !noasm

package als

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// Kernels give the bits of the loops, for any number of columns and blocks.
func TestKernelsAgreeWithLoops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stride := f32.Block * rapid.IntRange(1, 17).Draw(t, "blocks")
		n, all := rapid.IntRange(1, 13).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "all")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		spread := rapid.SampledFrom([]float64{0, 1, 10}).Draw(t, "spread")
		draw := func(n int) []float32 {
			x := make([]float32, n)
			for k := range x {
				x[k] = float32(r.NormFloat64() * math.Exp(spread*r.NormFloat64()))
			}
			return x
		}
		fixed, weights, cols := draw(all*stride), draw(n), make([]int32, n)
		for k := range cols {
			cols[k] = int32(r.IntN(all))
		}
		target := rapid.SampledFrom([]float32{0, 1}).Draw(t, "target")
		v, diagonal, start := draw(stride), draw(stride), draw(stride)
		if rapid.Bool().Draw(t, "goes on") {
			diagonal = nil
		}
		want := slices.Clone(start)
		passLoop(fixed, cols, weights, v, target, diagonal, want)
		x, residual, p, ap, inverse := draw(stride), draw(stride), draw(stride), draw(stride), draw(stride)
		wantX, wantR, wantP := slices.Clone(x), slices.Clone(residual), slices.Clone(p)
		wantNext := stepLoop(wantX, wantR, wantP, ap, inverse, 0.3)
		for _, s := range sets {
			if !s.runs {
				continue // no promise of that processor
			}
			got := slices.Clone(start)
			s.goOver(fixed, cols, weights, v, target, diagonal, got)
			if !same(got, want) {
				t.Fatalf("%s: pass over %d columns of %d is %v, want %v", s.name, n, stride, got, want)
			}
			gotX, gotR, gotP := slices.Clone(x), slices.Clone(residual), slices.Clone(p)
			next := s.move(gotX, gotR, gotP, ap, inverse, 0.3)
			if !same([]float32{next}, []float32{wantNext}) || !same(gotX, wantX) || !same(gotR, wantR) || !same(gotP, wantP) {
				t.Fatalf("%s: a step in %d dimensions differs from the loop's: %v, want %v", s.name, stride, next, wantNext)
			}
		}
		if haveAVX2 {
			sum, one, wantSum, wantOne := draw(stride), draw(stride), draw(stride), draw(stride)
			shift(v, 0.7, sum, one)
			shiftLoop(v, 0.7, wantSum, wantOne)
			if !same(sum, wantSum) || !same(one, wantOne) {
				t.Fatalf("shift in %d dimensions: %v and %v, want %v and %v", stride, sum, one, wantSum, wantOne)
			}
		}
	})
}

// same reports whether two vectors have the same bits; any NaN is like another.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

// BenchmarkPass is a pass over columns that are in the cache.
func BenchmarkPass(b *testing.B) {
	for _, stride := range []int{64, 128} {
		for _, n := range []int{5, 24} {
			fixed, weights, cols := make([]float32, 32*stride), make([]float32, n), make([]int32, n)
			for k := range cols {
				cols[k], weights[k] = int32(k*7%32), 1
			}
			v, out := make([]float32, stride), make([]float32, stride)
			for _, s := range sets {
				if !s.runs {
					continue
				}
				b.Run(fmt.Sprintf("d=%d/n=%d/%s", stride, n, s.name), func(b *testing.B) {
					for b.Loop() {
						s.goOver(fixed, cols, weights, v, 1, v, out)
					}
					b.ReportMetric(float64(4*stride*n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
			b.Run(fmt.Sprintf("d=%d/n=%d/step", stride, n), func(b *testing.B) {
				p := ones(stride)
				for b.Loop() {
					step(v, out, p, p, p, 1e-9)
				}
			})
		}
	}
}
