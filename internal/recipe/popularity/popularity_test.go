package popularity_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPopularity(t *testing.T) { recipetest.Run(t, popularity.Recipe{}) }
