//go:build !amd64 || noasm

package peak

// Loops returns the loops that this processor can run: none is written for it, or kernels are left out.
func Loops() []Loop { return nil }
