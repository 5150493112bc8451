// Package eval measures recommendations against what people did.
//
// The metrics are those of GetSolutionMetrics (training.md §10). docs/decisions/metrics.md tells which
// definition is taken where the service's documents leave one open.
package eval

import (
	"cmp"
	"math"
	"slices"
)

// A Result is one test user: what was recommended, best first, and what was held out. Truth has no
// duplicates; a user without truth is not counted.
type Result struct {
	Listed []int32
	Truth  []int32
	Gain   []float32 // parallel to Truth: what it is worth to list the item; nil when all are worth the same
}

// The depths that the service reports.
var depths = [...]struct {
	k    int
	name string
}{{5, "5"}, {10, "10"}, {25, "25"}}

// Depth is how long lists have to be for all metrics.
const Depth = 25

// Metrics returns coverage, mean_reciprocal_rank_at_25 and, at 5, 10 and 25,
// normalized_discounted_cumulative_gain and precision: means over the results with truth. items is the
// number of items there are. Without any truth everything is 0. If some results tell gains, the weighted gain is
// there as well ([WeightedNDCG]).
func Metrics(results []Result, items int) map[string]float64 {
	m := map[string]float64{"coverage": 0, "mean_reciprocal_rank_at_25": 0}
	for _, d := range depths {
		m["normalized_discounted_cumulative_gain_at_"+d.name], m["precision_at_"+d.name] = 0, 0
	}
	listed, users := map[int32]bool{}, 0
	weighted := slices.ContainsFunc(results, func(r Result) bool { return r.Gain != nil })
	for _, r := range results {
		if len(r.Truth) == 0 {
			continue
		}
		users++
		hits := Hits(r, Depth)
		m["mean_reciprocal_rank_at_25"] += ReciprocalRank(hits)
		for _, d := range depths {
			m["normalized_discounted_cumulative_gain_at_"+d.name] += NDCG(hits, len(r.Truth), d.k)
			m["precision_at_"+d.name] += Precision(hits, d.k)
		}
		if weighted {
			addWeighted(m, r)
		}
		for _, i := range r.Listed[:min(Depth, len(r.Listed))] {
			listed[i] = true
		}
	}
	for name := range m {
		m[name] /= math.Max(1, float64(users))
	}
	if items > 0 {
		m["coverage"] = float64(len(listed)) / float64(items)
	}
	return m
}

// weightedGain begins the names of metrics, which end in the depth; the one that ends in a k stands for Depth.
const weightedGain = "normalized_discounted_cumulative_gain_with_event_weights_at_"

// addWeighted adds the weighted gains of a result.
func addWeighted(m map[string]float64, r Result) {
	for _, d := range depths {
		m[weightedGain+d.name] += WeightedNDCG(r, d.k)
	}
	m[weightedGain+"k"] += WeightedNDCG(r, Depth)
}

// WeighedAlike adds to metrics the weighted gains of results whose hits are all worth the same, which are the plain
// ones.
func WeighedAlike(m map[string]float64) {
	const plain = "normalized_discounted_cumulative_gain_at_"
	for _, d := range depths {
		m[weightedGain+d.name] = m[plain+d.name]
	}
	m[weightedGain+"k"] = m[plain+"25"]
}

// WeightedNDCG is NDCG where hits are worth their gain, beside the list with the most gain at the top: scaling all
// gains changes nothing. It is 0 where nothing is worth anything.
func WeightedNDCG(r Result, k int) float64 {
	gains := make([]float64, len(r.Truth))
	worth := make(map[int32]float64, len(r.Truth))
	for j, i := range r.Truth {
		gains[j] = 1
		if r.Gain != nil {
			gains[j] = float64(r.Gain[j])
		}
		worth[i] = gains[j]
	}
	slices.SortFunc(gains, func(a, b float64) int { return cmp.Compare(b, a) })
	var got, ideal float64
	for rank := range min(k, len(gains)) {
		ideal += gains[rank] * discount(rank)
	}
	for rank, hit := range Hits(r, k) {
		if hit {
			got += worth[r.Listed[rank]] * discount(rank)
		}
	}
	if ideal == 0 {
		return 0
	}
	return got / ideal
}

