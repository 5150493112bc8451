package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// DeletionFlow names the flow of data deletion jobs.
const DeletionFlow = "delete-users"

// The statuses of a data deletion job, which has its own words for them.
const (
	DeletionPending    = "PENDING"
	deletionInProgress = "IN_PROGRESS"
	deletionCompleted  = "COMPLETED"
	deletionFailed     = "FAILED"
)

// A DeletionOrder is the payload of a data deletion job.
type DeletionOrder struct {
	Group    arn.ARN `json:"group"`
	Location string  `json:"location"` // of the ids
}

// DeletionConfig is what data deletion jobs work with.
type DeletionConfig struct {
	Deleter *Deleter
	Store   catalog.Store
	Now     func() time.Time
}

// Deletions returns the flow of data deletion jobs. One runs at a time.
//
// Every segment that has rows of the users is written again without them, under a new key. The datasets get
// the new segments in the transaction that makes the job COMPLETED: until then nothing has changed, and
// afterwards every history, filter and training that opens the data sees it without the users. The old
// files are garbage from then on; a Sweeper removes them.
//
// Data that an import brings while the job runs is looked at too, except what arrives in the last moment:
// that counts as imported after the deletion.
func Deletions(c DeletionConfig) job.Flow {
	return job.Flow{
		Kind: DeletionFlow,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return catalog.Transition(ctx, tx, j.Owner, c.Now(), deletionInProgress, nil)
		},
		Run: c.run,
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			return c.settle(ctx, tx, j, failure)
		},
	}
}

// withUsers are the dataset types whose records belong to users.
var withUsers = []string{Interactions, Users, ActionInteractions}

// A target is one segment to go through.
type target struct {
	Dataset arn.ARN `json:"dataset"`
	Segment Segment `json:"segment"`
}

// A done target is what settle needs of it.
type doneTarget struct {
	Dataset arn.ARN `json:"dataset"`
	Rewrite
}

func (c DeletionConfig) run(ctx context.Context, r *job.Run) error {
	var o DeletionOrder
	if err := json.Unmarshal(r.Payload, &o); err != nil {
		return fmt.Errorf("payload of deletion: %w", err)
	}
	r.Report(job.Progress{Stage: "reading", Unit: "segments"})
	users, err := c.Deleter.users(ctx, o.Location)
	if err != nil {
		return err
	}
	if err := samePlan(ctx, r, users, o); err != nil {
		return err
	}
	seen := map[string]bool{}
	all := []doneTarget{}
	for round := 0; ; round++ {
		targets, err := c.targets(ctx, r, o, round, seen)
		if err != nil {
			return err
		}
		if len(targets) == 0 {
			break
		}
		done, err := c.rewriteAll(ctx, r, round, targets, users)
		if err != nil {
			return err
		}
		all = append(all, done...)
	}
	r.Outcome, err = json.Marshal(all)
	return err
}

// samePlan refuses to go on, after an interruption, with another list of users than the one begun with.
func samePlan(ctx context.Context, r *job.Run, users *userSet, o DeletionOrder) error {
	digest := users.digest()
	first, err := r.Once(ctx, "users", func(context.Context) ([]byte, error) { return []byte(digest), nil })
	if err == nil && string(first) != digest {
		err = invalid("The list of users in %s changed while the job was running.", o.Location)
	}
	return err
}

// targets returns the segments of a round: all at first, then those that have come since.
func (c DeletionConfig) targets(ctx context.Context, r *job.Run, o DeletionOrder, round int, seen map[string]bool) ([]target, error) {
	planned, err := r.Once(ctx, fmt.Sprintf("plan.%d", round), func(ctx context.Context) ([]byte, error) {
		targets := []target{}
		for _, kind := range withUsers {
			st, err := c.state(ctx, Name(o.Group, kind))
			if err != nil {
				return nil, err
			}
			for _, g := range st.Segments {
				if !seen[g.Key] {
					targets = append(targets, target{Name(o.Group, kind), g})
				}
			}
		}
		return json.Marshal(targets)
	})
	if err != nil {
		return nil, err
	}
	var targets []target
	if err := json.Unmarshal(planned, &targets); err != nil {
		return nil, fmt.Errorf("plan of deletion: %w", err)
	}
	for _, t := range targets {
		seen[t.Segment.Key] = true
	}
	return targets, nil
}

// state returns the content of a dataset, nothing if there is none.
func (c DeletionConfig) state(ctx context.Context, dataset arn.ARN) (State, error) {
	rec, err := c.Store.Get(ctx, dataset)
	if fault.Is(err, fault.NotFound) || err == nil && leaving(rec) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	return StateOf(rec)
}

func (c DeletionConfig) rewriteAll(ctx context.Context, r *job.Run, round int, targets []target, users *userSet) ([]doneTarget, error) {
	results, err := r.Group(ctx, fmt.Sprintf("rewrite.%d", round), len(targets), 1, func(ctx context.Context, n int) ([]byte, error) {
		r.Report(job.Progress{Stage: "rewriting", Done: int64(n), Total: int64(len(targets)), Unit: "segments"})
		t := targets[n]
		rw, err := c.Deleter.rewrite(ctx, t.Segment, keptKey(Prefix(t.Dataset), r.Owner.Name(), round, n), users)
		if IsGone(err) {
			rw, err = c.replaced(ctx, t, err)
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(doneTarget{t.Dataset, rw})
	})
	if err != nil {
		return nil, err
	}
	out := make([]doneTarget, len(results))
	for i, b := range results {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			return nil, fmt.Errorf("result of deletion: %w", err)
		}
	}
	return out, nil
}

// replaced has nothing to do for a segment that its dataset does not have any more. One that it still has
// was lost, and that is nothing to pass over.
func (c DeletionConfig) replaced(ctx context.Context, t target, gone error) (Rewrite, error) {
	st, err := c.state(ctx, t.Dataset)
	if err != nil {
		return Rewrite{}, err
	}
	for _, g := range st.Segments {
		if g.Key == t.Segment.Key {
			return Rewrite{}, gone
		}
	}
	return Rewrite{Old: t.Segment.Key}, nil
}

// settle gives the datasets their new segments.
func (c DeletionConfig) settle(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	if failure != nil {
		return catalog.Transition(ctx, tx, j.Owner, c.Now(), deletionFailed, map[string]any{"failureReason": fault.Sentence(failure)})
	}
	var all []doneTarget
	if err := json.Unmarshal(j.Outcome, &all); err != nil {
		return fmt.Errorf("outcome of deletion: %w", err)
	}
	by := map[arn.ARN][]Rewrite{}
	for _, d := range all {
		by[d.Dataset] = append(by[d.Dataset], d.Rewrite)
	}
	total := int64(0)
	for dataset, rewrites := range by {
		n, err := swap(ctx, tx, dataset, rewrites)
		if err != nil {
			return err
		}
		total += n
	}
	return catalog.Transition(ctx, tx, j.Owner, c.Now(), deletionCompleted, map[string]any{"numDeleted": min(total, math.MaxInt32)})
}

// swap puts new segments in the place of the old ones, and returns how many rows went.
func swap(ctx context.Context, tx catalog.Store, dataset arn.ARN, rewrites []Rewrite) (dropped int64, err error) {
	err = catalog.Change(ctx, tx, dataset, func(rec *catalog.Record) error {
		st, err := StateOf(*rec)
		if err != nil {
			return err
		}
		st, dropped = st.Rewritten(rewrites)
		rec.Extra, err = json.Marshal(st)
		return err
	})
	if fault.Is(err, fault.NotFound) { // deleted meanwhile, with all it had
		return 0, nil
	}
	return dropped, err
}
