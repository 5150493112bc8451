package actions_test

import (
	"context"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/actions"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestActions(t *testing.T) { recipetest.RunActions(t, actions.Recipe{}) }

// training returns an order to learn, and how to try it.
func training(t *testing.T, d *recipe.Data) (recipe.Training, recipe.Trial) {
	t.Helper()
	params, err := recipe.Resolve(actions.Recipe{}.Info(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m")
	return recipe.Training{Data: d, Params: params, Threads: 2, Split: 3, Log: slog.New(slog.DiscardHandler)},
		func(ctx context.Context, o recipe.Training, use func(*artifact.File) error) error {
			w, err := artifact.Create(path)
			if err != nil {
				return err
			}
			defer w.Discard()
			o.Out = w
			if err := (actions.Recipe{}).Train(ctx, o); err != nil {
				return err
			}
			if err := w.Commit(); err != nil {
				return err
			}
			f, err := artifact.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return use(f)
		}
}

// Where taste decides, held-out users show it: what is taken has the higher score.
func TestMetrics(t *testing.T) {
	d := recipetest.Offers()
	// The last event of everybody is what is to be foretold: let it be one of the two that taste decides.
	var events []recipe.ActionEvent
	for _, e := range d.Actions.Events {
		if e.Action < 2 {
			e.Time += int64(e.Action) * (int64(e.User)/2%2*2 - 1) * 20 * 86400 // half have it first and half last
			events = append(events, e)
		}
	}
	for k := 0; k+1 < len(events); k++ {
		if a, b := events[k], events[k+1]; a.User == b.User && a.Time > b.Time {
			events[k], events[k+1] = b, a
		}
	}
	d.Actions.Events = events
	o, trial := training(t, d)
	m, err := actions.Recipe{}.Measure(t.Context(), o, trial)
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 7 {
		t.Errorf("metrics are %v, want coverage, three of gain, precision, recall and area_under_curve", m)
	}
	for name, v := range m {
		if !(v >= 0 && v <= 1) {
			t.Errorf("%s is %v, want a share", name, v)
		}
	}
	if m["area_under_curve"] < 0.65 || m["coverage"] < 0.5 || m["recall"] <= 0 || m["precision"] <= 0 {
		t.Errorf("metrics are %v, want area_under_curve well above 0.5", m)
	}
}

// Without events nothing is known, and measuring is no failure.
func TestMetricsOfNothing(t *testing.T) {
	d := recipetest.Offers()
	d.Actions.Events = nil
	o, trial := training(t, d)
	m, err := actions.Recipe{}.Measure(t.Context(), o, trial)
	if err != nil || len(m) != 7 || m["area_under_curve"] != 0 {
		t.Errorf("Measure = %v, %v, want metrics that are 0", m, err)
	}
}

// Of the pairs that are scored p, about a share of p is taken.
func TestCalibrated(t *testing.T) {
	d := recipetest.Offers()
	m := recipetest.TrainActions(t, actions.Recipe{}, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	var scores, taken, n [10]float64
	for k, e := range d.Actions.Events {
		if e.Action > 2 {
			continue
		}
		answers := make([]recipe.Answer, 1)
		if err := m.Advise(context.Background(), []recipe.ActionQuery{recipetest.OfferQuery(d, k)}, answers); err != nil {
			t.Fatal(err)
		}
		for r, a := range answers[0].Items {
			if a != e.Action {
				continue
			}
			b := min(9, int(10*answers[0].Scores[r]))
			scores[b] += answers[0].Scores[r]
			n[b]++
			if e.Kind == recipe.ActionTaken {
				taken[b]++
			}
		}
	}
	var miss, all float64
	for b := range n {
		miss += math.Abs(scores[b] - taken[b])
		all += n[b]
	}
	if miss /= all; miss > 0.06 {
		t.Errorf("scores miss what is taken by %.3f in the mean (%v said, %v taken of %v), want at most 0.06", miss, scores, taken, n)
	}
}

func TestMissingActions(t *testing.T) {
	many := recipetest.Offers()
	many.Actions = &recipe.Actions{Names: recipetest.List(1001)}
	none, empty := recipetest.Offers(), recipetest.Offers()
	none.Actions, empty.Actions = nil, &recipe.Actions{Names: recipe.List{}}
	for want, d := range map[string]*recipe.Data{"at least 1 action; found 0": none, "an Actions dataset with at least 1": empty, "at most 1000 actions; found 1001": many} {
		o, trial := training(t, d)
		err := trial(t.Context(), o, func(*artifact.File) error { return nil })
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), want) {
			t.Errorf("Train = %v, want fault.Invalid with %q", err, want)
		}
		if _, err := (actions.Recipe{}).Measure(t.Context(), o, trial); !fault.Is(err, fault.Invalid) {
			t.Errorf("Measure = %v, want fault.Invalid", err)
		}
	}
}
