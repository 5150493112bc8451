package popularity_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPopularity(t *testing.T) { recipetest.Run(t, popularity.Recipe{}) }

func TestEvents(t *testing.T) { recipetest.Run(t, popularity.Recipe{Events: true}) }

// One user who comes back again and again counts once among users, and each time among events.
func TestWhatIsCounted(t *testing.T) {
	d := recipetest.Build([]recipetest.Event{
		{User: "u", Item: "often", Time: 1}, {User: "u", Item: "often", Time: 2}, {User: "u", Item: "often", Time: 3},
		{User: "u", Item: "wide", Time: 1}, {User: "v", Item: "wide", Time: 2},
	})
	for _, c := range []struct {
		r    popularity.Recipe
		want []int32
	}{{popularity.Recipe{}, []int32{1, 0}}, {popularity.Recipe{Events: true}, []int32{0, 1}}} {
		m := recipetest.Train(t, c.r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
		answers := make([]recipe.Answer, 1)
		if err := m.Rank(context.Background(), []recipe.Query{{Item: -1, Count: 5}}, answers); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(answers[0].Items, c.want) {
			t.Errorf("%+v ranks %v, want %v", c.r, answers[0].Items, c.want)
		}
	}
}
