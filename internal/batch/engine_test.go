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
	"github.com/kindredrec/kindred/internal/job"
)

// The real engine over a real queue brings a job to ACTIVE although its store fails now and then.
func TestOnTheEngine(t *testing.T) {
	t.Run("inference", func(t *testing.T) {
		tr := newTrial()
		tr.cfg.ShardBytes = 2500
		onTheEngine(t, tr, Flow(tr.cfg), users(3000), 3000)
	})
	t.Run("segments", func(t *testing.T) {
		tr := newSegmentTrial("segment", 400)
		tr.cfg.ShardBytes, tr.order.NumResults = 300, 1_000_000
		onTheEngine(t, tr, SegmentFlow(tr.cfg), questionsForItems(200), 200)
	})
}

func onTheEngine(t *testing.T, tr *trial, flow job.Flow, input string, lines int64) {
	ctx := t.Context()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "catalog.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
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
	if err := catalog.Insert(ctx, db, rec, map[string]string{"status": "CREATE PENDING"}, &catalog.Work{Owner: name, Kind: flow.Kind, Payload: payload}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 10) // more than there are attempts
	p := pool.New(db, pool.Options{Exclusive: true, Poll: 10 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Observe: func(_, outcome string, _ time.Duration) { ended <- outcome }})
	if err := p.Start(ctx, flow); err != nil {
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
	if progress, ok, err := db.Progress(ctx, name); err != nil || !ok || progress.Done != lines || progress.Total != lines {
		t.Errorf("progress %+v, %v, %v; want %d of as many", progress, ok, err, lines)
	}
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}
