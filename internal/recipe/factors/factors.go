// Package factors holds the recipes that learn a vector per item and score by inner products: one of the two families that
// aws-user-personalization and aws-personalized-ranking choose from (package personal), and the retired names of the former
// (legacy.go).
//
// The items' vectors come from implicit matrix factorisation. Users have none: whoever asks is encoded
// from history by the equations that training solved, recent events weighing more. New events and new
// users therefore count at once, and the model grows with the catalogue alone.
//
// Where the order of events tells more, the vectors go on with those of a recurrent network, and the user's with its
// state (network.go).
package factors

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is one of them; the zero value is not useful.
type Recipe struct {
	info  recipe.Info
	cold  *bounds // nil for a recipe without cold items
	eager bool    // learns a network from however little
}

// Personalization returns aws-user-personalization without a choice.
func Personalization() Recipe {
	return Recipe{info: recipe.Info{
		Name: "aws-user-personalization", Type: recipe.UserPersonalization, Asks: recipe.ByUser,
		Scores: true, Explores: true, Updates: true, Objectives: true, ItemMetadata: true, UserMetadata: true, Contexts: true, Algorithm: "aws-user-personalization", Feature: "aws-user-personalization",
		Description: "Predicts items a user will interact with, and explores new items.",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC), Parameters: parameters("149"),
	}}
}

// Ranking returns aws-personalized-ranking without one: it asks the same model another question.
func Ranking() Recipe {
	return Recipe{info: recipe.Info{
		Name: "aws-personalized-ranking", Type: recipe.PersonalizedRanking, Asks: recipe.ByUserList,
		Scores: true, Objectives: true, ItemMetadata: true, UserMetadata: true, Contexts: true, Algorithm: "aws-personalized-ranking", Feature: "JSON-percentile-filtering",
		Description: "Reranks a list of items for a user.",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC), Parameters: parameters("149"),
	}}
}

// parameters are the same for all but for the default dimension (recipes.md §4).
func parameters(dimension string) []recipe.Parameter {
	return []recipe.Parameter{
		{Name: "hidden_dimension", Kind: recipe.Integer, Default: dimension, Min: 32, Max: 256, Tunable: true},
		{Name: "bptt", Kind: recipe.Integer, Default: "32", Min: 2, Max: 32, Tunable: true},
		{Name: "recency_mask", Kind: recipe.Boolean, Default: "true", Values: []string{"true", "false"}, Tunable: true},
		{Name: "min_user_history_length_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.0", Max: 1},
		{Name: "max_user_history_length_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.99", Max: 1},
	}
}

// Info describes the recipe.
func (r Recipe) Info() recipe.Info { return r.info }

// The settings that are neither the caller's nor searched for (tuning.go): chosen on validation cuts of public data
// (docs/measurements/accuracy.md).
const (
	exponent     = 1 // vectors are held back in proportion to the weight of their rows
	sweeps       = 4 // after the search and before calibration
	finalSweeps  = 2 // after it, with the events that calibration had held back
	steps        = 2 // of conjugate gradients, per row and sweep; three rank no better
	encoderSteps = 15
	maxHistory   = 1000 // newest distinct items of a user that are looked at
)

// A settings is the part of a model that is not arrays; it is the artifact's meta document.
type settings struct {
	Recipe         string
	Dim            int
	Unobserved     float64
	Regularization float64
	Exponent       float64
	Encoder        encoder
	Scale          float64 // logit per unit of inner product
	Repeat         float64 // added to the logit of items in the user's history
	Newest         int64   // time of the newest interaction
	Reward         float64 // logit per standard reward; 0 without an objective

	Mix     float64       `json:",omitempty"` // logit per unit of inner product with the network's state; 0 without one
	Network *seqnet.Shape `json:",omitempty"`
	Content *content      `json:",omitempty"`
	Kin     *kin          `json:",omitempty"`
	Context *kin          `json:",omitempty"`
}

// als returns the settings as the solver needs them.
func (s settings) als() als.Config {
	return als.Config{Dim: s.Dim, Unobserved: s.Unobserved, Regularization: s.Regularization, Exponent: s.Exponent}
}

