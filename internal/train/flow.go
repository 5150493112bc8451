package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/eval"
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
	Threads   int           // processors one training uses
	Turns     chan struct{} // as many trainings of all flows run at a time as it holds; nil for no limit beyond each flow's own
	MinEvents int64         // interactions that a training needs
	MinUsers  int           // users with at least two interactions that it needs
	MaxKinds  int           // event types and metadata columns of interactions that it may have; no limit when 0
	Now       func() time.Time
	Log       *slog.Logger

	Choosing    time.Duration // after which no more recipes are tried where some are to choose from; no limit when 0
	Checkpoints time.Duration // between two that a learning keeps of itself, to go on from after a crash; none when 0
}

// Flow returns the flow of solution versions and recommenders. One runs at a time, on all threads.
//
// A training reads the data once and for all: what the datasets hold is written down first, so that a
// training that a crash interrupted goes on with the same. With hyperparameters to choose, it tries them
// on users apart (tune.go). Then one model is learned from nine tenths of the users and measured on the
// others, and one from everybody, which is the version's model. An update takes the place of both
// (update.go).
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

// begin reports the version as in progress, unless somebody has asked to stop it.
func begin(ctx context.Context, tx catalog.Store, version arn.ARN, now time.Time) error {
	rec, err := tx.Get(ctx, version)
	if err != nil || unwanted(rec.Status) {
		return err
	}
	return catalog.Transition(ctx, tx, version, now, "CREATE IN_PROGRESS", nil)
}

// A training is one run of the flow.
type training struct {
	Config
	*job.Run
	order   Order
	trainer recipe.Trainer
	parts   dataset.Parts
	turn    int // of the data; see pin
	started time.Time
}

// A fit is what one of the two learnings leaves, or a trial of hyperparameters.
type fit struct {
	Metrics map[string]float64 `json:"metrics,omitempty"`
	Model   string             `json:"model,omitempty"`
	Refusal string             `json:"refusal,omitempty"` // why a recipe was not tried, "" if it was
	Seconds float64            `json:"seconds"`           // of all threads
}

// The two learnings, by task number.
const (
	measured = iota
	final
	fits
)

