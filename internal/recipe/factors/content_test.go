package factors_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// Items that enough users have met keep to the bit what was learned of them, and metadata changes nothing of how users
// are encoded.
func TestMetadataLeavesKnownItemsAlone(t *testing.T) {
	told := recipetest.Launch()
	dir := t.TempDir()
	with, without := filepath.Join(dir, "with"), filepath.Join(dir, "without")
	recipetest.Train(t, factors.Personalization(), told, with, 1, 2)
	untold := recipetest.Launch()
	untold.Columns = nil
	recipetest.Train(t, factors.Personalization(), untold, without, 1, 2)
	if a, b := floats(t, with, "gram"), floats(t, without, "gram"); !slices.Equal(a, b) {
		t.Error("metadata changes what the encoder shares")
	}
	a, b := floats(t, with, "vectors"), floats(t, without, "vectors")
	stride, changed := len(a)/told.Items.Len(), 0
	for i, users := range recipe.UniqueUsers(told) {
		same := slices.Equal(a[i*stride:(i+1)*stride], b[i*stride:(i+1)*stride])
		switch {
		case users >= 10 && !same:
			t.Errorf("item %d, which %d users have met, changes", i, users)
		case users == 0 && !same:
			changed++
		}
	}
	if changed == 0 {
		t.Error("no new item has a vector from its metadata")
	}
}
