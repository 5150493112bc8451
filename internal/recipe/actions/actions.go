// Package actions is aws-next-best-action: which actions a user is likely to take, such as to enrol or to download.
//
// A propensity is a logistic regression over what the user did lately (features.go), with a part that all actions
// share and one of each action's own that is held small, so that an action of which little is known behaves like the
// others (fit.go). It is calibrated on users apart, so that of the actions scored 0.3 about three in ten are taken.
package actions

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is aws-next-best-action.
type Recipe struct{}

const (
	name = "aws-next-best-action"

	period      = "action_optimization_period" // parameter, days
	mostActions = 1000
	day         = 86400

	// An action is scored if enough was seen of it lately, both ways. (recipes.md §5.)
	scoredWithin = 42 * day
	scoredFrom   = 50
)

// Info describes the recipe.
func (Recipe) Info() recipe.Info {
	return recipe.Info{
		Name: name, Type: recipe.PersonalizedActions, Asks: recipe.ActionsByUser, Scores: true, NoBatch: true,
		Algorithm: name, Feature: name,
		Description: "Predicts the next best action for a user.",
		Created:     time.Date(2023, 8, 11, 0, 0, 0, 0, time.UTC),
		Parameters: []recipe.Parameter{
			{Name: period, Stage: recipe.FeatureStage, Kind: recipe.Integer, Default: "14", Min: 7, Max: 28},
		},
	}
}

// A settings is the artifact's meta document.
type settings struct {
	Newest        int64 // time of the newest interaction or event with an action
	Slope, Offset float64
}

// Train learns the propensities.
//
// Memory: the interactions twice, 64 bytes for each item and 60 bytes for each user, 200 bytes for each event with an
// action, and 240 bytes for each action.
func (Recipe) Train(ctx context.Context, t recipe.Training) error {
	days, err := strconv.Atoi(t.Params[period])
	if err != nil {
		return fmt.Errorf("parameter %s: %w", period, err)
	}
	if err := check(t.Data.Actions); err != nil {
		return err
	}
	taste, err := tastes(ctx, t)
	if err != nil {
		return err
	}
	e := newExamples(t.Data, taste, int64(days)*day)
	n := t.Data.Actions.Names.Len()
	w, s, err := fit(ctx, e, n, t.Seed)
	if err != nil {
		return err
	}
	s.Newest = newest(t.Data)
	return write(t, s, taste, w)
}

// check says what is missing of the actions.
func check(a *recipe.Actions) error {
	switch {
	case a == nil || a.Names.Len() == 0:
		return fault.Newf(fault.Invalid, "The recipe %s needs an Actions dataset with at least 1 action; found 0.", name)
	case a.Names.Len() > mostActions:
		return fault.Newf(fault.Invalid, "The recipe %s takes at most %d actions; found %d.", name, mostActions, a.Names.Len())
	}
	return nil
}

// newest is the time of the last thing that happened.
func newest(d *recipe.Data) (at int64) {
	for _, t := range d.Time {
		at = max(at, t)
	}
	for _, e := range d.Actions.Events {
		at = max(at, e.Time)
	}
	return at
}

// scored says which actions have enough events to be scored.
func scored(a *recipe.Actions) []uint8 {
	var last int64 = math.MinInt64
	for _, e := range a.Events {
		last = max(last, e.Time)
	}
	counts := make([][2]int, a.Names.Len())
	for _, e := range a.Events {
		if e.Time < last-scoredWithin {
			continue
		}
		if e.Kind == recipe.ActionTaken {
			counts[e.Action][0]++
		} else {
			counts[e.Action][1]++
		}
	}
	out := make([]uint8, len(counts))
	for i, c := range counts {
		if c[0] >= scoredFrom && c[1] >= scoredFrom {
			out[i] = 1
		}
	}
	return out
}

// taken counts how often each action was taken.
func taken(a *recipe.Actions) []int32 {
	count := make([]int32, a.Names.Len())
	for _, e := range a.Events {
		if e.Kind == recipe.ActionTaken {
			count[e.Action]++
		}
	}
	return count
}

