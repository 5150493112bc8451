package factors_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPersonalization(t *testing.T) { recipetest.Run(t, factors.Personalization()) }

func TestPlain(t *testing.T) { recipetest.Run(t, factors.Plain()) }

func TestWithMetadata(t *testing.T) { recipetest.Run(t, factors.WithMetadata()) }

// The made-up data of the kit has one new item or none, or a few that are not old.
func TestColdStart(t *testing.T) {
	recipetest.Run(t, factors.ColdStartOf(0, 100), recipetest.Fresher)
}

func TestRanking(t *testing.T) { recipetest.Run(t, factors.Ranking()) }
