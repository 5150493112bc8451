package train

import (
	"context"

	"github.com/kindredrec/kindred/internal/fault"
)

// A Candidate is one recipe that a training may choose, with all its parameters and those to search, as an Order has
// them.
type Candidate struct {
	Recipe string              `json:"recipe"`
	Params map[string]string   `json:"params"`
	Trials []map[string]string `json:"trials,omitempty"`
	Tuned  []string            `json:"tuned,omitempty"`
}

// choose learns with each candidate and goes on with the one whose metric is best on the users that hyperparameters
// are chosen on (see tune), the first of equals. It returns the processor time it took.
//
// A candidate that refuses the data is left out, unless they all do. Once the training has taken Config.Choosing, those
// that have not begun are left out as well; the first never is.
func (t *training) choose(ctx context.Context) (seconds float64, err error) {
	all := t.order.Candidates
	if len(all) == 0 {
		return 0, nil
	}
	tried, err := t.group(ctx, "candidate", len(all), func(ctx context.Context, n int) (fit, error) {
		return t.consider(ctx, n)
	})
	if err != nil {
		return 0, err
	}
	best := -1
	for n, f := range tried {
		seconds += f.Seconds
		if f.Refusal == "" && (best < 0 || f.Metrics[t.order.metric()] > tried[best].Metrics[t.order.metric()]) {
			best = n
		}
	}
	if best < 0 {
		return 0, fault.Newf(fault.Invalid, "No recipe can learn from the data. The first, %s: %s", all[0].Recipe, tried[0].Refusal)
	}
	t.Log.Info("recipe chosen", "version", t.Owner, "recipe", all[best].Recipe, "metric", t.order.metric(), "score", tried[best].Metrics[t.order.metric()])
	return seconds, t.take(all[best])
}

// consider measures candidate n.
func (t *training) consider(ctx context.Context, n int) (fit, error) {
	all := t.order.Candidates
	if n > 0 && t.Choosing > 0 && t.Now().Sub(t.started) > t.Choosing {
		t.Log.Info("recipe not tried for lack of time", "version", t.Owner, "recipe", all[n].Recipe, "limit", t.Choosing)
		return fit{Refusal: "There was no time left to try it."}, nil
	}
	one := *t
	if err := one.take(all[n]); err != nil {
		return fit{}, err
	}
	f, err := one.try(ctx, all[n].Params, t.reporter("trying "+all[n].Recipe))
	if fault.Is(err, fault.Invalid) {
		t.Log.Info("recipe left out", "version", t.Owner, "recipe", all[n].Recipe, "because", fault.Sentence(err))
		return fit{Refusal: fault.Sentence(err)}, nil
	}
	return f, err
}

// take makes the order one for a candidate.
func (t *training) take(c Candidate) error {
	trainer, err := t.Config.trainer(c.Recipe)
	if err != nil {
		return err
	}
	t.trainer = trainer
	t.order.Recipe, t.order.Params, t.order.Trials, t.order.Tuned = c.Recipe, c.Params, c.Trials, c.Tuned
	return nil
}

// metric is what candidates are compared by.
func (o Order) metric() string {
	if o.Metric == "" {
		return mainMetric
	}
	return o.Metric
}
