package f32

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

func widen(x []float32) []float64 {
	wide := make([]float64, len(x))
	for k := range x {
		wide[k] = float64(x[k])
	}
	return wide
}

// fold adds up lanes as it is documented.
func fold[T float32 | float64](l []T) T {
	if len(l) == 1 {
		return l[0]
	}
	half := len(l) / 2
	for k := range half {
		l[k] += l[k+half]
	}
	return fold(l[:half])
}

// slowDot is the documented order of additions, written as it is documented.
func slowDot(x, y []float32) float32 {
	l := make([]float32, 16)
	whole := len(x) - len(x)%16
	for k := range whole {
		p := x[k] * y[k]
		l[k%16] += p
	}
	sum := fold(l)
	for k := whole; k < len(x); k++ {
		p := x[k] * y[k]
		sum += p
	}
	return sum
}

func slowScore(x []float64, y []float32) float32 {
	l := make([]float64, 16)
	whole := len(x) - len(x)%16
	for k := range whole {
		l[k%16] += x[k] * float64(y[k])
	}
	sum := fold(l)
	for k := whole; k < len(x); k++ {
		sum += x[k] * float64(y[k])
	}
	return float32(sum)
}

// check compares every function with its definition on x, y and a, bit by bit. NaNs are all alike.
func check(t *testing.T, a float32, x, y []float32) {
	t.Helper()
	same := func(name string, got, want float32) {
		if math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
			t.Errorf("%s of %d elements = %v, want %v", name, len(x), got, want)
		}
	}
	same("Dot", Dot(x, y), slowDot(x, y))
	same("Score", Score(widen(x), y), slowScore(widen(x), y))
	// Guards around the output show a kernel that writes too far.
	const guard = 12345
	out := slices.Concat([]float32{guard}, y, []float32{guard})
	Axpy(a, x, out[1:len(out)-1])
	for k := range x {
		p := a * x[k]
		same(fmt.Sprintf("Axpy[%d]", k), out[k+1], y[k]+p)
	}
	again := slices.Concat([]float32{guard}, y, []float32{guard})
	Xpay(x, a, again[1:len(again)-1])
	for k := range x {
		p := a * y[k]
		same(fmt.Sprintf("Xpay[%d]", k), again[k+1], x[k]+p)
	}
	scaled := slices.Concat([]float32{guard}, y, []float32{guard})
	Scale(a, scaled[1:len(scaled)-1])
	product := slices.Concat([]float32{guard}, y, []float32{guard})
	Times(x, product[1:len(product)-1])
	largest := float32(math.Inf(-1))
	for k := range x {
		same(fmt.Sprintf("Scale[%d]", k), scaled[k+1], a*y[k])
		same(fmt.Sprintf("Times[%d]", k), product[k+1], x[k]*y[k])
		if x[k] > largest {
			largest = x[k]
		}
	}
	if got := Max(x); got != largest {
		t.Errorf("Max of %d elements = %v, want %v", len(x), got, largest)
	}
	for _, o := range [][]float32{out, again, scaled, product} {
		if o[0] != guard || o[len(o)-1] != guard {
			t.Errorf("%d elements: wrote outside the vector", len(x))
		}
	}
}

func TestAgainstDefinitions(t *testing.T) {
	for n := range 100 {
		x, y := vectors(n)
		check(t, 0.7, x, y)
	}
	special := []float32{0, float32(math.Copysign(0, -1)), math.SmallestNonzeroFloat32, math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN())}
	for _, v := range special {
		x, y := vectors(40)
		x[3], y[17], x[39] = v, v, v
		check(t, 0.7, x, y)
		check(t, v, x, y)
	}
	if got := Dot([]float32{1, 2, 3}, []float32{4, 5, 6}); got != 32 {
		t.Errorf("Dot = %v, want 32", got)
	}
	if got := Score([]float64{1, 2, 3}, []float32{4, 5, 6}); got != 32 {
		t.Errorf("Score = %v, want 32", got)
	}
}

