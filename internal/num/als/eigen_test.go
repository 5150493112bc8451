package als

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// What comes back are eigenvectors, of length one and at right angles, in order; also where eigenvalues are equal,
// zero, or far apart.
func TestEigenvectors(t *testing.T) {
	for _, dim := range []int{1, 2, 3, 17, 64, 149} {
		for name, value := range map[string]func(k int) float64{
			"falling":   func(k int) float64 { return math.Exp(-float64(k) / 4) },
			"equal":     func(int) float64 { return 3 },
			"pairs":     func(k int) float64 { return float64(1 + k/2) },
			"singular":  func(k int) float64 { return float64(k % 2) },
			"of rank 2": func(k int) float64 { return max(0, 2-float64(k)) },
			"tiny":      func(k int) float64 { return 1e-38 / float64(1+k*k) },
			"zero":      func(int) float64 { return 0 },
		} {
			gram, stride := madeOf(dim, value), Stride(dim)
			rows, values := eigenvectors(gram, dim, stride)
			var largest float64
			for _, x := range gram {
				largest = max(largest, math.Abs(float64(x)))
			}
			limit := 1e-12 * float64(dim) * max(largest, 1e-30)
			for a, row := range rows {
				if a > 0 && values[a] > values[a-1] {
					t.Errorf("%s, dim %d: value %d is %v after %v", name, dim, a, values[a], values[a-1])
				}
				for k := range dim {
					var sum float64
					for j := range dim {
						sum += float64(gram[k*stride+j]) * row[j]
					}
					if math.Abs(sum-values[a]*row[k]) > limit {
						t.Fatalf("%s, dim %d: (A·v)[%d] = %v for vector %d, want %v·%v", name, dim, k, sum, a, values[a], row[k])
					}
				}
				for b, other := range rows {
					want := 0.0
					if a == b {
						want = 1
					}
					if got := inner(row, other); math.Abs(got-want) > 1e-12 {
						t.Fatalf("%s, dim %d: vectors %d and %d have product %v, want %v", name, dim, a, b, got, want)
					}
				}
			}
		}
	}
}

// A model that has diverged is no reason to wait for ever.
func TestEigenvectorsOfNaN(t *testing.T) {
	gram := madeOf(40, func(k int) float64 { return float64(k) })
	gram[0] = float32(math.NaN())
	if _, values := eigenvectors(gram, 40, Stride(40)); !math.IsNaN(values[0]) && !math.IsNaN(values[39]) {
		t.Errorf("eigenvalues %v of a matrix with a NaN", values)
	}
}

// madeOf returns a matrix with about these eigenvalues: reflections of a diagonal one.
func madeOf(dim int, value func(k int) float64) []float32 {
	r := rand.New(rand.NewPCG(5, uint64(dim)))
	a := identity(dim)
	for k := range dim {
		a[k][k] = value(k)
	}
	for range 3 {
		v, w := make([]float64, dim), make([]float64, dim)
		for k := range v {
			v[k] = r.NormFloat64()
		}
		reflectBoth(a, 0, v, 2/inner(v, v), w)
	}
	gram := make([]float32, dim*Stride(dim))
	for i := range dim {
		for j := range dim {
			gram[i*Stride(dim)+j] = float32(a[i][j])
		}
	}
	for i := range dim {
		for j := range i {
			gram[j*Stride(dim)+i] = gram[i*Stride(dim)+j]
		}
	}
	return gram
}

func inner(x, y []float64) (sum float64) {
	for k := range x {
		sum += x[k] * y[k]
	}
	return sum
}

func BenchmarkEigenvectors(b *testing.B) {
	for _, dim := range []int{64, 128, 256} {
		b.Run(fmt.Sprintf("d=%d", dim), func(b *testing.B) {
			gram := madeOf(dim, func(k int) float64 { return math.Exp(-float64(k) / 9) })
			for b.Loop() {
				eigenvectors(gram, dim, Stride(dim))
			}
		})
	}
}
