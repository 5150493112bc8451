// Package builtin lists the recipes that Kindred has.
package builtin

import (
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/similar"
)

// All returns the recipes that can be trained, by ascending name.
func All() []recipe.Recipe {
	return []recipe.Recipe{
		factors.Ranking(),
		popularity.Recipe{},
		similar.Items(),
		similar.Sims(),
		factors.Personalization(),
	}
}

// Find returns the recipe of that name, if it can be trained.
func Find(name string) (recipe.Recipe, bool) {
	for _, r := range All() {
		if r.Info().Name == name {
			return r, true
		}
	}
	return nil, false
}
