package personal_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/personal"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPersonalization(t *testing.T) { recipetest.Run(t, personal.Personalization()) }

func TestRanking(t *testing.T) { recipetest.Run(t, personal.Ranking()) }

func TestPersonalizationOfTheBlend(t *testing.T) {
	recipetest.Run(t, personal.AlwaysBlend(personal.Personalization()))
}

func TestRankingOfTheBlend(t *testing.T) { recipetest.Run(t, personal.AlwaysBlend(personal.Ranking())) }
