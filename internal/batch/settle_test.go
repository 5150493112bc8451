package batch

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// A drawer is a store with one record at most.
type drawer struct {
	catalog.Store // whatever else is called panics
	rec           *catalog.Record
}

func (d *drawer) Get(context.Context, arn.ARN) (catalog.Record, error) {
	if d.rec == nil {
		return catalog.Record{}, fault.Newf(fault.NotFound, "There is nothing here.")
	}
	return *d.rec, nil
}

func (d *drawer) Update(_ context.Context, r catalog.Record) error {
	d.rec = &r
	return nil
}

func (d *drawer) Tx(_ context.Context, do func(catalog.Store) error) error { return do(d) }

// A job's resource goes through the statuses of batch.md §2, and says why it failed.
func TestStatuses(t *testing.T) {
	now := time.UnixMilli(1754301222904)
	f := Flow(Config{Now: func() time.Time { return now }})
	for _, c := range []struct {
		name string
		step func(tx catalog.Store) error
		want string
	}{
		{"begin", func(tx catalog.Store) error { return f.Begin(t.Context(), tx, job.Job{}) },
			`{"lastUpdatedDateTime":1754301222.904,"status":"CREATE IN_PROGRESS"}`},
		{"done", func(tx catalog.Store) error { return f.Settle(t.Context(), tx, job.Job{}, nil) },
			`{"lastUpdatedDateTime":1754301222.904,"status":"ACTIVE"}`},
		{"failed", func(tx catalog.Store) error {
			return f.Settle(t.Context(), tx, job.Job{}, fault.Newf(fault.Invalid, "Invalid S3 input path."))
		}, `{"failureReason":"Invalid S3 input path.","lastUpdatedDateTime":1754301222.904,"status":"CREATE FAILED"}`},
		{"failed inside", func(tx catalog.Store) error {
			return f.Settle(t.Context(), tx, job.Job{}, errors.New("secret"))
		}, `{"failureReason":"An internal error occurred; the server's log has the details.","lastUpdatedDateTime":1754301222.904,"status":"CREATE FAILED"}`},
	} {
		d := &drawer{rec: &catalog.Record{Doc: json.RawMessage(`{"status":"CREATE PENDING"}`)}}
		if err := c.step(d); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := string(d.rec.Doc); got != c.want {
			t.Errorf("%s: document %s, want %s", c.name, got, c.want)
		}
		if err := c.step(&drawer{}); err != nil {
			t.Errorf("%s of a resource that is gone: %v", c.name, err)
		}
	}
}

// A model that fails once is asked again by the next attempt, and progress does not count lines twice.
func TestModelFailsOnce(t *testing.T) {
	input := users(2000)
	tr := newTrial()
	tr.cfg.Width = 1
	tr.cfg.ShardBytes = 1 << 20
	tr.bucket.set("in/users.json", input)
	asked := 0
	tr.world.fail = func() error {
		if asked++; asked == 4 {
			return errShaken
		}
		return nil
	}
	if err := tr.run(t.Context(), 1); !errors.Is(err, errShaken) {
		t.Fatalf("the run's failure is %v", err)
	}
	if done := tr.memory.progress.Done; done != 0 {
		t.Errorf("%d lines count although their shard failed", done)
	}
	if err := tr.run(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	tr.same(t, "out/users.json.out", tr.answers(t, input))
}
