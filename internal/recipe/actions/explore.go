package actions

import (
	"cmp"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/recipe"
)

// explored is how often a place of a list, from the second on, goes to an action of which too little is known: in every
// third list of the default length there is one. (The service explores as well, and does not say how much.)
const explored = 1.0 / 12

// explore puts actions of which too little is known among the others, which stay in their order, by chance: each
// place from the second on is given to one with probability explored, the luckiest first. Luck is exponential with mean 1, drawn from seed
// and action, times how likely the action is by what is known of others of its kind, over √(1+events): what was seen least is
// tried most. A list that is cut afterwards is the head of a longer one.
//
// order has what is known first. Where nothing is, or everything, it stays.
func (m *model) explore(seed uint64, order []int32, likely func(action int32) float64) []int32 {
	known := slices.IndexFunc(order, func(i int32) bool { return m.scored[i] == 0 })
	if known <= 0 {
		return order
	}
	rest := slices.Clone(order[known:])
	luck := make([]float64, m.actions.Len())
	for _, i := range rest {
		luck[i] = -math.Log(uniform(seed, uint64(i))) * likely(i) / math.Sqrt(1+float64(m.seen[i]))
	}
	tried := slices.Clone(rest)
	slices.SortFunc(tried, func(a, b int32) int { return cmp.Or(cmp.Compare(luck[b], luck[a]), cmp.Compare(a, b)) })
	out := make([]int32, 0, len(order))
	placed := make([]bool, m.actions.Len())
	for next := 0; next < known; {
		if at := len(out); at > 0 && len(tried) > 0 && uniform(^seed, uint64(at)) < explored {
			out, placed[tried[0]], tried = append(out, tried[0]), true, tried[1:]
			continue
		}
		out = append(out, order[next])
		next++
	}
	for _, i := range rest {
		if !placed[i] {
			out = append(out, i)
		}
	}
	return out
}

// uniform is a draw between 0 and 1 that belongs to two numbers.
func uniform(a, b uint64) float64 { return (float64(recipe.Mix(a, b)>>11) + 0.5) / (1 << 53) }
