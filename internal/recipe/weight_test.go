package recipe_test

import (
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// Weights stay with their events, however the data is cut, and a test knows what its truth is worth.
func TestWeightsFollow(t *testing.T) {
	d := recipetest.Build(events(200, 10))
	d.Weight = make([]float32, len(d.Item))
	for k := range d.Weight {
		d.Weight[k] = float32(d.Time[k])
	}
	train, tests := recipe.Holdout(d, 1)
	kept, _ := recipe.HoldoutEvents(d)
	for name, part := range map[string]*recipe.Data{
		"Holdout": train, "HoldoutEvents": kept, "Before": d.Before(d.Time[5]), "Subset": d.Subset(func(u int) bool { return u%3 == 0 }),
	} {
		if len(part.Weight) != len(part.Item) || len(part.Item) == 0 {
			t.Errorf("%s leaves %d weights of %d events", name, len(part.Weight), len(part.Item))
			continue
		}
		for k, w := range part.Weight {
			if w != float32(part.Time[k]) {
				t.Errorf("%s gives event %d of time %d the weight of another: %v", name, k, part.Time[k], w)
				break
			}
		}
	}
	for _, one := range tests {
		if len(one.Worth) != len(one.Truth) || slices.Min(one.Worth) <= float32(one.Times[len(one.Times)-1]) {
			t.Errorf("truth %v is worth %v, want the times after %d", one.Truth, one.Worth, one.Times[len(one.Times)-1])
		}
	}
}
