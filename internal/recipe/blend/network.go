package blend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A network is a transformer over histories, or a recurrent network, ready to answer.
type network struct {
	*seqnet.Model
	matrix *topk.Matrix // of the items' vectors
}

func newNetwork(m *seqnet.Model) (*network, error) {
	n := m.Items()
	matrix, err := topk.NewMatrix(n, m.Shape().Width, m.Vectors(), make([]float32, n))
	return &network{m, matrix}, err
}

// The sizes of the network and of its training. Rounds are passes over the events; the last ones are over what
// the inner split had held back as well.
const (
	netWidth      = 64
	netWindow     = 200
	netRate       = 0.003
	netCandidates = 512
	netRounds     = 20
	netLastRounds = 3
	netLastRate   = 0.001
	netMost       = 40 << 20 // events in all rounds
	netHidden     = 128      // numbers that a recurrent network remembers a history by

	netMostRecurrent = 8 << 20 // events in all rounds of a recurrent network: some two minutes of one processor
	netTests         = 500     // of the inner split, to end the training by
	netLeast         = 30_000  // events; from fewer, its hundred thousand numbers are not learned
)

// netOptions are for training on s; small data takes smaller steps, so that there are enough of them.
func netOptions(t *recipe.Training, s *sequences, rounds int64, rate float32) seqnet.Options {
	events, most := len(s.item), int64(netMost)
	shape, _ := netShape(t.Params) // checked before anything was learned
	if shape.Kind == seqnet.Recurrent {
		most = netMostRecurrent
	}
	return seqnet.Options{
		Shape:   shape,
		Dropout: netDropout(s), Rate: rate, Events: min(rounds*int64(events), most),
		Batch: max(512, min(4096, events/128)), Candidates: netCandidates, Seed: t.Seed, Threads: t.Threads, Progress: netProgress(t),
	}
}

// netShape is that of a transformer, or of a recurrent network where the parameters say how far that looks back.
func netShape(params map[string]string) (seqnet.Shape, error) {
	if params["bptt"] == "" {
		return seqnet.Shape{Width: netWidth, Window: netWindow}, nil
	}
	window, err := strconv.Atoi(params["bptt"])
	if err != nil {
		return seqnet.Shape{}, fmt.Errorf("parameter bptt: %w", err)
	}
	dim, err := strconv.Atoi(params["hidden_dimension"])
	if err != nil {
		return seqnet.Shape{}, fmt.Errorf("parameter hidden_dimension: %w", err)
	}
	return seqnet.Shape{Kind: seqnet.Recurrent, Width: min(dim, netWidth), Hidden: min(dim, netHidden), Window: window}, nil
}

// learnsOrder reports whether a network is to be learned: whether there is enough to learn from and, for a recurrent one, the
// order of events tells anything at all, which costs little to find out.
func learnsOrder(t *recipe.Training, s *sequences) bool {
	if len(s.item) < netLeast {
		return false
	}
	shape, _ := netShape(t.Params) // checked before anything was learned
	if shape.Kind != seqnet.Recurrent {
		return true
	}
	d := s.distinct()
	return recipe.OrderTells(d.start, d.item, t.Seed)
}

// netDropout is 0.2 where an item has a hundred events or more, and 0.4 where it has ten: what is seen seldom is
// learned by heart.
func netDropout(s *sequences) float32 {
	each := float64(len(s.item)) / float64(s.n)
	return float32(min(0.4, max(0.2, 0.4-0.2*math.Log10(each/10))))
}

// netProgress tells of a training's steps.
func netProgress(t *recipe.Training) func(seqnet.Report) {
	return func(r seqnet.Report) {
		t.Log.Debug("network", "step", r.Step, "of", r.Steps, "nats an event", r.Loss, "nats a test", r.Held)
		if t.Progress != nil {
			t.Progress("network", r.Step, r.Steps)
		}
	}
}

