//go:build !noasm

package peak

import "golang.org/x/sys/cpu"

//go:generate go -C asm run . -out ../peak_amd64.s -stubs ../stubs_amd64.go -pkg peak

// Loops returns the loops that this processor can run.
func Loops() (loops []Loop) {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		loops = append(loops, Loop{"AVX2 FMA", "float32", fmaAVX2, 12 * 8 * 2})
	}
	if cpu.X86.HasAVX512F {
		loops = append(loops, Loop{"AVX-512 FMA", "float32", fmaAVX512, 24 * 16 * 2})
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VNNI {
		loops = append(loops, Loop{"AVX-512 VNNI", "bytes", dotVNNI, 24 * 64 * 2})
	}
	return loops
}
