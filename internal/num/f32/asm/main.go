// Asm writes the AVX2 kernels of package f32. It is a module of its own so that the generator is no
// dependency of the product: run go generate in the folder above.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	dot()
	axpy()
	xpay()
	score()
	Generate()
}

// bytes of a float32 and a float64
const (
	single = 4
	double = 8
)

// dot multiplies and adds, never fused: the loop in f32.go rounds each product.
func dot() {
	TEXT("dotAVX2", NOSPLIT, "func(x, y *float32, blocks int) float32")
	Doc("dotAVX2 is Dot over blocks of 16 elements.")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("blocks"), GP64())
	lo, hi, p, q := YMM(), YMM(), YMM(), YMM()
	VXORPS(lo, lo, lo)
	VXORPS(hi, hi, hi)
	loop("dot", n, func() {
		VMOVUPS(Mem{Base: x}, p)
		VMULPS(Mem{Base: y}, p, p)
		VADDPS(p, lo, lo)
		VMOVUPS(Mem{Base: x, Disp: 8 * single}, q)
		VMULPS(Mem{Base: y, Disp: 8 * single}, q, q)
		VADDPS(q, hi, hi)
		ADDQ(Imm(16*single), x)
		ADDQ(Imm(16*single), y)
	})
	VADDPS(hi, lo, lo) // lanes k and k+8
	up := XMM()
	VEXTRACTF128(Imm(1), lo, up)
	sum := lo.AsX()
	VADDPS(up, sum, sum) // lanes k and k+4
	swapped := XMM()
	VMOVHLPS(sum, sum, swapped)
	VADDPS(swapped, sum, sum) // lanes k and k+2
	VSHUFPS(Imm(1), sum, sum, swapped)
	VADDSS(swapped, sum, sum)
	VZEROUPPER()
	Store(sum, ReturnIndex(0))
	RET()
}

func axpy() {
	TEXT("axpyAVX2", NOSPLIT, "func(a float32, x, y *float32, blocks int)")
	Doc("axpyAVX2 is Axpy over blocks of 16 elements.")
	a := broadcast("a")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("blocks"), GP64())
	p, q := YMM(), YMM()
	loop("axpy", n, func() {
		VMULPS(Mem{Base: x}, a, p)
		VADDPS(Mem{Base: y}, p, p)
		VMOVUPS(p, Mem{Base: y})
		VMULPS(Mem{Base: x, Disp: 8 * single}, a, q)
		VADDPS(Mem{Base: y, Disp: 8 * single}, q, q)
		VMOVUPS(q, Mem{Base: y, Disp: 8 * single})
		ADDQ(Imm(16*single), x)
		ADDQ(Imm(16*single), y)
	})
	VZEROUPPER()
	RET()
}

func xpay() {
	TEXT("xpayAVX2", NOSPLIT, "func(x *float32, a float32, y *float32, blocks int)")
	Doc("xpayAVX2 is Xpay over blocks of 16 elements.")
	a := broadcast("a")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("blocks"), GP64())
	p, q := YMM(), YMM()
	loop("xpay", n, func() {
		VMULPS(Mem{Base: y}, a, p)
		VADDPS(Mem{Base: x}, p, p)
		VMOVUPS(p, Mem{Base: y})
		VMULPS(Mem{Base: y, Disp: 8 * single}, a, q)
		VADDPS(Mem{Base: x, Disp: 8 * single}, q, q)
		VMOVUPS(q, Mem{Base: y, Disp: 8 * single})
		ADDQ(Imm(16*single), x)
		ADDQ(Imm(16*single), y)
	})
	VZEROUPPER()
	RET()
}

// score may fuse: a product of two float32 is exact in float64, so there is nothing to round.
func score() {
	TEXT("scoreAVX2", NOSPLIT, "func(x *float64, y *float32, blocks int) float64")
	Doc("scoreAVX2 is Score over blocks of 16 elements, before the last rounding.")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("blocks"), GP64())
	var sum [4]VecVirtual
	for k := range sum {
		sum[k] = YMM()
		VXORPD(sum[k], sum[k], sum[k])
	}
	loop("score", n, func() {
		for k := range sum {
			v := YMM()
			VCVTPS2PD(Mem{Base: y, Disp: 4 * k * single}, v)
			VFMADD231PD(Mem{Base: x, Disp: 4 * k * double}, v, sum[k])
		}
		ADDQ(Imm(16*double), x)
		ADDQ(Imm(16*single), y)
	})
	VADDPD(sum[2], sum[0], sum[0]) // lanes k and k+8
	VADDPD(sum[3], sum[1], sum[1])
	VADDPD(sum[1], sum[0], sum[0]) // lanes k and k+4
	up := XMM()
	VEXTRACTF128(Imm(1), sum[0], up)
	s := sum[0].AsX()
	VADDPD(up, s, s) // lanes k and k+2
	swapped := XMM()
	VUNPCKHPD(s, s, swapped)
	VADDSD(swapped, s, s)
	VZEROUPPER()
	Store(s, ReturnIndex(0))
	RET()
}

// broadcast loads a float32 parameter into all lanes.
func broadcast(name string) VecVirtual {
	one, all := Load(Param(name), XMM()), YMM()
	VBROADCASTSS(one, all)
	return all
}

// loop runs body n times; n is at least 1.
func loop(name string, n Register, body func()) {
	Label(name)
	body()
	DECQ(n)
	JNZ(LabelRef(name))
}
