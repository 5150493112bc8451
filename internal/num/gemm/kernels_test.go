//go:build amd64 && !noasm

package gemm

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// share measures do, which has so many floating-point operations, and the peak in between: medians of both, in
// processor time.
func share(b *testing.B, flop float64, do func()) {
	peak, ops := kernels[0].peak, kernels[0].flop
	if !kernels[0].runs {
		peak, ops = kernels[1].peak, kernels[1].flop
	}
	times := max(1, int(2e7/flop)) // what takes less than a clock is done often
	flop *= float64(times)
	rounds := max(1, int(flop/ops/4))
	var spent, ceiling []time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		start := clock()
		for range times {
			do()
		}
		middle := clock()
		peak(rounds)
		spent, ceiling = append(spent, middle-start), append(ceiling, clock()-middle)
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
