package f32

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func vectors(n int) (x, y []float32) {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	x, y = make([]float32, n), make([]float32, n)
	for k := range n {
		x[k], y[k] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	return x, y
}

// slowDot is the documented order of additions, written as it is documented.
func slowDot(x, y []float32) float32 {
	var l [8]float32
	for k := range x {
		p := x[k] * y[k]
		l[k%8] += p
	}
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

func slowScore(x []float64, y []float32) float32 {
	var l [4]float64
	for k := range x {
		l[k%4] += x[k] * float64(y[k])
	}
	return float32((l[0] + l[2]) + (l[1] + l[3]))
}

func TestAgainstDefinitions(t *testing.T) {
	for n := range 70 {
		x, y := vectors(n)
		if got, want := Dot(x, y), slowDot(x, y); got != want {
			t.Errorf("n=%d: Dot = %v, want %v", n, got, want)
		}
		wide := make([]float64, n)
		for k := range x {
			wide[k] = float64(x[k])
		}
		if got, want := Score(wide, y), slowScore(wide, y); got != want {
			t.Errorf("n=%d: Score = %v, want %v", n, got, want)
		}
		z, want := append([]float32(nil), y...), make([]float32, n)
		for k := range want {
			p := 0.7 * x[k]
			want[k] = y[k] + p
		}
		Axpy(0.7, x, z)
		for k := range z {
			if z[k] != want[k] {
				t.Errorf("n=%d: Axpy[%d] = %v, want %v", n, k, z[k], want[k])
			}
		}
	}
	if got := Dot([]float32{1, 2, 3}, []float32{4, 5, 6}); got != 32 {
		t.Errorf("Dot = %v, want 32", got)
	}
	if got := Score([]float64{1, 2, 3}, []float32{4, 5, 6}); got != 32 {
		t.Errorf("Score = %v, want 32", got)
	}
	if !math.IsNaN(float64(Dot([]float32{float32(math.NaN())}, []float32{0}))) {
		t.Error("Dot swallows NaN")
	}
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{64, 160, 256} { // the strides recipes use
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x, y := vectors(n)
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				Dot(x, y)
			}
		})
	}
}

func BenchmarkScore(b *testing.B) {
	for _, n := range []int{64, 160, 256} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x, y := vectors(n)
			wide := make([]float64, n)
			for k := range x {
				wide[k] = float64(x[k])
			}
			b.SetBytes(int64(4 * n))
			for b.Loop() {
				Score(wide, y)
			}
		})
	}
}
