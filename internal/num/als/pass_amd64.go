//go:build !noasm

package als

import (
	"golang.org/x/sys/cpu"

	"github.com/kindredrec/kindred/internal/num/f32"
)

//go:generate go -C asm run . -out ../pass_amd64.s -stubs ../stubs_amd64.go -pkg als

// A set is the kernels for a processor.
type set struct {
	name string
	pass func(n int, fixed *float32, stride int, cols *int32, weights *float32, v *float32, target float32, diagonal *float32, out *float32, blocks int)
	step func(x, r, p, ap, inverse *float32, rz float32, blocks int) float32
	runs bool
}

// The sets, best first, and whether the processor can run them.
var sets = []set{
	{"AVX-512", passAVX512, stepAVX512, haveAVX2 && cpu.X86.HasAVX512F},
	{"AVX2", passAVX2, stepAVX2, haveAVX2},
}

var haveAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

var best = func() set {
	for _, s := range sets {
		if s.runs {
			return s
		}
	}
	return set{}
}()

const single = 4 // bytes

func pass(fixed []float32, cols []int32, weights []float32, v []float32, target float32, diagonal, out []float32) {
	best.goOver(fixed, cols, weights, v, target, diagonal, out)
}

func (s *set) goOver(fixed []float32, cols []int32, weights []float32, v []float32, target float32, diagonal, out []float32) {
	if s.pass == nil || len(cols) == 0 {
		passLoop(fixed, cols, weights, v, target, diagonal, out)
		return
	}
	_, _ = weights[len(cols)-1], out[len(v)-1]
	var d *float32
	if diagonal != nil {
		d = &diagonal[:len(v)][0]
	}
	s.pass(len(cols), &fixed[0], len(v)*single, &cols[0], &weights[0], &v[0], target, d, &out[0], len(v)/f32.Block)
}

func step(x, r, p, ap, inverse []float32, rz float32) float32 {
	return best.move(x, r, p, ap, inverse, rz)
}

func (s *set) move(x, r, p, ap, inverse []float32, rz float32) float32 {
	if s.step == nil {
		return stepLoop(x, r, p, ap, inverse, rz)
	}
	last := len(x) - 1
	_, _, _, _ = r[last], p[last], ap[last], inverse[last]
	return s.step(&x[0], &r[0], &p[0], &ap[0], &inverse[0], rz, len(x)/f32.Block)
}

func shift(diagonal []float32, by float32, sum, inverse []float32) {
	if !haveAVX2 {
		shiftLoop(diagonal, by, sum, inverse)
		return
	}
	last := len(diagonal) - 1
	_, _ = sum[last], inverse[last]
	shiftAVX2(&diagonal[0], by, &sum[0], &inverse[0], len(diagonal)/f32.Block)
}

// prefetch has columns brought into the cache.
func prefetch(fixed []float32, stride int, cols []int32) {
	if len(cols) > 0 {
		prefetchSSE(len(cols), &fixed[0], stride*single, &cols[0], stride/f32.Block)
	}
}
