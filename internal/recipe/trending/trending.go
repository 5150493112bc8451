// Package trending is aws-trending-now: the items whose popularity rises fastest, the same for everyone.
package trending

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is aws-trending-now.
type Recipe struct{}

// frequency is the name of the one parameter.
const frequency = "trend_discovery_frequency"

// windows are how much time a frequency compares with as much before it. "3 hours" was the default once and
// "2 hours" is now, so both are taken.
var windows = map[string]time.Duration{
	"30 minutes": 30 * time.Minute, "1 hour": time.Hour, "2 hours": 2 * time.Hour, "3 hours": 3 * time.Hour, "1 day": 24 * time.Hour,
}

// Info describes the recipe.
func (Recipe) Info() recipe.Info {
	return recipe.Info{
		Name: "aws-trending-now", Type: recipe.PopularItems, Asks: recipe.ByUser, NoBatch: true,
		Algorithm: "aws-trending-now-custom", Feature: "aws-trending-now",
		Description: "Finds the items whose popularity rises fastest.",
		Created:     time.Date(2022, 10, 1, 0, 0, 0, 0, time.UTC),
		Parameters: []recipe.Parameter{{
			Name: frequency, Stage: recipe.FeatureStage, Kind: recipe.Categorical, Default: "2 hours",
			Values: []string{"30 minutes", "1 hour", "2 hours", "3 hours", "1 day"},
		}},
	}
}

// Train orders the items. Its artifact is that of [recipe.WriteOrder]. Memory: 16 bytes for each item.
func (Recipe) Train(ctx context.Context, t recipe.Training) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := window(t.Params)
	if err != nil {
		return err
	}
	return recipe.WriteOrder(t.Out, t.Data.Items, order(t.Data, w))
}

// window is the length of a window in seconds.
func window(params map[string]string) (int64, error) {
	w, ok := windows[params[frequency]]
	if !ok {
		return 0, fmt.Errorf("parameter %s: no such frequency: %q", frequency, params[frequency])
	}
	return int64(w / time.Second), nil
}

// order returns all items: those that rise, by how much, ties by popularity; then the others by popularity
// alone. So where nothing rises, what comes first is what is popular.
func order(d *recipe.Data, window int64) []int32 {
	rise := rises(d, newest(d), window)
	all := recipe.ByPopularity(recipe.UniqueUsers(d))
	slices.SortStableFunc(all, func(a, b int32) int {
		return int(max(0, rise[b]) - max(0, rise[a]))
	})
	return all
}

// rises returns how many more interactions each item has in the window that ends at a moment, the moment
// included, than in the window before it.
func rises(d *recipe.Data, end, window int64) []int64 {
	rise := make([]int64, d.Items.Len())
	for k, t := range d.Time {
		switch age := end - t; {
		case age < 0 || age >= 2*window:
		case age < window:
			rise[d.Item[k]]++
		default:
			rise[d.Item[k]]--
		}
	}
	return rise
}

// newest is the time of the newest interaction, which "now" is for a training: data may be of any age.
func newest(d *recipe.Data) int64 {
	if len(d.Time) == 0 {
		return 0
	}
	return slices.Max(d.Time)
}

// Open makes a model of an artifact. The model refers to f's memory.
func (Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m, err := recipe.OpenOrder(f)
	if err != nil {
		return nil, fmt.Errorf("open aws-trending-now: %w", err)
	}
	return m, nil
}

// accuracy is the metric that this recipe has beside those of all.
const accuracy = "trend_prediction_accuracy"

// Measure adds trend prediction accuracy to the metrics of recipes that rank items: the newest window is the
// test, a model of all that comes before it recommends 25 items, and counted is which share of the rise of the
// 25 that rose most is theirs. Where nothing rises it is 0. (training.md §10.)
func (r Recipe) Measure(ctx context.Context, t recipe.Training, trial recipe.Trial) (map[string]float64, error) {
	metrics, err := recipe.MeasureRanking(ctx, r, t, trial)
	if err != nil {
		return nil, err
	}
	w, err := window(t.Params)
	if err != nil {
		return nil, err
	}
	end := newest(t.Data)
	rise := rises(t.Data, end, w)
	before := t.Data.Before(end - w + 1)
	t.Data = before
	err = trial(ctx, t, func(f *artifact.File) error {
		m, err := r.Open(f)
		if err != nil {
			return err
		}
		answers := make([]recipe.Answer, 1)
		if err := m.Rank(ctx, []recipe.Query{{Item: -1, Count: eval.Depth}}, answers); err != nil {
			return err
		}
		metrics[accuracy] = math.Round(1e4*share(rise, answers[0].Items)) / 1e4
		return nil
	})
	return metrics, err
}

// share returns the rise of the listed items by that of the eval.Depth items that rose most. Items that fell
// count as 0.
func share(rise []int64, listed []int32) float64 {
	var got, most int64
	for _, i := range listed {
		got += max(0, rise[i])
	}
	sorted := slices.Sorted(slices.Values(rise))
	for _, n := range sorted[max(0, len(sorted)-eval.Depth):] {
		most += max(0, n)
	}
	if most == 0 {
		return 0
	}
	return float64(got) / float64(most)
}
