package personal

import (
	"fmt"
	"strconv"

	"github.com/kindredrec/kindred/internal/recipe"
)

// forBlend returns an order for the blend: its parameters under their names, and the users that the percentiles leave. cut leaves
// the same users of a part of the data.
func forBlend(t recipe.Training) (asked recipe.Training, cut func(*recipe.Data) *recipe.Data, err error) {
	given := t.Params
	t.Params = map[string]string{
		"apply_recency_bias": given["recency_mask"],
		"hidden_dimension":   given["hidden_dimension"],
		"bptt":               given["bptt"],
	}
	if cut, err = keptUsers(t.Data, given); err != nil {
		return t, nil, err
	}
	t.Data = cut(t.Data)
	return t, cut, nil
}

// keptUsers returns what cuts data with the users of d down to those whose number of events in d lies between two
// percentiles. The factors leave the others out by themselves.
func keptUsers(d *recipe.Data, params map[string]string) (cut func(*recipe.Data) *recipe.Data, err error) {
	var bounds [2]float64
	for k, name := range [...]string{"min_user_history_length_percentile", "max_user_history_length_percentile"} {
		if bounds[k], err = strconv.ParseFloat(params[name], 64); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	kept := make([]bool, d.Users.Len())
	for _, u := range recipe.UsersWithin(d, bounds[0], bounds[1]) {
		kept[u] = true
	}
	return func(part *recipe.Data) *recipe.Data { return part.Subset(func(u int) bool { return kept[u] }) }, nil
}
