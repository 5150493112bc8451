package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A narrow filter computes what a filter does with AVX2. Bytes are widened to words, whose products are added in
// pairs: a register holds two sums of each of four items. Two users and half a panel, or one user and a panel,
// fill the registers; the sums go to the stack, and what follows reads them there.
type narrow struct {
	filter
	sums Mem // per place and item
}

const (
	ymm        = 32 // bytes
	quad       = 4  // items of a register
	panelItems = 32
)

func (f *narrow) places() int {
	if f.mode == sum {
		return 2 * f.users
	}
	return f.users
}

func (f *narrow) write() {
	kind := [...]string{"find", "sum", "store"}[f.mode]
	f.name = fmt.Sprintf("%s%dAVX2", kind, f.users)
	TEXT(f.name, 0, "func(call **uint8) (done int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is call.%s for %d users.", f.name, kind, f.users))
	f.sums = AllocLocal(f.places() * panelItems * 4)
	f.call = Load(Param("call"), GP64())
	items, tails, pars := f.load(callItems), f.load(callTails), f.load(callPars)
	var masks, out Register
	switch f.mode {
	case sum:
		masks = f.load(callMasks)
	case store:
		out = f.load(callOut)
	}
	done := GP64()
	XORQ(done, done)
	f.seek()
	Label(f.name + "panel")
	CMPQ(f.at(callPanels), done)
	JEQ(LabelRef(f.name + "end"))
	f.room()
	f.start(pars)
	f.products(items, tails)
	ADDQ(U32(panelPars), pars)
	switch f.mode {
	case sum:
		f.exponentials(masks)
		ADDQ(U32(4*f.users), masks)
		fallthrough
	case find:
		f.test(done)
	case store:
		f.write32(out)
		ADDQ(U32(f.users*outBytes), out)
	}
	Label(f.name + "next")
	INCQ(done)
	JMP(LabelRef(f.name + "panel"))
	Label(f.name + "end")
	VZEROUPPER()
	Store(done, ReturnIndex(0))
	RET()
}

// all returns a register full of a number.
func all(m Mem) VecVirtual {
	x := YMM()
	VBROADCASTSS(m, x)
	return x
}

// start writes −limit − base and, for sums, limit and scale.
func (f *narrow) start(pars Register) {
	par := func(k int) VecVirtual { return all(Mem{Base: pars, Disp: 4 * k}) }
	for h := 0; h < 2*ymm && h < 4*f.users; h += ymm {
		limit, t := YMM(), YMM()
		VPXOR(limit, limit, limit)
		if f.mode != store {
			x, y := YMM(), YMM()
			VMULPS(f.at(callX+h), par(0), x)
			VMULPS(f.at(callY+h), par(1), y)
			VSUBPS(y, x, x)
			VMULPS(f.at(callZ+h), par(2), y)
			VSUBPS(y, x, x)
			VSUBPS(all(f.at(callSlack)), x, x)
			VMINPS(all(f.c["far"]), x, x)
			VMAXPS(all(f.c["-far"]), x, x)
			VCVTPS2DQ(x, limit)
		}
		if f.mode == sum {
			VMOVDQU(limit, f.at(callLimit+h))
			VMULPS(f.at(callUnit+h), par(3), t)
			VMOVUPS(t, f.at(callScale+h))
		}
		VPXOR(t, t, t)
		VPSUBD(limit, t, t)
		VPSUBD(f.at(callBase+h), t, t)
		VMOVDQU(t, f.at(callStart+h))
	}
}

// products leaves the sums of a panel on the stack and moves items and tails to the next.
func (f *narrow) products(items, tails Register) {
	users, to := f.load(callUsers), GP64()
	LEAQ(f.sums, to)
	if f.places() == 1 {
		f.block(f.name, items, tails, users, 1, 0, panelItems/quad, to)
	} else {
		pairs := GP64()
		MOVQ(U32(uint32(f.places()/2)), pairs)
		Label(f.name + "pair")
		for half := range 2 {
			f.block(fmt.Sprintf("%shalf%d", f.name, half), items, tails, users, 2, half, panelItems/quad/2, to)
		}
		ADDQ(U32(2*groupDims), users)
		ADDQ(U32(2*outBytes), to)
		DECQ(pairs)
		JNZ(LabelRef(f.name + "pair"))
	}
	size, head := f.load(callGroups), f.load(callHead)
	SUBQ(head, size)
	SHLQ(Imm(7), size) // groupBytes
	SHLQ(Imm(7), head)
	ADDQ(size, tails)
	ADDQ(head, items)
}

const groupDims = 4

// block computes the sums of places and a part of a panel, quads registers of items long.
func (f *narrow) block(name string, items, tails, users Register, places, part, quads int, to Register) {
	acc := make([][]VecVirtual, places)
	for p := range acc {
		for range quads {
			x := YMM()
			VPXOR(x, x, x)
			acc[p] = append(acc[p], x)
		}
	}
	at, user, n := GP64(), GP64(), f.load(callHead)
	MOVQ(users, user)
	MOVQ(items, at)
	TESTQ(n, n)
	JEQ(LabelRef(name + "tail"))
	f.groups(name+"head", at, user, n, part, acc)
	Label(name + "tail")
	MOVQ(tails, at)
	n = f.load(callGroups)
	SUBQ(f.at(callHead), n)
	f.groups(name+"group", at, user, n, part, acc)
	for p := range acc {
		for k := 0; k < quads; k += 2 {
			x := YMM()
			VPHADDD(acc[p][k+1], acc[p][k], x) // 0 1 4 5 2 3 6 7
			VPERMQ(Imm(0xd8), x, x)
			VMOVDQU(x, Mem{Base: to, Disp: p*outBytes + (part*quads+k)*quad*4})
		}
	}
}

