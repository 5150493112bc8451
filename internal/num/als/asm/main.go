// Asm writes the AVX2 and AVX-512 kernels of package als. It is a module of its own so that the generator is no
// dependency of the product: run go generate in the folder above.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	for _, wide := range []bool{false, true} {
		p := pass{wide: wide}
		p.write()
		s := step{wide: wide}
		s.write()
	}
	shift()
	prefetch()
	Generate()
}

const (
	single = 4
	block  = 16 * single // bytes
	group  = 4           // columns whose dot products are folded together
)

// registers holds a block of 16 elements: two registers of AVX2 or one of AVX-512.
func registers(wide bool) []VecVirtual {
	if wide {
		return []VecVirtual{ZMM()}
	}
	return []VecVirtual{YMM(), YMM()}
}

func width(wide bool) int {
	if wide {
		return 64
	}
	return 32
}

func suffix(wide bool) string {
	if wide {
		return "AVX512"
	}
	return "AVX2"
}

func zero(x VecVirtual, wide bool) {
	if wide {
		VPXORD(x, x, x)
	} else {
		VXORPS(x, x, x)
	}
}

// element is part v of the block at off.
func element(base, off Register, v int, wide bool) Mem {
	return Mem{Base: base, Index: off, Scale: 1, Disp: v * width(wide)}
}

// loop runs body for off = 0, block, …, to end, which is at least block.
func loop(name string, off, end Register, body func()) {
	XORQ(off, off)
	Label(name)
	body()
	ADDQ(Imm(block), off)
	CMPQ(off, end)
	JLT(LabelRef(name))
}

// half adds the upper eight of 16 lanes to the lower eight.
func half(sum []VecVirtual, wide bool) VecVirtual {
	if !wide {
		VADDPS(sum[1], sum[0], sum[0])
		return sum[0]
	}
	up := YMM()
	VEXTRACTF64X4(Imm(1), sum[0], up)
	low := sum[0].AsY()
	VADDPS(up, low, low)
	return sum[0]
}

// quarter adds the upper four of eight lanes to the lower four.
func quarter(sum VecVirtual) VecVirtual {
	up, low := XMM(), sum.AsX()
	VEXTRACTF128(Imm(1), sum.AsY(), up)
	VADDPS(up, low, low)
	return sum
}

// fold returns the sum of 16 lanes, in the order of f32.Dot.
func fold(sum []VecVirtual, wide bool) Register {
	s := quarter(half(sum, wide)).AsX()
	swapped := XMM()
	VMOVHLPS(s, s, swapped)
	VADDPS(swapped, s, s)
	VSHUFPS(Imm(1), s, s, swapped)
	VADDSS(swapped, s, s)
	return s
}

// A pass is the part of a step of conjugate gradients that goes over the columns of a row.
type pass struct {
	wide bool

	name                         string
	fixed, stride, cols, weights Register
	v, out, end, off             Register
	target                       VecVirtual
	rows                         [group]Register
	coefficients                 [group]VecVirtual
}

func (p *pass) write() {
	p.name = "pass" + suffix(p.wide)
	TEXT(p.name, NOSPLIT, "func(n int, fixed *float32, stride int, cols *int32, weights *float32, v *float32, target float32, diagonal *float32, out *float32, blocks int)")
	Doc(p.name + " is passLoop for a stride in bytes.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	p.fixed, p.stride = Load(Param("fixed"), GP64()), Load(Param("stride"), GP64())
	p.v, p.out, p.end, p.off = Load(Param("v"), GP64()), Load(Param("out"), GP64()), Load(Param("blocks"), GP64()), GP64()
	SHLQ(Imm(6), p.end)
	p.begin()
	p.cols, p.weights = Load(Param("cols"), GP64()), Load(Param("weights"), GP64())
	p.target = XMM()
	at, err := Param("target").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, p.target)
	for r := range p.rows {
		p.rows[r] = GP64()
	}
	for r := range p.coefficients {
		p.coefficients[r] = registers(p.wide)[0]
	}
	SUBQ(Imm(group), n)
	JLT(LabelRef(p.name + "rest"))
	Label(p.name + "group")
	p.find(group)
	c := XMM()
	p.products(c, p.name+"group", func(w VecVirtual) { VMOVUPS(Mem{Base: p.weights}, w) })
	p.add(group, p.name+"group")
	ADDQ(Imm(group*single), p.cols)
	ADDQ(Imm(group*single), p.weights)
	SUBQ(Imm(group), n)
	JGE(LabelRef(p.name + "group"))
	Label(p.name + "rest")
	ADDQ(Imm(group), n)
	JZ(LabelRef(p.name + "done"))
	for have := 1; have < group; have++ {
		next := fmt.Sprintf("%smore%d", p.name, have)
		if have < group-1 {
			CMPQ(n, Imm(uint64(have)))
			JNE(LabelRef(next))
		}
		p.find(have)
		name := fmt.Sprintf("%srest%d", p.name, have)
		p.products(c, name, func(w VecVirtual) { p.few(have, w) })
		p.add(have, name)
		if have < group-1 {
			JMP(LabelRef(p.name + "done"))
			Label(next)
		}
	}
	Label(p.name + "done")
	VZEROUPPER()
	RET()
}

