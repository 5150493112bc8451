package evaluation

import (
	"slices"

	"github.com/kindredrec/kindred/internal/recipe"
)

// byActivity puts the tests into three groups by the length of their histories: the first has the shortest
// third, the last the longest. Histories of equal length are in one group, which makes groups uneven and may
// leave one empty.
func byActivity(tests []recipe.Test) (groups [3][]int) {
	lengths := make([]int, len(tests))
	for k, t := range tests {
		lengths[k] = len(t.Items)
	}
	sorted := slices.Sorted(slices.Values(lengths))
	low, high := sorted[(len(sorted)-1)/3], sorted[(len(sorted)-1)*2/3]
	for k, n := range lengths {
		g := 2
		switch {
		case n <= low:
			g = 0
		case n <= high:
			g = 1
		}
		groups[g] = append(groups[g], k)
	}
	return groups
}
