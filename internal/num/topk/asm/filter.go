package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Where things are in a call of package topk.
const (
	callItems  = 0
	callUsers  = 8
	callGroups = 16
	callPanels = 24
	callPars   = 32
	callMasks  = 40
	callOut    = 48
	callSlack  = 56
	callX      = 64 // from here on a register each
	callY      = 128
	callZ      = 192
	callBase   = 256
	callUnit   = 320
	callShift  = 384
	callCodes  = 448
	callRoom   = 456
	callFound  = 464
	callHead   = 472
	callTails  = 480
	callLook   = 488
	callRound  = 496
	callStart  = 512
	callLimit  = 576
	callScale  = 640
	callLanes  = 704
	callRest   = 1472
	callHeads  = 1536
	callLater  = 1600
)

// The shape of a panel.
const (
	groupBytes = 128 // of a panel: 32 items, 4 dimensions
	outBytes   = 128 // per user: 32 sums
	panelPars  = 20
)

// A mode is what a filter kernel does with the sums of a panel.
type mode int

const (
	find  mode = iota // write what hits
	sum               // add exponentials up, then as find
	store             // write the sums
)

// A filter computes call.find, call.sum or call.store with VNNI: a register holds the sums of a place and half a
// panel. A user takes a place, and two in sums.
type filter struct {
	users int
	mode  mode
	name  string
	call  Register
	acc   [][2]VecVirtual
	more  [][2]VecVirtual // of productsOfOne
	pars  Register
	c     map[string]Mem
}

// Finds are where hits go, of the panel whose codes begin at code.
type finds struct{ codes, n, code GPVirtual }

func (f *filter) at(offset int) Mem { return Mem{Base: f.call, Disp: offset} }

// load returns a register with a number of the call.
func (f *filter) load(offset int) Register {
	r := GP64()
	MOVQ(f.at(offset), r)
	return r
}

func (f *filter) write() {
	f.name = fmt.Sprintf("%s%dVNNI", [...]string{"find", "sum", "store"}[f.mode], f.users)
	TEXT(f.name, 0, "func(call **uint8) (done int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is call.%s for %d users.", f.name, [...]string{"find", "sum", "store"}[f.mode], f.users))
	f.call = Load(Param("call"), GP64())
	items, tails, pars := f.load(callItems), f.load(callTails), f.load(callPars)
	f.pars = pars
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
	CMPQ(f.at(callPanels), Imm(0))
	JEQ(LabelRef(f.name + "end"))
	Label(f.name + "panel")
	f.room()
	f.start(pars)
	f.panel(items, tails)
	if f.mode == sum {
		f.join()
	}
	ADDQ(Imm(panelPars), pars)
	switch f.mode {
	case find:
		f.test("hit")
	case sum:
		f.exponentials(masks)
		ADDQ(U32(4*f.users), masks)
		f.test("hit")
	case store:
		for u := range f.acc {
			for h := range 2 {
				VMOVDQU32(f.acc[u][h], Mem{Base: out, Disp: u*outBytes + h*zmm})
			}
		}
		ADDQ(U32(f.users*outBytes), out)
	}
	Label(f.name + "next")
	INCQ(done)
	CMPQ(f.at(callPanels), done)
	JNE(LabelRef(f.name + "panel"))
	Label(f.name + "end")
	VZEROUPPER()
	Store(done, ReturnIndex(0))
	RET()
	if f.mode != store {
		Label(f.name + "hit")
		f.hits(done)
		JMP(LabelRef(f.name + "next"))
	}
}

// seek begins with no finds.
func (f *filter) seek() {
	if f.mode != store {
		MOVQ(U32(0), f.at(callFound))
	}
}

// room ends the run if a panel could have more hits than there is room for.
func (f *filter) room() {
	if f.mode != store {
		n := f.load(callFound)
		CMPQ(n, f.at(callRoom))
		JGT(LabelRef(f.name + "end"))
	}
}

// finds loads what it takes to append hits of the panel after done ones. Then n is to be stored.
func (f *filter) finds(done Register) finds {
	to := finds{f.load(callCodes).(GPVirtual), f.load(callFound).(GPVirtual), GP64()}
	MOVQ(done, to.code)
	SHLQ(Imm(9), to.code) // codePanel
	return to
}