// trainNetwork learns what comes next in the sequences, until the tests are told no better. Of the tests' users it does
// not see every second one at all: a network knows the histories it has learned from better than others, and both
// kinds of users will ask.
func trainNetwork(ctx context.Context, t *recipe.Training, s *sequences, tests []test) (*network, error) {
	s = s.without(tests)
	o := netOptions(t, s, netRounds, netRate)
	o.Tests = netTestsOf(tests)
	return finish(seqnet.Train(ctx, s.forNetwork(), o, nil))
}

// netTestsOf are the first events of the tests.
func netTestsOf(tests []test) (out []seqnet.Test) {
	for _, t := range tests[:min(len(tests), netTests)] {
		if len(t.before) > 0 {
			out = append(out, seqnet.Test{History: t.before, Next: t.first()})
		}
	}
	return out
}

// goOn lets a network learn from all sequences what it has learned from some.
func (n *network) goOn(ctx context.Context, t *recipe.Training, s *sequences) (*network, error) {
	if n == nil {
		return nil, nil
	}
	o := netOptions(t, s, netLastRounds, netLastRate)
	o.Seed++
	return finish(seqnet.Train(ctx, s.forNetwork(), o, n.Model))
}

func finish(m *seqnet.Model, err error) (*network, error) {
	if errors.Is(err, seqnet.ErrDiverged) {
		return nil, fault.Newf(fault.Internal, "The network's training diverged, so nothing was saved: %s.", err)
	}
	if err != nil {
		return nil, err
	}
	return newNetwork(m)
}

// first returns what came next at once, or the first of what weighs most.
func (t *test) first() int32 {
	best := 0
	for k := range t.worth {
		if t.worth[k] > t.worth[best] {
			best = k
		}
	}
	return t.next[best]
}

// leastWeight is what an event weighs at least for a network, whose steps are means by weight: a batch of
// events without any would have none.
const leastWeight = 1e-3

func (s *sequences) forNetwork() *seqnet.Sequences {
	out := &seqnet.Sequences{Items: s.n, Start: s.start, Item: s.item}
	for _, w := range s.weight {
		out.Weight = append(out.Weight, max(w, leastWeight))
	}
	return out
}

// put writes the arrays of a network:
//
//	network.params   float32, all but the items' vectors
//	network.vectors  float32, the network's width for each item
//
// Its shape is part of the settings.
func (n *network) put(w *artifact.Writer) error {
	if n == nil {
		return nil
	}
	if err := artifact.Put(w, "network.params", n.Params()); err != nil {
		return err
	}
	return artifact.Put(w, "network.vectors", n.Vectors())
}

func getNetwork(f *artifact.File, shape *seqnet.Shape) (*network, error) {
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
	m, err := seqnet.Of(*shape, params, vectors)
	if err != nil {
		return nil, err
	}
	return newNetwork(m)
}

// shape is what the settings keep of a network.
func (n *network) shape() *seqnet.Shape {
	if n == nil {
		return nil
	}
	s := n.Shape()
	return &s
}

// heard is how many of the items that a network finds likeliest are scored.
const heard = 500

// An ear is scratch memory for what a network says of one history.
type ear struct {
	state  []float32
	job    [1]topk.Job
	likely []int32 // the likeliest items, best first
}

// hear makes the logits of all items after a history known. It fails only when ctx is cancelled.
func (e *ear) hear(ctx context.Context, n *network, items []int32) error {
	if len(e.state) != n.Shape().Width {
		e.state = make([]float32, n.Shape().Width)
	}
	n.Encode(items, e.state)
	j := &e.job[0]
	if j.Set(e.state, 0) != nil { // longer than topk.MaxNorm
		clear(e.state)
		j.Set(e.state, 0)
	}
	e.likely = e.likely[:0]
	j.Best.Reset(min(heard, n.Items()))
	err := topk.Best(ctx, n.matrix, e.job[:])
	for _, key := range j.Best.Sorted() {
		e.likely = append(e.likely, key.Index())
	}
	return err
}

// logit is what the network gives item i.
func (e *ear) logit(n *network, i int32) float32 { return n.matrix.Score(&e.job[0], int(i)) }
