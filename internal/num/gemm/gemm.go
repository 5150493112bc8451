// Package gemm multiplies dense matrices of float32, and inverts with these products.
//
// A matrix is a slice of rows ld elements apart, ld at least the length of a row. Every element of a product
// is defined bit by bit, and every processor and number of threads gives these bits:
//
//	sum = a[i][0]·b[0][j], then fused multiply-adds for p ascending, over at most depth values of p
//	c[i][j] = alpha·sum + beta·c[i][j]      rounded after beta·c and after the whole
//	and the same with beta = 1 for every further depth values of p
//
// Blocks, panels and tiles decide only when an element is computed. (Goto and van de Geijn, Anatomy of
// High-Performance Matrix Multiplication, 2008; Van Zee and van de Geijn, BLIS, 2015.)
package gemm

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// The plan. A tile's columns times depth stay in the first cache, a block of A in the second, one of B in
// the third.
const (
	tileRows  = 12
	tileCols  = 32
	depth     = 256
	blockRows = 22 * tileRows
	blockCols = 64 * tileCols
	sharedBy  = 16 * tileCols // columns of a block that one goroutine of several takes
)

// Mul sets C = alpha·op(A)·op(B) + beta·C, where op(A) is m×k and op(B) is k×n, transposed if transA or transB
// says so: A is then k×m, B n×k. With beta 0, C is written and not read; with alpha 0, A and B are not read.
// C overlaps neither. It panics if a slice is too short. It works in at most 2.5 MB.
func Mul(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	MulThreads(1, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

// MulThreads is Mul on at most so many goroutines, with the same result. It works in at most 0.8 MB for each
// if there are several.
func MulThreads(threads int, transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	p := product{m: m, n: n, k: k, alpha: alpha, beta: beta, c: c, ldc: ldc, a: operand{a, lda, 1}, b: operand{b, 1, ldb}}
	checkMatrix("A", transA, m, k, a, lda)
	checkMatrix("B", transB, k, n, b, ldb)
	checkMatrix("C", false, m, n, c, ldc)
	if transA {
		p.a = operand{a, 1, lda}
	}
	if transB {
		p.b = operand{b, ldb, 1}
	}
	p.run(threads)
}

// Gram sets the lower half of C, its diagonal included, to that of alpha·op(A)·op(A)ᵀ + beta·C, where op(A) is n×k,
// on at most so many goroutines. The bits are those of Mul; the upper half is left alone.
func Gram(threads int, trans bool, n, k int, alpha float32, a []float32, lda int, beta float32, c []float32, ldc int) {
	checkMatrix("A", trans, n, k, a, lda)
	checkMatrix("C", false, n, n, c, ldc)
	o := operand{a, lda, 1}
	if trans {
		o = operand{a, 1, lda}
	}
	p := product{m: n, n: n, k: k, alpha: alpha, beta: beta, c: c, ldc: ldc, a: o, b: o, lower: true}
	p.run(threads)
}

// checkMatrix panics unless x holds rows×cols, or cols×rows if transposed.
func checkMatrix(name string, transposed bool, rows, cols int, x []float32, ld int) {
	if transposed {
		rows, cols = cols, rows
	}
	if rows < 0 || cols < 0 {
		panic(fmt.Sprintf("gemm: %s is %d×%d", name, rows, cols))
	}
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(fmt.Sprintf("gemm: rows of %s have %d elements and are %d apart", name, cols, ld))
	}
	if need := (rows-1)*ld + cols; len(x) < need {
		panic(fmt.Sprintf("gemm: %s has %d elements, %d×%d with rows %d apart needs %d", name, len(x), rows, cols, ld, need))
	}
}

// An operand is a factor seen from C: element p of what row or column i of C is made of is at
// at[i*across+p*along]. One of the strides is 1.
type operand struct {
	at            []float32
	across, along int
}

func (o operand) from(i, p int) operand {
	o.at = o.at[i*o.across+p*o.along:]
	return o
}

// A product is a task: C = alpha·A·B + beta·C, or its lower half.
type product struct {
	m, n, k     int
	alpha, beta float32
	a, b        operand
	c           []float32
	ldc         int
	lower       bool // only elements with column ≤ row
}

func (p *product) run(threads int) {
	if p.m == 0 || p.n == 0 {
		return
	}
	if p.k == 0 || p.alpha == 0 {
		p.scale()
		return
	}
	const worth = 1 << 18 // multiplications that pay for a goroutine
	threads = min(threads, 1+int(int64(p.m)*int64(p.n)*int64(p.k)/worth))
	if threads <= 1 {
		b := buffers.Get().(*buffer)
		defer b.done()
		p.block(b, 0, p.m, 0, p.n)
		return
	}
	rows, cols := p.share(threads)
	across := (p.n + cols - 1) / cols
	spread(threads, across*((p.m+rows-1)/rows), func(at int) {
		b := buffers.Get().(*buffer)
		defer b.done()
		i, j := at/across*rows, at%across*cols
		p.block(b, i, min(i+rows, p.m), j, min(j+cols, p.n))
	})
}

// spread calls do for 0…n-1, each once, on at most so many goroutines.
func spread(threads, n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, n) {
		wg.Go(func() {
			for at := int(next.Add(1)) - 1; at < n; at = int(next.Add(1)) - 1 {
				do(at)
			}
		})
	}
	wg.Wait()
}