// groups adds the products of n groups to sums of places and a part of a panel, and moves at and user.
func (f *narrow) groups(name string, at, user, n Register, part int, acc [][]VecVirtual) {
	Label(name)
	u := make([]VecVirtual, len(acc))
	for p := range u {
		u[p] = YMM()
		VPBROADCASTD(Mem{Base: user, Disp: p * groupDims}, u[p].AsX())
		VPMOVSXBW(u[p].AsX(), u[p])
		VINSERTI128(Imm(1), u[p].AsX(), u[p], u[p])
	}
	quads := len(acc[0])
	for k := range quads {
		item := YMM()
		VPMOVZXBW(Mem{Base: at, Disp: (part*quads + k) * quad * groupDims}, item)
		for p := range u {
			x := YMM()
			VPMADDWD(item, u[p], x)
			VPADDD(x, acc[p][k], acc[p][k])
		}
	}
	ADDQ(U32(groupBytes), at)
	ADDQ(U32(uint32(f.places()*groupDims)), user)
	DECQ(n)
	JNZ(LabelRef(name))
}

// total returns eight sums of a user, with −limit − base in them.
func (f *narrow) total(u, eight int) VecVirtual {
	x := YMM()
	if f.mode == sum {
		VMOVDQU(f.sums.Offset(2*u*outBytes+eight*ymm), x)
		VPSLLD(Imm(7), x, x)
		VPADDD(f.sums.Offset((2*u+1)*outBytes+eight*ymm), x, x)
	} else {
		VMOVDQU(f.sums.Offset(u*outBytes+eight*ymm), x)
	}
	VPADDD(all(f.at(callStart+4*u)), x, x)
	return x
}

const eights = panelItems * 4 / ymm // registers of a user's sums

// test appends the hits to the finds, if there are any.
func (f *narrow) test(done Register) {
	least := YMM()
	VPCMPEQD(least, least, least)
	for u := range f.users {
		for e := range eights {
			VPAND(f.total(u, e), least, least)
		}
	}
	negative := GP32()
	VMOVMSKPS(least, negative)
	CMPL(negative, U32(0xff))
	JEQ(LabelRef(f.name + "next"))
	to := f.finds(done)
	for u := range f.users {
		f.hits(u, to)
	}
	MOVQ(to.n, f.at(callFound))
}

// hits appends a user's hits to the finds.
func (f *narrow) hits(u int, to finds) {
	name := fmt.Sprintf("%shit%d", f.name, u)
	hits := GP32()
	XORL(hits, hits)
	for e := eights - 1; e >= 0; e-- {
		some := GP32()
		VMOVMSKPS(f.total(u, e), some)
		SHLL(Imm(8), hits)
		ORL(some, hits)
	}
	NOTL(hits) // which are not negative
	TESTL(hits, hits)
	JEQ(LabelRef(name + "none"))
	Label(name)
	item, code := GP32(), GP32()
	XORL(item, item)
	BSFL(hits, item)
	LEAL(Mem{Base: to.code, Index: item.As64(), Scale: 1, Disp: u * panelItems}, code)
	MOVL(code, Mem{Base: to.codes, Index: to.n, Scale: 4})
	INCQ(to.n)
	LEAL(Mem{Base: hits.As64(), Disp: -1}, code)
	ANDL(code, hits)
	JNE(LabelRef(name))
	Label(name + "none")
}

// write32 writes the sums to out.
func (f *narrow) write32(out Register) {
	for u := range f.users {
		for e := range panelItems * 4 / ymm {
			VMOVDQU(f.total(u, e), Mem{Base: out, Disp: u*outBytes + e*ymm})
		}
	}
}

// exponentials does what filter.exponentials does.
func (f *narrow) exponentials(masks Register) {
	for u := range f.users {
		limit, scale, shift := all(f.at(callLimit+4*u)), all(f.at(callScale+4*u)), all(f.at(callShift+4*u))
		for e := range panelItems * 4 / ymm {
			t := f.total(u, e)
			VPADDD(limit, t, t)
			VCVTDQ2PS(t, t)
			VMULPS(scale, t, t)
			VSUBPS(shift, t, t)
			x, mask, bits := f.exp2(t), YMM(), YMM()
			VPBROADCASTB(Mem{Base: masks, Disp: 4*u + e}, mask)
			VMOVDQU(f.c["bits"], bits)
			VPAND(bits, mask, mask)
			VPCMPEQD(bits, mask, mask)
			VANDPS(mask, x, x)
			lanes := f.at(callLanes + u*2*ymm + e%2*ymm)
			VADDPS(lanes, x, x)
			VMOVUPS(x, lanes)
		}
	}
}

// exp2 does what exp2 does, with t.
func (f *narrow) exp2(t VecVirtual) VecVirtual {
	c := f.c
	VMAXPS(all(c["min2"]), t, t)
	VMINPS(all(c["max2"]), t, t)
	z, n, p, magic := YMM(), YMM(), YMM(), all(c["magic"])
	VADDPS(magic, t, z)
	VSUBPS(magic, z, n)
	VSUBPS(n, t, t)
	VMULPS(all(c["q4"]), t, p)
	for _, name := range []string{"q3", "q2", "q1"} {
		VADDPS(all(c[name]), p, p)
		VMULPS(t, p, p)
	}
	VADDPS(all(c["q0"]), p, p)
	VPSLLD(Imm(23), z, z)
	VPADDD(z, p, p)
	return p
}
