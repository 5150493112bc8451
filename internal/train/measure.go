package train

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// measure learns from a part of the data and returns how well the model meets the rest: the newest events
// of a tenth of the users, or for segments the newest fifth of everybody's, unless the recipe has a way of its
// own.
func (c Config) measure(ctx context.Context, trainer recipe.Trainer, t recipe.Training) (metrics map[string]float64, err error) {
	whole := t.Data
	trial := func(ctx context.Context, t recipe.Training, use func(*artifact.File) error) error {
		return c.trial(ctx, trainer, t, use)
	}
	switch r := trainer.(type) {
	case recipe.Measurer:
		metrics, err = r.Measure(ctx, t, trial)
	case recipe.Recipe:
		metrics, err = recipe.MeasureRanking(ctx, r, t, trial)
	case recipe.Segmenter:
		held, later := recipe.HoldoutEvents(whole)
		t.Data = held
		err = c.trial(ctx, trainer, t, func(f *artifact.File) error {
			m, err := r.OpenSegments(f)
			if err == nil {
				metrics, err = recipe.EvaluateSegments(ctx, m, r.Info().Asks, whole, later, t.Split)
			}
			return err
		})
	default:
		err = fmt.Errorf("measure: the recipe %s makes no models", trainer.Info().Name)
	}
	return metrics, err
}

// trial learns a model that is thrown away after use.
func (c Config) trial(ctx context.Context, trainer recipe.Trainer, t recipe.Training, use func(*artifact.File) error) error {
	dir, err := os.MkdirTemp(c.Scratch, "measure-*")
	if err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model")
	if err := learn(ctx, trainer, t, path); err != nil {
		return err
	}
	f, err := artifact.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return use(f)
}
