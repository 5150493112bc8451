package train

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/recipe"
)

// mainMetric is what hyperparameters are chosen by.
const mainMetric = "normalized_discounted_cumulative_gain_at_25"

// tune tries the order's sets of parameters and goes on with the best of them, the first of equals. It
// returns the processor time it took.
//
// The users that a version's metrics are measured on have no say in it, or the metrics would flatter what
// was chosen: of the others nine tenths are learned from and the last tenth decides.
func (t *training) tune(ctx context.Context) (seconds float64, err error) {
	if len(t.order.Trials) == 0 {
		return 0, nil
	}
	trials, err := t.group(ctx, "trial", len(t.order.Trials), func(ctx context.Context, n int) (fit, error) {
		return t.try(ctx, t.order.Trials[n], t.reporter(fmt.Sprintf("trial %d of %d", n+1, len(t.order.Trials))))
	})
	if err != nil {
		return 0, err
	}
	best := 0
	for n, f := range trials {
		seconds += f.Seconds
		if f.Metrics[mainMetric] > trials[best].Metrics[mainMetric] {
			best = n
		}
	}
	t.order.Params = t.order.Trials[best]
	t.Log.Info("hyperparameters chosen", "version", t.Owner, "trial", best+1, "score", trials[best].Metrics[mainMetric],
		"default", trials[0].Metrics[mainMetric], "parameters", t.order.Params)
	return seconds, nil
}

// try measures one set of parameters.
func (t *training) try(ctx context.Context, params map[string]string, report func(string, int, int)) (f fit, err error) {
	order, err := t.open(ctx, report)
	if err != nil {
		return f, err
	}
	defer order.close()
	order.Params = params
	order.Data, _ = recipe.Holdout(order.Data, order.Split)
	order.Split++ // draws other users
	f.Metrics, err = t.measure(ctx, t.trainer, order.Training)
	t.Log.Info("hyperparameters tried", "version", t.Owner, "score", f.Metrics[mainMetric], "parameters", params)
	return f, err
}
