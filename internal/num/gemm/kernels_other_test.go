//go:build !amd64 || noasm

package gemm

import "testing"

// The only kernel is the loop.
var kernels = []struct {
	name string
	tile func(*tile)
	runs bool
}{{"Go", (*tile).loop, true}}

func share(b *testing.B, flop float64, do func()) {
	for b.Loop() {
		do()
	}
	b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
