package personal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/personal"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// broad is data of two broad tastes, in which no item is nearer to some of its taste than to others.
func broad() *recipe.Data {
	d := recipetest.Priced()
	d.Reward = nil
	return d
}

// chain is data in which everybody goes from item to item in a circle, from a place of their own.
func chain() *recipe.Data {
	var events []recipetest.Event
	for u := range 150 {
		for k := range 10 + u%3 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%03d", (u*7+k*k%5+k)%100), Time: int64(1e9 + 1000*k + u)})
		}
	}
	return recipetest.Build(events)
}

// train writes a model of r and returns its bytes and its path. It is cut off when progress has been told of so many times,
// unless that is 0.
func train(t *testing.T, r personal.Recipe, d *recipe.Data, c *recipe.Checkpoint, cut int) ([]byte, string, error) {
	t.Helper()
	params, err := recipe.Resolve(r.Info(), map[string]string{"hidden_dimension": "32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	told := 0
	order := recipe.Training{Data: d, Params: params, Seed: 1, Threads: 2, Out: w, Log: slog.New(slog.DiscardHandler), Checkpoint: c}
	order.Progress = func(string, int, int) {
		if told++; told == cut {
			cancel()
		}
	}
	if err := r.Train(ctx, order); err != nil {
		return nil, path, err
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b, path, nil
}

func family(t *testing.T, path string) string {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name, err := personal.FamilyOf(personal.Personalization(), f)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Broad tastes are for factors, what follows what is for the blend, whichever recipe asks; and nothing is left beside the
// model.
func TestChoosesByEvidence(t *testing.T) {
	for want, d := range map[string]*recipe.Data{"factors": broad(), "blend": chain()} {
		for _, r := range []personal.Recipe{personal.Personalization(), personal.Ranking()} {
			_, path, err := train(t, r, d, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := family(t, path); got != want {
				t.Errorf("%s chooses %s, want %s", r.Info().Name, got, want)
			}
			left, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(left) != 1 {
				t.Errorf("beside the model there is %v, %v", left, err)
			}
		}
	}
}

// A training that was cut off anywhere, and begins again, makes the model of one that never was: byte for byte, whichever
// family is chosen.
func TestTrainingGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("short: dozens of trainings one after another")
	}
	for want, d := range map[string]*recipe.Data{"factors": broad(), "blend": chain()} {
		r := personal.Personalization()
		whole, _, err := train(t, r, d, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		cuts := 0
		for cut := 1; ; cut += 2 {
			kept := filepath.Join(t.TempDir(), "checkpoint")
			_, _, err := train(t, r, d, recipe.NewCheckpoint(kept, 0), cut)
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: cut off at %d: %v", want, cut, err)
			}
			cuts++
			again, path, err := train(t, r, d, recipe.NewCheckpoint(kept, 0), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, whole) {
				t.Fatalf("a training that was cut off at %d and chooses %s, not %s, makes another model", cut, family(t, path), want)
			}
		}
		if cuts < 4 {
			t.Errorf("%s: the training was cut off %d times, want at least 4", want, cuts)
		}
	}
}

// A user whose history is longer than the percentile says teaches neither family anything.
func TestPercentiles(t *testing.T) {
	d := chain()
	var events []recipetest.Event
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k, i := range items {
			events = append(events, recipetest.Event{User: d.Users.At(u), Item: d.Items.At(int(i)), Time: times[k]})
		}
	}
	for k := range 400 { // a robot that goes the other way
		events = append(events, recipetest.Event{User: "robot", Item: fmt.Sprintf("i%03d", (400-k)%100), Time: int64(1e9 + 10*k)})
	}
	with := recipetest.Build(events)
	r := personal.AlwaysBlend(personal.Personalization())
	m := recipetest.TrainWith(t, r, with, map[string]string{"max_user_history_length_percentile": "0.99", "hidden_dimension": "32"})
	plain := recipetest.TrainWith(t, r, d, map[string]string{"max_user_history_length_percentile": "1", "hidden_dimension": "32"})
	q := recipe.Query{Known: true, Item: -1, Count: 10}
	q.Items, q.Times = d.History(3)
	a, b := make([]recipe.Answer, 1), make([]recipe.Answer, 1)
	if err := errors.Join(m.Rank(t.Context(), []recipe.Query{q}, a), plain.Rank(t.Context(), []recipe.Query{q}, b)); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("with a robot beyond the percentile %v, without any %v", a, b)
	}
}

// Without recency_mask the order of a history changes nothing, in either family.
func TestRecencyMask(t *testing.T) {
	for name, d := range map[string]*recipe.Data{"factors": broad(), "blend": chain()} {
		for _, mask := range []string{"true", "false"} {
			m := recipetest.TrainWith(t, personal.Personalization(), d, map[string]string{"recency_mask": mask, "hidden_dimension": "32"})
			q := recipe.Query{Known: true, Item: -1, Count: 20}
			q.Items, _ = d.History(5)
			back := q
			back.Items = reversed(q.Items)
			a := make([]recipe.Answer, 2)
			if err := m.Rank(t.Context(), []recipe.Query{q, back}, a); err != nil {
				t.Fatal(err)
			}
			same := fmt.Sprint(a[0].Items) == fmt.Sprint(a[1].Items)
			if mask == "false" && !same || mask == "true" && same && name == "blend" {
				t.Errorf("%s data, recency_mask %s: %v, and of the history reversed %v", name, mask, a[0].Items, a[1].Items)
			}
		}
	}
}

func reversed(items []int32) []int32 {
	out := make([]int32, len(items))
	for k, i := range items {
		out[len(items)-1-k] = i
	}
	return out
}

// In a catalogue of which a part is scored by voices, all items have scores: in order, above zero, and one in sum.
func TestAllScored(t *testing.T) {
	var events []recipetest.Event
	for u := range 400 {
		for k := range 8 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%04d", (u*4+k)%1600), Time: int64(1e9 + 1000*k + u)})
		}
	}
	d := recipetest.Build(events, "never", "nor this")
	m := recipetest.TrainWith(t, personal.AlwaysBlend(personal.Personalization()), d, nil)
	for _, explore := range []*recipe.Exploration{nil, {Weight: 0.8, MaxAge: 30}} {
		q := recipe.Query{Known: true, Item: -1, Count: d.Items.Len(), Explore: explore, Seed: 3}
		q.Items, q.Times = d.History(7)
		a := make([]recipe.Answer, 1)
		if err := m.Rank(t.Context(), []recipe.Query{q}, a); err != nil {
			t.Fatal(err)
		}
		scores := a[0].Scores
		if len(a[0].Items) != d.Items.Len() || len(scores) != len(a[0].Items) {
			t.Fatalf("%d items with %d scores of %d", len(a[0].Items), len(scores), d.Items.Len())
		}
		var sum float64
		for k, s := range scores {
			if s <= 0 || k > 0 && s > scores[k-1] {
				t.Fatalf("score %d is %v after %v", k, s, scores[max(0, k-1)])
			}
			sum += s
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("exploring %v: the scores sum to %v, want 1", explore, sum)
		}
	}
}
