package train

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// RetrainKind names the flow of recommenders that learn anew.
const RetrainKind = "retrain"

// Retraining returns the flow that trains a recommender anew while it goes on with the model that it has. At its end the new model
// and its metrics take the place of those, in one transaction; the status stays as it is. After a failure so does
// everything else. The payload is an [Order].
//
// A recommender has two places for models, so that no file changes that somebody reads: what is replaced stays until the next
// time but one.
func Retraining(c Config) job.Flow {
	return job.Flow{Kind: RetrainKind, Run: c.run, Settle: c.replace}
}

// replace puts what was learned in the place of what there was.
func (c Config) replace(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	if failure != nil {
		c.Log.Warn("the recommender keeps its model: a training failed", "recommender", j.Owner, "reason", fault.Sentence(failure))
		return nil
	}
	var e ended
	if err := json.Unmarshal(j.Outcome, &e); err != nil {
		return fmt.Errorf("outcome of training: %w", err)
	}
	var status string
	err := catalog.Change(ctx, tx, j.Owner, func(rec *catalog.Record) (err error) {
		status = rec.Status
		rec.Extra, err = json.Marshal(e.State)
		return err
	})
	if err != nil {
		return err
	}
	return catalog.Transition(ctx, tx, j.Owner, c.Now(), status, e.report(j.Owner.Kind()))
}
