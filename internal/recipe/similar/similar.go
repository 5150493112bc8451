// Package similar holds the recipes that answer with items like an item: aws-sims, which looks at who
// touched both, and aws-similar-items, which also looks at what the items are.
//
// A model is a list of neighbours per item, best first. Where a filter leaves too few of them, the most
// popular allowed items follow.
package similar

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
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

// Train finds every item's neighbours. Memory: the distinct interactions twice, the lists (1 KB an
// item), and 12 bytes per item and thread.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	p, err := r.read(t.Params)
	if err != nil {
		return err
	}
	d := t.Data
	n := d.Items.Len()
	count := recipe.UniqueUsers(d)
	g := newGraph(d, p)
	var f *features
	if r.meta {
		f = newFeatures(d)
	}
	lists := make([][]int32, n)
	var stage stages
	err = als.Spread(ctx, t.Threads, n, 32, func(lo, hi int) {
		w := newWorkspace(n)
		for i := lo; i < hi; i++ {
			lists[i] = r.list(w, g, f, count, p, i)
		}
		stage.report(t.Progress, hi-lo, n)
	})
	if err != nil {
		return err
	}
	return write(t, lists, count)
}

// list returns the neighbours of item i, best first.
func (r Recipe) list(w *workspace, g *graph, f *features, count []int32, p params, i int) []int32 {
	w.reset()
	g.cooccur(w, i)
	w.best.Reset(neighbours)
	if f != nil {
		f.match(w, i)
	}
	for _, j := range w.touched {
		if int(j) == i {
			continue
		}
		s := p.similarity(float64(w.count[j]), float64(count[i]), float64(count[j]))
		if f != nil {
			s = blend(s, float64(w.match[j]), float64(count[i]), float64(count[j]))
		}
		if s > 0 {
			w.best.Push(topk.Make(float32(s), j))
		}
	}
	keys := w.best.Sorted()
	out := make([]int32, len(keys))
	for k, key := range keys {
		out[k] = key.Index()
	}
	return out
}

// similarity is how alike two items are by the number of users of both and of each.
//
// For sims it is c/nⱼ^d: with d = 0 the popular win, with d = 1 only what goes together counts. For
// similar-items it is the cosine, and d discounts the popular on top.
func (p params) similarity(both, ni, nj float64) float64 {
	if both < p.minCount {
		return 0
	}
	if p.cosine {
		return both / math.Sqrt(ni*nj) / math.Pow(nj, p.discount/2)
	}
	return both / math.Pow(nj, p.discount)
}

// blend mixes users' similarity with metadata's. An item seen by few has little of the first, so the
// second carries it: at 5 users they weigh the same; among well-known items it only breaks near-ties.
func blend(byUsers, byMeta, ni, nj float64) float64 {
	few := min(ni, nj) / 5
	w := 0.03 + 0.94/(1+few*few)
	return (1-w)*byUsers + w*byMeta
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

// write puts the model's arrays:
//
//	items      string table of ids
//	order      int32, item indexes by popularity
//	start      int64, item i's neighbours are neighbours[start[i]:start[i+1]]
//	neighbours int32, best first
func write(t recipe.Training, lists [][]int32, count []int32) error {
	w := t.Out
	if err := w.Strings("items", len(lists), t.Data.Items.At); err != nil {
		return err
	}
	if err := artifact.Put(w, "order", recipe.ByPopularity(count)); err != nil {
		return err
	}
	start := make([]int64, 1, len(lists)+1)
	a := artifact.Stream[int32](w, "neighbours")
	for _, l := range lists {
		a.Append(l...)
		start = append(start, start[len(start)-1]+int64(len(l)))
	}
	if err := a.Close(); err != nil {
		return err
	}
	return artifact.Put(w, "start", start)
}
