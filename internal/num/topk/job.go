package topk

import (
	"fmt"
	"math"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Job is one user's scan. An item's score is f32.Score(vector, row) + weight·bias, and its coarse score what
// the packed matrix says (see panel.go).
type Job struct {
	Allow *bitset.Set // items to consider, nil for all
	Best  Heap        // Reset by the caller

	// Sum is that of exp(coarse score − Shift) over all considered items. Scan sets both. Shift is 0 unless the
	// best score is far from 0.
	Sum, Shift float64

	weight float32
	wide   []float64 // the vector
	start  Key       // at least the best reach it
	quantised
	ints []int16
	slack
}

// Set makes j a scan for a vector of the length of a row and a weight of the bias. It refuses what Matrix
// refuses.
func (j *Job) Set(vector []float32, weight float32) error {
	j.wide, j.weight = j.wide[:0], weight
	for _, x := range vector {
		j.wide = append(j.wide, float64(x))
	}
	if norm := length(vector); !(norm <= MaxNorm) {
		return fmt.Errorf("a user's vector has length %v, want at most %v", norm, MaxNorm)
	}
	if !(math.Abs(float64(weight)) <= MaxNorm) {
		return fmt.Errorf("a user's weight of the bias is %v, want at most %v either way", weight, MaxNorm)
	}
	if len(j.ints) != len(vector)+2 { // whole pairs, and at least one
		j.ints = make([]int16, len(vector)+2)
	}
	j.quantised = quantise(vector, j.ints)
	j.slack = slackOf(j.quantised, weight)
	return nil
}

// A slack bounds how far the coarse scores of a block are from the scores: see [slack.of].
type slack struct{ perNorm, perRest, perBias, least float64 }

// slackOf derives the bound. With u = û + ru and v = v̂ + rv the vectors of user and item and what
// quantising made of them,
//
//	u·v − û·v̂ = ru·v + û·rv,  at most |ru|·|v| + |û|·|rv|  (Cauchy and Schwarz).
//
// With ε = 2⁻²⁴, the coarse score rounds three times on the way to û·v̂, the score twice (once to float64, which
// is far less than ε), both round weight·bias alike, and both round their last addition: 3ε + ε + 2ε of
// |u|·|v| and 2ε of |weight·bias|, to first order. 8ε of either leaves room for higher orders and for the
// roundings of this bound. What underflows is less than 2⁻¹⁴⁹ times a scale below 2⁴⁵.
//
// With u = 0 both are weight·bias, the same number.
func slackOf(u quantised, weight float32) slack {
	if u.norm == 0 {
		return slack{}
	}
	const rounding = 8 * 0x1p-24
	return slack{u.rest + rounding*u.norm, u.near, rounding * math.Abs(float64(weight)), 0x1p-100}
}

// of is the bound for a block.
func (s *slack) of(b *bound) float64 {
	return s.perNorm*b.norm + s.perRest*b.rest + s.perBias*b.bias + s.least
}

// done reports that no item of a block, nor of those after it in the order of lengths, can be among the best.
func (j *Job) done(b *bound) bool {
	least := max(j.Best.Floor(), j.start)
	if j.Best.k == 0 || least == 0 {
		return j.Best.k == 0
	}
	// Cauchy and Schwarz; rounded thrice on the way to a score, as in slackOf.
	most := (j.norm*b.norm + math.Abs(float64(j.weight))*b.later) * (1 + 8*0x1p-24)
	return most+0x1p-100 < float64(least.Score())
}

// threshold returns a number that the coarse score of an item of a block is not below if its score could
// make it one of the best. Items come in ascending order, or in any.
func (j *Job) threshold(b *bound, ascending bool) float32 {
	if j.Best.k == 0 {
		return float32(math.Inf(1))
	}
	floor := j.Best.Floor()
	least := max(floor, j.start)
	if least == 0 {
		return float32(math.Inf(-1))
	}
	score := least.Score()
	if j.norm == 0 { // coarse scores are scores
		if floor > 0 && ascending { // and later items lose ties
			return math.Nextafter32(score, float32(math.Inf(1)))
		}
		return score
	}
	t := float64(score) - j.slack.of(b)
	return float32(t - math.Abs(t)*0x1p-23) // rounding takes back at most half of that
}
