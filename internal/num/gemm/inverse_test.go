package gemm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// symmetricMatrix is X·Xᵀ/n + ridge for random X.
func symmetricMatrix(n int, ridge float64, seed uint64) matrix {
	r := rand.New(rand.NewPCG(seed, 9))
	x := make([]float64, n*n)
	for k := range x {
		x[k] = r.NormFloat64()
	}
	m := matrix{n, n, n, make([]float32, n*n)}
	for i := range n {
		for j := range i + 1 {
			var sum float64
			for p := range n {
				sum += x[i*n+p] * x[j*n+p]
			}
			sum /= float64(n)
			if i == j {
				sum += ridge
			}
			m.x[i*n+j], m.x[j*n+i] = float32(sum), float32(sum)
		}
	}
	return m
}

// inverse64 is the inverse by Gauss and Jordan in float64.
func inverse64(m matrix) []float64 {
	n := m.rows
	a, b := make([]float64, n*n), make([]float64, n*n)
	for i := range n {
		for j := range n {
			a[i*n+j] = float64(m.at(i, j, false))
		}
		b[i*n+i] = 1
	}
	for p := range n { // positive definite: no pivoting
		f := 1 / a[p*n+p]
		for j := range n {
			a[p*n+j] *= f
			b[p*n+j] *= f
		}
		for i := range n {
			if f := a[i*n+p]; i != p && f != 0 {
				for j := range n {
					a[i*n+j] -= f * a[p*n+j]
					b[i*n+j] -= f * b[p*n+j]
				}
			}
		}
	}
	return b
}

// The inverse is as near to the true one as float32 can promise: the error is a few roundings times the condition,
// which is the ratio of the largest eigenvalue, 4 + ridge here, to the smallest, about ridge.
func TestInvert(t *testing.T) {
	for _, n := range []int{1, 2, 31, 32, 33, 100} {
		for _, ridge := range []float64{1, 0.01} {
			m := symmetricMatrix(n, ridge, uint64(n))
			want := inverse64(m)
			var largest float64
			for _, x := range want {
				largest = max(largest, math.Abs(x))
			}
			got := m.clone()
			for i := range n {
				for j := i + 1; j < n; j++ {
					got.x[i*n+j] = guard // is not read
				}
			}
			if err := Invert(context.Background(), 1, n, got.x, n, nil); err != nil {
				t.Fatalf("n=%d, ridge %v: %v", n, ridge, err)
			}
			limit := 8 * 0x1p-24 * (4 + ridge) / ridge * largest
			for k, x := range got.x {
				if !(math.Abs(float64(x)-want[k]) <= limit) {
					t.Fatalf("n=%d, ridge %v: element %d,%d is %v, want %v ± %.2g", n, ridge, k/n, k%n, x, want[k], limit)
				}
				if x != got.x[k%n*n+k/n] {
					t.Fatalf("n=%d, ridge %v: the inverse is not symmetric at %d,%d", n, ridge, k/n, k%n)
				}
			}
		}
	}
}

// A large matrix whose inverse is known: ρ^|i−j|. Its inverse has three diagonals, and its condition is
// ((1+ρ)/(1−ρ))², 9 here.
func TestInvertLarge(t *testing.T) {
	const rho = 0.5
	for _, n := range []int{outerBlock, outerBlock + 1, 2*outerBlock + 5} {
		m := fading(n, rho)
		if err := Invert(context.Background(), 2, n, m.x, n, nil); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			for j := range n {
				var want float64
				switch {
				case i == j && (i == 0 || i == n-1):
					want = 1 / (1 - rho*rho)
				case i == j:
					want = (1 + rho*rho) / (1 - rho*rho)
				case i == j+1 || j == i+1:
					want = -rho / (1 - rho*rho)
				}
				if got := float64(m.at(i, j, false)); !(math.Abs(got-want) <= 8*9*0x1p-24) {
					t.Fatalf("n=%d: element %d,%d is %v, want %v", n, i, j, got, want)
				}
			}
		}
	}
}

// fading is the matrix of rho^|i−j|.
func fading(n int, rho float64) matrix {
	m := matrix{n, n, n, make([]float32, n*n)}
	for i := range n {
		for j := range n {
			m.x[i*n+j] = float32(math.Pow(rho, math.Abs(float64(i-j))))
		}
	}
	return m
}

