package recipe

import (
	"cmp"
	"math"
	"slices"
)

// DistinctItems keeps the newest most items of a history, each at its last place, with 1 + ln of how often each occurs. at is
// memory for it.
func DistinctItems(items []int32, most int, at map[int32]int) (distinct []int32, weight []float32) {
	clear(at)
	for _, i := range slices.Backward(items) {
		if j, ok := at[i]; ok {
			weight[j]++
		} else if len(distinct) < most {
			at[i] = len(distinct)
			distinct, weight = append(distinct, i), append(weight, 1)
		}
	}
	slices.Reverse(distinct)
	slices.Reverse(weight)
	for k, n := range weight {
		weight[k] = float32(1 + math.Log(float64(n)))
	}
	return distinct, weight
}

// HoldBackItems picks at most so many of n histories, evenly by a hash of seed, to try on them what was learned from the others
// and from their own beginnings. It returns how many items of each are held back from its end, one of share, at least one and at
// most 10. Histories of fewer than least items are not picked.
func HoldBackItems(n int, length func(k int) int, most, least, share int, seed uint64) map[int]int {
	var can []int
	for k := range n {
		if length(k) >= least {
			can = append(can, k)
		}
	}
	slices.SortFunc(can, func(a, b int) int {
		return cmp.Or(cmp.Compare(Mix(seed, uint64(a)), Mix(seed, uint64(b))), cmp.Compare(a, b))
	})
	held := map[int]int{}
	for _, k := range can[:min(len(can), most)] {
		held[k] = min(10, max(1, length(k)/share))
	}
	return held
}