// Train learns item vectors and calibrates how users are encoded. Memory: the vectors of users and
// items, two copies of the distinct interactions (12 bytes each), and 64 Gram matrices; with a network, seven times its
// vectors of the items; before, while settings are searched for, what look takes beside the first vectors.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	d, err := r.Draft(ctx, t, t.Data)
	if err != nil {
		return err
	}
	return d.Finish(ctx)
}

// settle learns the network from what is not held back, where that is of use, and calibrates.
func (r Recipe) settle(ctx context.Context, at *stage, part *als.Sparse, cases []trial, f *als.Factors, p params) (err error) {
	var network *seqnet.Model
	if r.learnsOrder(p, at.scattered, part, len(cases), at.t.Seed) {
		if network, err = trainNetwork(ctx, at.t, p, part, cases); err != nil {
			return err
		}
	}
	if at.network, err = calibrate(ctx, &at.Settings, cases, f.Cols, network, at.t.Data, at.encoders(p), at.t.Threads); err != nil {
		return err
	}
	if at.network != nil {
		shape := at.network.Shape()
		at.Settings.Network = &shape
	}
	at.t.Log.Debug("calibrated", "encoder", at.Settings.Encoder, "scale", at.Settings.Scale, "network", at.Settings.Mix, "repeat", at.Settings.Repeat)
	at.Calibrated, at.Halves = true, 0
	at.save(f)
	return nil
}

func progress(t recipe.Training, done int) {
	if t.Progress != nil {
		t.Progress("factors", done, sweeps+finalSweeps)
	}
}

// write puts the model's arrays:
//
//	items    string table of ids
//	vectors  float32, Stride(Dim) apart
//	gram     float32, what the encoder shares between users (als.Solver.Prepare); training has turned the
//	         vectors so that it is diagonal, which an update may leave a little off
//	bias     float32, log popularity
//	count    int32, recipe.Tried of each item
//	created  int64, Unix seconds
//	cold     int32, indexes of the items that are always explored; absent if the recipe has none
//	ranked   float32, as far apart as widths says: vectors, the standard reward and the network's vectors; absent without
//	         an objective and a network
//
// and those of the network, if there is one (putNetwork), and of what users' metadata and circumstances tell, if they do (kinship.put).
//
// Items that few users have met get their vectors from metadata, if asked or if s says how; the encoder shares what was
// learned, whatever comes after it.
func write(ctx context.Context, t recipe.Training, asked bool, s settings, l learned, cold []int32) error {
	n := t.Data.Items.Len()
	solver := als.NewSolver(l.vectors, n, s.als())
	gram, err := solver.Prepare(ctx, t.Threads)
	if err != nil {
		return err
	}
	count := recipe.UniqueUsers(t.Data)
	tried := recipe.Tried(t.Data, count)
	if l.evidence == nil {
		l.evidence, l.heard = tried, tried
	}
	if l, err = describe(ctx, t, asked, &s, l); err != nil {
		return err
	}
	bias := logPopularity(count)
	if asked {
		if l.kin, err = learnKin(ctx, t, &s, solver, l.vectors, bias); err != nil {
			return err
		}
		if l.context, err = learnContext(ctx, t, &s, solver, l.vectors, bias); err != nil {
			return err
		}
	}
	if s.Kin = nil; l.kin != nil {
		s.Kin = &l.kin.kin
	}
	if s.Context = nil; l.context != nil {
		s.Context = &l.context.kin
	}
	vectors, network, w := l.vectors, l.network, t.Out
	if err := w.Names("items", n, t.Data.Items.At); err != nil {
		return err
	}
	if err := artifact.Put(w, "vectors", vectors); err != nil {
		return err
	}
	if err := artifact.Put(w, "gram", gram); err != nil {
		return err
	}
	if err := artifact.Put(w, "bias", bias); err != nil {
		return err
	}
	if err := artifact.Put(w, "count", tried); err != nil {
		return err
	}
	if err := artifact.Put(w, "created", t.Data.Created); err != nil {
		return err
	}
	if cold != nil {
		if err := artifact.Put(w, "cold", cold); err != nil {
			return err
		}
	}
	if s.widened() {
		if err := artifact.Put(w, "ranked", s.widen(vectors, n, t.Data.Reward, network)); err != nil {
			return err
		}
	}
	if err := putNetwork(w, network); err != nil {
		return err
	}
	if err := l.kin.put(w, "kin"); err != nil {
		return err
	}
	if err := l.context.put(w, "context"); err != nil {
		return err
	}
	return w.Meta(s)
}

