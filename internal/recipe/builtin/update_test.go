package builtin

import (
	"context"
	"hash/fnv"
	"path/filepath"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// TestUpdateAccuracy compares an update with learning anew, when a tenth of the items came after the
// training: on all that users held out took next, and on what of it is late items.
func TestUpdateAccuracy(t *testing.T) {
	if *train == "" {
		t.Skip("needs -train, a file of a public data set (docs/measurements/accuracy.md)")
	}
	events, err := recipetest.ReadEvents(*train)
	if err != nil {
		t.Fatal(err)
	}
	d := recipetest.Build(events)
	part, tests := recipe.Holdout(d, 1)
	r, dir := factors.Personalization(), t.TempDir()
	base := filepath.Join(dir, "base")
	recipetest.Train(t, r, before(part), base, 1, 2)

	began := time.Now()
	updated := recipetest.Update(t, r, part, base, filepath.Join(dir, "updated"), 2)
	took := time.Since(began)
	got, gotLate := gain(t, updated, tests), gain(t, updated, latest(d, tests))
	t.Logf("| update | %.4f | %.4f | %v |", got, gotLate, took.Round(10*time.Millisecond))

	began = time.Now()
	anew := recipetest.Train(t, r, part, filepath.Join(dir, "anew"), 1, 2)
	took = time.Since(began)
	want, wantLate := gain(t, anew, tests), gain(t, anew, latest(d, tests))
	t.Logf("| full   | %.4f | %.4f | %v |", want, wantLate, took.Round(10*time.Millisecond))
	if got < 0.9*want || gotLate < 0.8*wantLate {
		t.Errorf("an update reaches %.4f and %.4f on late items, a full training %.4f and %.4f", got, gotLate, want, wantLate)
	}
}

func late(id string) bool {
	h := fnv.New32()
	h.Write([]byte(id))
	return h.Sum32()%10 == 0
}

// before returns the data without late items.
func before(d *recipe.Data) *recipe.Data {
	var events []recipetest.Event
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k, i := range items {
			if id := d.Items.At(int(i)); !late(id) {
				events = append(events, recipetest.Event{User: d.Users.At(u), Item: id, Time: times[k]})
			}
		}
	}
	return recipetest.Build(events)
}

// latest returns the tests with late items alone as truth.
func latest(d *recipe.Data, tests []recipe.Test) []recipe.Test {
	var out []recipe.Test
	for _, c := range tests {
		all := c.Truth
		c.Truth = nil
		for _, i := range all {
			if late(d.Items.At(int(i))) {
				c.Truth = append(c.Truth, i)
			}
		}
		out = append(out, c)
	}
	return out
}

func gain(t *testing.T, m recipe.Model, tests []recipe.Test) float64 {
	t.Helper()
	got, err := recipe.Evaluate(context.Background(), m, recipe.ByUser, tests)
	if err != nil {
		t.Fatal(err)
	}
	return got["normalized_discounted_cumulative_gain_at_25"]
}
