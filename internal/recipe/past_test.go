package recipe_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/recipe"
)

// Distinct items are those of the history in order of their last event, the newest of them, with how often they occur.
func TestDistinctItems(t *testing.T) {
	at := map[int32]int{7: 3} // of something before
	rapid.Check(t, func(r *rapid.T) {
		items := rapid.SliceOfN(rapid.Int32Range(0, 9), 0, 30).Draw(r, "items")
		most := rapid.IntRange(1, 12).Draw(r, "most")
		got, weight := recipe.DistinctItems(items, most, at)
		var want []int32
		for k, i := range items {
			if !slices.Contains(items[k+1:], i) {
				want = append(want, i)
			}
		}
		want = want[max(0, len(want)-most):]
		if !slices.Equal(got, want) || len(weight) != len(want) {
			r.Fatalf("the newest %d of %v are %v with %v, want %v", most, items, got, weight, want)
		}
		for k, i := range want {
			n := 0
			for _, j := range items {
				if i == j {
					n++
				}
			}
			if weight[k] != float32(1+math.Log(float64(n))) {
				r.Fatalf("item %d of %v weighs %v, want that of %d events", i, items, weight[k], n)
			}
		}
	})
}

// Only histories that are long enough are picked, as many as asked for and no others for another number of histories that cannot
// be, and of each a share, at least one and at most ten.
func TestHoldBackItems(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 300), 0, 40).Draw(r, "lengths")
		most, least, share := rapid.IntRange(0, 20).Draw(r, "most"), rapid.IntRange(2, 5).Draw(r, "least"), rapid.IntRange(2, 10).Draw(r, "share")
		got := recipe.HoldBackItems(len(lengths), func(k int) int { return lengths[k] }, most, least, share, rapid.Uint64().Draw(r, "seed"))
		can := 0
		for _, n := range lengths {
			if n >= least {
				can++
			}
		}
		if len(got) != min(can, most) {
			r.Fatalf("%d of %d histories are picked, want %d", len(got), can, min(can, most))
		}
		for k, n := range got {
			if lengths[k] < least || n != min(10, max(1, lengths[k]/share)) {
				r.Fatalf("of history %d, which has %d items, %d are held back", k, lengths[k], n)
			}
		}
	})
}
