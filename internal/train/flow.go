package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Config is what trainings work with.
type Config struct {
	Store     catalog.Store
	Snapshots *dataset.Snapshots
	Own       blob.Driver // where models go
	Scratch   string      // folder for the model that is only measured
	Recipes   []recipe.Entry
	Threads   int   // processors one training uses
	MinEvents int64 // interactions that a training needs
	MinUsers  int   // users with at least two interactions that it needs
	Now       func() time.Time
	Log       *slog.Logger
}

// Flow returns the flow of solution versions. One runs at a time, on all threads.
//
// A training reads the data once and for all: what the datasets hold is written down first, so that a
// training that a crash interrupted goes on with the same. Then one model is learned from nine tenths of
// the users and measured on the others, and one from everybody, which is the version's model.
func Flow(c Config) job.Flow {
	return job.Flow{
		Kind: FlowKind,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return begin(ctx, tx, j.Owner, c.Now())
		},
		Run: c.run,
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			return c.settle(ctx, tx, j, failure)
		},
	}
}

// begin reports the version as in progress, unless it is being stopped.
func begin(ctx context.Context, tx catalog.Store, version arn.ARN, now time.Time) error {
	rec, err := tx.Get(ctx, version)
	if err != nil {
		return err
	}
	if rec.Status == "CREATE STOPPING" {
		return nil
	}
	return catalog.Transition(ctx, tx, version, now, "CREATE IN_PROGRESS", nil)
}

// A fit is what one of the two learnings leaves.
type fit struct {
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Model   string             `json:"model,omitempty"`
	Seconds float64            `json:"seconds"` // of all threads
}

// The two learnings, by task number.
const (
	measured = iota
	final
	fits
)

func (c Config) run(ctx context.Context, r *job.Run) error {
	var o Order
	if err := json.Unmarshal(r.Payload, &o); err != nil {
		return fmt.Errorf("payload of training: %w", err)
	}
	trainer, err := c.trainer(o.Recipe)
	if err != nil {
		return err
	}
	parts, snap, turn, err := c.pin(ctx, r, o.Group)
	if err != nil {
		return err
	}
	defer snap.Close()
	started := c.Now()
	results, err := r.Group(ctx, inTurn("fit", turn), fits, 1, func(ctx context.Context, n int) ([]byte, error) {
		report := func(stage string, done, total int) {
			stage = [...]string{"measuring", "learning"}[n] + ": " + stage
			r.Report(job.Progress{Stage: stage, Done: int64(done), Total: int64(total), Unit: "steps", Started: started})
		}
		return c.fit(ctx, n, r.Owner, o, parts, trainer, report)
	})
	if err != nil {
		return err
	}
	r.Outcome, err = outcome(o, results)
	return err
}

// pin decides once and for all which data the training learns from and opens it, so that it stays until the
// training ends: what tasks open is then the same. After a restart it may be gone, replaced by an import or
// a deletion, and the training begins anew with what took its place, in another turn.
func (c Config) pin(ctx context.Context, r *job.Run, group arn.ARN) (parts dataset.Parts, snap *dataset.Snapshot, turn int, err error) {
	for last := ""; ; turn++ {
		pinned, err := r.Once(ctx, inTurn("data", turn), func(ctx context.Context) ([]byte, error) {
			p, err := dataset.ReadParts(ctx, c.Store, group)
			if err != nil {
				return nil, err
			}
			return json.Marshal(p)
		})
		if err != nil {
			return parts, nil, turn, err
		}
		parts = dataset.Parts{}
		if err := json.Unmarshal(pinned, &parts); err != nil {
			return parts, nil, turn, fmt.Errorf("pinned data: %w", err)
		}
		snap, err := c.Snapshots.Open(ctx, parts)
		key := dataset.SnapshotKey(parts)
		if !dataset.IsGone(err) || key == last { // twice the same: it was not replaced but lost
			return parts, snap, turn, err
		}
		c.Log.Info("the data of a training was replaced", "version", r.Owner, "turn", turn)
		last = key
	}
}

