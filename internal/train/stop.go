package train

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/job"
)

// The statuses of a version that somebody asked to stop.
const (
	stopping = "CREATE STOPPING"
	stopped  = "CREATE STOPPED"
)

func unwanted(status string) bool { return status == stopping || status == stopped }

// wanted fails with job.ErrCancelled if somebody asked to stop the version and the server went down
// before the job heard of it.
func (c Config) wanted(ctx context.Context, version arn.ARN) error {
	rec, err := c.Store.Get(ctx, version)
	if err != nil {
		return err
	}
	if unwanted(rec.Status) {
		return job.ErrCancelled
	}
	return nil
}

// stop settles a version that is not wanted. One that was stopped before it began has its status already.
func (c Config) stop(ctx context.Context, tx catalog.Store, rec catalog.Record) error {
	if err := discard(ctx, tx, rec.ARN); err != nil || rec.Status == stopped {
		return err
	}
	return catalog.Transition(ctx, tx, rec.ARN, c.Now(), stopped, nil)
}

// discardKind names the flow that removes what a training without success left.
const discardKind = "discard"

// discard hands over the removal of a version's artifacts, in the transaction that settles it.
func discard(ctx context.Context, tx catalog.Store, version arn.ARN) error {
	return tx.Enqueue(ctx, catalog.Work{Owner: version, Kind: discardKind})
}

// Discards returns the flow that removes the artifacts of trainings that were stopped or failed. A model
// may be there already when a training is stopped at its last step, or while the server is down.
func Discards(own blob.Driver) job.Flow {
	return job.Flow{
		Kind: discardKind,
		Run: func(ctx context.Context, r *job.Run) error {
			prefix := Prefix(r.Owner)
			for info, err := range own.List(ctx, prefix) {
				if err != nil {
					return fmt.Errorf("list %s: %w", prefix, err)
				}
				if err := own.Delete(ctx, info.Key); err != nil {
					return fmt.Errorf("delete %s: %w", info.Key, err)
				}
			}
			return nil
		},
		Settle: func(context.Context, catalog.Store, job.Job, error) error { return nil },
	}
}
