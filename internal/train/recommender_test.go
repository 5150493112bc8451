package train_test

import (
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/train"
)

// A recommender is trained as a version is, tells its metrics itself and can be opened. Its model is kept
// apart from those of a solution of the same name.
func TestRecommender(t *testing.T) {
	w := newWorld(t, toy{})
	name := arn.New(region, account, arn.Recommender, "s")
	w.insert(name, arn.Recommender, "CREATE PENDING", map[string]string{"status": "CREATE PENDING"}, nil,
		&catalog.Work{Owner: name, Kind: train.FlowKind, Payload: encode(t, train.Order{
			Group: group, Recipe: "toy", EventType: "WATCH", Params: map[string]string{"answer": "items"},
		})})
	w.start()
	w.await("train done")
	doc, rec, err := catalog.Load[api.Recommender](t.Context(), w.db, name)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Status != "ACTIVE" || doc.ModelMetrics["coverage"] <= 0 || strings.Contains(string(rec.Doc), "trainingHours") {
		t.Errorf("the recommender is %s, want ACTIVE with metrics and nothing of a version", rec.Doc)
	}
	v, err := w.cfg.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if v.Model.Items().Len() == 0 {
		t.Error("the model knows no items")
	}
	if strings.HasPrefix(train.Prefix(version), train.Prefix(name)) {
		t.Errorf("%s is within %s", train.Prefix(version), train.Prefix(name))
	}
}

// A recommender of a type of event that hardly occurs fails with the service's sentence.
func TestRecommenderNeedsItsEvents(t *testing.T) {
	w := newWorld(t, toy{})
	name := arn.New(region, account, arn.Recommender, "s")
	w.insert(name, arn.Recommender, "CREATE PENDING", map[string]string{"status": "CREATE PENDING"}, nil,
		&catalog.Work{Owner: name, Kind: train.FlowKind, Payload: encode(t, train.Order{
			Group: group, Recipe: "toy", EventType: "Purchase", Params: map[string]string{"answer": "items"},
		})})
	w.start()
	w.await("train failed")
	doc, _, err := catalog.Load[api.Recommender](t.Context(), w.db, name)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Dataset has fewer than 10 interactions after filtering by event type: Purchase (found 0)"; doc.Status != "CREATE FAILED" || doc.FailureReason != want {
		t.Errorf("the recommender is %s: %q, want CREATE FAILED: %q", doc.Status, doc.FailureReason, want)
	}
	if _, err := w.cfg.Open(t.Context(), name); !fault.Is(err, fault.InUse) {
		t.Errorf("Open = %v, want fault.InUse", err)
	}
}
