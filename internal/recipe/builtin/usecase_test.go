package builtin

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// Use cases keep what the kit asks of every recipe. Those that another name makes of the same algorithm are
// left out.
func TestUseCases(t *testing.T) {
	for _, name := range []string{
		"aws-ecomm-frequently-bought-together", "aws-ecomm-popular-items-by-views", "aws-vod-more-like-x", "aws-vod-most-popular",
		"aws-vod-top-picks", "aws-vod-trending-now",
	} {
		e, _ := Lookup(name)
		t.Run(name, func(t *testing.T) {
			if name == "aws-vod-trending-now" {
				recipetest.Run(t, e.Trainer.(recipe.Recipe), recipetest.Trends)
				return
			}
			recipetest.Run(t, e.Trainer.(recipe.Recipe))
		})
	}
}
