//go:build !noasm

package topk

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../tile_amd64.s -stubs ../stubs_amd64.go -pkg topk

// A kernel computes tile.loop; without sums if sum is nil.
type kernel func(items *int16, users *int16, pairs int, factors *float32, par *float32, allow *uint64, hits *uint64, sum *float64)

// A set is the kernels for one user and for tileUsers, nil for the loop.
type set struct{ one, full kernel }

// The sets, best first, and whether the processor can run them.
var sets = []struct {
	name string
	set
	runs bool
}{
	{"AVX-512 VNNI", set{tile1VNNI, tile6VNNI}, cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI},
	{"AVX2", set{tile1AVX2, tile6AVX2}, cpu.X86.HasAVX2},
	{"Go", set{}, true},
}

var best = func() set {
	for _, s := range sets {
		if s.runs {
			return s.set
		}
	}
	return set{}
}()

// run scores a block.
func (t *tile) run(pairs int, items []int16, factors []float32) { t.with(best, pairs, items, factors) }

func (t *tile) with(s set, pairs int, items []int16, factors []float32) {
	k := s.full
	if t.n == 1 {
		k = s.one
	}
	if k == nil {
		t.loop(pairs, items, factors)
		return
	}
	var sum *float64
	if t.sums {
		sum = &t.sum[0][0]
	}
	k(&items[0], &t.users[0], pairs, &factors[0], &t.par[0].scale, &t.allow[0], &t.hits[0], sum)
}