// The loops give the bits of the kernels that take their place.
func TestLoopsAgreeWithKernels(t *testing.T) {
	for n := 16; n <= 256; n += 16 {
		x, y := vectors(n)
		if got, want := dotBlocks(x, y), dotLoop(x, y); got != want {
			t.Errorf("n=%d: dot kernel %v, loop %v", n, got, want)
		}
		if got, want := scoreBlocks(widen(x), y), scoreLoop(widen(x), y); got != want {
			t.Errorf("n=%d: score kernel %v, loop %v", n, got, want)
		}
		p, q := slices.Clone(x), slices.Clone(x)
		if got, want := expBlocks(p, 3), expLoop(q, 3); got != want || !slices.Equal(p, q) {
			t.Errorf("n=%d: exp kernel %v (sum %v), loop %v (sum %v)", n, p, got, q, want)
		}
	}
}

// Exp is right to 4 parts in ten million, keeps NaNs, and takes everything below −87 for that.
func TestExp(t *testing.T) {
	const guard = 12345
	for n := range 50 {
		x, _ := vectors(n)
		for k := range x {
			x[k] *= 30
		}
		top := float32(2)
		if n > 0 {
			top = Max(x)
		}
		out := slices.Concat([]float32{guard}, x, []float32{guard})
		sum := Exp(out[1:n+1], top)
		var total float64
		for k, v := range x {
			want := math.Exp(max(float64(v-top), -87))
			total += want
			if got := float64(out[k+1]); math.Abs(got-want) > 4e-7*want {
				t.Errorf("Exp of %v = %v, want %v", v-top, got, want)
			}
		}
		if math.Abs(float64(sum)-total) > 1e-5*total || out[0] != guard || out[n+1] != guard {
			t.Errorf("Exp of %d elements: sum %v, want %v; guards %v, %v", n, sum, total, out[0], out[n+1])
		}
	}
	x := make([]float32, 40)
	x[3], x[35] = float32(math.NaN()), float32(math.NaN())
	x[7], x[36] = float32(math.Inf(-1)), float32(math.Inf(-1))
	sum := Exp(x, 0)
	if x[3] == x[3] || x[35] == x[35] || sum == sum {
		t.Errorf("exponentials of NaN are %v and %v, their sum %v, want NaN", x[3], x[35], sum)
	}
	if !(x[7] < 1e-37) || !(x[36] < 1e-37) {
		t.Errorf("exponentials of −∞ are %v and %v, want nearly 0", x[7], x[36])
	}
}

func BenchmarkExp(b *testing.B) {
	for _, n := range []int{64, 256, 1024} {
		x, _ := vectors(n)
		for name, exp := range map[string]func([]float32, float32) float32{"kernel": expBlocks, "loop": expLoop} {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				y := make([]float32, n)
				for b.Loop() {
					copy(y, x)
					exp(y, 3)
				}
			})
		}
	}
}

func FuzzDot(f *testing.F) {
	f.Add(uint64(1), 20, float32(1))
	f.Fuzz(func(t *testing.T, seed uint64, n int, scale float32) {
		if n < 0 || n > 300 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 2))
		x, y := make([]float32, n), make([]float32, n)
		for k := range n {
			x[k], y[k] = scale*float32(r.NormFloat64()), float32(math.Exp(20*r.NormFloat64()))
		}
		check(t, scale, x, y)
	})
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{64, 160, 256} { // the strides recipes use
		x, y := vectors(n)
		for name, dot := range map[string]func(x, y []float32) float32{"kernel": Dot, "loop": dotLoop} {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(8 * n))
				for b.Loop() {
					dot(x, y)
				}
			})
		}
	}
}

func BenchmarkAxpy(b *testing.B) {
	for _, n := range []int{64, 160, 256} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			x, y := vectors(n)
			b.SetBytes(int64(8 * n))
			for b.Loop() {
				Axpy(1e-6, x, y)
			}
		})
	}
}

func BenchmarkScore(b *testing.B) {
	for _, n := range []int{64, 160, 256} {
		x, y := vectors(n)
		wide := widen(x)
		for name, score := range map[string]func(x []float64, y []float32) float64{
			"kernel": scoreBlocks, "loop": scoreLoop,
		} {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					score(wide, y)
				}
			})
		}
	}
}
