package personal

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/blend"
	"github.com/kindredrec/kindred/internal/recipe/factors"
)

const (
	mostTests  = 1000 // users that both families are asked about
	leastTests = 20   // below which there is no telling, and the factors are taken
	tolerance  = 0.97 // of the blend's gain is enough for the factors, which answer many times faster
)

// contest drafts both families from part, asks both about the tests, and lets one of them learn from everything.
//
// The data of a training may be too little for the blend to weigh its voices by; then the factors are taken. They
// are as well where the training goes on from a checkpoint of theirs that was made after they had been chosen.
func (r Recipe) contest(ctx context.Context, t recipe.Training, part *recipe.Data, tests []recipe.Test) error {
	first, err := r.factors.Draft(ctx, t, part)
	if err != nil {
		return err
	}
	if first.Ahead() {
		return first.Finish(ctx)
	}
	asked, cut, err := forBlend(t)
	if err != nil {
		return err
	}
	second, err := r.blend.Draft(ctx, asked, cut(part))
	if err != nil {
		return err
	}
	if !second.Weighed() {
		return first.Finish(ctx)
	}
	gain, err := r.gain(ctx, t, tests, factors.Personalization(), func(w *artifact.Writer) error { return first.Write(ctx, w) })
	if err != nil {
		return err
	}
	other, err := r.gain(ctx, t, tests, blend.Under(factors.Personalization().Info()), second.Write)
	if err != nil {
		return err
	}
	chosen := gain >= tolerance*other
	t.Log.Info("chosen by what was held back", "factors", chosen, "tests", len(tests), "ndcg of factors", gain, "ndcg of blend", other)
	if chosen {
		return first.Finish(ctx)
	}
	return second.Finish(ctx)
}

// gain writes a draft's model beside the one that is to be, asks it about the tests and removes it. It returns the
// mean ndcg.
func (r Recipe) gain(ctx context.Context, t recipe.Training, tests []recipe.Test, by recipe.Recipe, write func(*artifact.Writer) error) (mean float64, err error) {
	path := t.Out.Path() + ".draft"
	w, err := artifact.Create(path)
	if err != nil {
		return 0, err
	}
	defer w.Discard()
	if err := write(w); err != nil {
		return 0, err
	}
	if err := w.Commit(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	f, err := artifact.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	m, err := by.Open(f)
	if err != nil {
		return 0, fmt.Errorf("open a draft: %w", err)
	}
	return meanGain(ctx, m, tests, t.Threads)
}
