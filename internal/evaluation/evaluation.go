// Package evaluation measures a recipe on files of data, without a server: it holds events out, learns from
// the rest, ranks for everybody who has something held out, and compares with popular items.
//
// A first reading: this file tells the run, split.go what is held out, measure.go how a list is judged.
package evaluation

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Baseline is the recipe that every other is compared with.
const Baseline = "aws-popularity-count"

// MostK is the longest list that can be measured.
const MostK = 500

// A Config is what an evaluation works with.
type Config struct {
	Recipe  func(name string) (recipe.Recipe, bool) // the recipes that rank items
	Own     blob.Driver                             // where segments and the snapshot go
	Scratch string                                  // folder for models; what is left in it may be deleted
	Log     *slog.Logger
}

// An Order is one recipe to measure on one set of data.
type Order struct {
	Interactions, Items, Users       string // paths of CSV files, plain or gzip; Items and Users may be ""
	Schema, ItemsSchema, UsersSchema string // text of Avro schemas, "" to go by the names of known columns
	Recipe                           string
	Params                           map[string]string // those that are not at their defaults
	Split                            Split
	KeepSeen                         bool  // items that a user had in training may be recommended
	K                                []int // lengths of list to measure, each 1 to MostK
	Seed                             uint64
	Threads                          int // at least 1; changes nothing but the time
}

// Run does what the order says. The same files and order give the same metrics.
//
// Memory is that of the training, and for each user tested 8 bytes for each of five metrics and lengths of
// list, twice.
//
// What is wrong with the files or the order is fault.Invalid, or fault.NotFound, with a sentence for whoever
// gave it.
func (c Config) Run(ctx context.Context, o Order) (*Report, error) {
	p, err := c.prepare(o)
	if err != nil {
		return nil, err
	}
	data, known, done, err := c.load(ctx, o)
	if err != nil {
		return nil, err
	}
	defer done()
	train, tests, err := o.Split.cut(data, known, o.Seed)
	if err != nil {
		return nil, err
	}
	r := &run{Config: c, order: o, train: train, tests: tests}
	model, err := r.outcome(ctx, p.recipe, p.params)
	if err != nil {
		return nil, err
	}
	peak := peakMemory() // before the baseline, which is none of the recipe's cost
	base, err := r.outcome(ctx, p.baseline, p.baseParams)
	if err != nil {
		return nil, err
	}
	return r.report(p.params, model, base, peak), nil
}

// A run is one order at work.
type run struct {
	Config
	order Order
	train *recipe.Data
	tests []recipe.Test
}

// A plan is an order that was found possible.
type plan struct {
	recipe, baseline   recipe.Recipe
	params, baseParams map[string]string
}

// prepare checks what can be checked before any file is read, so that a wrong flag costs no time.
func (c Config) prepare(o Order) (p plan, err error) {
	var ok bool
	if p.recipe, ok = c.Recipe(o.Recipe); !ok {
		return p, fault.Newf(fault.Invalid, "There is no recipe %s that ranks items.", o.Recipe)
	}
	if p.baseline, ok = c.Recipe(Baseline); !ok {
		return p, fmt.Errorf("evaluate: the baseline %s is not among the recipes", Baseline)
	}
	if len(o.K) == 0 || slices.Min(o.K) < 1 || slices.Max(o.K) > MostK {
		return p, fault.Newf(fault.Invalid, "The lengths of list are %v; expected one or more from 1 to %d.", o.K, MostK)
	}
	if p.params, err = resolve(p.recipe.Info(), o.Params); err != nil {
		return p, err
	}
	p.baseParams, err = recipe.Resolve(p.baseline.Info(), nil, nil)
	return p, err
}

// resolve finds each parameter's stage by its name, which a solution's configuration has to tell.
func resolve(info recipe.Info, given map[string]string) (map[string]string, error) {
	algorithm, feature := maps.Clone(given), map[string]string{}
	for _, p := range info.Parameters {
		if v, ok := given[p.Name]; ok && p.Stage == recipe.FeatureStage {
			feature[p.Name] = v
			delete(algorithm, p.Name)
		}
	}
	return recipe.Resolve(info, algorithm, feature)
}

// An outcome is what a recipe reached with the tests.
type outcome struct {
	*scores
	name              string
	training, ranking time.Duration
	explored          *Explored // nil for a recipe that does not explore
}

// outcome trains a recipe and measures its model, which is then thrown away.
func (r *run) outcome(ctx context.Context, algorithm recipe.Recipe, params map[string]string) (*outcome, error) {
	info := algorithm.Info()
	r.Log.Info("training", "recipe", info.Name, "interactions", len(r.train.Item), "users", r.train.Users.Len(), "items", r.train.Items.Len())
	dir, err := os.MkdirTemp(r.Scratch, "model-*")
	if err != nil {
		return nil, fmt.Errorf("evaluate: %w", err)
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	path := filepath.Join(dir, "model")
	if err := r.learn(ctx, algorithm, params, path); err != nil {
		return nil, fmt.Errorf("train %s: %w", info.Name, err)
	}
	out := &outcome{name: info.Name, training: time.Since(began)}
	f, err := artifact.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	model, err := algorithm.Open(f)
	if err != nil {
		return nil, fmt.Errorf("open the model of %s: %w", info.Name, err)
	}
	r.Log.Info("ranking", "recipe", info.Name, "users", len(r.tests))
	began = time.Now()
	if out.scores, err = r.measure(ctx, model, info.Asks); err != nil {
		return nil, fmt.Errorf("rank with %s: %w", info.Name, err)
	}
	out.ranking = time.Since(began)
	if out.explored, err = r.explored(ctx, model, info); err != nil {
		return nil, fmt.Errorf("explore with %s: %w", info.Name, err)
	}
	return out, nil
}

func (r *run) learn(ctx context.Context, algorithm recipe.Recipe, params map[string]string, path string) error {
	w, err := artifact.Create(path)
	if err != nil {
		return err
	}
	defer w.Discard()
	t := recipe.Training{
		Data: r.train, Params: params, Seed: r.order.Seed, Split: r.order.Seed, Threads: r.order.Threads, Out: w, Log: r.Log,
		Progress: func(stage string, done, total int) {
			r.Log.Debug("training", "recipe", algorithm.Info().Name, "stage", stage, "done", done, "total", total)
		},
	}
	if err := algorithm.Train(ctx, t); err != nil {
		return err
	}
	return w.Commit()
}
