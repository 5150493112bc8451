package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/job"
)

var errInjected = errors.New("injected")

// A faulty queue fails one call: before it does anything, or after it has done all, as when the answer
// is lost.
type faulty struct {
	job.Queue
	name  string // of the method
	at    int    // which call of it fails, from 1
	after bool

	mu    sync.Mutex
	calls int
}

func (f *faulty) call(name string, do func() error) error {
	mine := f.count(name)
	if mine && !f.after {
		return errInjected
	}
	if err := do(); err != nil || !mine {
		return err
	}
	return errInjected
}

// count counts a call and reports whether it is the one that fails.
func (f *faulty) count(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name != f.name {
		return false
	}
	f.calls++
	return f.calls == f.at
}

// met reports whether there were enough calls for one to fail.
func (f *faulty) met() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls >= f.at
}

func (f *faulty) Claim(ctx context.Context, worker string, kinds []string, lease time.Duration, begin func(catalog.Store, job.Job) error) (j job.Job, ok bool, err error) {
	err = f.call("Claim", func() (err error) {
		j, ok, err = f.Queue.Claim(ctx, worker, kinds, lease, begin)
		return err
	})
	if err != nil {
		return job.Job{}, false, err
	}
	return j, ok, nil
}

func (f *faulty) Extend(ctx context.Context, id int64, worker string, lease time.Duration) error {
	return f.call("Extend", func() error { return f.Queue.Extend(ctx, id, worker, lease) })
}

func (f *faulty) Release(ctx context.Context, id int64, worker string) error {
	return f.call("Release", func() error { return f.Queue.Release(ctx, id, worker) })
}

func (f *faulty) Retry(ctx context.Context, id int64, worker string, after time.Duration) error {
	return f.call("Retry", func() error { return f.Queue.Retry(ctx, id, worker, after) })
}

func (f *faulty) Expire(ctx context.Context) error {
	return f.call("Expire", func() error { return f.Queue.Expire(ctx) })
}

func (f *faulty) Finish(ctx context.Context, id int64, worker string, settle func(catalog.Store) error) error {
	return f.call("Finish", func() error { return f.Queue.Finish(ctx, id, worker, settle) })
}

func (f *faulty) Results(ctx context.Context, id int64, group string) (m map[int][]byte, err error) {
	err = f.call("Results", func() (err error) { m, err = f.Queue.Results(ctx, id, group); return err })
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (f *faulty) PutResult(ctx context.Context, id int64, group string, n int, result []byte) (kept []byte, err error) {
	err = f.call("PutResult", func() (err error) { kept, err = f.Queue.PutResult(ctx, id, group, n, result); return err })
	if err != nil {
		return nil, err
	}
	return kept, nil
}

func (f *faulty) SetProgress(ctx context.Context, owner arn.ARN, p job.Progress) error {
	return f.call("SetProgress", func() error { return f.Queue.SetProgress(ctx, owner, p) })
}

// Whichever call to the queue fails, once, the job is settled once and every task's kept result is the
// one that was used.
func TestEachCallFailsOnce(t *testing.T) {
	// How often each method is called by a job of one group of three tasks that succeeds at the second
	// attempt. More looks for jobs there may be; fewer never.
	calls := map[string]int{"Expire": 1, "Claim": 2, "Results": 2, "PutResult": 3, "Retry": 1, "SetProgress": 2, "Finish": 1}
	for name, n := range calls {
		for at := range n {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %d, after = %t", name, at+1, after), func(t *testing.T) {
					runWithFailure(t, &faulty{name: name, at: at + 1, after: after})
				})
			}
		}
	}
}

// runWithFailure runs a job with one failing call.
func runWithFailure(t *testing.T, f *faulty) {
	opts := fast()
	// The lease of a claim whose answer was lost has to run out before the job goes on.
	opts.Exclusive, opts.Lease, opts.Poll, opts.ReportEvery = true, 50*time.Millisecond, 10*time.Millisecond, time.Hour
	b := newBench(t, opts, func(q job.Queue) job.Queue {
		f.Queue = q
		return f
	})
	var mu sync.Mutex
	settled, used := 0, ""
	fl := flow(func(ctx context.Context, r *job.Run) error {
		out, err := r.Group(ctx, "g", 3, 1, func(_ context.Context, n int) ([]byte, error) {
			return fmt.Append(nil, n), nil
		})
		if err != nil {
			return err
		}
		r.Report(job.Progress{Stage: "half"})
		if r.Attempt == 1 {
			return errors.New("the first attempt always fails")
		}
		mu.Lock()
		defer mu.Unlock()
		used = fmt.Sprintf("%s", out)
		return nil
	})
	settle := fl.Settle
	fl.Settle = func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
		mu.Lock()
		defer mu.Unlock()
		settled++
		return settle(ctx, tx, j, failure)
	}
	a := b.add("one")
	b.start(fl)
	for n := 1; b.unfinished(a); n++ {
		b.await(n)
	}
	b.stop()
	b.wantStatus(a, "ACTIVE")
	mu.Lock()
	defer mu.Unlock()
	if used != "[0 1 2]" {
		t.Errorf("results used = %s, want [0 1 2]", used)
	}
	if settled != 1 {
		t.Errorf("settled %d times, want once", settled)
	}
	if !f.met() {
		t.Errorf("%s was called %d times, fewer than %d: nothing failed", f.name, f.calls, f.at)
	}
}

// An interrupted job that cannot be given back goes on when its lease has run out.
func TestReleaseFails(t *testing.T) {
	opts := fast()
	opts.Lease = 200 * time.Millisecond
	b := newBench(t, opts, func(q job.Queue) job.Queue { return releaseless{q} })
	began := make(chan struct{}, 1)
	b.start(blocking(began))
	a := b.add("one")
	receive(t, began, "the job")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop without a store = %v, want a deadline exceeded", err)
	}
	b.stop()
	p := pool.New(b.db, fast())
	done := make(chan struct{})
	if err := p.Start(t.Context(), flow(func(context.Context, *job.Run) error { close(done); return nil })); err != nil {
		t.Fatal(err)
	}
	receive(t, done, "the next run")
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantStatus(a, "ACTIVE")
}

// A releaseless queue never takes a job back.
type releaseless struct{ job.Queue }

func (releaseless) Release(context.Context, int64, string) error { return errInjected }