// inTurn names a group of tasks in a turn. The first turn's have the plain name.
func inTurn(name string, turn int) string {
	if turn == 0 {
		return name
	}
	return fmt.Sprintf("%s.%d", name, turn)
}

// outcome puts together what settle keeps.
func outcome(o Order, results [][]byte) (json.RawMessage, error) {
	var f [fits]fit
	for n := range f {
		if err := json.Unmarshal(results[n], &f[n]); err != nil {
			return nil, fmt.Errorf("result of training: %w", err)
		}
	}
	return json.Marshal(ended{
		State: State{Order: o, Model: f[final].Model, Metrics: f[measured].Metrics},
		Hours: math.Round((f[measured].Seconds+f[final].Seconds)/3600*1000) / 1000,
	})
}

// ended is what a training hands to settle.
type ended struct {
	State State   `json:"state"`
	Hours float64 `json:"hours"` // of one processor
}

func (c Config) trainer(name string) (recipe.Trainer, error) {
	for _, e := range c.Recipes {
		if e.Name == name && e.Trainer != nil {
			return e.Trainer, nil
		}
	}
	return nil, fault.Newf(fault.Unsupported, "This server cannot train the recipe %s.", name)
}

// fit learns one of the two models.
func (c Config) fit(ctx context.Context, n int, version arn.ARN, o Order, parts dataset.Parts, trainer recipe.Trainer, report func(string, int, int)) ([]byte, error) {
	began := c.Now()
	report("reading the data", 0, 0)
	snap, err := c.Snapshots.Open(ctx, parts)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	sel := o.selection()
	sel.MinInteractions, sel.MinUsers = c.MinEvents, c.MinUsers
	data, counts, err := snap.Data(sel)
	if err != nil {
		return nil, err
	}
	c.Log.Info("training", "version", version, "recipe", o.Recipe, "interactions", counts.Interactions, "users", counts.Users, "items", counts.Items)
	t := recipe.Training{Data: data, Params: o.Params, Seed: o.Seed, Threads: c.Threads, Progress: report, Log: c.Log}
	var res fit
	if n == measured {
		res.Metrics, err = c.measure(ctx, trainer, t)
	} else {
		res.Model = Prefix(version) + "model"
		err = blob.Publish(ctx, c.Own, res.Model, c.Scratch, func(path string) error { return learn(ctx, trainer, t, path) })
	}
	if err != nil {
		return nil, err
	}
	res.Seconds = c.Now().Sub(began).Seconds() * float64(c.Threads)
	return json.Marshal(res)
}

// selection returns which interactions the training counts.
func (o Order) selection() dataset.Selection {
	return dataset.Selection{EventType: o.EventType, Threshold: o.Threshold, Included: o.Included, Excluded: o.Excluded}
}

// learn trains into a file at path.
func learn(ctx context.Context, trainer recipe.Trainer, t recipe.Training, path string) error {
	w, err := artifact.Create(path)
	if err != nil {
		return err
	}
	defer w.Discard()
	t.Out = w
	if err := trainer.Train(ctx, t); err != nil {
		return err
	}
	return w.Commit()
}

// settle ends the training: ACTIVE with model and metrics, CREATE STOPPED, or CREATE FAILED.
func (c Config) settle(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	if errors.Is(failure, job.ErrCancelled) {
		return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE STOPPED", nil)
	}
	if failure != nil {
		return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE FAILED", map[string]any{"failureReason": fault.Sentence(failure)})
	}
	var e ended
	if err := json.Unmarshal(j.Outcome, &e); err != nil {
		return fmt.Errorf("outcome of training: %w", err)
	}
	err := catalog.Change(ctx, tx, j.Owner, func(rec *catalog.Record) (err error) {
		rec.Extra, err = json.Marshal(e.State)
		return err
	})
	if err != nil {
		return err
	}
	return catalog.Transition(ctx, tx, j.Owner, c.Now(), "ACTIVE", map[string]any{"trainingHours": e.Hours})
}
