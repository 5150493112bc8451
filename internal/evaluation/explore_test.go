package evaluation

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
)

// swaps is backwards, but for every second seed the last of a list is another item when it is asked to explore.
type swaps struct{ backwards }

func (s swaps) Info() recipe.Info {
	info := s.backwards.Info()
	info.Explores = true
	return info
}

func (s swaps) Open(f *artifact.File) (recipe.Model, error) {
	m, err := s.backwards.Open(f)
	return swapsModel{m}, err
}

type swapsModel struct{ recipe.Model }

func (m swapsModel) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	if err := m.Model.Rank(ctx, queries, answers); err != nil {
		return err
	}
	for k, q := range queries {
		if e := q.Explore; e.Weight > 0 && q.Seed%2 == 0 {
			answers[k].Items[q.Count-1] = 0
		}
	}
	return nil
}

// Of the lists of four, one in every second explores one item; the measures know nothing of it.
func TestExplored(t *testing.T) {
	c := config(t, recipe.ByUser)
	find := c.Recipe
	c.Recipe = func(name string) (recipe.Recipe, bool) {
		if name == "swaps" {
			return swaps{backwards{recipe.ByUser}}, true
		}
		return find(name)
	}
	o := Order{Interactions: write(t, "people.csv", people(1000)), Recipe: "swaps", Split: mustSplit(t, "leave-one-out"), K: []int{4}, Seed: 1, Threads: 2}
	rep, err := c.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	e := rep.Model.Explored
	if e == nil || e.Weight != 0.3 || e.MaxAge != 30 || e.K != 4 || e.Listed != 4000 {
		t.Fatalf("explored is %+v, want that of 4000 items in lists of 4, at weight 0.3 and 30 days", e)
	}
	if tolerance := 4 * math.Sqrt(1000.0/4) / 4000; math.Abs(e.Share-0.125) > tolerance {
		t.Errorf("the share of explored items is %v, want 0.125 ± %v", e.Share, tolerance)
	}
	var text strings.Builder
	if err := rep.Print(&text); err != nil {
		t.Fatal(err)
	}
	if want := "% of lists of 4, at weight 0.3 and 30 days"; !strings.Contains(text.String(), want) {
		t.Errorf("the table has no line with %q:\n%s", want, text.String())
	}
	o.Recipe = "backwards"
	plain, err := c.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Model.Explored != nil {
		t.Errorf("a recipe that does not explore has %+v explored", plain.Model.Explored)
	}
	if a, b := rep.Model.Metrics["ndcg@4"], plain.Model.Metrics["ndcg@4"]; a != b {
		t.Errorf("exploration moves ndcg@4 from %v to %v; measures are of lists without", b, a)
	}
}

// Whatever the data, recipes of users that explore tell of it.
func TestExploredByBuiltin(t *testing.T) {
	for _, name := range []string{"aws-user-personalization", "aws-user-personalization-v2"} {
		r, _ := builtin.Find(name)
		o := Order{Interactions: write(t, "people.csv", people(200)), Recipe: name, Split: mustSplit(t, "leave-one-out"), K: []int{10}, Seed: 1, Threads: 2}
		rep := run3(t, recipe.ByUser, o)
		if e := rep.Model.Explored; e == nil || (e.Weight > 0) != r.Info().Explores || e.Listed != 2000 || e.Share < 0 || e.Share > 0.5 {
			t.Errorf("%s: explored is %+v, want a share of 2000 items", name, e)
		}
	}
}
