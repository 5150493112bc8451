package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// agree checks that two sides found the same k items for the first users of v, and returns at how many places they
// have items of like scores in another order.
//
// A sum of dim products in float32 is off by less than dim·2⁻²⁴·|u|·|v|, in any order of additions. The scores at
// a place of two lists, each the best by sums that are so far off, differ by at most twice that.
func (v vectors) agree(k int, ours, theirs []int32) (swapped int, err error) {
	if len(ours) != len(theirs) {
		return 0, fmt.Errorf("%d items found here and %d there", len(ours), len(theirs))
	}
	var longest float64
	for item := range slices.Chunk(v.items, v.dim) {
		longest = max(longest, length(item))
	}
	seen := map[int32]bool{}
	for at, a := range ours {
		user := v.users[at/k*v.dim:][:v.dim]
		b := theirs[at]
		if at%k == 0 {
			clear(seen)
		}
		if b < 0 || int(b) >= len(v.items)/v.dim || seen[b] {
			return 0, fmt.Errorf("user %d has item %d at place %d there: twice or none", at/k, b, at%k)
		}
		seen[b] = true
		if a == b {
			continue
		}
		swapped++
		x, y := v.score(user, a), v.score(user, b)
		if off := 2 * float64(v.dim) * 0x1p-24 * length(user) * longest; math.Abs(x-y) > off {
			return 0, fmt.Errorf("user %d has item %d of score %v here and item %d of score %v there at place %d", at/k, a, x, b, y, at%k)
		}
	}
	return swapped, nil
}

func (v vectors) score(user []float32, item int32) (sum float64) {
	for k, x := range v.items[int(item)*v.dim:][:v.dim] {
		sum += float64(x) * float64(user[k])
	}
	return sum
}

func length(v []float32) float64 {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	return math.Sqrt(square)
}

// loss is what both sides make small (see package als), of vectors of rows and columns without padding.
func loss(m *als.Sparse, dim int, rows, cols []float32) float64 {
	var known float64
	for r := range m.Rows {
		x := rows[r*dim:][:dim]
		of, weights := m.Row(r)
		for k, c := range of {
			miss := 1 - float64(f32.Dot(x, cols[int(c)*dim:][:dim]))
			known += float64(weights[k]) * miss * miss
		}
	}
	a, b := gram(dim, rows), gram(dim, cols)
	var all, lengths float64
	for i := range dim {
		lengths += a[i*dim+i] + b[i*dim+i]
		for j := range i {
			all += 2 * a[i*dim+j] * b[i*dim+j]
		}
		all += a[i*dim+i] * b[i*dim+i]
	}
	return known + all + regularization*lengths
}

// gram is the lower half of the matrix of products of vectors' components, summed in float64.
func gram(dim int, vectors []float32) []float64 {
	sum, part := make([]float64, dim*dim), make([]float32, dim*dim)
	for block := range slices.Chunk(vectors, 1024*dim) {
		gemm.Gram(1, true, dim, len(block)/dim, 1, block, dim, 0, part, dim)
		for k, x := range part {
			sum[k] += float64(x)
		}
	}
	return sum
}
