package affinity_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/affinity"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestItems(t *testing.T) { recipetest.RunSegments(t, affinity.Items()) }

func TestAttributes(t *testing.T) { recipetest.RunSegments(t, affinity.Attributes()) }

// Data that nothing can be learned from is refused with a sentence.
func TestRefusals(t *testing.T) {
	moment := recipetest.Build([]recipetest.Event{{User: "u", Item: "a", Time: 5}, {User: "v", Item: "b", Time: 5}})
	bare, _ := recipetest.Tastes()
	for _, c := range []struct {
		recipe affinity.Recipe
		data   *recipe.Data
		want   string
	}{
		{affinity.Items(), moment, "All interactions have the same TIMESTAMP"},
		{affinity.Attributes(), bare, "needs an Items dataset with at least one column"},
	} {
		w, err := artifact.Create(filepath.Join(t.TempDir(), "m"))
		if err != nil {
			t.Fatal(err)
		}
		err = c.recipe.Train(t.Context(), recipe.Training{Data: c.data, Params: map[string]string{"hidden_dimension": "32"}, Threads: 1, Out: w})
		w.Discard()
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), c.want) {
			t.Errorf("%s: Train = %v, want fault.Invalid with %q", c.recipe.Info().Name, err, c.want)
		}
	}
}

// Where everything is bought again and again, the segment of an item is those who buy it.
func TestRepeatersComeFirst(t *testing.T) {
	var events []recipetest.Event
	for u := range 40 {
		for k := range 12 {
			item := []string{"bread", "milk", "tea"}[(u+k%2)%3]
			events = append(events, recipetest.Event{User: string(rune('A'+u/26)) + string(rune('a'+u%26)), Item: item, Time: int64(1e9 + 86400*k + u)})
		}
	}
	d := recipetest.Build(events)
	m := recipetest.TrainSegments(t, affinity.Items(), d, filepath.Join(t.TempDir(), "m"), 1, 1)
	milk, _ := d.Items.Find("milk")
	answers := make([][]int32, 1)
	if err := m.Segment(t.Context(), []recipe.SegmentQuery{{Items: []int32{int32(milk)}, Count: 20}}, answers); err != nil {
		t.Fatal(err)
	}
	for rank, u := range answers[0] {
		if u%3 == 2 { // who has tea and bread
			t.Errorf("user %d, who never had it, is at rank %d", u, rank+1)
		}
	}
}
