// Asm writes the AVX2 and AVX-512 kernels of package gemm. It is a module of its own so that the generator is no
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
	for _, k := range []kernel{
		{name: "tile12AVX512", rows: 12, wide: true},
		{name: "tile8AVX512", rows: 8, wide: true},
		{name: "tile4AVX512", rows: 4, wide: true},
		{name: "tile6AVX2", rows: 6},
	} {
		k.write()
	}
	transpose()
	copyRows(12)
	copyRows(32)
	peak("peakAVX512", 24, func() VecVirtual { return ZMM() })
	peak("peakAVX2", 12, func() VecVirtual { return YMM() })
	Generate()
}

const single = 4 // bytes

// A kernel computes two registers of columns of some rows of C.
type kernel struct {
	name string
	rows int
	wide bool // AVX-512

	acc    [][2]VecVirtual
	masks  [2]Register
	scales [2]VecVirtual // alpha, beta
}

func (k *kernel) vector() VecVirtual {
	if k.wide {
		return ZMM()
	}
	return YMM()
}

// bytes is the size of a register.
func (k *kernel) bytes() int {
	if k.wide {
		return 64
	}
	return 32
}

func (k *kernel) write() {
	last := ""
	if k.wide {
		last = ", mask uint32"
	}
	TEXT(k.name, NOSPLIT, "func(k int, a *float32, rs, ks int, b *float32, bs int, c *float32, cs int, alpha, beta float32, rows int"+last+")")
	Doc(fmt.Sprintf("%s is tile.loop for at most %d rows and %d columns. Strides are in bytes, and A has %d rows to read.",
		k.name, k.rows, 2*k.bytes()/single, k.rows))
	Pragma("noescape")
	k.products()
	k.scales[0], k.scales[1] = k.broadcast("alpha"), k.broadcast("beta")
	if k.wide {
		m := Load(Param("mask"), GP32())
		k.masks[0], k.masks[1] = K(), K()
		KMOVW(m, k.masks[0])
		SHRL(Imm(16), m)
		KMOVW(m, k.masks[1])
	}
	beta := GP32()
	MOVL(parameter("beta"), beta)
	ADDL(beta, beta) // without the sign
	JNZ(LabelRef(k.name + "add"))
	k.store("set", false)
	Label(k.name + "add")
	k.store("add", true)
}

// products leaves the sums over k in the accumulators.
func (k *kernel) products() {
	n, rs, ks := Load(Param("k"), GP64()), Load(Param("rs"), GP64()), Load(Param("ks"), GP64())
	b, bs := Load(Param("b"), GP64()), Load(Param("bs"), GP64())
	a := []Register{Load(Param("a"), GP64())} // every third row
	for r := 3; r < k.rows; r += 3 {
		next := GP64()
		LEAQ(Mem{Base: a[r/3-1], Index: rs, Scale: 2}, next)
		ADDQ(rs, next)
		a = append(a, next)
	}
	k.acc = make([][2]VecVirtual, k.rows)
	for r := range k.acc {
		for v := range 2 {
			k.acc[r][v] = k.vector()
			if k.wide {
				VPXORD(k.acc[r][v], k.acc[r][v], k.acc[r][v])
			} else {
				VXORPS(k.acc[r][v], k.acc[r][v], k.acc[r][v])
			}
		}
	}
	k.prefetch()
	Label(k.name + "product")
	lo, hi := k.vector(), k.vector()
	VMOVUPS(Mem{Base: b}, lo)
	VMOVUPS(Mem{Base: b, Disp: k.bytes()}, hi)
	ADDQ(bs, b)
	for r := range k.acc {
		at := Mem{Base: a[r/3]}
		if r%3 > 0 {
			at.Index, at.Scale = rs, uint8(r%3)
		}
		x := k.vector()
		VBROADCASTSS(at, x)
		VFMADD231PS(lo, x, k.acc[r][0])
		VFMADD231PS(hi, x, k.acc[r][1])
	}
	for _, p := range a {
		ADDQ(ks, p)
	}
	DECQ(n)
	JNZ(LabelRef(k.name + "product"))
}

// prefetch asks for the rows of C, which are wanted once the sums are done.
func (k *kernel) prefetch() {
	c, cs := Load(Param("c"), GP64()), Load(Param("cs"), GP64())
	for range k.rows {
		PREFETCHT0(Mem{Base: c})
		PREFETCHT0(Mem{Base: c, Disp: 2*k.bytes() - single})
		if k.wide {
			PREFETCHT0(Mem{Base: c, Disp: k.bytes()})
		}
		ADDQ(cs, c)
	}
}

// store writes alpha times the sums to C, plus beta times what is there if add, row by row, and returns.
func (k *kernel) store(path string, add bool) {
	c, cs, rows := Load(Param("c"), GP64()), Load(Param("cs"), GP64()), Load(Param("rows"), GP64())
	done := k.name + path + "done"
	for r := range k.acc {
		for v := range 2 {
			k.element(Mem{Base: c, Disp: v * k.bytes()}, r, v, add)
		}
		if r < k.rows-1 {
			ADDQ(cs, c)
			DECQ(rows)
			JZ(LabelRef(done))
		}
	}
	Label(done)
	VZEROUPPER()
	RET()
}

