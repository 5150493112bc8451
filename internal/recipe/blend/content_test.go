package blend

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// An item's likeness to a history is the sum of the products of their features, faded by age, and a reset profile is empty.
func TestLikenessIsASumOfProducts(t *testing.T) {
	d := recipetest.Launch()
	c := newContent(d)
	vector := func(i int32) []float64 {
		v := make([]float64, c.table.Terms)
		terms, values := c.table.Row(int(i))
		for k, term := range terms {
			v[term] = float64(values[k])
		}
		return v
	}
	p := newProfile(c)
	rapid.Check(t, func(t *rapid.T) {
		recency := rapid.Bool().Draw(t, "recency")
		items := rapid.SliceOfN(rapid.Int32Range(0, int32(d.Items.Len()-1)), 0, 30).Draw(t, "items")
		want := make([]float64, c.table.Terms)
		p.reset()
		for age, i := range items {
			p.add(i, age, recency)
			by := 1.0
			if recency {
				by = math.Exp2(-float64(age) / contentFade)
			}
			for k, v := range vector(i) {
				want[k] += by * v
			}
		}
		i := rapid.Int32Range(0, int32(d.Items.Len()-1)).Draw(t, "item")
		var sum float64
		for k, v := range vector(i) {
			sum += v * want[k]
		}
		if got := float64(p.likeness(i)); math.Abs(got-sum) > 1e-5*(1+sum) {
			t.Fatalf("likeness(%d) after %v = %v, want %v", i, items, got, sum)
		}
	})
}

// Of items that few users have met, the newest are scored; those without metadata are not.
func TestUnmet(t *testing.T) {
	n := mostUnmet + 100
	genres, created, users := make(recipetest.Genres, n), make([]int64, n), make([]float64, n)
	for i := range n {
		genres[i] = [...]string{"a", "b"}[i%2]
		created[i] = int64(-i)
	}
	genres[3], users[4] = "", recipe.ProvenBy
	ids := make(recipe.List, n)
	c := newContent(&recipe.Data{Items: ids, Columns: []recipe.Column{genres}}).among(created, users)
	var want []int32
	for i := int32(0); len(want) < mostUnmet; i++ {
		if i != 3 && i != 4 {
			want = append(want, i)
		}
	}
	if !slices.Equal(c.unmet, want) {
		t.Errorf("scored are %d items from %v to %v, want %d from %v to %v", len(c.unmet), c.unmet[0], c.unmet[len(c.unmet)-1], len(want), want[0], want[len(want)-1])
	}
	if c.unproven[0] != 1 || c.unproven[4] != 0 {
		t.Errorf("an item without users is unproven by %v, one with ten by %v; want 1 and 0", c.unproven[0], c.unproven[4])
	}
}

// An item has its heaviest features, in order, and they are of unit length.
func TestHeaviestFeatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float32Range(0, 1), 0, 3*mostFeatures).Draw(t, "values")
		places := heaviest(nil, values)
		if len(places) != min(len(values), mostFeatures) || !slices.IsSorted(places) {
			t.Fatalf("%d places of %d, want %d ascending: %v", len(places), len(values), min(len(values), mostFeatures), places)
		}
		least := float32(2)
		for _, k := range places {
			least = min(least, values[k])
		}
		for k, v := range values {
			if _, in := slices.BinarySearch(places, k); !in && v > least {
				t.Fatalf("place %d with %v is left out, the lightest kept has %v", k, v, least)
			}
		}
	})
}
