package blend

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Draft is a training whose voices are weighed and that has not seen everything yet: it can be asked, and go on to its end.
type Draft struct {
	order    recipe.Training
	settings settings
	weighed  bool     // whether there are enough users to weigh by
	learned  *learned // from a part; nil if there are not
	network  *network // of learned
	progress progress
}

// Draft learns from part, which is t.Data or that without some events of its users, and weighs. It takes what Train does.
func (r Recipe) Draft(ctx context.Context, t recipe.Training, part *recipe.Data) (*Draft, error) {
	recency, err := strconv.ParseBool(t.Params["apply_recency_bias"])
	if err != nil {
		return nil, fmt.Errorf("parameter apply_recency_bias: %w", err)
	}
	if _, err := netShape(t.Params); err != nil {
		return nil, err
	}
	d := &Draft{order: t, progress: progress{report: t.Progress, total: 2 * familyCount}}
	d.settings = settings{Recipe: r.info.Name, Family: Family, Recency: recency, Ridge: ridges[usualRidge]}
	if d.learned, err = d.settings.tune(ctx, &t, newSequences(part), &d.progress); err != nil {
		return nil, err
	}
	if d.learned != nil {
		d.weighed, d.network = true, d.learned.network
	} else {
		d.settings.Weights = prior(recency)
	}
	return d, nil
}

// Weighed reports whether there were enough users to weigh the voices by. Only then it can be asked.
func (d *Draft) Weighed() bool { return d.weighed }

// Write puts the arrays of the model as it is, without an objective, and lets go of what it was weighed with.
func (d *Draft) Write(out *artifact.Writer) error {
	t, l := d.order, d.learned
	t.Out, d.learned = out, nil
	return write(t, d.settings.of(t.Data, l), l)
}

// Finish learns from everything and writes the model to the order's Out. It is the end of the draft.
func (d *Draft) Finish(ctx context.Context) error {
	d.learned = nil
	t, s, all := d.order, d.settings, newSequences(d.order.Data)
	l, err := learn(ctx, all, s.wanted(), s.Ridge, t.Seed, t.Threads, &d.progress)
	if err != nil {
		return err
	}
	if l.network, err = d.network.goOn(ctx, &t, all); err != nil {
		return err
	}
	if l.network, err = l.network.told(ctx, l.content, t.Threads); err != nil {
		return err
	}
	if !d.weighed {
		s.keepOrder(l)
		if err := s.setLevels(ctx, l, all.histories(mostTests), t.Threads); err != nil {
			return err
		}
	}
	if l.kin, err = learnKin(ctx, &t, l.order, 0); err != nil {
		return err
	}
	if l.context, err = learnContext(ctx, &t, l.order, 0); err != nil {
		return err
	}
	if err := s.weighReward(ctx, &t, l, all); err != nil {
		return err
	}
	return write(t, s.of(t.Data, l), l)
}

// wanted is what the weights need.
func (s *settings) wanted() wanted { return wantedBy(func(k int) bool { return s.Weights[k] != 0 }) }

// of returns the settings for what was learned of the data.
func (s settings) of(d *recipe.Data, l *learned) settings {
	s.Network, s.HalfLife, s.Sessions, s.Spectrum, s.Content = l.network.shape(), l.halfLife, l.sessions != nil, 0, l.content.terms()
	if l.spectrum != nil {
		s.Spectrum = l.spectrum.width
	}
	if s.Kin = nil; l.kin != nil {
		s.Kin = &l.kin.kin
	}
	if s.Context = nil; l.context != nil {
		s.Context = &l.context.kin
	}
	if s.Vectors = nil; l.vectors != nil {
		s.Vectors = &l.vectors.shape
	}
	for _, when := range d.Time {
		s.Newest = max(s.Newest, when)
	}
	return s
}
