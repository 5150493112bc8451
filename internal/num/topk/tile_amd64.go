//go:build !noasm

package topk

import (
	"slices"

	"golang.org/x/sys/cpu"
)

//go:generate go -C asm run . -out ../tile_amd64.s -stubs ../stubs_amd64.go -pkg topk

// A set is the kernels for one user and for a full tile, nil for the loops.
type set struct {
	find, sum, store [2]func(**uint8) int
	exact            func(**float64, int, int, *float64)
}

// The sets, best first, and whether the processor can run them.
var sets = []struct {
	name string
	set
	runs bool
}{
	{"AVX-512 VNNI", set{
		find:  [2]func(**uint8) int{find1VNNI, find12VNNI},
		sum:   [2]func(**uint8) int{sum1VNNI, sum6VNNI},
		store: [2]func(**uint8) int{store1VNNI, store12VNNI},
		exact: exactAVX2,
	}, cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VNNI && cpu.X86.HasPOPCNT && cpu.X86.HasFMA},
	{"AVX2", set{
		find:  [2]func(**uint8) int{find1AVX2, find12AVX2},
		sum:   [2]func(**uint8) int{sum1AVX2, sum6AVX2},
		store: [2]func(**uint8) int{store1AVX2, store12AVX2},
		exact: exactAVX2,
	}, cpu.X86.HasAVX2 && cpu.X86.HasFMA},
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

// of returns the kernel for t's number of users.
func (t *tile) of(kernels *[2]func(**uint8) int) func(**uint8) int {
	if t.n == 1 {
		return kernels[0]
	}
	return kernels[1]
}

func (t *tile) find(p *packed, first, panels int) (done int) {
	k := t.of(&best.find)
	if k == nil || panels == 0 {
		return t.loop(p, first, panels, nil)
	}
	t.aim(p, first, panels)
	return k(&t.items)
}

func (t *tile) sum(p *packed, first, panels int, masks []uint32) (done int) {
	k := t.of(&best.sum)
	if k == nil || panels == 0 {
		return t.loop(p, first, panels, masks)
	}
	t.aim(p, first, panels)
	t.masks = &masks[0]
	return k(&t.items)
}

func (t *tile) store(p *packed, first, panels int, out []int32) {
	k := t.of(&best.store)
	if k == nil || panels == 0 {
		t.storeLoop(p, first, panels, out)
		return
	}
	t.aim(p, first, panels)
	t.out = &out[0]
	k(&t.items)
}

// products is scores with a kernel, if there is one.
func (b *pairs) products(blocks int) bool {
	n := len(b.of)
	if best.exact == nil || n == 0 {
		return false
	}
	b.sums = slices.Grow(b.sums[:0], n+1)[:n+1]
	for len(b.of) < n+1+pairsAhead { // so many are read
		b.of = append(b.of, b.of[n-1])
	}
	best.exact(&b.of[0].x, n, blocks, &b.sums[0])
	b.of, b.sums = b.of[:n], b.sums[:n]
	return true
}