func (k *kernel) element(at Mem, r, v int, add bool) {
	alpha, beta, sum, old := k.scales[0], k.scales[1], k.acc[r][v], k.vector()
	switch {
	case add && k.wide:
		VMULPS_Z(at, beta, k.masks[v], old)
		VFMADD231PS(alpha, sum, old)
	case add:
		VMULPS(at, beta, old)
		VFMADD231PS(alpha, sum, old)
	default:
		VMULPS(alpha, sum, old)
	}
	if k.wide {
		VMOVUPS(old, k.masks[v], at)
	} else {
		VMOVUPS(old, at)
	}
}

func (k *kernel) broadcast(name string) VecVirtual {
	all := k.vector()
	VBROADCASTSS(parameter(name), all)
	return all
}

// parameter is where a parameter is in memory.
func parameter(name string) Mem {
	at, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return at.Addr
}

// transpose writes four rows as columns, four by four.
func transpose() {
	TEXT("transposeAVX2", NOSPLIT, "func(src *float32, ss int, dst *float32, ds int, quads int)")
	Doc("transposeAVX2 writes the first 4·quads elements of four rows ss bytes apart as that many rows of four, ds bytes apart.")
	Pragma("noescape")
	src, ss := Load(Param("src"), GP64()), Load(Param("ss"), GP64())
	dst, ds, n := Load(Param("dst"), GP64()), Load(Param("ds"), GP64()), Load(Param("quads"), GP64())
	src3, dst3 := GP64(), GP64()
	LEAQ(Mem{Base: src, Index: ss, Scale: 2}, src3)
	ADDQ(ss, src3)
	Label("quad")
	LEAQ(Mem{Base: dst, Index: ds, Scale: 2}, dst3)
	ADDQ(ds, dst3)
	var row, half [4]VecVirtual
	for r := range row {
		row[r], half[r] = XMM(), XMM()
	}
	VMOVUPS(Mem{Base: src}, row[0])
	VMOVUPS(Mem{Base: src, Index: ss, Scale: 1}, row[1])
	VMOVUPS(Mem{Base: src, Index: ss, Scale: 2}, row[2])
	VMOVUPS(Mem{Base: src3}, row[3])
	VUNPCKLPS(row[1], row[0], half[0]) // 00 10 01 11
	VUNPCKHPS(row[1], row[0], half[1]) // 02 12 03 13
	VUNPCKLPS(row[3], row[2], half[2])
	VUNPCKHPS(row[3], row[2], half[3])
	VUNPCKLPD(half[2], half[0], row[0])
	VUNPCKHPD(half[2], half[0], row[1])
	VUNPCKLPD(half[3], half[1], row[2])
	VUNPCKHPD(half[3], half[1], row[3])
	VMOVUPS(row[0], Mem{Base: dst})
	VMOVUPS(row[1], Mem{Base: dst, Index: ds, Scale: 1})
	VMOVUPS(row[2], Mem{Base: dst, Index: ds, Scale: 2})
	VMOVUPS(row[3], Mem{Base: dst3})
	ADDQ(Imm(4*single), src)
	ADDQ(Imm(4*single), src3)
	LEAQ(Mem{Base: dst, Index: ds, Scale: 4}, dst)
	DECQ(n)
	JNZ(LabelRef("quad"))
	RET()
}

// copyRows packs rows of a panel whose elements lie in order.
func copyRows(width int) {
	name := fmt.Sprintf("copy%dAVX2", width)
	TEXT(name, NOSPLIT, "func(src *float32, ss int, dst *float32, rows int)")
	Doc(fmt.Sprintf("%s copies rows of %d elements, ss bytes apart, one after the other.", name, width))
	Pragma("noescape")
	src, ss := Load(Param("src"), GP64()), Load(Param("ss"), GP64())
	dst, n := Load(Param("dst"), GP64()), Load(Param("rows"), GP64())
	Label(name + "row")
	for at := 0; at < width*single; at += 32 {
		x := YMM()
		if at+32 > width*single {
			VMOVUPS(Mem{Base: src, Disp: at}, x.AsX())
			VMOVUPS(x.AsX(), Mem{Base: dst, Disp: at})
			continue
		}
		VMOVUPS(Mem{Base: src, Disp: at}, x)
		VMOVUPS(x, Mem{Base: dst, Disp: at})
	}
	ADDQ(ss, src)
	ADDQ(Imm(uint64(width*single)), dst)
	DECQ(n)
	JNZ(LabelRef(name + "row"))
	VZEROUPPER()
	RET()
}

// peak does nothing but fused multiply-adds that do not wait for each other.
func peak(name string, registers int, vector func() VecVirtual) {
	TEXT(name, NOSPLIT, "func(rounds int)")
	Doc(fmt.Sprintf("%s does %d independent fused multiply-adds of registers a round: what a kernel cannot beat.", name, registers))
	n := Load(Param("rounds"), GP64())
	x := vector()
	one := XMM()
	VXORPS(one, one, one)
	VBROADCASTSS(one, x)
	acc := make([]VecVirtual, registers)
	for r := range acc {
		acc[r] = vector()
		VBROADCASTSS(one, acc[r])
	}
	Label(name + "round")
	for _, a := range acc {
		VFMADD231PS(x, x, a)
	}
	DECQ(n)
	JNZ(LabelRef(name + "round"))
	VZEROUPPER()
	RET()
}
