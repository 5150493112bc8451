package recipe

import (
	"context"
	"maps"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/eval"
)

// A Trial learns a model that is only measured: use gets its artifact, which is gone afterwards.
type Trial func(ctx context.Context, t Training, use func(f *artifact.File) error) error

// A Measurer is an algorithm that is measured in a way of its own.
type Measurer interface {
	Trainer
	// Measure learns from parts of t.Data by trial and returns the service's metrics, rounded to 4 decimals.
	Measure(ctx context.Context, t Training, trial Trial) (map[string]float64, error)
}

// MetricNames are the metrics that all recipes which rank items have, ascending.
func MetricNames() []string { return slices.Sorted(maps.Keys(eval.Metrics(nil, 0))) }

// MeasureRanking is how recipes that rank items are measured: on the newest events of a tenth of the users,
// by a model of the others (see [Holdout] and [Evaluate]); with an objective, also by what is earned.
func MeasureRanking(ctx context.Context, r Recipe, t Training, trial Trial) (metrics map[string]float64, err error) {
	held, tests := Holdout(t.Data, t.Split)
	t.Data = held
	err = trial(ctx, t, func(f *artifact.File) error {
		m, err := r.Open(f)
		if err == nil {
			metrics, err = Evaluate(ctx, m, r.Info().Asks, tests)
		}
		if err == nil && t.Data.Reward != nil {
			metrics["average_rewards_at_k"], err = EvaluateRewards(ctx, m, r.Info().Asks, tests, t.Data.Reward)
		}
		return err
	})
	return metrics, err
}
