//go:build !noasm

package topk

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../tile_amd64.s -stubs ../stubs_amd64.go -pkg topk

var haveAVX2 = cpu.X86.HasAVX2

// run scores a block.
func (t *tile) run(pairs int, items []int16, factors []float32) {
	switch {
	case !haveAVX2:
		t.loop(pairs, items, factors)
	case t.n == 1:
		tile1AVX2(&items[0], &t.users[0], pairs, &factors[0], &t.par[0].scale, &t.allow[0], &t.hits[0], &t.sum[0][0])
	default:
		tile6AVX2(&items[0], &t.users[0], pairs, &factors[0], &t.par[0].scale, &t.allow[0], &t.hits[0], &t.sum[0][0])
	}
}
