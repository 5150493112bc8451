package gemm

import "math"

// A tile is a part of C of at most tileRows×tileCols and what it is made of:
//
//	c[i*cs+j] = alpha·Σ a[i*rs+p*ks]·b[p*bs+j] + beta·c[i*cs+j]     for i < rows, j < cols
//
// over p < k in order, as the package's comment has it. k is at least 1. For kernels to have no special cases, a
// has tileRows rows and b tileCols columns to read, which only c has to lack.
type tile struct {
	k, rows, cols int
	a             []float32
	rs, ks        int
	b             []float32
	bs            int
	c             []float32
	cs            int
	alpha, beta   float32
}

// loop is what the kernels compute.
func (t *tile) loop() {
	for i := range t.rows {
		var sums [tileCols]float32
		for p := range t.k {
			x := t.a[i*t.rs+p*t.ks]
			for j, y := range t.b[p*t.bs : p*t.bs+t.cols] {
				sums[j] = fma(x, y, sums[j])
			}
		}
		t.merge(t.c[i*t.cs:i*t.cs+t.cols], sums[:])
	}
}

// merge adds alpha·sums to beta·row.
func (t *tile) merge(row, sums []float32) {
	sums = sums[:len(row)]
	for j, s := range sums {
		if t.beta == 0 {
			row[j] = t.alpha * s
		} else {
			row[j] = fma(t.alpha, s, t.beta*row[j])
		}
	}
}

// diagonal does a tile of which only elements with column ≤ row count: c begins so many columns right of the
// diagonal, counted at its first row.
func (t *tile) diagonal(b *buffer, right int) {
	whole := *t
	whole.alpha, whole.beta, whole.c, whole.cs = 1, 0, b.tile[:], tileCols
	whole.run()
	for i := range t.rows {
		if n := min(t.cols, i+1-right); n > 0 {
			t.merge(t.c[i*t.cs:i*t.cs+n], b.tile[i*tileCols:])
		}
	}
}

// fma returns x·y + z rounded once.
//
// The product is exact in float64, so the sum is rounded to 53 bits and then to 24. That differs from rounding
// once only if the first rounding hits the middle between two float32 that the exact sum misses. Between normal
// numbers that middle ends in a 1 and 28 zeros.
func fma(x, y, z float32) float32 {
	product := float64(x) * float64(y)
	sum := product + float64(z)
	if bits := math.Float64bits(sum); bits&(1<<29-1) != 1<<28 && bits>>52&0x7ff > 1023-127 {
		return float32(sum)
	}
	return fmaExact(product, float64(z), sum)
}

// fmaExact rounds x+y to float32 given its rounding to float64, by way of a rounding to odd: of the two float64
// around the exact sum, the one that ends in 1. (Boldo and Melquiond, Emulation of FMA and correctly rounded sums,
// 2008.)
func fmaExact(x, y, sum float64) float32 {
	if math.IsInf(sum, 0) || math.IsNaN(sum) {
		return float32(sum)
	}
	t := sum - x
	rest := (x - (sum - t)) + (y - t) // sum + rest is exact (Knuth)
	if bits := math.Float64bits(sum); rest != 0 && bits&1 == 0 {
		if (rest > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		return float32(math.Float64frombits(bits))
	}
	return float32(sum)
}
