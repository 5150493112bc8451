//go:build !noasm

package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// Kernels give the bits of the loop, whatever they are given.
func TestKernelsAgreeWithLoop(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for _, pairs := range []int{1, 2, 7, 32, 75} {
		for range 50 {
			items := make([]int16, pairs*2*blockItems)
			for k := range items {
				items[k] = int16(r.IntN(5000) - 2500)
			}
			factors := make([]float32, 2*blockItems)
			for k := range factors {
				factors[k] = draw(r, r.IntN(kinds-1)) * 1e-3
			}
			for _, n := range []int{1, tileUsers} {
				a := tile{sums: r.IntN(2) == 0}
				a.n, a.users = n, make([]int16, pairs*n*2)
				for k := range a.users {
					a.users[k] = int16(r.IntN(5000) - 2500)
				}
				for u := range n {
					a.par[u] = parameters{float32(math.Exp(4*r.NormFloat64() - 8)), draw(r, normal), draw(r, normal), 3 * draw(r, normal)}
					a.allow[u] = r.Uint64() | r.Uint64()
				}
				want := a
				want.loop(pairs, items, factors)
				for _, s := range sets {
					if !s.runs {
						continue // no promise of that processor; the list ends with Go
					}
					got := a
					got.with(s.set, pairs, items, factors)
					if got.hits != want.hits || got.sum != want.sum {
						t.Fatalf("%s, %d pairs, %d users: hits %x and sums %v, want %x and %v", s.name, pairs, n, got.hits, got.sum, want.hits, want.sum)
					}
				}
			}
		}
	}
}

// The kernels know where things are in a tile.
func TestTileLayout(t *testing.T) {
	if got := unsafe.Sizeof(parameters{}); got != 16 {
		t.Errorf("parameters take %d bytes, want 16", got)
	}
	if got := unsafe.Offsetof(parameters{}.shift); got != 12 {
		t.Errorf("shift is at %d, want 12", got)
	}
}

// BenchmarkTile is a block for every set of kernels.
func BenchmarkTile(b *testing.B) {
	for _, d := range []int{64, 160} {
		for _, n := range []int{1, tileUsers} {
			for _, s := range sets {
				if !s.runs {
					continue
				}
				b.Run(fmt.Sprintf("d=%d/users=%d/%s", d, n, s.name), func(b *testing.B) {
					t := &tile{sums: true, n: n, users: make([]int16, d*n)}
					for u := range n {
						t.par[u].threshold, t.allow[u] = 1, ^uint64(0)
					}
					items, factors := make([]int16, d*blockItems), make([]float32, 2*blockItems)
					for b.Loop() {
						t.with(s.set, d/2, items, factors)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n*blockItems), "ns/score")
				})
			}
		}
	}
}