// share returns the size of the blocks of C that goroutines take: as large as leaves each a few, since every
// block packs for itself.
func (p *product) share(threads int) (rows, cols int) {
	rows, cols = blockRows, sharedBy
	few := 3 * threads
	for rows > 4*tileRows && ((p.m+rows-1)/rows)*((p.n+cols-1)/cols) < few {
		rows = (rows/2 + tileRows - 1) / tileRows * tileRows
	}
	return rows, cols
}

// scale does what is left without a product.
func (p *product) scale() {
	for i := range p.m {
		row := p.c[i*p.ldc : i*p.ldc+p.n]
		if p.lower {
			row = row[:min(i+1, p.n)]
		}
		if p.beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= p.beta
		}
	}
}

// A buffer is the scratch memory of one goroutine.
type buffer struct {
	a, b        []float32
	left, right panels
	task        tile
	tile        [tileRows * tileCols]float32
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// done gives the buffer back, without what it has of the caller's.
func (b *buffer) done() {
	b.left, b.right, b.task = panels{}, panels{}, tile{}
	buffers.Put(b)
}

// grown returns s with at least n elements.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// block computes rows i0..i1-1 and columns j0..j1-1 of C.
func (p *product) block(b *buffer, i0, i1, j0, j1 int) {
	for j := j0; j < j1; j += blockCols {
		cols := min(blockCols, j1-j)
		if p.lower && i1 <= j {
			return
		}
		for from := 0; from < p.k; from += depth {
			k := min(depth, p.k-from)
			right := b.packB(p.b.from(j, from), cols, k, i1-i0)
			for i := i0; i < i1; i += blockRows {
				rows := min(blockRows, i1-i)
				if p.lower && i+rows <= j {
					continue
				}
				left := b.packA(p.a.from(i, from), rows, k, cols)
				p.tiles(b, left, right, tile{k: k, rows: rows, cols: cols, alpha: p.alpha, beta: p.betaAt(from)}, i, j)
			}
		}
	}
}

func (p *product) betaAt(from int) float32 {
	if from > 0 {
		return 1
	}
	return p.beta
}

// tiles computes the block that all describes and that begins at (i,j), tile by tile.
func (p *product) tiles(b *buffer, left, right *panels, all tile, i, j int) {
	t := &b.task
	*t = all
	for y := 0; y < all.cols; y += tileCols {
		t.cols = min(tileCols, all.cols-y)
		t.b, t.bs = right.panel(y)
		for x := 0; x < all.rows; x += tileRows {
			t.rows = min(tileRows, all.rows-x)
			last := i + x + t.rows - 1
			if p.lower && last < j+y {
				continue
			}
			t.a, t.rs, t.ks = left.rows(x)
			t.c, t.cs = p.c[(i+x)*p.ldc+j+y:], p.ldc
			if p.lower && i+x < j+y+t.cols-1 {
				t.diagonal(b, j+y-i-x)
				continue
			}
			t.run()
		}
	}
}
