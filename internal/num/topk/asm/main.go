// Asm writes the AVX2 and AVX-512 kernels of package topk. It is a module of its own so that the generator is no
// dependency of the product: run go generate in the folder above.
package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	ConstraintExpr("!noasm")
	c := constants()
	for _, f := range []filter{{users: 1, mode: find}, {users: 12, mode: find}, {users: 1, mode: sum}, {users: 6, mode: sum},
		{users: 1, mode: store}, {users: 12, mode: store}} {
		f.c = c
		f.write()
		n := narrow{filter: f}
		n.write()
	}
	exact()
	Generate()
}

// constants puts the numbers of limits and of exp2 in the read-only data.
func constants() map[string]Mem {
	numbers := []struct {
		name  string
		value float64
	}{
		{"far", 1 << 30}, {"-far", -1 << 30}, {"min2", -120}, {"max2", 120}, {"magic", 3 << 22},
		{"q4", 0.009666368515387469}, {"q3", 0.055921975842256264}, {"q2", 0.24022349038020335},
		{"q1", 0.693121045203427}, {"q0", 1},
	}
	table := GLOBL("numbers", attr.RODATA|attr.NOPTR)
	c := map[string]Mem{}
	for k, n := range numbers {
		DATA(4*k, F32(n.value))
		c[n.name] = table.Offset(4 * k)
	}
	for l := range 8 {
		DATA(4*(len(numbers)+l), U32(1<<l))
	}
	c["bits"] = table.Offset(4 * len(numbers))
	for l := range 16 {
		DATA(4*(len(numbers)+8+l), U32(l))
	}
	c["lanes"] = table.Offset(4 * (len(numbers) + 8))
	return c
}
