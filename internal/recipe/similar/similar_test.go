package similar_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/recipe/similar"
)

func TestSims(t *testing.T) { recipetest.Run(t, similar.Sims()) }

func TestItems(t *testing.T) { recipetest.Run(t, similar.Items()) }