// write puts the model's arrays:
//
//	items, actions  string tables of ids
//	taste           float32, stride apart: a vector of each item
//	shared          float64, a weight of each feature
//	own             float64, weights of each action, features apart
//	scored          uint8 by action, 1 if enough is known of it
//	taken           int32 by action, how often it was
//	value           float64 by action
//	expires, repeat int64 by action: Unix seconds and days, 0 for none
func write(t recipe.Training, s settings, taste []float32, w weights) error {
	a, out := t.Data.Actions, t.Out
	if err := out.Strings("items", t.Data.Items.Len(), t.Data.Items.At); err != nil {
		return err
	}
	if err := out.Strings("actions", a.Names.Len(), a.Names.At); err != nil {
		return err
	}
	for _, put := range []func() error{
		func() error { return artifact.Put(out, "taste", taste) },
		func() error { return artifact.Put(out, "shared", w.shared[:]) },
		func() error { return artifact.Put(out, "own", w.own) },
		func() error { return artifact.Put(out, "scored", scored(a)) },
		func() error { return artifact.Put(out, "taken", taken(a)) },
		func() error { return artifact.Put(out, "value", a.Value) },
		func() error { return artifact.Put(out, "expires", a.Expires) },
		func() error { return artifact.Put(out, "repeat", a.Repeat) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return out.Meta(s)
}

// tasteSize is how many numbers tell a taste. They fill als.Stride(tasteSize).
const tasteSize = 16

// tastes factorises who interacted with what, and returns a vector of each item.
func tastes(ctx context.Context, t recipe.Training) ([]float32, error) {
	d := t.Data
	m := &als.Sparse{Rows: d.Users.Len(), Cols: d.Items.Len(), Start: make([]int64, 1, d.Users.Len()+1)}
	seen := make([]int32, d.Items.Len())
	for u := range d.Users.Len() {
		items, _ := d.History(u)
		for _, i := range items {
			if seen[i] != int32(u)+1 {
				seen[i] = int32(u) + 1
				m.Col, m.Weight = append(m.Col, i), append(m.Weight, 1)
			}
		}
		m.Start = append(m.Start, int64(len(m.Col)))
	}
	if len(m.Col) == 0 {
		return make([]float32, m.Cols*tasteSize), nil
	}
	c := als.Config{Dim: tasteSize, Regularization: 0.01, Exponent: 1, Sweeps: 6, Steps: 3, Seed: t.Seed, Threads: t.Threads,
		Unobserved: 5 * float64(len(m.Col)+1) / float64(m.Rows+1) / float64(m.Cols+1)}
	f := als.Start(m, c)
	if err := als.Fit(ctx, m, c, f); err != nil {
		return nil, err
	}
	return f.Cols, nil
}

// OpenActions makes a model of an artifact. The model refers to f's memory.
func (Recipe) OpenActions(f *artifact.File) (recipe.ActionModel, error) {
	m := &model{}
	if err := f.Meta(&m.settings); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	var err error
	get := func(do func() error) {
		if err == nil {
			err = do()
		}
	}
	var shared []float64
	get(func() (e error) { m.items, e = names(f, "items"); return })
	get(func() (e error) { m.actions, e = names(f, "actions"); return })
	get(func() (e error) { m.taste, e = artifact.Get[float32](f, "taste"); return })
	get(func() (e error) { shared, e = artifact.Get[float64](f, "shared"); return })
	get(func() (e error) { m.weights.own, e = artifact.Get[float64](f, "own"); return })
	get(func() (e error) { m.scored, e = artifact.Get[uint8](f, "scored"); return })
	get(func() (e error) { m.taken, e = artifact.Get[int32](f, "taken"); return })
	get(func() (e error) { m.value, e = artifact.Get[float64](f, "value"); return })
	get(func() (e error) { m.expires, e = artifact.Get[int64](f, "expires"); return })
	get(func() (e error) { m.repeat, e = artifact.Get[int64](f, "repeat"); return })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	n := m.actions.Len()
	if len(shared) != features || len(m.weights.own) != n*features || len(m.scored) != n || len(m.taken) != n || len(m.value) != n ||
		len(m.expires) != n || len(m.repeat) != n || len(m.taste) != m.items.Len()*tasteSize {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d actions and %d items", name, n, m.items.Len())
	}
	copy(m.weights.shared[:], shared)
	return m, nil
}

func names(f *artifact.File, table string) (recipe.Names, error) { return f.Strings(table) }
