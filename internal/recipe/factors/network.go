package factors

import (
	"context"
	"errors"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Beside the factors, which know what goes together, a recurrent network learns what comes next. Its state and vectors
// stand beside the user's and the items' factors, so that one inner product is a weighted sum of both logits.
// Calibration decides the weights, and whether the network is kept at all.

// The sizes of the network and of its training. Rounds are passes over the distinct items of all histories; the last ones
// also see what calibration had held back.
const (
	netWidth      = 64  // of its vectors; hidden_dimension if that is less
	netHidden     = 128 // numbers that it remembers a history by; hidden_dimension if that is less
	netRate       = 0.003
	netDropout    = 0.2
	netCandidates = 512
	netRounds     = 12
	netLastRounds = 1
	netLastRate   = 0.0005
	netMost       = 6 << 20 // items told in all rounds: some two minutes of one processor
	netTests      = 500     // of what is held back, to end the training by
	netLeast      = 30_000  // distinct items in histories; from fewer, its hundred thousand numbers are not learned
	netMostItems  = 200_000 // of the catalogue; training has seven numbers for each of their vectors
)

// learnsOrder reports whether a network is to be learned from the histories m: whether there are enough of them to learn
// from and to judge by, and the order of events tells anything and is meant to.
func (r Recipe) learnsOrder(p params, scattered bool, m *als.Sparse, held int, seed uint64) bool {
	enough := len(m.Col) >= netLeast || r.eager && len(m.Col) > 0
	return p.recency && enough && held >= leastHeld && m.Cols <= netMostItems && !scattered && recipe.OrderTells(m.Start, m.Col, seed)
}

// trainNetwork learns what comes next in the histories m, until it tells the first of what is held back no better.
func trainNetwork(ctx context.Context, t recipe.Training, p params, m *als.Sparse, cases []trial) (*seqnet.Model, error) {
	o := networkOptions(t, p, m, netRounds, netRate)
	for _, c := range cases[:min(len(cases), netTests)] {
		o.Tests = append(o.Tests, seqnet.Test{History: c.input.items, Next: c.truth[0]})
	}
	return fit(ctx, m, o, nil)
}

// goOn lets a network, which may be nil, learn from all histories what it has learned from some.
func goOn(ctx context.Context, t recipe.Training, p params, m *als.Sparse, network *seqnet.Model) (*seqnet.Model, error) {
	if network == nil {
		return nil, nil
	}
	o := networkOptions(t, p, m, netLastRounds, netLastRate)
	o.Seed++
	return fit(ctx, m, o, network)
}

// networkOptions are for so many rounds over m; small data takes smaller steps, so that there are enough of them.
func networkOptions(t recipe.Training, p params, m *als.Sparse, rounds int64, rate float32) seqnet.Options {
	events := len(m.Col)
	return seqnet.Options{
		Shape:   seqnet.Shape{Kind: seqnet.Recurrent, Width: min(p.dim, netWidth), Hidden: min(p.dim, netHidden), Window: p.window},
		Dropout: netDropout, Rate: rate, Events: min(rounds*int64(events), netMost),
		Batch: max(64, min(2048, events/128)), Candidates: netCandidates, Seed: t.Seed, Threads: t.Threads,
		Progress: func(r seqnet.Report) {
			t.Log.Debug("network", "step", r.Step, "of", r.Steps, "nats an event", r.Loss, "nats a test", r.Held)
			if t.Progress != nil {
				t.Progress("network", r.Step, r.Steps)
			}
		},
	}
}

func fit(ctx context.Context, m *als.Sparse, o seqnet.Options, from *seqnet.Model) (*seqnet.Model, error) {
	network, err := seqnet.Train(ctx, &seqnet.Sequences{Items: m.Cols, Start: m.Start, Item: m.Col}, o, from)
	if errors.Is(err, seqnet.ErrDiverged) {
		return nil, fault.Newf(fault.Internal, "The network's training diverged, so nothing was saved: %s.", err)
	}
	return network, err
}

// putNetwork writes the arrays of a network, nothing for nil; its shape is part of the settings.
//
//	network.params   float32, all but the items' vectors
//	network.vectors  float32, the network's width for each item
func putNetwork(w *artifact.Writer, network *seqnet.Model) error {
	if network == nil {
		return nil
	}
	if err := artifact.Put(w, "network.params", network.Params()); err != nil {
		return err
	}
	return artifact.Put(w, "network.vectors", network.Vectors())
}

// getNetwork opens what putNetwork wrote: nil for no shape. The network refers to f's memory.
func getNetwork(f *artifact.File, shape *seqnet.Shape) (*seqnet.Model, error) {
	if shape == nil {
		return nil, nil
	}
	params, err := artifact.Get[float32](f, "network.params")
	if err != nil {
		return nil, err
	}
	vectors, err := artifact.Get[float32](f, "network.vectors")
	if err != nil {
		return nil, err
	}
	return seqnet.Of(*shape, params, vectors)
}

// carryNetwork returns the network for another item table: of an item that it does not know, it thinks what it thinks of
// all in the mean.
func (m *model) carryNetwork(items recipe.Names) (*seqnet.Model, error) {
	if m.network == nil {
		return nil, nil
	}
	return m.network.Carry(items.Len(), recipe.Among(items, m.items))
}