// Threads and what lies between rows change nothing.
func TestInvertIsOneResult(t *testing.T) {
	const n, gap = 2*outerBlock + 5, 13
	m := fading(n, 0.3)
	one := m.clone()
	if err := Invert(context.Background(), 1, n, one.x, n, nil); err != nil {
		t.Fatal(err)
	}
	wide := make([]float32, n*(n+gap))
	for k := range wide {
		wide[k] = guard
	}
	copyRows(wide, n+gap, m.x, n, n, n)
	if err := Invert(context.Background(), 3, n, wide, n+gap, nil); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if row := wide[i*(n+gap):]; !same(row[:n], one.x[i*n:(i+1)*n]) {
			t.Fatalf("row %d differs with 3 threads", i)
		} else if slices.ContainsFunc(row[n:n+gap], func(x float32) bool { return x == x }) {
			t.Fatalf("something was written behind row %d", i)
		}
	}
}

// What is not positive definite is told by the row that shows it.
func TestInvertNamesRow(t *testing.T) {
	for _, n := range []int{1, 40, outerBlock + 50} {
		for _, row := range []int{0, n / 2, n - 1} {
			for _, value := range []float32{-1, 0, guard, float32(math.Inf(1))} {
				m := matrix{n, n, n, make([]float32, n*n)}
				for i := range n {
					m.x[i*n+i] = 1
				}
				m.x[row*n+row] = value
				err := Invert(context.Background(), 2, n, m.x, n, nil)
				var e *NotPositiveError
				if !errors.As(err, &e) || e.Row != row {
					t.Errorf("n=%d with %v at row %d: %v", n, value, row, err)
				}
			}
		}
	}
}

// Work stops at the end of the step in which its context ends, and progress counts every step once.
func TestInvertStops(t *testing.T) {
	const n = outerBlock + 50
	m := fading(n, 0.3)
	var seen []int
	err := Invert(context.Background(), 2, n, m.clone().x, n, func(done, total int) { seen = append(seen, done, total) })
	if want := []int{1, 6, 2, 6, 3, 6, 4, 6, 5, 6, 6, 6}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("progress %v and %v, want %v", seen, err, want)
	}
	for stop := range 6 {
		ctx, cancel := context.WithCancel(context.Background())
		last := 0
		err := Invert(ctx, 2, n, m.clone().x, n, func(done, _ int) {
			if last = done; done == stop+1 {
				cancel()
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) || last != stop+1 {
			t.Errorf("cancelled at step %d: error %v, last step %d", stop+1, err, last)
		}
	}
}

// Gram has the bits of Mul below and on the diagonal, and leaves alone what is above.
func TestGram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 70), rapid.SampledFrom([]int{blockRows + 30, 600})).Draw(t, "n")
		k := rapid.OneOf(rapid.IntRange(0, 30), rapid.Just(depth+5)).Draw(t, "k")
		trans, threads := rapid.Bool().Draw(t, "trans"), rapid.IntRange(1, 3).Draw(t, "threads")
		scale := rapid.SampledFrom([]float32{0, 1, -0.3})
		alpha, beta := scale.Draw(t, "alpha"), scale.Draw(t, "beta")
		value := draws(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), false)
		a, c := drawMatrix(n, k, trans, rapid.IntRange(0, 3).Draw(t, "lda"), value), newMatrix(n, n, 5, value)
		want := c.clone()
		Mul(trans, !trans, n, n, k, alpha, a.x, a.ld, a.x, a.ld, beta, want.x, want.ld)
		for i := range n {
			copy(want.x[i*want.ld+i+1:i*want.ld+n], c.x[i*c.ld+i+1:])
		}
		Gram(threads, trans, n, k, alpha, a.x, a.ld, beta, c.x, c.ld)
		if !same(c.x, want.x) {
			t.Fatalf("Gram(%d, %v, %d, %d, %v, …, %v) differs from Mul's lower half", threads, trans, n, k, alpha, beta)
		}
	})
}

func BenchmarkInvert(b *testing.B) {
	for _, n := range []int{500, 1000, 2000, 4000} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/threads=%d", n, threads), func(b *testing.B) {
				a := make([]float32, n*n)
				r := rand.New(rand.NewPCG(1, 0))
				for b.Loop() {
					b.StopTimer()
					for k := range a {
						a[k] = r.Float32() / float32(n)
					}
					for i := range n {
						a[i*n+i] = 2
					}
					b.StartTimer()
					if err := Invert(context.Background(), threads, n, a, n, nil); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(n)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
