package factors_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

const day = 86400

// launch is 30 old items that 60 users know, and some new ones of which the first three are known to many and
// the others to two users each; 20 of nobody's but one came 50 days before them.
func launch(fresh int) *recipe.Data {
	var events []recipetest.Event
	for u := range 60 {
		for i := range 30 {
			if (i+u)%3 == 0 {
				events = append(events, recipetest.Event{User: fmt.Sprintf("u%02d", u), Item: fmt.Sprintf("old%02d", i), Time: int64(100*day + i*day + u)})
			}
		}
	}
	for i := range fresh {
		users := 2
		if i < 3 {
			users = 40
		}
		for u := range users {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%02d", (i+u)%60), Item: fmt.Sprintf("new%03d", i), Time: int64(200*day + u)})
		}
	}
	for i := range 20 {
		events = append(events, recipetest.Event{User: "u00", Item: fmt.Sprintf("slow%02d", i), Time: int64(150 * day)})
	}
	return recipetest.Build(events)
}

func train(t *testing.T, d *recipe.Data, now int64, given map[string]string) (recipe.Model, error) {
	t.Helper()
	r := factors.ColdStart()
	params, err := recipe.Resolve(r.Info(), nil, given)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	err = r.Train(t.Context(), recipe.Training{Data: d, Params: params, Threads: 2, Out: w, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return recipetest.Open(t, r, path), nil
}

// Between 100 and 80,000 items must be cold, and the parameters say which are.
func TestColdItemsAreCounted(t *testing.T) {
	for _, c := range []struct {
		fresh int
		now   int64
		given map[string]string
		found int // -1 for a training that succeeds
	}{
		{103, 0, nil, -1},
		{102, 0, nil, 99}, // three are known to many
		{102, 0, map[string]string{"cold_start_max_interactions": "40"}, -1},
		{103, 0, map[string]string{"cold_start_max_interactions": "1"}, 0},
		{83, 0, map[string]string{"cold_start_max_duration": "60"}, -1}, // and the 20 slow ones
		{83, 0, nil, 80},
		{103, 202 * day, map[string]string{"cold_start_relative_from": "currentTime"}, -1},
		{103, 206 * day, map[string]string{"cold_start_relative_from": "currentTime"}, 0},
	} {
		_, err := train(t, launch(c.fresh), c.now, c.given)
		if c.found < 0 {
			if err != nil {
				t.Errorf("%d new items, %v: %v", c.fresh, c.given, err)
			}
			continue
		}
		if want := fmt.Sprintf("The data has %d cold items; expected 100 to 80000. ", c.found); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(fault.Sentence(err), want) {
			t.Errorf("%d new items, %v: %v, want %s", c.fresh, c.given, err, want)
		}
	}
}

// Lists have cold items in them without being asked to explore, another user others.
func TestColdItemsAreShown(t *testing.T) {
	d := launch(120)
	m, err := train(t, d, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, places := map[string]bool{}, 0
	for u := range 60 {
		items, times := d.History(u)
		answers := make([]recipe.Answer, 1)
		if err := m.Rank(context.Background(), []recipe.Query{{Known: true, Items: items, Times: times, Seed: uint64(u), Item: -1, Count: 25}}, answers); err != nil {
			t.Fatal(err)
		}
		for _, i := range answers[0].Items {
			if id := d.Items.At(int(i)); strings.HasPrefix(id, "new") && id > "new002" {
				shown[id] = true
				places++
			}
		}
	}
	if places < 60 || len(shown) < 60 {
		t.Errorf("60 lists have %d places for %d different cold items; want one a list, and many different ones", places, len(shown))
	}
}
