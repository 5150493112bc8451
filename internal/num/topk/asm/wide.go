package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A wide kernel computes tile.loop with AVX-512: a register holds the sums of a user and a panel, and a block
// is done in one pass over the dimensions.
type wide struct {
	users     int
	constants map[string]Mem

	par, allow, hits Register
	factors          Register
	sums             Mem // on the stack: per user and panel
}

const zmm = 64 // bytes

func (w *wide) write() {
	name := fmt.Sprintf("tile%dVNNI", w.users)
	TEXT(name, 0, "func(items *int16, users *int16, pairs int, factors *float32, par *float32, allow *uint64, hits *uint64, sum *float64)")
	Doc(fmt.Sprintf("%s is tile.loop for %d users. pairs is at least 1.", name, w.users))
	w.sums = AllocLocal(w.users * blockPanels * zmm)
	w.products(name)
	w.factors = Load(Param("factors"), GP64())
	w.par, w.allow, w.hits = Load(Param("par"), GP64()), Load(Param("allow"), GP64()), Load(Param("hits"), GP64())
	sum := Load(Param("sum"), GP64())
	for u := range w.users {
		lanes := w.score(name, u, sum)
		skip := fmt.Sprintf("%sdone%d", name, u)
		TESTQ(sum, sum)
		JZ(LabelRef(skip))
		lo, hi, up := YMM(), YMM(), XMM()
		VEXTRACTF128(Imm(1), lanes, up)
		VCVTPS2PD(lanes.AsX(), lo)
		VCVTPS2PD(up, hi)
		VADDPD(hi, lo, lo)
		at := Mem{Base: sum, Disp: u * register}
		VADDPD(at, lo, lo)
		VMOVUPD(lo, at)
		Label(skip)
	}
	VZEROUPPER()
	RET()
}

// products leaves the integer sums of the block in w.sums.
func (w *wide) products(name string) {
	items, users, n := Load(Param("items"), GP64()), Load(Param("users"), GP64()), Load(Param("pairs"), GP64())
	panel, panels3 := GP64(), GP64() // distances
	MOVQ(n, panel)
	SHLQ(Imm(6), panel)
	LEAQ(Mem{Base: panel, Index: panel, Scale: 2}, panels3)
	at := [blockPanels]Mem{
		{Base: items}, {Base: items, Index: panel, Scale: 1}, {Base: items, Index: panel, Scale: 2}, {Base: items, Index: panels3, Scale: 1},
	}
	acc := make([][blockPanels]VecVirtual, w.users)
	for u := range acc {
		for p := range acc[u] {
			acc[u][p] = ZMM()
			VPXORQ(acc[u][p], acc[u][p], acc[u][p])
		}
	}
	Label(name + "pair")
	var v [blockPanels]VecVirtual
	for p := range v {
		v[p] = ZMM()
		VMOVDQU32(at[p], v[p])
	}
	for u := range acc {
		x := ZMM()
		VPBROADCASTD(Mem{Base: users, Disp: u * pairBytes}, x)
		for p := range v {
			VPDPWSSD(v[p], x, acc[u][p])
		}
	}
	ADDQ(Imm(zmm), items)
	ADDQ(Imm(uint64(w.users*pairBytes)), users)
	DECQ(n)
	JNZ(LabelRef(name + "pair"))
	for u := range acc {
		for p := range acc[u] {
			VMOVDQU32(acc[u][p], w.sums.Offset((blockPanels*u+p)*zmm))
		}
	}
}

// score does what tile.score does with the sums of user u, and returns the lanes. sum is nil if there are none.
func (w *wide) score(name string, u int, sum Register) VecVirtual {
	par := func(at int) Mem { return Mem{Base: w.par, Disp: u*parBytes + at} }
	lanes := YMM()
	VXORPS(lanes, lanes, lanes)
	for p := range blockPanels {
		c, b := ZMM(), ZMM()
		VCVTDQ2PS(w.sums.Offset((blockPanels*u+p)*zmm), c)
		VMULPS(Mem{Base: w.factors, Disp: p * zmm}, c, c)
		VMULPS_BCST(par(scale), c, c)
		VMOVUPS(Mem{Base: w.factors, Disp: biases + p*zmm}, b)
		VMULPS_BCST(par(weight), b, b)
		VADDPS(b, c, c)
		allowed, hit := K(), K()
		KMOVW(Mem{Base: w.allow, Disp: u*8 + 2*p}, allowed)
		VCMPPS_BCST(Imm(0x1d), par(threshold), c, allowed, hit) // c ≥ threshold
		KMOVW(hit, Mem{Base: w.hits, Disp: u*8 + 2*p})
		skip := fmt.Sprintf("%shits%d%d", name, u, p)
		TESTQ(sum, sum)
		JZ(LabelRef(skip))
		VSUBPS_BCST(par(shift), c, c)
		e, up := w.exp(c), YMM()
		VMOVAPS_Z(e, allowed, e)
		VADDPS(e.AsY(), lanes, lanes)
		VEXTRACTF64X4(Imm(1), e, up)
		VADDPS(up, lanes, lanes)
		Label(skip)
	}
	return lanes
}

// exp does what exp does, with t.
func (w *wide) exp(t VecVirtual) VecVirtual {
	c := w.constants
	VMAXPS_BCST(c["min"], t, t)
	VMINPS_BCST(c["max"], t, t)
	z, n, x, p := ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(c["log2e"], z)
	VMULPS(t, z, z)
	VADDPS_BCST(c["magic"], z, z)
	VSUBPS_BCST(c["magic"], z, n)
	VMULPS_BCST(c["ln2Hi"], n, x)
	VSUBPS(x, t, t)
	VMULPS_BCST(c["ln2Lo"], n, x)
	VSUBPS(x, t, t)
	VMULPS_BCST(c["p6"], t, p)
	for _, name := range []string{"p5", "p4", "p3", "p2", "one"} {
		VADDPS_BCST(c[name], p, p)
		VMULPS(t, p, p)
	}
	VADDPS_BCST(c["one"], p, p)
	VPSLLD(Imm(23), z, z)
	VPADDD(z, p, p)
	return p
}
