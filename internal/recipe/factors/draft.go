package factors

import (
	"context"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Draft is a training that is calibrated and has not seen everything yet: it can be asked, and go on to its end.
type Draft struct {
	recipe  Recipe
	order   recipe.Training
	params  params
	cold    []int32
	all     []history
	full    *als.Sparse // of all
	factors *als.Factors
	at      *stage
}

// Draft learns from part, which is t.Data or that without some events of its users, and calibrates. It takes what Train
// does.
func (r Recipe) Draft(ctx context.Context, t recipe.Training, part *recipe.Data) (*Draft, error) {
	p, err := read(t.Params)
	if err != nil {
		return nil, err
	}
	d := &Draft{recipe: r, order: t, params: p}
	if d.cold, err = r.coldItems(t); err != nil {
		return nil, err
	}
	users, items := recipe.UsersWithin(t.Data, p.minLength, p.maxLength), t.Data.Items.Len()
	d.all = distinctHistories(t.Data, users)
	seen := d.all
	if part != t.Data {
		seen = distinctHistories(part, users)
	}
	scattered := recipe.Scattered(t.Data.Start, t.Data.Item, t.Data.Time)
	held := holdBack(seen, t.Seed, scattered)
	d.full = matrix(d.all, items)
	s := settings{Recipe: r.info.Name, Dim: p.dim, Exponent: exponent}
	s.tune(start, density(d.full))
	some := matrix(held.inputs(seen), items)
	d.factors = als.Start(some, d.config(s))
	d.at = begin(t, d.full, s, d.factors)
	d.at.scattered = scattered
	return d, d.learn(ctx, some, seen, held)
}

// learn does what the stage has not done yet: it searches for settings, learns the vectors from some of the events, and
// calibrates by the rest.
func (d *Draft) learn(ctx context.Context, some *als.Sparse, seen []history, held heldBack) error {
	at := d.at
	if !at.Tuned {
		if err := look(ctx, at, seen, held, d.factors, density(d.full), at.encoders(d.params)); err != nil {
			return err
		}
		at.Tuned = true
		at.save(d.factors)
	}
	if at.Calibrated {
		return nil
	}
	c := d.config(at.Settings)
	c.Progress = func(done, _ int) { progress(d.order, done) }
	if err := als.Fit(ctx, some, at.kept(c), d.factors); err != nil {
		return err
	}
	return d.recipe.settle(ctx, at, some, held.trials(seen), d.factors, d.params)
}

// config is for the sweeps before calibration.
func (d *Draft) config(s settings) als.Config {
	c := s.als()
	c.Sweeps, c.Steps, c.Seed, c.Threads = sweeps, steps, d.order.Seed, d.order.Threads
	return c
}

// Ahead reports whether the training went on from a checkpoint that Finish had kept: then the model knows more than the
// part.
func (d *Draft) Ahead() bool { return d.at.Calibrated && d.at.Halves > 0 }

// Write puts the arrays of the model as it is, without an objective.
func (d *Draft) Write(ctx context.Context, out *artifact.Writer) error {
	t := d.order
	t.Out = out
	return write(ctx, t, d.recipe.info.ItemMetadata, d.at.Settings, learned{vectors: d.factors.Cols, network: d.at.network}, d.cold)
}

// Finish learns from everything and writes the model to the order's Out. It is the end of the draft.
func (d *Draft) Finish(ctx context.Context) error {
	t, s, f := d.order, d.at.Settings, d.factors
	c := d.config(s)
	c.Sweeps = finalSweeps
	c.Progress = func(done, _ int) { progress(t, sweeps+done) }
	if err := als.Fit(ctx, d.full, d.at.kept(c), f); err != nil {
		return err
	}
	for _, when := range t.Data.Time {
		s.Newest = max(s.Newest, when)
	}
	network, err := goOn(ctx, t, d.params, d.full, d.at.network)
	if err != nil {
		return err
	}
	if _, err := als.Rotate(ctx, f.Cols, t.Data.Items.Len(), c); err != nil {
		return err
	}
	if s.Reward, err = weighReward(ctx, t, s, f.Cols, d.all); err != nil {
		return err
	}
	return write(ctx, t, d.recipe.info.ItemMetadata, s, learned{vectors: f.Cols, network: network}, d.cold)
}