// AverageRewards is the mean over users of the reward of the hits among the Depth listed items of the highest reward,
// by the reward of all hits; ties go to what is listed first. Rewards, which are by item, are not negative. Users whose
// hits are worth nothing are not counted; if that is everybody it is 0.
func AverageRewards(results []Result, reward []float64) float64 {
	var sum, users float64
	for _, r := range results {
		hits := Hits(r, len(r.Listed))
		at := make([]int, len(r.Listed))
		for k := range at {
			at[k] = k
		}
		slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(reward[r.Listed[b]], reward[r.Listed[a]]) })
		var best, all float64
		for n, k := range at {
			if hits[k] {
				all += reward[r.Listed[k]]
				if n < Depth {
					best += reward[r.Listed[k]]
				}
			}
		}
		if all > 0 {
			sum, users = sum+best/all, users+1
		}
	}
	return sum / math.Max(1, users)
}

// Hits says for each of the first depth ranks whether it is in the truth. An item listed twice counts
// where it stands first.
func Hits(r Result, depth int) []bool {
	open := make(map[int32]bool, len(r.Truth))
	for _, i := range r.Truth {
		open[i] = true
	}
	h := make([]bool, min(depth, len(r.Listed)))
	for k := range h {
		h[k] = open[r.Listed[k]]
		delete(open, r.Listed[k])
	}
	return h
}

// ReciprocalRank is 1/rank of the first hit, 0 without one.
func ReciprocalRank(hits []bool) float64 {
	for k, hit := range hits {
		if hit {
			return 1 / float64(k+1)
		}
	}
	return 0
}

// Precision is the share of the first k that are hits; missing entries are misses.
func Precision(hits []bool, k int) float64 {
	n := 0
	for _, hit := range hits[:min(k, len(hits))] {
		if hit {
			n++
		}
	}
	return float64(n) / float64(k)
}

// NDCG is the sum of 1/log2(1+rank) over the hits among the first k, divided by that of the best list
// there could be: min(k, truth) hits at the top.
func NDCG(hits []bool, truth, k int) float64 {
	var gain, ideal float64
	for r := range min(k, truth) {
		ideal += discount(r)
	}
	for r, hit := range hits[:min(k, len(hits))] {
		if hit {
			gain += discount(r)
		}
	}
	if ideal == 0 {
		return 0
	}
	return gain / ideal
}

func discount(rank int) float64 { return 1 / math.Log2(float64(rank)+2) }

// Recall is the share of the truth that is among the first k.
func Recall(hits []bool, truth, k int) float64 {
	return Precision(hits, k) * float64(k) / float64(max(1, truth))
}

// HitRate is 1 if any of the first k is a hit, and 0 otherwise.
func HitRate(hits []bool, k int) float64 {
	if ReciprocalRank(hits[:min(k, len(hits))]) > 0 {
		return 1
	}
	return 0
}

// An Estimate is a mean over users, and how far chance moves it: the mean over other users of the same kind lies
// within Margin of Mean in 95 of 100 samples.
type Estimate struct {
	Mean   float64 `json:"mean"`
	Margin float64 `json:"margin"`
}

// MeanOf estimates the mean that the values are a sample of. The margin is 1.96 standard errors, the normal
// approximation, which wants some dozens of values; of fewer than two nothing is known, and it is 0.
func MeanOf(values []float64) Estimate {
	n := float64(len(values))
	if n == 0 {
		return Estimate{}
	}
	var sum, squares float64
	for _, v := range values {
		sum += v
	}
	mean := sum / n
	if n < 2 {
		return Estimate{Mean: mean}
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return Estimate{mean, 1.96 * math.Sqrt(squares/(n-1)/n)}
}

// Round rounds to the 4 decimals that the service reports.
func Round(m map[string]float64) map[string]float64 {
	for name, v := range m {
		m[name] = math.Round(v*1e4) / 1e4
	}
	return m
}