// begin sets out to minus diagonal times v, if there is a diagonal.
func (p *pass) begin() {
	diagonal := Load(Param("diagonal"), GP64())
	TESTQ(diagonal, diagonal)
	JZ(LabelRef(p.name + "begun"))
	nothing := registers(p.wide)[0]
	zero(nothing, p.wide)
	loop(p.name+"begin", p.off, p.end, func() {
		for k, x := range registers(p.wide) {
			VMOVUPS(element(diagonal, p.off, k, p.wide), x)
			VMULPS(element(p.v, p.off, k, p.wide), x, x)
			VSUBPS(x, nothing, x)
			VMOVUPS(x, element(p.out, p.off, k, p.wide))
		}
	})
	Label(p.name + "begun")
}

// find points rows at the next columns; places without one point at the last.
func (p *pass) find(have int) {
	for r := range p.rows {
		row := p.rows[r]
		if r >= have {
			MOVQ(p.rows[have-1], row)
			continue
		}
		MOVLQSX(Mem{Base: p.cols, Disp: r * single}, row)
		IMULQ(p.stride, row)
		ADDQ(p.fixed, row)
	}
}

// few loads so many weights.
func (p *pass) few(have int, w VecVirtual) {
	VMOVSS(Mem{Base: p.weights}, w)
	for r := 1; r < have; r++ {
		VINSERTPS(Imm(uint64(r<<4)), Mem{Base: p.weights, Disp: r * single}, w, w)
	}
}

// products leaves weight·(target − v·column) of each row in all lanes of its coefficient.
func (p *pass) products(c VecVirtual, name string, weights func(VecVirtual)) {
	var sums [group][]VecVirtual
	for r := range sums {
		sums[r] = registers(p.wide)
		for _, s := range sums[r] {
			zero(s, p.wide)
		}
	}
	loop(name+"dot", p.off, p.end, func() {
		for k, x := range registers(p.wide) {
			VMOVUPS(element(p.v, p.off, k, p.wide), x)
			for r, row := range p.rows {
				y := registers(p.wide)[0]
				VMULPS(element(row, p.off, k, p.wide), x, y)
				VADDPS(y, sums[r][k], sums[r][k])
			}
		}
	})
	var s [group]VecPhysicalOrVirtual
	for r := range sums {
		s[r] = quarter(half(sums[r], p.wide)).AsX()
	}
	lo, hi, lo2, hi2 := XMM(), XMM(), XMM(), XMM()
	VUNPCKLPD(s[1], s[0], lo) // lanes k and k+2 of two rows
	VUNPCKHPD(s[1], s[0], hi)
	VADDPS(hi, lo, lo)
	VUNPCKLPD(s[3], s[2], lo2)
	VUNPCKHPD(s[3], s[2], hi2)
	VADDPS(hi2, lo2, lo2)
	VSHUFPS(Imm(0x88), lo2, lo, c) // lanes 0 of four rows
	VSHUFPS(Imm(0xdd), lo2, lo, hi)
	VADDPS(hi, c, c)
	VSUBPS(c, p.target, c)
	w := XMM()
	weights(w)
	VMULPS(w, c, c)
	for r, all := range p.coefficients {
		one := XMM()
		VPERMILPS(Imm(uint64(r)), c, one)
		VBROADCASTSS(one, all)
	}
}

// VecPhysicalOrVirtual is what a part of a register is.
type VecPhysicalOrVirtual = Register

// add adds so many rows times their coefficients to out.
func (p *pass) add(have int, name string) {
	loop(name+"add", p.off, p.end, func() {
		for k, x := range registers(p.wide) {
			VMOVUPS(element(p.out, p.off, k, p.wide), x)
			for r := range have {
				y := registers(p.wide)[0]
				VMULPS(element(p.rows[r], p.off, k, p.wide), p.coefficients[r], y)
				VADDPS(y, x, x)
			}
			VMOVUPS(x, element(p.out, p.off, k, p.wide))
		}
	})
}

// A step is the rest of a step of conjugate gradients.
type step struct{ wide bool }

