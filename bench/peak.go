package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"

	"github.com/kindredrec/kindred/internal/num/gemm"
	"github.com/kindredrec/kindred/internal/num/peak"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// A load is something that multiplies, and how often.
type load struct {
	name, unit string // as in peak
	ops        float64
	run        func() error
	peak       bool // it is a loop of peak
}

// benchPeak prints which share of the processor's multiplications kernels reach, by turns with loops that do nothing
// else, on one thread: operations by its processor time.
func benchPeak(ctx context.Context, turns, shrink int) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fmt.Printf("%s; %s\n\n", machine(ctx), runtime.Version())
	loads, err := loadsOf(ctx, shrink)
	if err != nil {
		return err
	}
	rates := make([][]float64, len(loads))
	for turn := range turns + 1 {
		for k, l := range loads {
			rate, err := l.rate()
			if err != nil {
				return err
			}
			if turn > 0 { // one to warm up
				rates[k] = append(rates[k], rate)
			}
		}
	}
	fmt.Print("| what | multiplies | Gop/s | share of the peak |\n|---|---|---|---|\n")
	for k, l := range loads {
		fmt.Printf("| %s | %s | %.0f | %s |\n", l.name, l.unit, median(slices.Clone(rates[k]))/1e9, shareOf(loads, rates, k))
	}
	fmt.Printf("\nMedians of %d turns. The peak is that of the fastest loop of the same turn.\n", turns)
	return nil
}

// shareOf is the median of load k's shares of the best loop of each turn.
func shareOf(loads []load, rates [][]float64, k int) string {
	var shares []float64
	for turn := range rates[k] {
		var best float64
		for l := range loads {
			if loads[l].peak && loads[l].unit == loads[k].unit {
				best = math.Max(best, rates[l][turn])
			}
		}
		shares = append(shares, rates[k][turn]/best)
	}
	if m := median(shares); !math.IsInf(m, 0) {
		return fmt.Sprintf("%.0f %%", 100*m)
	}
	return "no loop for this processor"
}

// rate is operations per second of processor, over a turn.
func (l load) rate() (float64, error) {
	t, err := startTimer()
	if err != nil {
		return 0, err
	}
	for n := 1.0; ; n++ {
		if err := l.run(); err != nil {
			return 0, err
		}
		if r, err := t.stop(); err != nil || r.CPU > 0.1 || r.Wall > 10 && r.CPU > 0 {
			return n * l.ops / r.CPU, err
		}
	}
}

// loadsOf are the loops, the product of users and items in float32, and scans that can leave out no item.
func loadsOf(ctx context.Context, shrink int) (loads []load, err error) {
	const rounds = 100_000
	for _, l := range peak.Loops() {
		loads = append(loads, load{l.Name, l.Unit, l.Ops * rounds, func() error { l.Run(rounds); return nil }, true})
	}
	for _, dim := range []int{64, 128} {
		const users = 1200
		v := madeVectors(alike.items/shrink, users, dim, true)
		n := len(v.items) / dim
		ops := 2 * float64(dim) * float64(n) * users
		loads = append(loads, load{fmt.Sprintf("gemm: users by items, d=%d", dim), "float32", ops, v.product, false})
		scan, err := v.scanner(ctx, 25)
		if err != nil {
			return nil, err
		}
		loads = append(loads, load{fmt.Sprintf("topk: best 25 of %d, every item scanned, d=%d", n, dim), "bytes", ops, scan, false})
	}
	return loads, nil
}

// product scores all items for all users, a block of items at a time.
func (v vectors) product() error {
	const block = 2048
	users := len(v.users) / v.dim
	scores := make([]float32, users*block)
	for items := range slices.Chunk(v.items, block*v.dim) {
		gemm.Mul(false, true, users, len(items)/v.dim, v.dim, 1, v.users, v.dim, items, v.dim, 0, scores, block)
	}
	return nil
}

// scanner returns what finds the k best items of all users.
func (v vectors) scanner(ctx context.Context, k int) (func() error, error) {
	n := len(v.items) / v.dim
	m, err := topk.NewMatrix(n, v.dim, v.items, make([]float32, n))
	if err != nil {
		return nil, err
	}
	jobs := make([]topk.Job, len(v.users)/v.dim)
	for u := range jobs {
		if err := jobs[u].Set(v.users[u*v.dim:][:v.dim], 0); err != nil {
			return nil, err
		}
	}
	return func() error {
		for u := range jobs {
			jobs[u].Best.Reset(k)
		}
		return topk.Best(ctx, m, jobs)
	}, nil
}
