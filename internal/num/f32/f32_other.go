//go:build !amd64 || noasm

package f32

func dotBlocks(x, y []float32) float32               { return dotLoop(x, y) }
func axpyBlocks(a float32, x, y []float32)           { axpyLoop(a, x, y) }
func xpayBlocks(x []float32, a float32, y []float32) { xpayLoop(x, a, y) }
func scoreBlocks(x []float64, y []float32) float64   { return scoreLoop(x, y) }
func maxBlocks(x []float32) float32                  { return maxLoop(x) }
func scaleBlocks(a float32, x []float32)             { scaleLoop(a, x) }
func timesBlocks(x, y []float32)                     { timesLoop(x, y) }
func expBlocks(x []float32, top float32) float32     { return expLoop(x, top) }