// logPopularity returns log(count+1): its softmax is the share of users, smoothed by one.
func logPopularity(count []int32) []float32 {
	bias := make([]float32, len(count))
	for i, c := range count {
		bias[i] = float32(math.Log(float64(c) + 1))
	}
	return bias
}

// Open makes a model of an artifact. The model refers to f's memory, and takes a quarter as much as the vectors
// beside it, with rows that are longer than vectors a quarter as much as these.
func (r Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m := &model{asks: r.info.Asks}
	if err := f.Meta(&m.settings); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	items, err := f.Strings("items")
	if err != nil {
		return nil, err
	}
	m.items = items
	stride := als.Stride(m.settings.Dim)
	vectors, err := artifact.Get[float32](f, "vectors")
	if err != nil {
		return nil, err
	}
	bias, err := artifact.Get[float32](f, "bias")
	if err != nil {
		return nil, err
	}
	count, err := artifact.Get[int32](f, "count")
	if err != nil {
		return nil, err
	}
	created, err := artifact.Get[int64](f, "created")
	if err != nil {
		return nil, err
	}
	m.count, m.explorer = count, recipe.NewExplorer(m.settings.Newest, created, count)
	gram, err := artifact.Get[float32](f, "gram")
	if err != nil {
		return nil, err
	}
	if f.Has("cold") {
		cold, err := artifact.Get[int32](f, "cold")
		if err != nil {
			return nil, err
		}
		m.cold = m.explorer.LeastMet(slices.Clone(cold))
	}
	n := items.Len()
	if len(vectors) != n*stride || len(bias) != n || len(count) != n || len(created) != n || len(gram) != m.settings.Dim*stride {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d items of dimension %d", r.info.Name, n, m.settings.Dim)
	}
	rows := vectors
	if m.settings.widened() {
		stride = als.Stride(m.settings.width())
		if rows, err = artifact.Get[float32](f, "ranked"); err != nil {
			return nil, err
		}
		if len(rows) != n*stride {
			return nil, fmt.Errorf("open %s: ranked does not fit %d items of dimension %d", r.info.Name, n, m.settings.width())
		}
	}
	if m.network, err = getNetwork(f, m.settings.Network); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.network != nil && m.network.Items() != n {
		return nil, fmt.Errorf("open %s: the network knows %d items of %d", r.info.Name, m.network.Items(), n)
	}
	if m.context, err = getKin(f, "context", m.settings.Context, m.settings.Dim); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	if m.kin, err = getKin(f, "kin", m.settings.Kin, m.settings.Dim); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	m.vectors = vectors
	if m.matrix, err = topk.NewMatrix(n, stride, rows, bias); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	m.solver = als.NewSolver(vectors, n, m.settings.als()).WithGram(gram)
	return m, nil
}

// A params is Training.Params read.
type params struct {
	dim, window          int
	recency              bool
	minLength, maxLength float64
}

func read(m map[string]string) (p params, err error) {
	get := func(name string, parse func(string) error) {
		if e := parse(m[name]); e != nil && err == nil {
			err = fmt.Errorf("parameter %s: %w", name, e)
		}
	}
	get("hidden_dimension", func(s string) (e error) { p.dim, e = strconv.Atoi(s); return })
	get("bptt", func(s string) (e error) { p.window, e = strconv.Atoi(s); return })
	get("recency_mask", func(s string) (e error) { p.recency, e = strconv.ParseBool(s); return })
	get("min_user_history_length_percentile", func(s string) (e error) { p.minLength, e = strconv.ParseFloat(s, 64); return })
	get("max_user_history_length_percentile", func(s string) (e error) { p.maxLength, e = strconv.ParseFloat(s, 64); return })
	return p, err
}
