// Asm writes the AVX2 and AVX-512 kernels of package topk. It is a module of its own so that the generator is no
// dependency of the product: run go generate in the folder above.
package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	c := constants()
	for _, users := range []int{1, 6} {
		k := kernel{users: users, constants: c}
		k.write()
		w := wide{users: users, constants: c}
		w.write()
	}
	Generate()
}

// The shapes of package topk.
const (
	single      = 4
	register    = 8 * single
	panelItems  = 16
	blockPanels = 4
	biases      = 64 * single // offset of the biases in a block's factors
	pairBytes   = 4
	parBytes    = 4 * single
)

// Offsets in a user's parameters.
const (
	scale, weight, threshold, shift = 0, single, 2 * single, 3 * single
)

// constants puts the numbers of exp, eight copies of each, in the read-only data.
func constants() map[string]Mem {
	ln2Hi := 0.693359375
	numbers := []struct {
		name  string
		value float64
	}{
		{"min", -87}, {"max", 80}, {"log2e", math.Log2E}, {"magic", 3 << 22}, {"ln2Hi", ln2Hi}, {"ln2Lo", math.Ln2 - ln2Hi},
		{"p6", 1. / 720}, {"p5", 1. / 120}, {"p4", 1. / 24}, {"p3", 1. / 6}, {"p2", 1. / 2}, {"one", 1},
	}
	table := GLOBL("numbers", attr.RODATA|attr.NOPTR)
	c := map[string]Mem{}
	for k, n := range numbers {
		for l := range 8 {
			DATA(k*register+l*single, F32(n.value))
		}
		c[n.name] = table.Offset(k * register)
	}
	for l := range 8 {
		DATA(len(numbers)*register+l*single, U32(1<<l))
	}
	c["bits"] = table.Offset(len(numbers) * register)
	return c
}

// A kernel computes tile.loop for a number of users.
type kernel struct {
	users     int
	constants map[string]Mem

	par, allow, hits, sum Register
	panelScale, panelBias Mem
	sums, lanes           Mem // on the stack: per user and register; per user
}

func (k *kernel) write() {
	name := fmt.Sprintf("tile%dAVX2", k.users)
	TEXT(name, 0, "func(items *int16, users *int16, pairs int, factors *float32, par *float32, allow *uint64, hits *uint64, sum *float64)")
	Doc(fmt.Sprintf("%s is tile.loop for %d users. pairs is at least 1.", name, k.users))
	k.sums = AllocLocal(k.users * 2 * register)
	k.lanes = AllocLocal(k.users * register)
	items, factors := Load(Param("items"), GP64()), Load(Param("factors"), GP64())
	k.par, k.allow, k.hits = Load(Param("par"), GP64()), Load(Param("allow"), GP64()), Load(Param("hits"), GP64())
	users, pairs, sum := Load(Param("users"), GP64()), Load(Param("pairs"), GP64()), Load(Param("sum"), GP64())
	k.panelScale, k.panelBias = Mem{Base: factors}, Mem{Base: factors, Disp: biases}

	zero := YMM()
	VPXOR(zero, zero, zero)
	for u := range k.users {
		VMOVDQU(zero, k.lanes.Offset(u*register))
	}
	panels := GP64()
	MOVQ(U32(blockPanels), panels)
	Label(name + "panel")
	k.products(name, items, users, pairs)
	for u := range k.users {
		k.score(name, u, sum)
	}
	ADDQ(Imm(panelItems*single), factors)
	ADDQ(Imm(2), k.allow) // sixteen bits
	ADDQ(Imm(2), k.hits)
	DECQ(panels)
	JNZ(LabelRef(name + "panel"))

	TESTQ(sum, sum)
	JZ(LabelRef(name + "done"))
	for u := range k.users {
		lo, hi := YMM(), YMM()
		VCVTPS2PD(k.lanes.Offset(u*register), lo)
		VCVTPS2PD(k.lanes.Offset(u*register+register/2), hi)
		VADDPD(hi, lo, lo)
		at := Mem{Base: sum, Disp: u * register}
		VADDPD(at, lo, lo)
		VMOVUPD(lo, at)
	}
	Label(name + "done")
	VZEROUPPER()
	RET()
}

