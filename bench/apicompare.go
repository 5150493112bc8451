package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// Of a comparison: turns of each server, and the length of one. Odd, so that there is a median.
const (
	turns = 7
	turn  = time.Second
)

// compareAPI measures reading calls over HTTP of this tree and of another build, by turns, since a machine that
// does other things besides is as fast as they let it be. It prints the medians and the median of the ratios.
func compareAPI(ctx context.Context, n int, other string) error {
	after, err := start(ctx, stocked(ctx, n))
	if err != nil {
		return err
	}
	defer after.stop()
	dir, err := os.MkdirTemp("", "kindred-bench-")
	if err != nil {
		return err
	}
	before, err := startBinary(ctx, other, dir, stocked(ctx, n))
	if err != nil {
		return err
	}
	defer before.stop()
	fmt.Printf("calls per second per core, medians of %d turns of %s\n\n%-46s %10s %10s %8s\n", turns, turn, "", "before", "after", "ratio")
	for _, c := range calls(n) {
		for _, clients := range []int{1, 16} {
			if err := compare(ctx, before, after, c, clients); err != nil {
				return err
			}
		}
	}
	return nil
}

// stocked fills a data folder with n resources.
func stocked(ctx context.Context, n int) func(data string) error {
	return func(data string) error {
		db, err := catalogOf(ctx, data, n)
		if err != nil {
			return err
		}
		return db.Close()
	}
}

// compare measures one call by turns.
func compare(ctx context.Context, before, after *server, c call, clients int) error {
	servers := []*server{before, after}
	callers := make([]func(client, i int) error, len(servers))
	for i, s := range servers {
		var err error
		if callers[i], err = s.caller(ctx, c, clients); err != nil {
			return err
		}
	}
	rates := make([][]float64, len(servers))
	var ratios []float64
	for range turns {
		var pair [2]float64
		for i, s := range servers {
			m, err := measure(clients, turn, s.cpuTime, callers[i])
			if err != nil {
				return err
			}
			pair[i] = float64(m.calls) / m.cpu.Seconds()
			rates[i] = append(rates[i], pair[i])
		}
		ratios = append(ratios, pair[1]/pair[0])
	}
	fmt.Printf("%-46s %10.0f %10.0f %8.2f\n", fmt.Sprintf("HTTP, %2d clients: %s", clients, c.name), median(rates[0]), median(rates[1]), median(ratios))
	return nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
