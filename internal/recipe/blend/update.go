package blend

import (
	"context"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Update takes new items and interactions into a model. What was learned in steps and by tests stays: the weights of the
// voices, their levels, the ridge and the network, which gives items that it does not know what it gives others in the mean.
// What is counted is counted again: neighbours, sequences, the spectrum, vectors, popularity and ages are those of the data.
//
// Memory: that of Train but for the network's.
func (r Recipe) Update(ctx context.Context, t recipe.Training, base *artifact.File) error {
	opened, err := r.Open(base)
	if err != nil {
		return err
	}
	old := opened.(*model)
	s := old.settings
	p := progress{report: t.Progress, total: familyCount}
	l, err := learn(ctx, newSequences(t.Data), s.wanted(), s.Ridge, t.Seed, t.Threads, &p)
	if err != nil {
		return err
	}
	if old.network != nil {
		if l.network, err = finish(old.network.Carry(t.Data.Items.Len(), recipe.Among(t.Data.Items, old.items))); err != nil {
			return err
		}
		if l.network, err = l.network.told(ctx, l.content, t.Threads); err != nil {
			return err
		}
	}
	if old.kin != nil {
		if l.kin, err = learnKin(ctx, &t, l.order, old.kin.kin.Weight); err != nil {
			return err
		}
	}
	if old.context != nil {
		if l.context, err = learnContext(ctx, &t, l.order, old.context.kin.Weight); err != nil {
			return err
		}
	}
	if t.Data.Reward == nil {
		s.Reward = 0
	}
	s.Newest = 0
	return write(t, s.of(t.Data, l), l)
}
