//go:build !noasm

package f32

import "golang.org/x/sys/cpu"

var haveAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

func dotBlocks(x, y []float32) float32 {
	if !haveAVX2 {
		return dotLoop(x, y)
	}
	return dotAVX2(&x[0], &y[0], len(x)/Block)
}

func axpyBlocks(a float32, x, y []float32) {
	if !haveAVX2 {
		axpyLoop(a, x, y)
		return
	}
	axpyAVX2(a, &x[0], &y[0], len(x)/Block)
}

func xpayBlocks(x []float32, a float32, y []float32) {
	if !haveAVX2 {
		xpayLoop(x, a, y)
		return
	}
	xpayAVX2(&x[0], a, &y[0], len(x)/Block)
}

func scoreBlocks(x []float64, y []float32) float64 {
	if !haveAVX2 {
		return scoreLoop(x, y)
	}
	return scoreAVX2(&x[0], &y[0], len(x)/Block)
}

func maxBlocks(x []float32) float32 {
	if !haveAVX2 {
		return maxLoop(x)
	}
	return maxAVX2(&x[0], len(x)/Block)
}

func scaleBlocks(a float32, x []float32) {
	if !haveAVX2 {
		scaleLoop(a, x)
		return
	}
	scaleAVX2(a, &x[0], len(x)/Block)
}

func timesBlocks(x, y []float32) {
	if !haveAVX2 {
		timesLoop(x, y)
		return
	}
	timesAVX2(&x[0], &y[0], len(x)/Block)
}

func expBlocks(x []float32, top float32) float32 {
	if !haveAVX2 {
		return expLoop(x, top)
	}
	return expAVX2(&x[0], top, len(x)/Block)
}
