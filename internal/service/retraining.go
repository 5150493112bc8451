package service

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/train"
)

// Recommenders are trained when they are made, every seven days after that if there is anything new, and when an update changes
// the columns that they learn from. (domains.md §1.)

// A retraining is the payload of train.RetrainKind: what to learn, and the change that asked for it, nil for none.
type retraining struct {
	train.Order
	Revision *revision `json:"revision,omitempty"`
}

// Revising returns a flow of retrainings that takes the change along which asked for one: it comes into force with the new
// model, or fails with the training.
func Revising(f job.Flow, now func() time.Time) job.Flow {
	if now == nil {
		now = time.Now
	}
	begin, settle := f.Begin, f.Settle
	with := func(j job.Job, do func(revision) error) error {
		var r retraining
		if err := json.Unmarshal(j.Payload, &r); err != nil {
			return fmt.Errorf("payload of retraining: %w", err)
		}
		if r.Revision == nil {
			return nil
		}
		return do(*r.Revision)
	}
	f.Begin = func(ctx context.Context, tx catalog.Store, j job.Job) error {
		if begin != nil {
			if err := begin(ctx, tx, j); err != nil {
				return err
			}
		}
		return with(j, func(r revision) error { return r.begin(ctx, tx, j, now()) })
	}
	f.Settle = func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
		if err := settle(ctx, tx, j, failure); err != nil {
			return err
		}
		return with(j, func(r revision) error { return r.end(ctx, tx, j, now(), failure) })
	}
	return f
}

// recommenderScheduleOf names the schedule of a recommender. No solution has such a name.
func recommenderScheduleOf(recommender arn.ARN) arn.ARN {
	return arn.New(recommender.Region(), recommender.Account(), scheduleKind, ".recommender/"+recommender.Name())
}

// scheduleRecommender lets the seven days begin anew inside tx. It returns when they are over.
func scheduleRecommender(ctx context.Context, tx catalog.Store, recommender arn.ARN, at time.Time) (due time.Time, err error) {
	t := timetable{Owner: recommender, Days: defaultDays}
	t.move(at, at.Add(t.every()))
	return t.Due.Time, setTimetable(ctx, tx, recommenderScheduleOf(recommender), &t)
}

// takeRecommender begins a training that is due if there is anything new to learn, and moves the timetable on. One that is
// being changed waits.
func (s *Service) takeRecommender(ctx context.Context, tx catalog.Store, t *timetable, now time.Time) error {
	doc, rec, err := catalog.Load[api.Recommender](ctx, tx, t.Owner)
	if err != nil {
		return err
	}
	reason := "the recommender is " + rec.Status
	if rec.Status == Active {
		if reason, err = unchanged(ctx, tx, doc, rec); err != nil {
			return err
		}
	}
	if reason != "" {
		t.skip(now)
		s.log.Info("no automatic training", "recommender", t.Owner, "reason", reason, "next", t.Due.Time)
		return nil
	}
	e, err := s.recipe(doc.RecipeArn)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(retraining{Order: recommenderOrder(e, doc)})
	if err != nil {
		return err
	}
	err = enqueue(ctx, tx, catalog.Work{Owner: t.Owner, Kind: train.RetrainKind, Payload: payload})
	if fault.Is(err, fault.InUse) {
		t.Due = *api.NewTime(now.Add(retryTraining))
		return nil
	}
	if err != nil {
		return err
	}
	t.move(now, now.Add(t.every()))
	s.log.Info("automatic training begins", "recommender", t.Owner, "next", t.Due.Time)
	return nil
}

// unchanged says why a training would learn nothing new, "" if it would.
func unchanged(ctx context.Context, tx catalog.Store, r api.Recommender, rec catalog.Record) (reason string, err error) {
	parts, err := dataset.ReadParts(ctx, tx, arn.ARN(r.DatasetGroupArn))
	if err != nil {
		return "", err
	}
	st, err := train.StateOf(rec)
	if err == nil && st.Data == train.Fingerprint(parts) {
		reason = "there are no new interactions"
	}
	return reason, err
}

// sameColumns reports whether two configurations let the same columns be learned from.
func sameColumns(a, b *api.RecommenderConfig) bool {
	x, y := columnsOf(a), columnsOf(b)
	same := func(m, n map[string][]string) bool { return maps.EqualFunc(m, n, slices.Equal) }
	return same(x.ExcludedDatasetColumns, y.ExcludedDatasetColumns) && same(x.IncludedDatasetColumns, y.IncludedDatasetColumns)
}

func columnsOf(c *api.RecommenderConfig) api.TrainingDataConfig {
	return or(or(c, api.RecommenderConfig{}).TrainingDataConfig, api.TrainingDataConfig{})
}