// start sets the sums to −limit − base, for all users at once.
func (f *filter) start(pars Register) {
	limit, t := ZMM(), ZMM()
	if f.mode == store {
		VPXORQ(limit, limit, limit)
	} else {
		par := func(k int) Mem { return Mem{Base: pars, Disp: 4 * k} }
		x, y, z := ZMM(), ZMM(), ZMM()
		VMOVUPS(f.at(callX), x)
		VMULPS_BCST(par(0), x, x)
		VMOVUPS(f.at(callY), y)
		VMULPS_BCST(par(1), y, y)
		VSUBPS(y, x, x)
		VMOVUPS(f.at(callZ), z)
		VMULPS_BCST(par(2), z, z)
		VSUBPS(z, x, x)
		VSUBPS_BCST(f.at(callSlack), x, x)
		VMINPS_BCST(f.c["far"], x, x)
		VMAXPS_BCST(f.c["-far"], x, x)
		VCVTPS2DQ(x, limit)
		if f.mode == sum {
			VMOVDQU32(limit, f.at(callLimit))
			scale := ZMM()
			VMOVUPS(f.at(callUnit), scale)
			VMULPS_BCST(par(3), scale, scale)
			VMOVUPS(scale, f.at(callScale))
		}
	}
	if f.mode == find {
		f.part(pars, limit)
	}
	VPXORQ(t, t, t)
	VPSUBD(limit, t, t)
	if f.mode == find {
		VPSUBD(f.at(callHeads), t, t)
	} else {
		VPSUBD(f.at(callBase), t, t)
	}
	VMOVDQU32(t, f.at(callStart))
	f.acc = nil
	for u := range f.users {
		if f.mode == sum { // the higher digit
			high := [2]VecVirtual{ZMM(), ZMM()}
			VPXORQ(high[0], high[0], high[0])
			VPXORQ(high[1], high[1], high[1])
			f.acc = append(f.acc, high)
		}
		x := [2]VecVirtual{ZMM(), ZMM()}
		VPBROADCASTD(f.at(callStart+4*u), x[0])
		VMOVDQA32(x[0], x[1])
		f.acc = append(f.acc, x)
	}
}

// join makes one sum of those of a user's two digits.
func (f *filter) join() {
	for u := range f.users {
		high, low := f.acc[2*u], f.acc[2*u+1]
		for h := range high {
			VPSLLD(Imm(7), high[h], high[h])
			VPADDD(low[h], high[h], high[h])
		}
		f.acc[u] = high
	}
	f.acc = f.acc[:f.users]
}

// part takes from the limits what is behind the head can add to its sums, and leaves that and its base for later.
func (f *filter) part(pars Register, limit VecVirtual) {
	rest, later := ZMM(), ZMM()
	VMOVUPS(f.at(callRest), rest)
	VMULPS_BCST(Mem{Base: pars, Disp: 4 * 4}, rest, rest)
	VADDPS_BCST(f.at(callRound), rest, rest)
	VCVTPS2DQ(rest, rest)
	VPSUBD(rest, limit, limit)
	VMOVDQU32(f.at(callHeads), later)
	VPSUBD(f.at(callBase), later, later)
	VPSUBD(rest, later, later)
	VMOVDQU32(later, f.at(callLater))
}

// panel adds the products of a panel to the sums. In find it may go on to the next when it has seen the head.
func (f *filter) panel(items, tails Register) {
	users, left, n := f.load(callUsers), f.load(callGroups), f.load(callHead)
	SUBQ(n, left)
	TESTQ(n, n)
	JEQ(LabelRef(f.name + "tail"))
	f.products("head", items, users, n)
	Label(f.name + "tail")
	if f.mode == find {
		CMPQ(f.at(callLook), Imm(0))
		JEQ(LabelRef(f.name + "all"))
		f.test("later")
		SHLQ(Imm(7), left) // groupBytes
		ADDQ(left, tails)
		ADDQ(Imm(panelPars), f.pars)
		JMP(LabelRef(f.name + "next"))
		Label(f.name + "later")
		for u := range f.acc {
			for h := range 2 {
				VPADDD_BCST(f.at(callLater+4*u), f.acc[u][h], f.acc[u][h])
			}
		}
		Label(f.name + "all")
	}
	f.products("group", tails, users, left)
}

// products adds the products of so many groups to the sums, and moves items and users on.
func (f *filter) products(part string, items, users, groups Register) {
	n := GP64()
	MOVQ(groups, n)
	if f.users == 1 {
		f.productsOfOne(part, items, users, n)
		return
	}
	Label(f.name + part)
	f.group(items, users, 0, f.acc)
	ADDQ(U32(groupBytes), items)
	ADDQ(U32(4*len(f.acc)), users)
	DECQ(n)
	JNZ(LabelRef(f.name + part))
}

// group adds the products of four dimensions, which are k groups away.
func (f *filter) group(items, users Register, k int, acc [][2]VecVirtual) {
	a, b := ZMM(), ZMM()
	VMOVDQU32(Mem{Base: items, Disp: k * groupBytes}, a)
	VMOVDQU32(Mem{Base: items, Disp: k*groupBytes + zmm}, b)
	for u := range acc {
		x := ZMM()
		VPBROADCASTD(Mem{Base: users, Disp: 4 * (k*len(acc) + u)}, x)
		VPDPBUSD(x, a, acc[u][0])
		VPDPBUSD(x, b, acc[u][1])
	}
}