func (s *step) write() {
	name := "step" + suffix(s.wide)
	TEXT(name, NOSPLIT, "func(x, r, p, ap, inverse *float32, rz float32, blocks int) float32")
	Doc(name + " is stepLoop.")
	Pragma("noescape")
	x, r, p := Load(Param("x"), GP64()), Load(Param("r"), GP64()), Load(Param("p"), GP64())
	ap, inverse, end, off := Load(Param("ap"), GP64()), Load(Param("inverse"), GP64()), Load(Param("blocks"), GP64()), GP64()
	SHLQ(Imm(6), end)

	sum := s.zeros()
	loop(name+"dot", off, end, func() {
		for k, v := range registers(s.wide) {
			VMOVUPS(element(p, off, k, s.wide), v)
			VMULPS(element(ap, off, k, s.wide), v, v)
			VADDPS(v, sum[k], sum[k])
		}
	})
	a, rz := XMM(), Load(Param("rz"), XMM())
	VDIVSS(fold(sum, s.wide), rz, a)
	nothing := XMM()
	VXORPS(nothing, nothing, nothing)
	VSUBSS(a, nothing, a)
	factor := registers(s.wide)[0]
	VBROADCASTSS(a, factor)

	sum = s.zeros()
	loop(name+"move", off, end, func() {
		for k, v := range registers(s.wide) {
			VMULPS(element(p, off, k, s.wide), factor, v)
			VADDPS(element(x, off, k, s.wide), v, v)
			VMOVUPS(v, element(x, off, k, s.wide))
			w := registers(s.wide)[0]
			VMULPS(element(ap, off, k, s.wide), factor, w)
			VADDPS(element(r, off, k, s.wide), w, w)
			VMOVUPS(w, element(r, off, k, s.wide))
			VMULPS(element(inverse, off, k, s.wide), w, v)
			VMULPS(w, v, v)
			VADDPS(v, sum[k], sum[k])
		}
	})
	next := fold(sum, s.wide)
	Store(next, ReturnIndex(0))
	share, rz := XMM(), Load(Param("rz"), XMM())
	VDIVSS(rz, next, share)
	VBROADCASTSS(share, factor)
	loop(name+"turn", off, end, func() {
		for k, v := range registers(s.wide) {
			VMULPS(element(p, off, k, s.wide), factor, v)
			w := registers(s.wide)[0]
			VMOVUPS(element(r, off, k, s.wide), w)
			VMULPS(element(inverse, off, k, s.wide), w, w)
			VADDPS(w, v, v)
			VMOVUPS(v, element(p, off, k, s.wide))
		}
	})
	VZEROUPPER()
	RET()
}

func (s *step) zeros() []VecVirtual {
	sum := registers(s.wide)
	for _, v := range sum {
		zero(v, s.wide)
	}
	return sum
}

func shift() {
	TEXT("shiftAVX2", NOSPLIT, "func(diagonal *float32, by float32, sum, inverse *float32, blocks int)")
	Doc("shiftAVX2 is shiftLoop.")
	Pragma("noescape")
	diagonal, sum, inverse := Load(Param("diagonal"), GP64()), Load(Param("sum"), GP64()), Load(Param("inverse"), GP64())
	end, off, by, one := Load(Param("blocks"), GP64()), GP64(), YMM(), YMM()
	SHLQ(Imm(6), end)
	at, err := Param("by").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(at.Addr, by)
	bits, low := GP32(), XMM()
	MOVL(U32(0x3f800000), bits)
	VMOVD(bits, low)
	VBROADCASTSS(low, one)
	loop("shift", off, end, func() {
		for k, x := range registers(false) {
			VADDPS(element(diagonal, off, k, false), by, x)
			VMOVUPS(x, element(sum, off, k, false))
			VDIVPS(x, one, x)
			VMOVUPS(x, element(inverse, off, k, false))
		}
	})
	VZEROUPPER()
	RET()
}

func prefetch() {
	TEXT("prefetchSSE", NOSPLIT, "func(n int, fixed *float32, stride int, cols *int32, blocks int)")
	Doc("prefetchSSE asks for n columns, at least one, to be brought into the cache. It changes nothing.")
	Pragma("noescape")
	n, fixed, stride := Load(Param("n"), GP64()), Load(Param("fixed"), GP64()), Load(Param("stride"), GP64())
	cols, end, off, row := Load(Param("cols"), GP64()), Load(Param("blocks"), GP64()), GP64(), GP64()
	SHLQ(Imm(6), end)
	Label("column")
	MOVLQSX(Mem{Base: cols}, row)
	IMULQ(stride, row)
	ADDQ(fixed, row)
	loop("line", off, end, func() { PREFETCHT0(Mem{Base: row, Index: off, Scale: 1}) })
	ADDQ(Imm(single), cols)
	DECQ(n)
	JNZ(LabelRef("column"))
	RET()
}
