// Package actions is aws-next-best-action: which actions a user is likely to take, such as to enrol or to download.
//
// A propensity is a logistic regression over what the user did lately (features.go) and is (attributes.go), with a part
// that all actions share, one that those share whose fields have a value, and one of each action's own. The last two
// are held small, so that an action of which little is known behaves like those of its kind, and these like
// all (fit.go). It is calibrated on users apart, so that of the actions scored 0.3 about three in ten are taken. Actions of
// which too little is known come among the others by chance (explore.go).
package actions

import (
	"context"
	"fmt"
	"math"
	"slices"
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
	Users         fields // what is read of users' fields
}

// Train learns the propensities.
//
// Memory: the interactions twice, 64 bytes for each item and 60 bytes for each user, 300 bytes for each event with an
// action and 8 for each of the user's fields there, and 400 bytes for each action and as much as 4.5 KB with many values of users' fields.
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
	users := learnFields(t.Data.UserColumns, t.Data.Users.Len(), mostAttributes)
	e := newExamples(t.Data, users, taste, int64(days)*day)
	kinds, of := kindsOf(t.Data.Actions)
	w := newWeights(features+users.size(), kinds, of)
	s := settings{Newest: newest(t.Data), Users: *users}
	if s.Slope, s.Offset, err = fit(ctx, e, &w, t.Seed); err != nil {
		return err
	}
	return write(t, s, taste, w)
}

// kindsOf returns the terms of each action's fields, and how many there are.
func kindsOf(a *recipe.Actions) (kinds int, of []row) {
	f := learnFields(a.Columns, a.Names.Len(), mostKinds)
	for i := range a.Names.Len() {
		of = append(of, f.of(recipe.RecordOf(a.Columns, i)))
	}
	return f.size(), of
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

// count returns how often each action was taken, and how often there was anything about it.
func count(a *recipe.Actions) (taken, seen []int32) {
	taken, seen = make([]int32, a.Names.Len()), make([]int32, a.Names.Len())
	for _, e := range a.Events {
		if seen[e.Action]++; e.Kind == recipe.ActionTaken {
			taken[e.Action]++
		}
	}
	return taken, seen
}

// write puts the model's arrays:
//
//	items, actions  string tables of ids
//	taste           float32, stride apart: a vector of each item
//	shared          float64, a weight of each feature, those of users' fields last
//	kinds           float64, weights of each term of actions' fields, likewise, features apart
//	own             float64, weights of each action, likewise
//	start           int64, action i has the terms term[start[i]:start[i+1]]
//	term            int32
//	weight          float32, parallel to term
//	scored          uint8 by action, 1 if enough is known of it
//	taken, seen     int32 by action, how often it was, and how many events it has
//	value           float64 by action
//	expires, repeat int64 by action: Unix seconds and days, 0 for none
func write(t recipe.Training, s settings, taste []float32, w weights) error {
	a, out := t.Data.Actions, t.Out
	taken, seen := count(a)
	start, term, weight := flat(w.of)
	if err := out.Strings("items", t.Data.Items.Len(), t.Data.Items.At); err != nil {
		return err
	}
	if err := out.Strings("actions", a.Names.Len(), a.Names.At); err != nil {
		return err
	}
	for _, put := range []func() error{
		func() error { return artifact.Put(out, "taste", taste) },
		func() error { return artifact.Put(out, "shared", w.shared) },
		func() error { return artifact.Put(out, "kinds", w.kinds) },
		func() error { return artifact.Put(out, "own", w.own) },
		func() error { return artifact.Put(out, "start", start) },
		func() error { return artifact.Put(out, "term", term) },
		func() error { return artifact.Put(out, "weight", weight) },
		func() error { return artifact.Put(out, "scored", scored(a)) },
		func() error { return artifact.Put(out, "taken", taken) },
		func() error { return artifact.Put(out, "seen", seen) },
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

// flat lays rows end to end.
func flat(rows []row) (start []int64, terms []int32, values []float32) {
	start = []int64{0}
	for _, r := range rows {
		terms, values = append(terms, r.terms...), append(values, r.values...)
		start = append(start, int64(len(terms)))
	}
	return start, terms, values
}

// rows takes them apart again; there are as many different terms as kinds.
func rows(start []int64, terms []int32, values []float32, kinds int) ([]row, error) {
	n := len(start) - 1
	if n < 0 || start[n] != int64(len(terms)) || len(terms) != len(values) || slices.ContainsFunc(terms, func(t int32) bool { return int(t) >= kinds }) {
		return nil, fmt.Errorf("%d terms with %d values do not fit %d rows of %d kinds", len(terms), len(values), n, kinds)
	}
	out := make([]row, n)
	for i := range out {
		a, b := start[i], start[i+1]
		out[i] = row{terms[a:b], values[a:b]}
	}
	return out, nil
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
	w := &m.weights
	var start []int64
	var term []int32
	var weight []float32
	get(func() (e error) { m.items, e = names(f, "items"); return })
	get(func() (e error) { m.actions, e = names(f, "actions"); return })
	get(func() (e error) { m.taste, e = artifact.Get[float32](f, "taste"); return })
	get(func() (e error) { w.shared, e = artifact.Get[float64](f, "shared"); return })
	get(func() (e error) { w.kinds, e = artifact.Get[float64](f, "kinds"); return })
	get(func() (e error) { w.own, e = artifact.Get[float64](f, "own"); return })
	get(func() (e error) { start, e = artifact.Get[int64](f, "start"); return })
	get(func() (e error) { term, e = artifact.Get[int32](f, "term"); return })
	get(func() (e error) { weight, e = artifact.Get[float32](f, "weight"); return })
	get(func() (e error) { m.scored, e = artifact.Get[uint8](f, "scored"); return })
	get(func() (e error) { m.taken, e = artifact.Get[int32](f, "taken"); return })
	get(func() (e error) { m.seen, e = artifact.Get[int32](f, "seen"); return })
	get(func() (e error) { m.value, e = artifact.Get[float64](f, "value"); return })
	get(func() (e error) { m.expires, e = artifact.Get[int64](f, "expires"); return })
	get(func() (e error) { m.repeat, e = artifact.Get[int64](f, "repeat"); return })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	n := m.actions.Len()
	w.size = features + m.settings.Users.size()
	if w.of, err = rows(start, term, weight, len(w.kinds)/w.size); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	if len(w.shared) != w.size || len(w.kinds)%w.size != 0 || len(w.own) != n*w.size || len(w.of) != n ||
		len(m.scored) != n || len(m.taken) != n || len(m.seen) != n || len(m.value) != n ||
		len(m.expires) != n || len(m.repeat) != n || len(m.taste) != m.items.Len()*tasteSize {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d actions and %d items", name, n, m.items.Len())
	}
	return m, nil
}

func names(f *artifact.File, table string) (recipe.Names, error) { return f.Strings(table) }
