//go:build amd64 && !noasm

package gemm

import (
	"testing"
	"time"
)

// share measures do, which has so many floating-point operations, and the peak in between.
func share(b *testing.B, flop float64, do func()) {
	peak, ops := kernels[0].peak, kernels[0].flop
	if !kernels[0].runs {
		peak, ops = kernels[1].peak, kernels[1].flop
	}
	var spent, ceiling time.Duration
	var rounds int
	for b.Loop() {
		start := time.Now()
		do()
		took := time.Since(start)
		spent += took
		n := max(1, int(flop/ops/4))
		start = time.Now()
		peak(n)
		ceiling += time.Since(start)
		rounds += n
	}
	got, top := flop*float64(b.N)/spent.Seconds()/1e9, ops*float64(rounds)/ceiling.Seconds()/1e9
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(got, "GFLOP/s")
	b.ReportMetric(top, "peak")
	b.ReportMetric(100*got/top, "%ofpeak")
}
