// Package similar holds the recipes that answer with items like an item: aws-sims, which looks at who
// touched both, and aws-similar-items, which also looks at what the items are.
//
// A model is a list of neighbours per item, best first. Where a filter leaves too few of them, the most
// popular allowed items follow.
package similar

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/recipe"
)

// neighbours bounds an item's list. The longest answer is 500; half of that serves nearly every request,
// at 1 KB an item.
const neighbours = 256

// Recipe is one of the two; the zero value is not useful.
type Recipe struct {
	info recipe.Info
	meta bool // uses item metadata
}

// Sims returns aws-sims.
func Sims() Recipe {
	return Recipe{info: recipe.Info{
		Name: "aws-sims", Type: recipe.RelatedItems, Asks: recipe.ByItem, Algorithm: "aws-sims", Feature: "sims",
		Description: "Computes items similar to a given item based on co-occurrence of item in same user history in user-item interaction dataset",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC),
		Parameters: []recipe.Parameter{
			{Name: "popularity_discount_factor", Kind: recipe.Continuous, Default: "0.5", Max: 1, Tunable: true},
			{Name: "min_cointeraction_count", Kind: recipe.Integer, Default: "3", Max: 10, Tunable: true},
			{Name: "min_user_history_length_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.005", Max: 1},
			{Name: "max_user_history_length_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.995", Max: 1},
			{Name: "min_item_interaction_count_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.01", Max: 1},
			{Name: "max_item_interaction_count_percentile", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.9", Max: 1},
		},
	}}
}

// Items returns aws-similar-items.
func Items() Recipe {
	return Recipe{meta: true, info: recipe.Info{
		Name: "aws-similar-items", Type: recipe.RelatedItems, Asks: recipe.ByItem,
		Themes: true, Algorithm: "aws-similar-items", Feature: "aws-similar-items",
		Description: "Predicts items similar to a given item based on co-occurrence of items in the same user history and item metadata.",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC),
		Parameters: []recipe.Parameter{
			{Name: "popularity_discount_factor", Kind: recipe.Continuous, Default: "0.0", Max: 1},
			{Name: "item_id_hidden_dim", Kind: recipe.Integer, Default: "100", Min: 30, Max: 200, Tunable: true},
			{Name: "item_metadata_hidden_dim", Kind: recipe.Integer, Default: "100", Min: 30, Max: 200, Tunable: true},
		},
	}}
}

// Info describes the recipe.
func (r Recipe) Info() recipe.Info { return r.info }

// Train finds every item's neighbours.
//
// Memory: the distinct interactions twice, at 4 bytes; 40 bytes for each user and item; what a product of one thread
// takes (product.go), about 1 MB and 4 bytes for each user of the item with most; and 8 MB of lists that wait to be
// written. aws-similar-items has the metadata beside it: 8 bytes for each value of each item.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	p, err := r.read(t.Params)
	if err != nil {
		return err
	}
	d := t.Data
	count := recipe.UniqueUsers(d)
	order := recipe.ByPopularity(count)
	g := newGraph(d, p, order)
	var f *features
	if r.meta {
		f = newFeatures(d, g.item)
	}
	return write(ctx, t, newLikeness(p, g, f, count))
}

// params is Training.Params read.
type params struct {
	cosine   bool
	discount float64
	minCount float64 // users of both below which a pair does not count

	minUser, maxUser, minItem, maxItem float64
}

func (r Recipe) read(m map[string]string) (params, error) {
	p := params{cosine: r.meta, minCount: 1, maxUser: 0.995, maxItem: 1}
	var err error
	get := func(name string, to *float64) {
		if v, ok := m[name]; ok {
			f, e := strconv.ParseFloat(v, 64)
			if e != nil && err == nil {
				err = fmt.Errorf("parameter %s: %w", name, e)
			}
			*to = f
		}
	}
	get("popularity_discount_factor", &p.discount)
	get("min_cointeraction_count", &p.minCount)
	get("min_user_history_length_percentile", &p.minUser)
	get("max_user_history_length_percentile", &p.maxUser)
	get("min_item_interaction_count_percentile", &p.minItem)
	get("max_item_interaction_count_percentile", &p.maxItem)
	return p, err
}
