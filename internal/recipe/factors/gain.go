package factors

import (
	"context"
	"math"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

const (
	gainDepth = 25   // places that gain counts
	gainUsers = 32   // whose scores are one product
	gainItems = 4096 // likewise
)

// gainsOf returns the gain of each case: of what it holds back, the mean of 1/log2(1 + place) among the items that its user has not
// had, nothing beyond place gainDepth. Every item counts. Memory: half a megabyte a thread.
func gainsOf(ctx context.Context, cases []trial, vectors []float32, n int, s settings, threads int) ([]float64, error) {
	solver := als.NewSolver(vectors, n, s.als())
	if _, err := solver.Prepare(ctx, threads); err != nil {
		return nil, err
	}
	gains := make([]float64, len(cases))
	return gains, als.Spread(ctx, threads, len(cases), gainUsers, func(lo, hi int) {
		w, stride := solver.Workspace(), solver.Stride()
		x := make([]float32, 0, (hi-lo)*stride)
		for k := lo; k < hi; k++ {
			x = append(x, encode(solver, w, s.Encoder, cases[k].input)...)
		}
		for k, above := range placesOf(cases[lo:hi], x, vectors, n, stride) {
			for _, a := range above {
				if a < gainDepth {
					gains[lo+k] += 1 / math.Log2(2+float64(a)) / float64(len(above))
				}
			}
		}
	})
}

// placesOf returns how many items that a user has not had are above each that is held back. x has the users' vectors.
func placesOf(cases []trial, x, vectors []float32, n, stride int) [][]int {
	above, found := make([][]int, len(cases)), make([][]float32, len(cases))
	for k, c := range cases {
		above[k] = make([]int, len(c.truth))
		for _, i := range c.truth {
			found[k] = append(found[k], f32.Dot(x[k*stride:(k+1)*stride], vectors[int(i)*stride:(int(i)+1)*stride]))
		}
	}
	scores := make([]float32, len(cases)*min(n, gainItems))
	for lo := 0; lo < n; lo += gainItems {
		size := min(gainItems, n-lo)
		gemm.Mul(false, true, len(cases), size, stride, 1, x, stride, vectors[lo*stride:], stride, 0, scores, size)
		for k, c := range cases {
			row := scores[k*size : (k+1)*size]
			leaveOut(row, lo, c.input.items)
			leaveOut(row, lo, c.truth)
			for j, least := range found[k] {
				above[k][j] += countAbove(row, least)
			}
		}
	}
	return above
}

// leaveOut puts items below all others, in the scores of those from lo on.
func leaveOut(scores []float32, lo int, items []int32) {
	for _, i := range items {
		if k := int(i) - lo; k >= 0 && k < len(scores) {
			scores[k] = float32(math.Inf(-1))
		}
	}
}

func countAbove(scores []float32, least float32) (count int) {
	for _, s := range scores {
		if s > least {
			count++
		}
	}
	return count
}

// bestEncoder returns the one of the choices under which what is held back ranks best.
func bestEncoder(ctx context.Context, cases []trial, vectors []float32, n int, s settings, choices []encoder, threads int) (best encoder, err error) {
	most := math.Inf(-1)
	for _, s.Encoder = range choices {
		gains, err := gainsOf(ctx, cases, vectors, n, s, threads)
		if err != nil {
			return best, err
		}
		if gain := total(gains); gain > most {
			most, best = gain, s.Encoder
		}
	}
	return best, nil
}
