package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"github.com/kindredrec/kindred/internal/num/gemm"
	"github.com/kindredrec/kindred/internal/num/peak"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// A load is something that multiplies, and how often.
type load struct {
	name, unit string // as in peak
	ops        float64
	run        func() error
	peak       bool  // it is a loop of peak
	side       *side // if it runs elsewhere: who scores so many users
	users      int
}

// benchPeak prints which share of the processor's multiplications kernels reach, by turns with loops that do nothing
// else, on one thread: operations by its processor time.
func benchPeak(ctx context.Context, turns, shrink int) (err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	fmt.Printf("%s; %s\n\n", machine(ctx), runtime.Version())
	dir, err := os.MkdirTemp("", "kindred-peak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	loads, err := loadsOf(ctx, dir, shrink)
	defer func() {
		for _, l := range loads {
			if l.side != nil {
				err = errors.Join(err, l.side.stop())
			}
		}
	}()
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
	fmt.Print("| what | multiplies | Gop/s | share of the peak | of the peak of float32 |\n|---|---|---|---|---|\n")
	for k, l := range loads {
		fmt.Printf("| %s | %s | %.0f | %s | %s |\n", l.name, l.unit, median(slices.Clone(rates[k]))/1e9, shareOf(loads, rates, k, l.unit), shareOf(loads, rates, k, "float32"))
	}
	fmt.Printf("\nMedians of %d turns. The peak is that of the fastest loop of the same turn.\n", turns)
	return nil
}

// shareOf is the median of load k's shares of the best loop of each turn that multiplies such numbers.
func shareOf(loads []load, rates [][]float64, k int, unit string) string {
	var shares []float64
	for turn := range rates[k] {
		var best float64
		for l := range loads {
			if loads[l].peak && loads[l].unit == unit {
				best = math.Max(best, rates[l][turn])
			}
		}
		shares = append(shares, rates[k][turn]/best)
	}
	if m := median(shares); !math.IsInf(m, 0) {
		return fmt.Sprintf("%.0f %%", 100*m)
	}
	return "–"
}

// rate is operations per second of processor, over a turn.
func (l load) rate() (float64, error) {
	if l.side != nil {
		r, err := l.side.tell(order{Do: "top", K: bestOf, Users: l.users})
		return l.ops / r.CPU, err
	}
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

// bestOf is how many items scans are for.
const bestOf = 25

// loadsOf are the loops, the product of users and items in float32, and scans that can leave out no item, with the best kernel and
// with that of AVX2, in a process that is told to do without VNNI. What processes read goes to dir.
func loadsOf(ctx context.Context, dir string, shrink int) (loads []load, err error) {
	const rounds = 100_000
	for _, l := range peak.Loops() {
		loads = append(loads, load{name: l.Name, unit: l.Unit, ops: l.Ops * rounds, run: func() error { l.Run(rounds); return nil }, peak: true})
	}
	for _, dim := range []int{64, 128} {
		const users = 1200
		v := madeVectors(alike.items/shrink, users, dim, true)
		n := len(v.items) / dim
		ops := 2 * float64(dim) * float64(n) * users
		loads = append(loads, load{name: fmt.Sprintf("gemm: users by items, d=%d", dim), unit: "float32", ops: ops, run: v.product})
		scan, err := v.scanner(ctx, bestOf)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("best %d of %d, every item scanned, d=%d", bestOf, n, dim)
		loads = append(loads, load{name: "topk: " + name, unit: "bytes", ops: ops, run: scan})
		narrow, err := v.elsewhere(ctx, filepath.Join(dir, strconv.Itoa(dim)), "GODEBUG=cpu.avx512vnni=off")
		if err != nil {
			return loads, err
		}
		loads = append(loads, load{name: "topk with AVX2: " + name, unit: "words of bytes", ops: ops, side: narrow, users: users})
	}
	return loads, nil
}

// elsewhere starts a process that has the vectors, with a setting.
func (v vectors) elsewhere(ctx context.Context, dir, setting string) (*side, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Mkdir(dir, 0o755), writeNumbers(filepath.Join(dir, "items.f32"), v.items), writeNumbers(filepath.Join(dir, "users.f32"), v.users)); err != nil {
		return nil, err
	}
	s, err := startSide(ctx, "kindred", 1, "env", setting, program, "-what", "peer", "-data", dir)
	if err != nil {
		return nil, err
	}
	_, err = s.tell(order{Do: "load", Dim: v.dim})
	return s, err
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
