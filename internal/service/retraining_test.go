package service

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/train"
)

// counted counts the trainings of recommenders, which learn what there is as it is learned.
func (w *world) counted(group string) *int {
	n := new(int)
	for _, kind := range []string{train.FlowKind, train.RetrainKind} {
		f := w.flows[kind]
		run := f.Run
		f.Run = func(ctx context.Context, r *job.Run) error {
			*n++
			parts, err := dataset.ReadParts(ctx, w.db, arn.ARN(group))
			if err != nil {
				return err
			}
			err = catalog.Change(ctx, w.db, r.Owner, func(rec *catalog.Record) (err error) {
				rec.Extra, err = json.Marshal(train.State{Data: train.Fingerprint(parts)})
				return err
			})
			if err != nil {
				return err
			}
			return run(ctx, r)
		}
		w.flows[kind] = f
	}
	return n
}

// A recommender is trained when it is made, and every seven days if there is anything new.
func TestRecommenderSchedule(t *testing.T) {
	w := newWorld(t, Quotas{})
	g := w.group("films", "VIDEO_ON_DEMAND")
	trainings := w.counted(g)
	w.bring(g, "a")
	if err := w.recommend("top", g, "aws-vod-top-picks"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	top := name(arn.Recommender, "top")
	look := func(what string, after time.Duration, want int, next time.Duration) {
		t.Helper()
		w.at = w.at.Add(after)
		at := must[time.Time](t)(w.svc.Tick(w.ctx))
		w.settle()
		if *trainings != want {
			t.Errorf("%s: %d trainings, want %d", what, *trainings, want)
		}
		if got := at.Sub(w.at).Round(time.Minute); got != next {
			t.Errorf("%s: the next is in %v, want %v", what, got, next)
		}
		if s := w.status(top); s != Active && s != Inactive {
			t.Errorf("%s: the recommender is %s", what, s)
		}
	}
	look("as it is made", 0, 1, 7*day)
	look("nothing new", 7*day, 1, 7*day)
	w.bring(g, "b")
	look("new data, but not its turn", 6*day, 1, day)
	look("new data", day, 2, 7*day)
	w.bring(g, "c")
	must[*api.StopRecommenderResponse](t)(w.svc.StopRecommender(w.ctx, &api.StopRecommenderRequest{RecommenderArn: top}))
	w.settle()
	look("stopped", 7*day, 2, 7*day)
	must[*api.StartRecommenderResponse](t)(w.svc.StartRecommender(w.ctx, &api.StartRecommenderRequest{RecommenderArn: top}))
	w.settle()
	look("started", 7*day, 3, 7*day)
	w.bring(g, "d")
	must[*api.UpdateRecommenderResponse](t)(w.svc.UpdateRecommender(w.ctx, &api.UpdateRecommenderRequest{RecommenderArn: top, RecommenderConfig: &api.RecommenderConfig{}}))
	look("while it is being changed", 7*day, 3, retryTraining)
	look("after that", retryTraining, 4, 7*day)
	if err := w.svc.DeleteRecommender(w.ctx, &api.DeleteRecommenderRequest{RecommenderArn: top}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if n := must[int](t)(w.db.Count(w.ctx, catalog.Query{Account: scheduleKind, Kind: scheduleKind})); n > 0 {
		t.Errorf("%d schedules are left", n)
	}
}

// An update that changes the columns to learn from trains, comes into force with the new model, and moves the schedule; one that
// does not, does neither; one whose training fails leaves everything as it was.
func TestRecommenderColumns(t *testing.T) {
	w := newWorld(t, Quotas{})
	g := w.group("films", "VIDEO_ON_DEMAND")
	trainings := w.counted(g)
	w.bring(g, "a")
	if err := w.recommend("top", g, "aws-vod-top-picks"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	top := name(arn.Recommender, "top")
	update := func(c *api.TrainingDataConfig) {
		t.Helper()
		config := &api.RecommenderConfig{TrainingDataConfig: c, MinRecommendationRequestsPerSecond: ptr(int32(2))}
		must[*api.UpdateRecommenderResponse](t)(w.svc.UpdateRecommender(w.ctx, &api.UpdateRecommenderRequest{RecommenderArn: top, RecommenderConfig: config}))
	}
	describe := func() *api.Recommender {
		t.Helper()
		return must[*api.DescribeRecommenderResponse](t)(w.svc.DescribeRecommender(w.ctx, &api.DescribeRecommenderRequest{RecommenderArn: top})).Recommender
	}
	update(nil)
	w.settle()
	if *trainings != 1 {
		t.Errorf("%d trainings after an update of no columns, want the first alone", *trainings)
	}
	without := &api.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Interactions": {"USER_ID"}}}
	w.at = w.at.Add(3 * day)
	update(without)
	j, ok := w.begin()
	if !ok || j.Kind != train.RetrainKind {
		t.Fatalf("the work is %+v, want a training", j)
	}
	var order train.Order
	if err := json.Unmarshal(j.Payload, &order); err != nil || len(order.Excluded["Interactions"]) != 1 || order.Recipe != "aws-vod-top-picks" {
		t.Errorf("the order is %+v, %v, want one without the column", order, err)
	}
	if d := describe(); d.Status != Active || d.LatestRecommenderUpdate.Status != InProgress || d.RecommenderConfig.TrainingDataConfig != nil {
		t.Errorf("meanwhile the recommender is %+v, want ACTIVE with the old configuration", d)
	}
	w.end(j, fault.Newf(fault.Invalid, "There is too little."))
	if d := describe(); d.Status != Active || d.LatestRecommenderUpdate.Status != Failed || d.LatestRecommenderUpdate.FailureReason != "There is too little." || d.RecommenderConfig.TrainingDataConfig != nil {
		t.Errorf("after a failure the recommender is %+v, want ACTIVE with the old configuration and the reason", d)
	}
	update(without)
	w.settle()
	if d := describe(); d.Status != Active || d.LatestRecommenderUpdate.Status != Active || d.RecommenderConfig.TrainingDataConfig == nil || *trainings != 2 {
		t.Errorf("after %d trainings the recommender is %+v, want two and the new configuration", *trainings, d)
	}
	if next := must[time.Time](t)(w.svc.Tick(w.ctx)); next.Sub(w.at).Round(time.Minute) != 7*day {
		t.Errorf("the next training is in %v, want seven days after this one", next.Sub(w.at))
	}
	update(without)
	w.settle()
	if *trainings != 2 {
		t.Errorf("%d trainings after an update to the same columns, want no more", *trainings)
	}
	update(nil)
	w.settle()
	if *trainings != 3 {
		t.Errorf("%d trainings after an update to all columns, want another", *trainings)
	}
}

// A training that fails by itself changes nothing of the recommender.
func TestRecommenderRetrainingFails(t *testing.T) {
	w := newWorld(t, Quotas{})
	g := w.group("films", "VIDEO_ON_DEMAND")
	w.counted(g)
	w.bring(g, "a")
	if err := w.recommend("top", g, "aws-vod-top-picks"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.bring(g, "b")
	w.at = w.at.Add(7 * day)
	must[time.Time](t)(w.svc.Tick(w.ctx))
	j, ok := w.begin()
	if !ok {
		t.Fatal("no training waits")
	}
	w.end(j, errors.New("broken"))
	top := name(arn.Recommender, "top")
	if d := must[*api.DescribeRecommenderResponse](t)(w.svc.DescribeRecommender(w.ctx, &api.DescribeRecommenderRequest{RecommenderArn: top})).Recommender; d.Status != Active || d.FailureReason != "" || d.LatestRecommenderUpdate != nil {
		t.Errorf("the recommender is %+v, want it as it was", d)
	}
}

// status is that of a resource.
func (w *world) status(name string) string {
	w.t.Helper()
	rec, err := w.db.Get(w.ctx, arn.ARN(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Status
}