// productsOfOne has four sums of each, so that additions need not wait for one another.
func (f *filter) productsOfOne(part string, items, users, n Register) {
	const ways = 4
	acc := make([][][2]VecVirtual, ways)
	acc[0] = f.acc
	for w := 1; w < ways; w++ {
		for place := range f.acc {
			at := (w-1)*len(f.acc) + place
			if at == len(f.more) {
				f.more = append(f.more, [2]VecVirtual{ZMM(), ZMM()})
			}
			r := f.more[at]
			VPXORQ(r[0], r[0], r[0])
			VPXORQ(r[1], r[1], r[1])
			acc[w] = append(acc[w], r)
		}
	}
	SUBQ(Imm(ways), n)
	JL(LabelRef(f.name + part + "rest"))
	Label(f.name + part)
	for w := range ways {
		f.group(items, users, w, acc[w])
	}
	ADDQ(U32(ways*groupBytes), items)
	ADDQ(U32(ways*4*len(f.acc)), users)
	SUBQ(Imm(ways), n)
	JGE(LabelRef(f.name + part))
	Label(f.name + part + "rest")
	ADDQ(Imm(ways), n)
	JZ(LabelRef(f.name + part + "add"))
	Label(f.name + part + "one")
	f.group(items, users, 0, acc[0])
	ADDQ(U32(groupBytes), items)
	ADDQ(U32(4*len(f.acc)), users)
	DECQ(n)
	JNZ(LabelRef(f.name + part + "one"))
	Label(f.name + part + "add")
	for place := range f.acc {
		for h := range 2 {
			VPADDD(acc[1][place][h], acc[0][place][h], acc[0][place][h])
			VPADDD(acc[3][place][h], acc[2][place][h], acc[2][place][h])
			VPADDD(acc[2][place][h], acc[0][place][h], acc[0][place][h])
		}
	}
}

// test jumps unless every sum is negative.
func (f *filter) test(label string) {
	var all []VecVirtual
	for u := range f.acc {
		all = append(all, f.acc[u][0], f.acc[u][1])
	}
	x := ZMM()
	VMOVDQA32(all[0], x)
	for all = all[1:]; len(all) > 1; all = all[2:] {
		VPTERNLOGD(Imm(0x80), all[0], all[1], x) // x and both
	}
	if len(all) == 1 {
		VPANDD(all[0], x, x)
	}
	k, zero := K(), K()
	VPMOVD2M(x, k)
	KXNORW(zero, zero, zero)
	KORTESTW(k, k) // carry if all are negative
	JCC(LabelRef(f.name + label))
}

// hits appends the codes of the sums that are not negative to the finds.
func (f *filter) hits(done Register) {
	to := f.finds(done)
	zero, iota := ZMM(), ZMM()
	VPXORQ(zero, zero, zero)
	VMOVDQU32(f.c["lanes"], iota)
	for u := range f.acc {
		next := fmt.Sprintf("%shit%d", f.name, u+1)
		k := [2]Register{K(), K()}
		for h := range k {
			VPCMPD(Imm(5), zero, f.acc[u][h], k[h]) // not less
		}
		KORTESTW(k[0], k[1])
		JEQ(LabelRef(next))
		for h := range k {
			t, hits, code := ZMM(), GP32(), GP32()
			LEAL(Mem{Base: to.code, Disp: (2*u + h) * zmm / 4}, code)
			VPBROADCASTD(code, t)
			VPADDD(iota, t, t)
			VPCOMPRESSD_Z(t, k[h], t)
			VMOVDQU32(t, Mem{Base: to.codes, Index: to.n, Scale: 4})
			KMOVW(k[h], hits)
			POPCNTL(hits, hits)
			ADDQ(hits.As64(), to.n)
		}
		Label(next)
	}
	MOVQ(to.n, f.at(callFound))
}

// exponentials adds 2 to the coarse scores up, for the items in the masks.
func (f *filter) exponentials(masks Register) {
	for u := range f.acc {
		lanes := ZMM()
		VMOVUPS(f.at(callLanes+u*zmm), lanes)
		for h := range 2 {
			t := ZMM()
			VPADDD_BCST(f.at(callLimit+4*u), f.acc[u][h], t)
			VCVTDQ2PS(t, t)
			VMULPS_BCST(f.at(callScale+4*u), t, t)
			VSUBPS_BCST(f.at(callShift+4*u), t, t)
			e, k := f.exp2(t), K()
			KMOVW(Mem{Base: masks, Disp: 4*u + 2*h}, k)
			VADDPS(e, lanes, k, lanes)
		}
		VMOVUPS(lanes, f.at(callLanes+u*zmm))
	}
}

// exp2 does what exp2 does, with t.
func (f *filter) exp2(t VecVirtual) VecVirtual {
	c := f.c
	VMAXPS_BCST(c["min2"], t, t)
	VMINPS_BCST(c["max2"], t, t)
	z, n, p := ZMM(), ZMM(), ZMM()
	VADDPS_BCST(c["magic"], t, z)
	VSUBPS_BCST(c["magic"], z, n)
	VSUBPS(n, t, t)
	VMULPS_BCST(c["q4"], t, p)
	for _, name := range []string{"q3", "q2", "q1"} {
		VADDPS_BCST(c[name], p, p)
		VMULPS(t, p, p)
	}
	VADDPS_BCST(c["q0"], p, p)
	VPSLLD(Imm(23), z, z)
	VPADDD(z, p, p)
	return p
}

const zmm = 64 // bytes
