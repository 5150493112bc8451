package als

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// powerLaw returns rows that know on average known columns of a few popular and many rare ones.
func powerLaw(rows, cols, known int) *Sparse {
	r := rand.New(rand.NewPCG(1, 7))
	m := &Sparse{Rows: rows, Cols: cols, Start: make([]int64, 1, rows+1)}
	seen := make([]int32, cols)
	for row := range rows {
		n := int(float64(known) / 1.4 * math.Exp(0.8*r.NormFloat64()))
		for range max(1, min(n, cols/4)) {
			c := int(float64(cols) * math.Pow(r.Float64(), 2.5))
			if seen[c] != int32(row+1) {
				seen[c] = int32(row + 1)
				m.Col, m.Weight = append(m.Col, int32(c)), append(m.Weight, 1)
			}
		}
		m.Start = append(m.Start, int64(len(m.Col)))
	}
	return m
}

// BenchmarkSweep is both halves of a sweep, after the first one.
func BenchmarkSweep(b *testing.B) {
	m := powerLaw(20000, 10000, 40)
	for _, dim := range []int{64, 128} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("d=%d/threads=%d", dim, threads), func(b *testing.B) {
				c := Config{Dim: dim, Unobserved: 0.05, Regularization: 0.01, Sweeps: 1, Steps: 3, Threads: threads}
				f := Start(m, c)
				for b.Loop() {
					if err := Fit(context.Background(), m, c, f); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(m.Col))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mknown/s")
			})
		}
	}
}