func (c Config) run(ctx context.Context, r *job.Run) error {
	if err := c.wanted(ctx, r.Owner); err != nil {
		return err
	}
	if c.Turns != nil {
		select {
		case c.Turns <- struct{}{}:
			defer func() { <-c.Turns }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t := training{Config: c, Run: r, started: c.Now()}
	if err := json.Unmarshal(r.Payload, &t.order); err != nil {
		return fmt.Errorf("payload of training: %w", err)
	}
	var err error
	if t.trainer, err = c.trainer(t.order.Recipe); err != nil {
		return err
	}
	var snap *dataset.Snapshot
	if t.parts, snap, t.turn, err = c.pin(ctx, r, t.order.Group); err != nil {
		return err
	}
	defer snap.Close()
	t.tell(snap)
	var e ended
	if t.order.Base != "" {
		e, err = t.update(ctx)
	} else {
		e, err = t.full(ctx)
	}
	if err != nil {
		return err
	}
	e.State.Data, e.State.Items = Fingerprint(t.parts), FingerprintItems(t.parts)
	e.Hours = math.Round(e.Hours*1000) / 1000
	r.Outcome, err = json.Marshal(e)
	return err
}

// full learns from nothing.
func (t *training) full(ctx context.Context) (ended, error) {
	choosing, err := t.choose(ctx)
	if err != nil {
		return ended{}, err
	}
	seconds, err := t.tune(ctx)
	if err != nil {
		return ended{}, err
	}
	seconds += choosing
	f, err := t.group(ctx, "fit", fits, func(ctx context.Context, n int) (fit, error) {
		return t.fit(ctx, n, t.reporter([...]string{"measuring", "learning"}[n]))
	})
	if err != nil {
		return ended{}, err
	}
	e := ended{State: State{Order: t.order, Model: f[final].Model, Metrics: f[measured].Metrics}}
	for _, name := range t.order.Tuned {
		if e.Tuned == nil {
			e.Tuned = map[string]string{}
		}
		e.Tuned[name] = t.order.Params[name]
	}
	e.Hours = (seconds + f[measured].Seconds + f[final].Seconds) / 3600
	return e, nil
}

// group runs learnings one after the other, each on all threads, and keeps what they leave.
func (t *training) group(ctx context.Context, name string, n int, do func(ctx context.Context, n int) (fit, error)) ([]fit, error) {
	results, err := t.Run.Group(ctx, inTurn(name, t.turn), n, 1, func(ctx context.Context, n int) ([]byte, error) {
		began := t.Now()
		f, err := do(ctx, n)
		if err != nil {
			return nil, err
		}
		f.Seconds = t.Now().Sub(began).Seconds() * float64(t.Threads)
		return json.Marshal(f)
	})
	if err != nil {
		return nil, err
	}
	out := make([]fit, n)
	for k := range out {
		if err := json.Unmarshal(results[k], &out[k]); err != nil {
			return nil, fmt.Errorf("result of training: %w", err)
		}
	}
	return out, nil
}

// reporter tells how far a learning is.
func (t *training) reporter(what string) func(stage string, done, total int) {
	return func(stage string, done, total int) {
		t.Report(job.Progress{Stage: what + ": " + stage, Done: int64(done), Total: int64(total), Unit: "steps", Started: t.started})
	}
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

// ended is what a training hands to settle.
type ended struct {
	State State             `json:"state"`
	Hours float64           `json:"hours"`           // of one processor
	Tuned map[string]string `json:"tuned,omitempty"` // hyperparameters that were searched for
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
func (t *training) fit(ctx context.Context, n int, report func(string, int, int)) (f fit, err error) {
	order, err := t.open(ctx, report)
	if err != nil {
		return f, err
	}
	defer order.close()
	order.Checkpoint = t.checkpoint(n)
	if n == measured {
		f.Metrics, err = t.measure(ctx, t.trainer, order.Training)
		if err == nil && len(t.order.Events) > 0 && order.Data.Weight == nil {
			eval.WeighedAlike(f.Metrics)
		}
	} else {
		f, err = t.publish(ctx, t.trainer, order.Training)
	}
	if err != nil {
		return f, err
	}
	return f, order.Checkpoint.Remove()
}

// publish learns the version's model, beside the one it takes the place of, if there is one.
func (t *training) publish(ctx context.Context, trainer recipe.Trainer, order recipe.Training) (fit, error) {
	rec, err := t.Store.Get(ctx, t.Owner)
	if err != nil {
		return fit{}, err
	}
	st, err := StateOf(rec)
	if err != nil {
		return fit{}, err
	}
	f := fit{Model: Prefix(t.Owner) + "model"}
	if st.Model == f.Model {
		f.Model += "-2"
	}
	return f, blob.Publish(ctx, t.Own, f.Model, t.Scratch, func(path string) error { return learn(ctx, trainer, order, path) })
}

// An opened is an order to learn with the data it is about.
type opened struct {
	recipe.Training
	close func() error
}

// open reads the data as the order counts it.
func (t *training) open(ctx context.Context, report func(string, int, int)) (opened, error) {
	report("reading the data", 0, 0)
	snap, err := t.Snapshots.Open(ctx, t.parts)
	if err != nil {
		return opened{}, err
	}
	sel := t.limits()
	sel.Without = t.parts.Items.AddedAfter(t.order.Since)
	data, counts, err := snap.Data(sel)
	if err != nil {
		snap.Close()
		return opened{}, err
	}
	t.Log.Info("training", "version", t.Owner, "recipe", t.order.Recipe, "interactions", counts.Interactions, "users", counts.Users, "items", counts.Items)
	reward, _ := recipe.Balance(t.order.Sensitivity) // checked when the solution was created
	return opened{
		Training: recipe.Training{Data: data, Reward: reward, Params: t.order.Params, Seed: t.order.Seed, Split: t.order.Split, Now: t.started.Unix(), Threads: t.Threads, Progress: report, Log: t.Log},
		close:    snap.Close,
	}, nil
}

// limits are the selection with what the recipe needs.
func (t *training) limits() dataset.Selection {
	sel := t.order.selection()
	sel.MinInteractions, sel.MinUsers, sel.MaxKinds = t.MinEvents, t.MinUsers, t.MaxKinds
	if t.trainer.Info().WithoutEvents {
		sel.MinInteractions, sel.MinUsers, sel.SparseTexts = 0, 0, true // texts are all that there is to learn from
	}
	_, sel.Moments = t.trainer.(recipe.Segmenter)
	return sel
}

// tell writes into the log what is worth knowing about the data before anything is learned from it.
func (t *training) tell(snap *dataset.Snapshot) {
	in, err := snap.Insights(t.limits())
	if err != nil {
		return // the training fails with the same
	}
	for _, f := range in.Findings {
		t.Log.Info("data", "version", t.Owner, "finding", f.Text)
	}
}

// selection returns which interactions the training counts.
func (o Order) selection() dataset.Selection {
	return dataset.Selection{EventType: o.EventType, Threshold: o.Threshold, Kinds: o.Events, Objective: o.Objective, Included: o.Included, Excluded: o.Excluded}
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

// settle ends the training: ACTIVE with model and metrics, CREATE STOPPED, or CREATE FAILED. Whoever asked
// to stop it is heard even if the training ended first.
func (c Config) settle(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	rec, err := tx.Get(ctx, j.Owner)
	if err != nil {
		return err
	}
	switch {
	case unwanted(rec.Status) || errors.Is(failure, job.ErrCancelled):
		return c.stop(ctx, tx, rec)
	case failure != nil:
		if err := discard(ctx, tx, j.Owner); err != nil {
			return err
		}
		return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE FAILED", map[string]any{"failureReason": fault.Sentence(failure)})
	}
	var e ended
	if err := json.Unmarshal(j.Outcome, &e); err != nil {
		return fmt.Errorf("outcome of training: %w", err)
	}
	err = catalog.Change(ctx, tx, j.Owner, func(rec *catalog.Record) (err error) {
		rec.Extra, err = json.Marshal(e.State)
		return err
	})
	if err != nil {
		return err
	}
	if err := catalog.Transition(ctx, tx, j.Owner, c.Now(), "ACTIVE", e.report(j.Owner.Kind())); err != nil || e.chosen() == "" {
		return err
	}
	parent, err := tx.Get(ctx, rec.Parent)
	if err != nil {
		return err
	}
	return catalog.Transition(ctx, tx, rec.Parent, c.Now(), parent.Status, map[string]any{"autoMLResult": api.AutoMLResult{BestRecipeArn: e.chosen()}})
}

// chosen is the ARN of the recipe that was chosen, "" if there was no choice.
func (e ended) chosen() string {
	if len(e.State.Order.Candidates) == 0 {
		return ""
	}
	return arn.Service(arn.RecipeKind, e.State.Order.Recipe).String()
}

// report returns what the resource tells of its training: a recommender its metrics, which a version has an
// operation for.
func (e ended) report(kind string) map[string]any {
	if kind == arn.Recommender {
		return map[string]any{"modelMetrics": e.State.Metrics}
	}
	patch := map[string]any{"trainingHours": e.Hours}
	if name := e.chosen(); name != "" {
		patch["recipeArn"] = name
	}
	if e.Tuned != nil {
		patch["tunedHPOParams"] = api.TunedHPOParams{AlgorithmHyperParameters: e.Tuned}
	}
	return patch
}
