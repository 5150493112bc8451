package train_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// A recommender that learns anew goes on with what it has until the new model and its metrics take its place, whatever its
// status; what is open stays readable, and a training that fails changes nothing.
func TestRetraining(t *testing.T) {
	w := newWorld(t, toy{})
	name := arn.New(region, account, arn.Recommender, "s")
	order := func(answer, event string) train.Order {
		return train.Order{Group: group, Recipe: "toy", EventType: event, Params: map[string]string{"answer": answer}}
	}
	w.insert(name, arn.Recommender, "CREATE PENDING", map[string]string{"status": "CREATE PENDING"}, nil,
		&catalog.Work{Owner: name, Kind: train.FlowKind, Payload: encode(t, order("nothing", "watch"))})
	w.start()
	w.await("train done")
	again := func(o train.Order, outcome string) (api.Recommender, train.State) {
		t.Helper()
		if err := w.db.Enqueue(t.Context(), catalog.Work{Owner: name, Kind: train.RetrainKind, Payload: encode(t, o)}); err != nil {
			t.Fatal(err)
		}
		w.pool.Wake()
		w.await("retrain " + outcome)
		doc, rec, err := catalog.Load[api.Recommender](t.Context(), w.db, name)
		if err != nil {
			t.Fatal(err)
		}
		st, err := train.StateOf(rec)
		if err != nil {
			t.Fatal(err)
		}
		return doc, st
	}
	old, err := w.cfg.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	doc, first := again(order("items", "watch"), "done")
	if doc.Status != "ACTIVE" || doc.ModelMetrics["coverage"] <= 0 || first.Order.Params["answer"] != "items" {
		t.Errorf("the recommender is %+v with %+v, want ACTIVE with the metrics of the new model", doc, first)
	}
	if old.Model.Items().Len() == 0 || old.Model.Items().At(0) == "" {
		t.Error("what was open before cannot be read any more")
	}
	doc, second := again(order("nothing", "Purchase"), "failed")
	if doc.Status != "ACTIVE" || doc.FailureReason != "" || doc.ModelMetrics["coverage"] <= 0 || second.Model != first.Model {
		t.Errorf("after a failure the recommender is %+v with %+v, want it as it was", doc, second)
	}
	if err := catalog.Transition(t.Context(), w.db, name, w.cfg.Now(), "INACTIVE", nil); err != nil {
		t.Fatal(err)
	}
	doc, third := again(order("nothing", "watch"), "done")
	if doc.Status != "INACTIVE" || doc.ModelMetrics["coverage"] != 0 || third.Model == first.Model {
		t.Errorf("the recommender is %+v with %+v, want INACTIVE with the metrics of the last model", doc, third)
	}
	now, err := w.cfg.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	var keys []string
	for info, err := range w.own.List(t.Context(), train.Prefix(name)) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	if len(keys) != 2 {
		t.Errorf("files %v are kept, want two models at most", keys)
	}
}

// A recommender that learns anew waits for a training that runs: there is one at a time.
func TestTurns(t *testing.T) {
	var running, most atomic.Int32
	began, goOn := make(chan struct{}, 8), make(chan struct{})
	w := newWorld(t, toy{train: func(ctx context.Context, _ recipe.Training) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		began <- struct{}{}
		select {
		case <-goOn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	w.cfg.Turns = make(chan struct{}, 1)
	name := arn.New(region, account, arn.Recommender, "s")
	w.insert(name, arn.Recommender, "ACTIVE", map[string]string{"status": "ACTIVE"}, nil, nil)
	other := arn.New(region, account, arn.Recommender, "other")
	w.insert(other, arn.Recommender, "ACTIVE", map[string]string{"status": "ACTIVE"}, nil, nil)
	w.order(train.Order{Params: map[string]string{"answer": "items"}})
	w.start()
	receive(t, began, "the first training")
	o := train.Order{Group: group, Recipe: "toy", Params: map[string]string{"answer": "items"}}
	enqueue := func(owner arn.ARN, kind string) {
		if err := w.db.Enqueue(t.Context(), catalog.Work{Owner: owner, Kind: kind, Payload: encode(t, o)}); err != nil {
			t.Fatal(err)
		}
		w.pool.Wake()
	}
	enqueue(name, train.RetrainKind)
	for range 20 { // work of other kinds goes on meanwhile
		enqueue(other, "discard")
		w.await("discard done")
	}
	close(goOn)
	w.await("train done")
	w.await("retrain done")
	if n := most.Load(); n != 1 {
		t.Errorf("%d trainings ran at a time, want one", n)
	}
}
