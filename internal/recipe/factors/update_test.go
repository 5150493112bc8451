package factors_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// With the data it was trained on, an update changes no vector and no popularity.
func TestUpdateKeepsWhatIsKnown(t *testing.T) {
	d, _ := recipetest.Tastes()
	r, dir := factors.Personalization(), t.TempDir()
	base, again := filepath.Join(dir, "base"), filepath.Join(dir, "again")
	recipetest.Train(t, r, d, base, 1, 1)
	recipetest.Update(t, r, d, base, again, 1)
	for _, name := range []string{"vectors", "gram", "bias"} {
		if a, b := floats(t, base, name), floats(t, again, name); !slices.Equal(a, b) {
			t.Errorf("%s changed", name)
		}
	}
}

func floats(t *testing.T, path, name string) []float32 {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := artifact.Get[float32](f, name)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(v)
}
