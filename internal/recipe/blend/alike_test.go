package blend

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// With fewer sequences than bounds, all that share something and have something else speak, as the definition says.
func TestAlikeIsDefined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const items = 8
		s := &sequences{n: items, start: []int64{0}}
		any := rapid.SliceOfN(rapid.Int32Range(0, items-1), 2, 12)
		for u := range int64(rapid.IntRange(1, 20).Draw(t, "users")) {
			is := any.Draw(t, "sequence")
			s.add(is, slices.Repeat([]int64{u}, len(is)), nil)
		}
		n := newSessions(s)
		history := rapid.SliceOfNDistinct(rapid.Int32Range(0, items-1), 1, items, rapid.ID[int32]).Draw(t, "history")
		slices.Sort(history)
		age := make([]int32, items)
		for _, i := range history {
			age[i] = 1
		}
		found := func(i int32) (sum float64) {
			for q := range n.len() {
				if slices.Contains(n.of(q), i) {
					sum++
				}
			}
			return sum
		}
		want := make([]float64, items)
		for q := range n.len() {
			kinds := slices.Compact(slices.Sorted(slices.Values(n.of(q))))
			like, more := 0.0, false
			for _, i := range kinds {
				if age[i] > 0 {
					like += math.Pow(found(i), -0.6)
				} else {
					more = true
				}
			}
			for _, i := range kinds {
				if more {
					want[i] += math.Pow(like, 1.25) * math.Pow(float64(len(n.of(q))), -0.7) * math.Pow(found(i), -0.2)
				}
			}
		}
		got, f := make([]float64, items), newFinder(n)
		for range 2 { // what was found before is forgotten
			clear(got)
			f.findAlike(history, age, func(i int32, by float32) { got[i] += float64(by) })
		}
		for i := range items {
			if math.Abs(got[i]-want[i]) > 1e-5*(1+want[i]) {
				t.Errorf("item %d: %v, want %v", i, got[i], want[i])
			}
		}
	})
}
