// Asm writes the loops of package peak. It is a module of its own so that the generator is no dependency of the
// product: run go generate in the folder above.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("!noasm")
	ymm, zmm := func() VecVirtual { return YMM() }, func() VecVirtual { return ZMM() }
	fused := func(x, sum VecVirtual) { VFMADD231PS(x, x, sum) }
	write("fmaAVX2", "fused multiply-adds of float32", 12, ymm, fused)
	write("fmaAVX512", "fused multiply-adds of float32", 24, zmm, fused)
	write("dotVNNI", "multiplications of bytes added by fours to int32", 24, zmm, func(x, sum VecVirtual) { VPDPBUSD(x, x, sum) })
	Generate()
}

// write writes a loop over operations of which none waits for another of its round. Operands are zero, so that sums
// stay what they are.
func write(name, what string, registers int, vector func() VecVirtual, operate func(x, sum VecVirtual)) {
	TEXT(name, NOSPLIT, "func(rounds int)")
	Doc(fmt.Sprintf("%s does %s: %d registers a round.", name, what, registers))
	n := Load(Param("rounds"), GP64())
	zero := XMM()
	VXORPS(zero, zero, zero)
	x := vector()
	VBROADCASTSS(zero, x)
	sums := make([]VecVirtual, registers)
	for r := range sums {
		sums[r] = vector()
		VBROADCASTSS(zero, sums[r])
	}
	Label(name + "round")
	for _, sum := range sums {
		operate(x, sum)
	}
	DECQ(n)
	JNZ(LabelRef(name + "round"))
	VZEROUPPER()
	RET()
}
