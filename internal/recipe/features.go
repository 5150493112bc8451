package recipe

import (
	"cmp"
	"math"
	"slices"
)

// UniqueUsers returns how many users interacted with each item.
func UniqueUsers(d *Data) []int32 {
	count, last := make([]int32, d.Items.Len()), make([]int32, d.Items.Len())
	for u := range d.Users.Len() {
		items, _ := d.History(u)
		for _, i := range items {
			if last[i] != int32(u)+1 {
				last[i] = int32(u) + 1
				count[i]++
			}
		}
	}
	return count
}

// Percentiles returns the values at two fractions of the sorted values, rounded outwards, so that 0 and
// 1 exclude nothing. With no values, or if low is above high, nothing is excluded.
func Percentiles(values []int64, low, high float64) (lo, hi int64) {
	if len(values) == 0 || low > high {
		return math.MinInt64, math.MaxInt64
	}
	sorted := slices.Sorted(slices.Values(values))
	last := float64(len(sorted) - 1)
	return sorted[int(math.Floor(low*last))], sorted[int(math.Ceil(high*last))]
}

// UsersWithin returns the users whose number of events lies between two percentiles, both inclusive, ascending. If that
// is nobody, it is everybody with an event.
func UsersWithin(d *Data, low, high float64) []int {
	lengths := make([]int64, d.Users.Len())
	for u := range lengths {
		lengths[u] = d.Start[u+1] - d.Start[u]
	}
	lo, hi := Percentiles(lengths, low, high)
	var kept []int
	for u, l := range lengths {
		if l > 0 && l >= lo && l <= hi {
			kept = append(kept, u)
		}
	}
	return kept
}

// ByPopularity returns item indexes by descending count, ties by index.
func ByPopularity[N int32 | float64](count []N) []int32 {
	order := make([]int32, len(count))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(count[b], count[a]) })
	return order
}
