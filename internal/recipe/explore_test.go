package recipe

import (
	"math"
	"slices"
	"testing"
)

// Drawing for a few of many is like drawing for all: the luckiest of n has a mean luck of 1 + 1/2 + … + 1/n,
// and everybody is the luckiest equally often.
func TestDrawIsOfAll(t *testing.T) {
	const seeds = 4000
	for _, n := range []int{1, 64, 65, 1000} {
		var want, sum float64
		first := 0
		for k := range n {
			want += 1 / float64(k+1)
		}
		for seed := range uint64(seeds) {
			items := make([]int32, n)
			for i := range items {
				items[i] = int32(i)
			}
			lucky, least := draw(seed, items)
			if len(lucky) != min(n, mostLucky) || !slices.IsSorted(lucky) || len(slices.Compact(slices.Clone(lucky))) != len(lucky) {
				t.Fatalf("%d of %d are drawn, want %d distinct, ascending: %v", len(lucky), n, min(n, mostLucky), lucky)
			}
			best, who := 0.0, int32(0)
			for _, i := range lucky {
				if l := least + luck(seed, i); l > best {
					best, who = l, i
				}
			}
			sum += best
			if int(who) < (n+1)/2 {
				first++
			}
		}
		// The standard deviation of the largest of exponential draws is below 1.29.
		if mean, tolerance := sum/seeds, 5*1.29/math.Sqrt(seeds); math.Abs(mean-want) > tolerance {
			t.Errorf("the luckiest of %d has a mean luck of %v, want %v ± %v", n, mean, want, tolerance)
		}
		half, tolerance := float64((n+1)/2)/float64(n), 2.5/math.Sqrt(seeds)
		if share := float64(first) / seeds; math.Abs(share-half) > tolerance {
			t.Errorf("of %d, the first half has the luckiest in a share of %v, want %v ± %v", n, share, half, tolerance)
		}
	}
}
