package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// exact computes scoreLoop of package f32 for pairs of vectors, two at a time, so that neither waits for additions.
// The rows of the pairs to come are asked of memory meanwhile.
func exact() {
	const (
		pair     = 16 // bytes: two pointers
		ahead    = 8  // pairs
		together = 2
		single   = 4
		double   = 8
	)
	TEXT("exactAVX2", NOSPLIT, "func(pairs **float64, n int, blocks int, sums *float64)")
	Pragma("noescape")
	Doc("exactAVX2 sets n sums, an even number, to the exact products of pairs. Behind them there are 8 pairs more.")
	pairs, n := Load(Param("pairs"), GP64()), Load(Param("n"), GP64())
	blocks, sums := Load(Param("blocks"), GP64()), Load(Param("sums"), GP64())
	Label("exact_pairs")
	var acc [together][4]VecVirtual
	var x, y, next [together]GPVirtual
	for p := range acc {
		x[p], y[p], next[p] = GP64(), GP64(), GP64()
		MOVQ(Mem{Base: pairs, Disp: p * pair}, x[p])
		MOVQ(Mem{Base: pairs, Disp: p*pair + 8}, y[p])
		MOVQ(Mem{Base: pairs, Disp: (p+ahead)*pair + 8}, next[p])
		for k := range acc[p] {
			acc[p][k] = YMM()
			VXORPD(acc[p][k], acc[p][k], acc[p][k])
		}
	}
	left := GP64()
	MOVQ(blocks, left)
	Label("exact_blocks")
	for p := range acc {
		PREFETCHT0(Mem{Base: next[p]})
		for k := range acc[p] {
			v := YMM()
			VCVTPS2PD(Mem{Base: y[p], Disp: 4 * k * single}, v)
			VFMADD231PD(Mem{Base: x[p], Disp: 4 * k * double}, v, acc[p][k])
		}
		ADDQ(Imm(16*single), next[p])
		ADDQ(Imm(16*single), y[p])
		ADDQ(U32(16*double), x[p])
	}
	DECQ(left)
	JNZ(LabelRef("exact_blocks"))
	for p := range acc {
		a := acc[p]
		VADDPD(a[2], a[0], a[0]) // lanes k and k+8
		VADDPD(a[3], a[1], a[1])
		VADDPD(a[1], a[0], a[0]) // lanes k and k+4
		up, s := XMM(), a[0].AsX()
		VEXTRACTF128(Imm(1), a[0], up)
		VADDPD(up, s, s) // lanes k and k+2
		VUNPCKHPD(s, s, up)
		VADDSD(up, s, s)
		VMOVSD(s, Mem{Base: sums, Disp: p * double})
	}
	ADDQ(Imm(together*pair), pairs)
	ADDQ(Imm(together*double), sums)
	SUBQ(Imm(together), n)
	JG(LabelRef("exact_pairs"))
	VZEROUPPER()
	RET()
}
