//go:build amd64 && !noasm

package gemm

import (
	"slices"
	"testing"
	"time"
)

// share measures do, which has so many floating-point operations, and the peak in between: medians of both.
func share(b *testing.B, flop float64, do func()) {
	peak, ops := kernels[0].peak, kernels[0].flop
	if !kernels[0].runs {
		peak, ops = kernels[1].peak, kernels[1].flop
	}
	rounds := max(1, int(flop/ops/4))
	var spent, ceiling []time.Duration
	for b.Loop() {
		start := time.Now()
		do()
		spent = append(spent, time.Since(start))
		start = time.Now()
		peak(rounds)
		ceiling = append(ceiling, time.Since(start))
	}
	got, top := flop/median(spent)/1e9, ops*float64(rounds)/median(ceiling)/1e9
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(got, "GFLOP/s")
	b.ReportMetric(top, "peak")
	b.ReportMetric(100*got/top, "%ofpeak")
}

// median returns the middle one in seconds.
func median(d []time.Duration) float64 {
	slices.Sort(d)
	return d[len(d)/2].Seconds()
}
