// Package builtin lists the recipes that Kindred has.
package builtin

import (
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/actions"
	"github.com/kindredrec/kindred/internal/recipe/affinity"
	"github.com/kindredrec/kindred/internal/recipe/blend"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/personal"
	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/semantic"
	"github.com/kindredrec/kindred/internal/recipe/similar"
	"github.com/kindredrec/kindred/internal/recipe/trending"
)

// All returns the recipes that rank items and can be trained, by ascending name.
func All() []recipe.Recipe {
	return []recipe.Recipe{
		factors.Plain(),
		factors.ColdStart(),
		factors.WithMetadata(),
		personal.Ranking(),
		blend.Ranking(),
		popularity.Recipe{},
		semantic.Recipe{},
		similar.Items(),
		similar.Sims(),
		trending.Recipe{},
		personal.Personalization(),
		blend.Personalization(),
	}
}

// retired are the recipes that the service does not list any more.
var retired = map[string]bool{"aws-hrnn": true, "aws-hrnn-coldstart": true, "aws-hrnn-metadata": true}

// Segmenters returns the recipes that rank users and can be trained, by ascending name.
func Segmenters() []recipe.Segmenter {
	return []recipe.Segmenter{affinity.Items(), affinity.Attributes()}
}

// Advisors returns the recipes that rank actions and can be trained, by ascending name.
func Advisors() []recipe.Advisor { return []recipe.Advisor{actions.Recipe{}} }

// trainers are all recipes that can be trained.
func trainers() []recipe.Trainer {
	var all []recipe.Trainer
	for _, r := range Segmenters() {
		all = append(all, r)
	}
	for _, r := range Advisors() {
		all = append(all, r)
	}
	for _, r := range All() {
		all = append(all, r)
	}
	return all
}

// Find returns the recipe of that name, if it ranks items and can be trained.
func Find(name string) (recipe.Recipe, bool) {
	for _, r := range All() {
		if r.Info().Name == name {
			return r, true
		}
	}
	return nil, false
}
