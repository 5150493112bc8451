// Asm writes the AVX2 kernels of package f32. It is a module of its own so that the generator is no
// dependency of the product: run go generate in the folder above.
package main

import (
	"fmt"
	"math"

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
	largest()
	scale()
	times()
	exp()
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

// largest keeps a lane unless what comes is greater: of two, VMAXPS returns its last operand for NaNs and zeros.
func largest() {
	TEXT("maxAVX2", NOSPLIT, "func(x *float32, blocks int) float32")
	Doc("maxAVX2 is Max over blocks of 16 elements.")
	x, n := Load(Param("x"), GP64()), Load(Param("blocks"), GP64())
	lo, hi := constant(math.Float32bits(float32(math.Inf(-1)))), YMM()
	VMOVUPS(lo, hi)
	p, q := YMM(), YMM()
	loop("max", n, func() {
		VMOVUPS(Mem{Base: x}, p)
		VMAXPS(lo, p, lo)
		VMOVUPS(Mem{Base: x, Disp: 8 * single}, q)
		VMAXPS(hi, q, hi)
		ADDQ(Imm(16*single), x)
	})
	fold(lo, hi, func(other, lane, to VecVirtual) { VMAXPS(lane, other, to) })
	Store(lo.AsX(), ReturnIndex(0))
	RET()
}

func scale() {
	TEXT("scaleAVX2", NOSPLIT, "func(a float32, x *float32, blocks int)")
	Doc("scaleAVX2 is Scale over blocks of 16 elements.")
	a := broadcast("a")
	x, n := Load(Param("x"), GP64()), Load(Param("blocks"), GP64())
	p, q := YMM(), YMM()
	loop("scale", n, func() {
		VMULPS(Mem{Base: x}, a, p)
		VMOVUPS(p, Mem{Base: x})
		VMULPS(Mem{Base: x, Disp: 8 * single}, a, q)
		VMOVUPS(q, Mem{Base: x, Disp: 8 * single})
		ADDQ(Imm(16*single), x)
	})
	VZEROUPPER()
	RET()
}

func times() {
	TEXT("timesAVX2", NOSPLIT, "func(x, y *float32, blocks int)")
	Doc("timesAVX2 is Times over blocks of 16 elements.")
	x, y, n := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("blocks"), GP64())
	p, q := YMM(), YMM()
	loop("times", n, func() {
		VMOVUPS(Mem{Base: x}, p)
		VMULPS(Mem{Base: y}, p, p)
		VMOVUPS(p, Mem{Base: y})
		VMOVUPS(Mem{Base: x, Disp: 8 * single}, q)
		VMULPS(Mem{Base: y, Disp: 8 * single}, q, q)
		VMOVUPS(q, Mem{Base: y, Disp: 8 * single})
		ADDQ(Imm(16*single), x)
		ADDQ(Imm(16*single), y)
	})
	VZEROUPPER()
	RET()
}

// exp is expLoop's arithmetic, two registers at a time.
func exp() {
	TEXT("expAVX2", NOSPLIT, "func(x *float32, top float32, blocks int) float32")
	Doc("expAVX2 is Exp over blocks of 16 elements.")
	x, n := Load(Param("x"), GP64()), Load(Param("blocks"), GP64())
	top := broadcast("top")
	number := func(v float64) VecVirtual { return constant(math.Float32bits(float32(v))) }
	const ln2Hi = 0x2.c6p-2
	least, log2e, magic := number(-87), number(1.4426950408889634), number(3<<22)
	hi, lo := number(ln2Hi), number(0.6931471805599453-ln2Hi)
	sums := [2]VecVirtual{YMM(), YMM()}
	VXORPS(sums[0], sums[0], sums[0])
	VXORPS(sums[1], sums[1], sums[1])
	t, z, p := YMM(), YMM(), YMM()
	terms := make([]Mem, 6)
	for k, v := range []float64{1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2, 1} {
		terms[k] = global(float32(v))
	}
	loop("exp", n, func() {
		for k := range 2 {
			at := Mem{Base: x, Disp: 8 * k * single}
			VMOVUPS(at, t)
			VSUBPS(top, t, t)
			VMAXPS(t, least, t) // a NaN stays
			VMULPS(log2e, t, z)
			VADDPS(magic, z, z)
			VSUBPS(magic, z, p)
			r := YMM()
			VMULPS(hi, p, r)
			VSUBPS(r, t, t)
			VMULPS(lo, p, r)
			VSUBPS(r, t, t)
			VMULPS(terms[0], t, p)
			VADDPS(terms[1], p, p)
			for _, m := range terms[2:] {
				VMULPS(t, p, p)
				VADDPS(m, p, p)
			}
			VMULPS(t, p, p)
			VADDPS(terms[5], p, p)
			VPSLLD(Imm(23), z, z)
			VPADDD(z, p, p)
			VMOVUPS(p, at)
			VADDPS(p, sums[k], sums[k])
		}
		ADDQ(Imm(16*single), x)
	})
	fold(sums[0], sums[1], func(other, lane, to VecVirtual) { VADDPS(other, lane, to) })
	Store(sums[0].AsX(), ReturnIndex(0))
	RET()
}

// fold brings sixteen lanes to one, as Dot does: k and k+8, then k and k+4, k+2, k+1.
func fold(lo, hi VecVirtual, both func(other, lane, to VecVirtual)) {
	both(hi, lo, lo)
	up := YMM()
	VEXTRACTF128(Imm(1), lo, up.AsX())
	both(up, lo, lo)
	VPSHUFD(Imm(0b1110), lo.AsX(), up.AsX())
	both(up, lo, lo)
	VPSHUFD(Imm(1), lo.AsX(), up.AsX())
	both(up, lo, lo)
	VZEROUPPER()
}

// global is a number eight times in memory.
func global(v float32) Mem {
	m := GLOBL(fmt.Sprintf("n%08x", math.Float32bits(v)), RODATA|NOPTR)
	for k := range 8 {
		DATA(4*k, U32(math.Float32bits(v)))
	}
	return m
}

// constant is a number in all lanes.
func constant(bits uint32) VecVirtual {
	g, v := GP32(), YMM()
	MOVL(U32(bits), g)
	VMOVD(g, v.AsX())
	VPBROADCASTD(v.AsX(), v)
	return v
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
