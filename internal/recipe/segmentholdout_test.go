package recipe_test

import (
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// Everybody keeps the oldest four fifths, and a single event.
func TestHoldoutEvents(t *testing.T) {
	for each, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 10: 8, 20: 16} {
		d := recipetest.Build(events(30, each))
		train, later := recipe.HoldoutEvents(d)
		if train.Users.Len() != 30 || len(train.Item) != 30*want || len(train.Time) != len(train.Item) {
			t.Fatalf("of %d events each, %d of %d users stay, want %d each of all 30", each, len(train.Item), train.Users.Len(), want)
		}
		for u := range later {
			old, _ := d.History(u)
			kept, _ := train.History(u)
			if !slices.Equal(kept, old[:want]) {
				t.Fatalf("user %d keeps %v of %v, want the oldest %d", u, kept, old, want)
			}
			held := slices.Sorted(slices.Values(old[want:]))
			if !slices.Equal(later[u], slices.Compact(held)) {
				t.Fatalf("user %d has %v held out, want %v", u, later[u], held)
			}
		}
	}
}
