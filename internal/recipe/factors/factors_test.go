package factors_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPersonalization(t *testing.T) { recipetest.Run(t, factors.Personalization()) }

func TestRanking(t *testing.T) { recipetest.Run(t, factors.Ranking()) }
