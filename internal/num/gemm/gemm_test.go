package gemm

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// guard stands around and between the rows of matrices: it is never written, and reading it shows.
var guard = float32(math.NaN())

// A matrix is one in a larger slice, with guards after every row.
type matrix struct {
	rows, cols, ld int
	x              []float32
}

func newMatrix(rows, cols, extra int, value func() float32) matrix {
	m := matrix{rows, cols, cols + extra, nil}
	if rows == 0 {
		return m
	}
	m.x = make([]float32, (rows-1)*m.ld+cols)
	for k := range m.x {
		m.x[k] = guard
	}
	for i := range rows {
		for j := range cols {
			m.x[i*m.ld+j] = value()
		}
	}
	return m
}

func (m matrix) at(i, j int, transposed bool) float32 {
	if transposed {
		i, j = j, i
	}
	return m.x[i*m.ld+j]
}

func (m matrix) clone() matrix {
	m.x = slices.Clone(m.x)
	return m
}

// same reports whether two matrices have the same bits, guards included; any NaN is like another.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
	})
}

// defined is the product as the package's comment defines it, element by element.
func defined(transA, transB bool, k int, alpha float32, a, b matrix, beta float32, c matrix, lower bool) {
	for i := range c.rows {
		for j := range c.cols {
			to := &c.x[i*c.ld+j]
			if lower && j > i {
				continue
			}
			if k == 0 || alpha == 0 {
				if *to *= beta; beta == 0 {
					*to = 0
				}
				continue
			}
			with := beta
			for from := 0; from < k; from += depth {
				var sum float32
				for p := from; p < min(k, from+depth); p++ {
					sum = fma(a.at(i, p, transA), b.at(p, j, transB), sum)
				}
				if with == 0 {
					*to = alpha * sum
				} else {
					*to = fma(alpha, sum, with**to)
				}
				with = 1
			}
		}
	}
}

func draws(r *rand.Rand, wild bool) func() float32 {
	if wild {
		return func() float32 { return float32(math.Copysign(math.Exp(25*r.NormFloat64()), r.NormFloat64())) }
	}
	return func() float32 { return float32(r.NormFloat64()) }
}

// A product has the bits of its definition, whatever the shapes, strides, transposes and threads, and writes
// nothing else.
func TestMulIsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, 70), rapid.SampledFrom([]int{12, 24, 32, 64, 100}))
		m, n := size.Draw(t, "m"), size.Draw(t, "n")
		k := rapid.OneOf(size, rapid.SampledFrom([]int{depth - 1, depth, depth + 1, 2*depth + 3})).Draw(t, "k")
		transA, transB := rapid.Bool().Draw(t, "transA"), rapid.Bool().Draw(t, "transB")
		scale := rapid.SampledFrom([]float32{0, 1, -1, 0.3})
		alpha, beta := scale.Draw(t, "alpha"), scale.Draw(t, "beta")
		extra := rapid.SampledFrom([]int{0, 0, 1, 17, 512})
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		value := draws(r, rapid.Bool().Draw(t, "wild"))
		a, b := drawMatrix(m, k, transA, extra.Draw(t, "lda"), value), drawMatrix(k, n, transB, extra.Draw(t, "ldb"), value)
		c := newMatrix(m, n, extra.Draw(t, "ldc"), value)
		want, whole := c.clone(), c.clone()
		defined(transA, transB, k, alpha, a, b, beta, want, false)
		got := c.clone()
		Mul(transA, transB, m, n, k, alpha, a.x, a.ld, b.x, b.ld, beta, got.x, got.ld)
		if !same(got.x, want.x) {
			t.Fatalf("Mul(%v, %v, %d, %d, %d, %v, …, %v) differs from its definition", transA, transB, m, n, k, alpha, beta)
		}
		MulThreads(3, transA, transB, m, n, k, alpha, a.x, a.ld, b.x, b.ld, beta, whole.x, whole.ld)
		if !same(whole.x, want.x) {
			t.Fatalf("MulThreads(3, %v, %v, %d, %d, %d, %v, …, %v) differs from its definition", transA, transB, m, n, k, alpha, beta)
		}
	})
}

