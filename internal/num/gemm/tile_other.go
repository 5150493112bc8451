//go:build !amd64 || noasm

package gemm

func (t *tile) run() { t.loop() }

func transpose4(src []float32, ss int, dst []float32, ds, quads int) {
	transposeLoop(src, ss, dst, ds, quads)
}

func copyWhole(dst []float32, width int, src []float32, ss, k int) { copyLoop(dst, width, src, ss, k) }
