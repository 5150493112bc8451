package batch

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
)

// The real engine over a real queue brings a job to ACTIVE although its store fails now and then.
func TestOnTheEngine(t *testing.T) {
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "catalog.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	input := users(3000)
	tr := newTrial()
	tr.cfg.ShardBytes = 2500
	tr.bucket.set("in/users.json", input)
	tr.bucket.fail = func(string) error {
		if tr.bucket.calls.Load()%40 == 39 {
			return errShaken
		}
		return nil
	}
	name := arn.New("us-east-1", "000000000000", arn.BatchInferenceJob, "nightly")
	payload, err := json.Marshal(tr.order)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1754300001112)
	rec := catalog.Record{ARN: name, Account: "000000000000", Kind: arn.BatchInferenceJob, Status: "CREATE PENDING", Created: now, Updated: now}
	if err := catalog.Insert(ctx, db, rec, map[string]string{"status": "CREATE PENDING"}, &catalog.Work{Owner: name, Kind: Kind, Payload: payload}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 10) // more than there are attempts
	p := pool.New(db, pool.Options{Exclusive: true, Poll: 10 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Observe: func(_, outcome string, _ time.Duration) { ended <- outcome }})
	if err := p.Start(ctx, Flow(tr.cfg)); err != nil {
		t.Fatal(err)
	}
	for outcome := range ended {
		if outcome == pool.Done || outcome == pool.Failed {
			break
		}
	}
	doc, rec, err := catalog.Load[map[string]any](ctx, db, name)
	if err != nil || rec.Status != active {
		t.Errorf("the job is %s: %v, %v; want ACTIVE", rec.Status, doc, err)
	}
	tr.same(t, "out/users.json.out", tr.answers(t, input))
	if progress, ok, err := db.Progress(ctx, name); err != nil || !ok || progress.Done != 3000 || progress.Total != 3000 {
		t.Errorf("progress %+v, %v, %v; want 3000 of 3000", progress, ok, err)
	}
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}