func drawMatrix(rows, cols int, transposed bool, extra int, value func() float32) matrix {
	if transposed {
		rows, cols = cols, rows
	}
	return newMatrix(rows, cols, extra, value)
}

// Blocks and goroutines meet in large products as they do in small ones.
func TestMulOfSeveralBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{blockRows + 13, sharedBy + 40, 30, false, false},
		{blockRows + 13, 70, depth + 30, true, true},
		{30, blockCols + 50, 20, false, true},
		{3 * blockRows, 40, 64, false, false},
	} {
		a, b := drawMatrix(s.m, s.k, s.transA, 0, draws(r, false)), drawMatrix(s.k, s.n, s.transB, 0, draws(r, false))
		c := newMatrix(s.m, s.n, 0, draws(r, false))
		want := c.clone()
		defined(s.transA, s.transB, s.k, 1, a, b, 1, want, false)
		for _, threads := range []int{1, 2, 5} {
			got := c.clone()
			MulThreads(threads, s.transA, s.transB, s.m, s.n, s.k, 1, a.x, a.ld, b.x, b.ld, 1, got.x, got.ld)
			if !same(got.x, want.x) {
				t.Errorf("%+v with %d threads differs from its definition", s, threads)
			}
		}
	}
}

// Every kernel and the loop give the same bits.
func TestKernelsAgreeWithLoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		value := draws(r, rapid.Bool().Draw(t, "wild"))
		k := rapid.IntRange(1, 40).Draw(t, "k")
		rows, cols := rapid.IntRange(1, tileRows).Draw(t, "rows"), rapid.IntRange(1, tileCols).Draw(t, "cols")
		scale := rapid.SampledFrom([]float32{0, 1, -0.7, 1e-30, float32(math.Copysign(0, -1))})
		a, b := newMatrix(k, tileRows, 3, value), newMatrix(k, tileCols, 5, value)
		c := newMatrix(rows, cols, 7, value)
		task := tile{k: k, rows: rows, cols: cols, a: a.x, rs: 1, ks: a.ld, b: b.x, bs: b.ld, c: c.x, cs: c.ld,
			alpha: scale.Draw(t, "alpha"), beta: scale.Draw(t, "beta")}
		for i := range a.x {
			if a.x[i] != a.x[i] {
				a.x[i] = 0
			}
		}
		if rapid.Bool().Draw(t, "turned") {
			a = newMatrix(tileRows, k, 2, value)
			task.a, task.rs, task.ks = a.x, a.ld, 1
		}
		want := task
		want.c = slices.Clone(c.x)
		want.loop()
		for _, kernel := range kernels {
			if !kernel.runs {
				continue // no promise of that processor; the list ends with Go
			}
			got := task
			got.c = slices.Clone(c.x)
			kernel.tile(&got)
			if !same(got.c, want.c) {
				t.Fatalf("%s, %d×%d, k=%d, alpha %v, beta %v: %v, want %v", kernel.name, rows, cols, k, task.alpha, task.beta, got.c, want.c)
			}
		}
	})
}