// products leaves the integer sums of a panel in k.sums and moves items to the next.
func (k *kernel) products(name string, items, users, pairs Register) {
	acc := make([][2]VecVirtual, k.users)
	for u := range acc {
		for v := range acc[u] {
			acc[u][v] = YMM()
			VPXOR(acc[u][v], acc[u][v], acc[u][v])
		}
	}
	at, n := GP64(), GP64()
	MOVQ(users, at)
	MOVQ(pairs, n)
	Label(name + "pair")
	a, b := YMM(), YMM()
	VMOVDQU(Mem{Base: items}, a)
	VMOVDQU(Mem{Base: items, Disp: register}, b)
	for u := range acc {
		x, y := YMM(), YMM()
		VPBROADCASTD(Mem{Base: at, Disp: u * pairBytes}, x)
		VPMADDWD(a, x, y)
		VPADDD(y, acc[u][0], acc[u][0])
		VPMADDWD(b, x, x)
		VPADDD(x, acc[u][1], acc[u][1])
	}
	ADDQ(Imm(2*register), items)
	ADDQ(Imm(uint64(k.users*pairBytes)), at)
	DECQ(n)
	JNZ(LabelRef(name + "pair"))
	for u := range acc {
		for v := range acc[u] {
			VMOVDQU(acc[u][v], k.sums.Offset((2*u+v)*register))
		}
	}
}

// score does what tile.score does with the sums of user u. sum is nil if that is all.
func (k *kernel) score(name string, u int, sum Register) {
	all := func(at int) VecVirtual {
		x := YMM()
		VBROADCASTSS(Mem{Base: k.par, Disp: u*parBytes + at}, x)
		return x
	}
	s, w, t, m := all(scale), all(weight), all(threshold), all(shift)
	lanes := YMM()
	VMOVUPS(k.lanes.Offset(u*register), lanes)
	for v := range 2 {
		c := YMM()
		VCVTDQ2PS(k.sums.Offset((2*u+v)*register), c)
		VMULPS(k.panelScale.Offset(v*register), c, c)
		VMULPS(s, c, c)
		b := YMM()
		VMULPS(k.panelBias.Offset(v*register), w, b)
		VADDPS(b, c, c)
		allowed := k.allowed(u, v)
		hit, byte8 := YMM(), GP32()
		VCMPPS(Imm(0x1d), t, c, hit) // c ≥ t
		VANDPS(allowed, hit, hit)
		VMOVMSKPS(hit, byte8)
		MOVB(byte8.As8(), Mem{Base: k.hits, Disp: u*8 + v})
		skip := fmt.Sprintf("%shits%d%d", name, u, v)
		TESTQ(sum, sum)
		JZ(LabelRef(skip))
		VSUBPS(m, c, c)
		e := k.exp(c)
		VANDPS(allowed, e, e)
		VADDPS(e, lanes, lanes)
		Label(skip)
	}
	VMOVUPS(lanes, k.lanes.Offset(u*register))
}

// allowed returns the mask of eight items.
func (k *kernel) allowed(u, v int) VecVirtual {
	mask, bits := YMM(), YMM()
	VPBROADCASTB(Mem{Base: k.allow, Disp: u*8 + v}, mask)
	VMOVDQU(k.constants["bits"], bits)
	VPAND(bits, mask, mask)
	VPCMPEQD(bits, mask, mask)
	return mask
}

// exp does what exp does, with t.
func (k *kernel) exp(t VecVirtual) VecVirtual {
	c := k.constants
	VMAXPS(c["min"], t, t)
	VMINPS(c["max"], t, t)
	z, n, x, p := YMM(), YMM(), YMM(), YMM()
	VMULPS(c["log2e"], t, z)
	VADDPS(c["magic"], z, z)
	VSUBPS(c["magic"], z, n)
	VMULPS(c["ln2Hi"], n, x)
	VSUBPS(x, t, t)
	VMULPS(c["ln2Lo"], n, x)
	VSUBPS(x, t, t)
	VMULPS(c["p6"], t, p)
	for _, name := range []string{"p5", "p4", "p3", "p2", "one"} {
		VADDPS(c[name], p, p)
		VMULPS(t, p, p)
	}
	VADDPS(c["one"], p, p)
	VPSLLD(Imm(23), z, z)
	VPADDD(z, p, p)
	return p
}
