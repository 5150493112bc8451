//go:build !noasm

package gemm

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../tile_amd64.s -stubs ../stubs_amd64.go -pkg gemm

// The kernels, best first, and whether the processor can run them.
var kernels = []struct {
	name string
	tile func(*tile)
	peak func(rounds int) // how fast it could be at best, or nil
	flop float64          // operations of a round of peak
	runs bool
}{
	{"AVX-512", (*tile).avx512, peakAVX512, 24 * 16 * 2, cpu.X86.HasAVX512F},
	{"AVX2", (*tile).avx2, peakAVX2, 12 * 8 * 2, haveAVX2},
	{"Go", (*tile).loop, nil, 0, true},
}

var haveAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

var best = func() func(*tile) {
	for _, k := range kernels {
		if k.runs {
			return k.tile
		}
	}
	return (*tile).loop
}()

func (t *tile) run() { best(t) }

const single = 4 // bytes

func (t *tile) avx512() {
	kernel := tile12AVX512
	switch {
	case t.rows <= 4:
		kernel = tile4AVX512
	case t.rows <= 8:
		kernel = tile8AVX512
	}
	kernel(t.k, &t.a[0], t.rs*single, t.ks*single, &t.b[0], t.bs*single, &t.c[0], t.cs*single,
		t.alpha, t.beta, t.rows, uint32(1<<t.cols-1))
}

// avx2 does the tile in parts of 6×16, by way of the stack where C ends within a part.
func (t *tile) avx2() {
	const height, width = 6, 16
	var whole [height * width]float32
	for i := 0; i < t.rows; i += height {
		rows := min(height, t.rows-i)
		for j := 0; j < t.cols; j += width {
			a, b, c := t.a[i*t.rs:], t.b[j:], t.c[i*t.cs+j:]
			if t.cols-j >= width {
				tile6AVX2(t.k, &a[0], t.rs*single, t.ks*single, &b[0], t.bs*single, &c[0], t.cs*single, t.alpha, t.beta, rows)
				continue
			}
			tile6AVX2(t.k, &a[0], t.rs*single, t.ks*single, &b[0], t.bs*single, &whole[0], width*single, 1, 0, rows)
			for r := range rows {
				t.merge(c[r*t.cs:r*t.cs+t.cols-j], whole[r*width:])
			}
		}
	}
}

func transpose4(src []float32, ss int, dst []float32, ds, quads int) {
	if !haveAVX2 {
		transposeLoop(src, ss, dst, ds, quads)
		return
	}
	transposeAVX2(&src[0], ss*single, &dst[0], ds*single, quads)
}

func copyWhole(dst []float32, width int, src []float32, ss, k int) {
	kernel := copy12AVX2
	switch {
	case !haveAVX2 || k == 0:
		copyLoop(dst, width, src, ss, k)
		return
	case width == tileCols:
		kernel = copy32AVX2
	}
	_, _ = dst[k*width-1], src[(k-1)*ss+width-1]
	kernel(&src[0], ss*single, &dst[0], k)
}
