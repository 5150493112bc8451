// Package affinity holds the recipes that find users: aws-item-affinity for an item, and
// aws-item-attribute-affinity for the items of some attributes.
//
// Users are ranked by how many interactions with the items are to be expected of them:
//
//	events(u) · Σ over the items of softmax(scale·x(u)·y(i) + popularity·log users(i) + repeat where u had i)
//
// where x and y come from implicit matrix factorisation and the softmax is over the whole catalogue. The
// number of events tells how much a user does, the softmax how much of it goes to the items: without it
// every segment would be those who do most, and without the number of events those who do least. Scale and
// popularity are those under which events that were held back are most likely: where the data tell little of
// tastes, scale is small and segments are those who do most, which is then the best there is.
//
// Segments are about the moment of training, so users' vectors are kept in the model: it takes
// 4·Stride(dim) bytes for each user and each item, 4 bytes for each distinct pair, and the ids. It is
// memory-mapped, and a question streams over it.
package affinity

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is one of the two; the zero value is not useful.
type Recipe struct{ info recipe.Info }

// Items returns aws-item-affinity.
func Items() Recipe {
	return Recipe{recipe.Info{
		Name: "aws-item-affinity", Type: recipe.UserSegmentation, Asks: recipe.UsersByItem,
		Algorithm: "aws-item-affinity", Feature: "item-affinity",
		Description: "Finds the users most likely to interact with an item.",
		Created:     time.Date(2021, 7, 15, 0, 0, 0, 0, time.UTC), Parameters: parameters(),
	}}
}

// Attributes returns aws-item-attribute-affinity.
func Attributes() Recipe {
	return Recipe{recipe.Info{
		Name: "aws-item-attribute-affinity", Type: recipe.UserSegmentation, Asks: recipe.UsersByAttributes,
		Algorithm: "aws-item-attribute-affinity", Feature: "item-attribute-affinity",
		Description: "Finds the users most likely to interact with items of some attributes.",
		Created:     time.Date(2021, 8, 25, 0, 0, 0, 0, time.UTC), Parameters: parameters(),
	}}
}

// parameters are the same for both (recipes.md §4).
func parameters() []recipe.Parameter {
	return []recipe.Parameter{{Name: "hidden_dimension", Kind: recipe.Integer, Default: "149", Min: 32, Max: 256}}
}

// Info describes the recipe.
func (r Recipe) Info() recipe.Info { return r.info }

// The settings that are not the caller's (docs/measurements/segments.md). Those of the factorisation are the
// ones that aws-user-personalization uses.
const (
	// The unobserved pairs of a user weigh this many times the observed ones of an average user, so the
	// one setting suits small and large catalogues.
	unobservedShare = 5
	regularization  = 0.008
	exponent        = 1
	sweeps          = 8 // before calibration
	finalSweeps     = 2 // after it, with the events that calibration had held back
	steps           = 3 // of conjugate gradients, per row and sweep
	encoderSteps    = 15
	maxHistory      = 1000 // newest distinct items of a user that are learned from

	// An event weighs base + 2^(−age/half), where age counts the user's distinct items after it.
	base, half = 0.3, 10
)

// A settings is the part of a model that is not arrays; it is the artifact's meta document.
type settings struct {
	Recipe string
	Dim    int
	logits
	Columns []attribute // of items
}

// Train learns vectors of users and items. Memory: these vectors, three copies of the distinct interactions
// (8 to 12 bytes each), and 64 Gram matrices.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	dim, err := strconv.Atoi(t.Params["hidden_dimension"])
	if err != nil {
		return fmt.Errorf("parameter hidden_dimension: %w", err)
	}
	if err := r.check(t.Data); err != nil {
		return err
	}
	hs := distinctHistories(t.Data)
	n := t.Data.Items.Len()
	m := matrix(hs, n)
	c := als.Config{Dim: dim, Regularization: regularization, Exponent: exponent, Sweeps: sweeps, Steps: steps, Seed: t.Seed, Threads: t.Threads,
		Unobserved: unobservedShare * float64(len(m.Col)+1) / float64(m.Rows+1) / float64(m.Cols+1)}
	c.Progress = func(done, _ int) { progress(t, done) }
	held := holdBack(hs, t.Seed)
	part := matrix(held.inputs(hs), n)
	f := als.Start(part, c)
	if err := als.Fit(ctx, part, c, f); err != nil {
		return err
	}
	e := &encoder{config: c, histories: hs, factors: f, items: n, popularity: logUsers(t.Data)}
	if err := e.calibrate(ctx, held); err != nil {
		return err
	}
	c.Sweeps, c.Progress = finalSweeps, func(done, _ int) { progress(t, sweeps+done) }
	if err := als.Fit(ctx, m, c, f); err != nil {
		return err
	}
	bias, err := e.encode(ctx, t.Data)
	if err != nil {
		return err
	}
	return r.write(t, settings{Recipe: r.info.Name, Dim: dim, logits: e.logits}, f, bias)
}

func progress(t recipe.Training, done int) {
	if t.Progress != nil {
		t.Progress("factors", done, sweeps+finalSweeps)
	}
}

// check refuses data that nothing can be learned from.
func (r Recipe) check(d *recipe.Data) error {
	if len(d.Time) > 0 && oneMoment(d.Time) {
		return fault.Newf(fault.Invalid, "All interactions have the same TIMESTAMP; user segmentation needs interactions at different times.")
	}
	if r.info.Asks == recipe.UsersByAttributes && !hasAttributes(d) {
		return fault.Newf(fault.Invalid, "%s needs an Items dataset with at least one column that is neither textual nor reserved, and that is categorical or a number.", r.info.Name)
	}
	return nil
}

func oneMoment(times []int64) bool {
	for _, t := range times {
		if t != times[0] {
			return false
		}
	}
	return true
}

// write puts the model's arrays:
//
//	items    string table of ids
//	users    string table of ids
//	vectors  float32, of items, Stride(Dim) apart
//	people   float32, of users, Stride(Dim) apart, times Scale
//	bias     float32, of users: log of events over the sum of the softmax
//	popularity  float32, of items: log(users + 1)
//	start    int64, user u had had[start[u]:start[u+1]]
//	had      int32, distinct items, ascending for each user
//
// and the arrays of attributes.go.
func (r Recipe) write(t recipe.Training, s settings, f *als.Factors, bias []float32) error {
	d, w := t.Data, t.Out
	start, had := distinctItems(d)
	puts := []func() error{
		func() error { return w.Names("items", d.Items.Len(), d.Items.At) },
		func() error { return w.Strings("users", d.Users.Len(), d.Users.At) },
		func() error { return artifact.Put(w, "vectors", f.Cols) },
		func() error { return artifact.Put(w, "people", f.Rows) },
		func() error { return artifact.Put(w, "bias", bias) },
		func() error { return artifact.Put(w, "popularity", logUsers(d)) },
		func() error { return artifact.Put(w, "start", start) },
		func() error { return artifact.Put(w, "had", had) },
		func() (err error) {
			if r.info.Asks == recipe.UsersByAttributes {
				s.Columns, err = writeAttributes(w, d)
			}
			return err
		},
	}
	for _, put := range puts {
		if err := put(); err != nil {
			return err
		}
	}
	return w.Meta(s)
}