// Go's fma is rounded once: math/big says what that is.
func TestFMA(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// few bits and exponents near each other bring about the middles that are rounded twice
		part := func(name string) float32 {
			bits := rapid.OneOf(rapid.Uint32Range(0, 1<<23-1), rapid.SampledFrom([]uint32{0, 1, 2, 3, 1<<22 + 1, 1<<23 - 1, 1 << 12, 1<<12 + 1})).Draw(t, name)
			exponent := rapid.OneOf(rapid.IntRange(-30, 30), rapid.IntRange(-149, 100)).Draw(t, name+"Exponent")
			x := float32(math.Ldexp(1+float64(bits)/(1<<23), exponent))
			if rapid.Bool().Draw(t, name+"Sign") {
				x = -x
			}
			return x
		}
		x, y, z := part("x"), part("y"), part("z")
		checkFMA(t, x, y, z)
		// a z that leaves x·y in the middle between two float32, or beside it
		p := float64(x) * float64(y)
		near := float32(p)
		half := float64(math.Nextafter32(near, float32(math.Inf(1)))-near) / 2
		if tiny := float32(p - float64(near) - half); !math.IsInf(float64(tiny), 0) && tiny == tiny {
			checkFMA(t, x, y, -tiny)
		}
	})
	inf := float32(math.Inf(1))
	for _, c := range [][4]float32{{inf, 1, 1, inf}, {inf, 0, 1, guard}, {inf, 1, -inf, guard}, {1, 1, guard, guard},
		{math.MaxFloat32, 2, -inf, -inf}, {math.MaxFloat32, 2, 0, inf}, {1, 0, 0, 0}} {
		if got := fma(c[0], c[1], c[2]); !same([]float32{got}, c[3:]) {
			t.Errorf("fma(%v, %v, %v) = %v, want %v", c[0], c[1], c[2], got, c[3])
		}
	}
}

func checkFMA(t *rapid.T, x, y, z float32) {
	exact := func(x float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(x)) }
	sum := exact(x)
	sum.Mul(sum, exact(y))
	sum.Add(sum, exact(z))
	if want, _ := sum.Float32(); fma(x, y, z) != want {
		t.Fatalf("fma(%v, %v, %v) = %v, want %v", x, y, z, fma(x, y, z), want)
	}
}

// A wrong size is the caller's mistake, and is not paid for with other memory.
func TestMulChecksSizes(t *testing.T) {
	x := make([]float32, 100)
	for _, c := range []struct {
		m, n, k, lda, ldb, ldc int
		want                   string
	}{
		{11, 10, 10, 10, 10, 10, "gemm: A has 100 elements, 11×10 with rows 10 apart needs 110"},
		{10, 10, 11, 10, 10, 10, "gemm: rows of A have 11 elements and are 10 apart"},
		{5, 10, 10, 10, 11, 10, "gemm: B has 100 elements, 10×10 with rows 11 apart needs 109"},
		{10, 10, 1, 1, 10, 11, "gemm: C has 100 elements, 10×10 with rows 11 apart needs 109"},
		{-1, 10, 1, 1, 10, 11, "gemm: A is -1×1"},
	} {
		func() {
			defer func() {
				if got := recover(); got != c.want {
					t.Errorf("%+v: panic %v", c, got)
				}
			}()
			Mul(false, false, c.m, c.n, c.k, 1, x, c.lda, x, c.ldb, 0, x, c.ldc)
		}()
	}
}

// BenchmarkMul prints the share of the peak that the same run measures between the rounds.
func BenchmarkMul(b *testing.B) {
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{6400, 64, 64, false, false}, {6400, 256, 64, false, false}, {6400, 64, 256, false, false}, {64, 256, 6400, true, false},
		{6400, 64, 256, false, true},
		{200, 200, 64, false, true}, {200, 64, 200, false, false}, {200, 64, 200, true, false},
		{128, 3400, 64, false, true}, {512, 3400, 64, false, true}, {512, 64, 3400, false, false}, {3400, 64, 512, true, false},
		{256, 256, 64, false, false}, {256, 256, 64, false, true}, {256, 256, 64, true, false},
		{1024, 1024, 1024, false, false}, {2000, 2000, 2000, false, true}, {16, 16, 16, false, false}, {1, 64, 64, false, true},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d/%s%s", s.m, s.n, s.k, letter(s.transA), letter(s.transB)), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 0))
			a, right := drawMatrix(s.m, s.k, s.transA, 0, draws(r, false)), drawMatrix(s.k, s.n, s.transB, 0, draws(r, false))
			c := make([]float32, s.m*s.n)
			share(b, 2*float64(s.m)*float64(s.n)*float64(s.k), func() {
				Mul(s.transA, s.transB, s.m, s.n, s.k, 1, a.x, a.ld, right.x, right.ld, 0, c, s.n)
			})
		})
	}
}

func letter(transposed bool) string {
	if transposed {
		return "T"
	}
	return "N"
}
