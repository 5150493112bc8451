package personal_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/personal"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// Of the kit's data some make the factors win and some the blend. That the factors alone keep to it is a test of their own
// package, for lists as well.
func TestPersonalization(t *testing.T) { recipetest.Run(t, personal.Personalization()) }

func TestPersonalizationOfTheBlend(t *testing.T) {
	recipetest.Run(t, personal.AlwaysBlend(personal.Personalization()))
}

func TestRankingOfTheBlend(t *testing.T) { recipetest.Run(t, personal.AlwaysBlend(personal.Ranking())) }
