package pool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

const kind = "test-flow"

// patience bounds every wait of these tests; nothing takes that long unless it never comes.
const patience = 30 * time.Second

// A bench is a queue with a pool on it, and what the pool said about its runs.
type bench struct {
	t  *testing.T
	db *sqlite.DB
	*pool.Pool

	mu       sync.Mutex
	outcomes []string
	changed  chan struct{} // closed and replaced at each outcome
}

// fast is a pool's options with pauses fit for a test.
func fast() pool.Options {
	return pool.Options{
		Lease: 3 * time.Second, Poll: 20 * time.Millisecond, Backoff: time.Millisecond,
		MaxBackoff: 5 * time.Millisecond, ReportEvery: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// newBench makes a pool on a queue; wrap, if not nil, stands between the two.
func newBench(t *testing.T, opts pool.Options, wrap func(job.Queue) job.Queue) *bench {
	t.Helper()
	b := &bench{t: t, db: open(t, filepath.Join(t.TempDir(), "k.db")), changed: make(chan struct{})}
	opts.Observe = b.observe
	var q job.Queue = b.db
	if wrap != nil {
		q = wrap(q)
	}
	b.Pool = pool.New(q, opts)
	return b
}

func (b *bench) observe(_, outcome string, _ time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, outcome)
	close(b.changed)
	b.changed = make(chan struct{})
}

// start starts the pool and stops it when the test ends.
func (b *bench) start(flows ...job.Flow) {
	b.t.Helper()
	if err := b.Start(context.Background(), flows...); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.stop)
}

func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		b.t.Error(err)
	}
}

// add makes an owner with work.
func (b *bench) add(name string) arn.ARN { return b.addWork(name, kind, "{}") }

func (b *bench) addWork(name, kind, payload string) arn.ARN {
	b.t.Helper()
	a := arn.New("us-east-1", "000000000000", arn.Solution, name)
	rec := catalog.Record{ARN: a, Account: "000000000000", Kind: arn.Solution, Status: "CREATE PENDING"}
	work := &catalog.Work{Owner: a, Kind: kind, Payload: json.RawMessage(payload)}
	if err := catalog.Insert(b.t.Context(), b.db, rec, map[string]string{"status": rec.Status}, work); err != nil {
		b.t.Fatal(err)
	}
	b.Wake()
	return a
}

// await waits until n runs have ended and returns how.
func (b *bench) await(n int) []string {
	b.t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		got, changed := slices.Clone(b.outcomes), b.changed
		b.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-changed:
		case <-late:
			b.t.Fatalf("runs that ended = %q, want %d of them", got, n)
		}
	}
}

// receive waits for a value.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// status returns the status and failure reason of an owner.
func (b *bench) status(a arn.ARN) (status, reason string) {
	b.t.Helper()
	doc, rec, err := catalog.Load[struct{ Status, FailureReason string }](b.t.Context(), b.db, a)
	if err != nil {
		b.t.Fatal(err)
	}
	if rec.Status != doc.Status {
		b.t.Errorf("record of %s is %s and its document %s", a, rec.Status, doc.Status)
	}
	return rec.Status, doc.FailureReason
}

func (b *bench) wantStatus(a arn.ARN, want string) (reason string) {
	b.t.Helper()
	got, reason := b.status(a)
	if got != want {
		b.t.Errorf("status of %s = %s (%s), want %s", a, got, reason, want)
	}
	return reason
}

func wantOutcomes(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("runs ended %q, want %q", got, want)
	}
}

// flow makes a flow that moves its owner as those of the product do.
func flow(run func(ctx context.Context, r *job.Run) error) job.Flow {
	return job.Flow{
		Kind: kind,
		Run:  run,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return catalog.Transition(ctx, tx, j.Owner, time.Now(), "CREATE IN_PROGRESS", nil)
		},
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			if failure != nil {
				return catalog.Transition(ctx, tx, j.Owner, time.Now(), "CREATE FAILED",
					map[string]any{"failureReason": fault.Sentence(failure)})
			}
			return catalog.Transition(ctx, tx, j.Owner, time.Now(), "ACTIVE", nil)
		},
	}
}

func TestMain(m *testing.M) {
	if path := crashChild(); path != "" {
		runCrashChild(path)
		return
	}
	goleak.VerifyTestMain(m)
}

// A job runs its groups in order, leaves its progress behind and settles its owner.
func TestRun(t *testing.T) {
	b := newBench(t, fast(), nil)
	var during string
	b.start(flow(func(ctx context.Context, r *job.Run) error {
		during, _ = b.status(r.Owner)
		r.Report(job.Progress{Stage: "squaring", Total: 9, Unit: "numbers"})
		out, err := r.Group(ctx, "squares", 9, 3, func(_ context.Context, n int) ([]byte, error) {
			return fmt.Append(nil, n*n), nil
		})
		if err != nil {
			return err
		}
		r.Report(job.Progress{Stage: "squaring", Done: 9, Total: 9, Unit: "numbers"})
		if got, want := fmt.Sprintf("%s", out), "[0 1 4 9 16 25 36 49 64]"; got != want {
			return fault.Newf(fault.Invalid, "Group returned %s, want %s.", got, want)
		}
		return nil
	}))
	a := b.add("one")
	wantOutcomes(t, b.await(1), pool.Done)
	if during != "CREATE IN_PROGRESS" {
		t.Errorf("status while running = %q, want CREATE IN_PROGRESS", during)
	}
	b.wantStatus(a, "ACTIVE")
	p, ok, err := b.db.Progress(t.Context(), a)
	if err != nil || !ok || p.Done != 9 || p.Stage != "squaring" || p.Started.IsZero() || p.Updated.Before(p.Started) {
		t.Errorf("Progress = %+v, %t, %v; want 9 of squaring with its times", p, ok, err)
	}
}

// However often a flow reports, the store hears of it at its own pace, and of the last report at the end.
func TestReportIsThrottled(t *testing.T) {
	opts := fast()
	opts.ReportEvery = time.Hour
	f := &faulty{name: "SetProgress"} // which counts, and never fails
	b := newBench(t, opts, func(q job.Queue) job.Queue { f.Queue = q; return f })
	b.start(flow(func(_ context.Context, r *job.Run) error {
		for n := range int64(5000) {
			r.Report(job.Progress{Stage: "rows", Done: n})
		}
		return nil
	}))
	a := b.add("one")
	b.await(1)
	p, _, err := b.db.Progress(t.Context(), a)
	if err != nil || p.Done != 4999 || f.calls != 1 {
		t.Errorf("5000 reports were stored %d times, the last as %+v, %v; want once, as 4999", f.calls, p, err)
	}
}

// Empty results and empty groups are results too, and Once keeps what it decided.
func TestEmptyGroups(t *testing.T) {
	b := newBench(t, fast(), nil)
	var runs, decided atomic.Int32
	b.start(flow(func(ctx context.Context, r *job.Run) error {
		out, err := r.Group(ctx, "none", 0, 4, nil)
		if err != nil || len(out) != 0 {
			return fault.Newf(fault.Invalid, "Group of no tasks = %v, %v.", out, err)
		}
		v, err := r.Once(ctx, "nothing", func(context.Context) ([]byte, error) { decided.Add(1); return []byte{}, nil })
		if err != nil || v != nil {
			return fault.Newf(fault.Invalid, "Once with an empty result = %v, %v, want nil.", v, err)
		}
		if runs.Add(1) < 3 {
			return errors.New("not yet")
		}
		return nil
	}))
	a := b.add("one")
	wantOutcomes(t, b.await(3), pool.Retried, pool.Retried, pool.Done)
	if n := decided.Load(); n != 1 {
		t.Errorf("Once decided %d times, want 1", n)
	}
	b.wantStatus(a, "ACTIVE")
}

// No more jobs of a kind and no more tasks of a group run at a time than was said, and that many do.
func TestWidth(t *testing.T) {
	const jobs, jobWidth, taskWidth = 6, 2, 3
	b := newBench(t, fast(), nil)
	var inJobs, inTasks gauge
	f := flow(func(ctx context.Context, r *job.Run) error {
		defer inJobs.enter()()
		var mine gauge
		_, err := r.Group(ctx, "g", 12, taskWidth, func(context.Context, int) ([]byte, error) {
			defer mine.enter()()
			defer inTasks.enter()()
			return nil, nil
		})
		if mine.most() > taskWidth {
			t.Errorf("%d tasks of a group at a time, want at most %d", mine.most(), taskWidth)
		}
		return err
	})
	f.Width = jobWidth
	b.start(f)
	for n := range jobs {
		b.add(fmt.Sprint("job", n))
	}
	b.await(jobs)
	if inJobs.most() > jobWidth || inTasks.most() > jobWidth*taskWidth {
		t.Errorf("%d jobs and %d tasks at a time, want at most %d and %d", inJobs.most(), inTasks.most(), jobWidth, jobWidth*taskWidth)
	}
}

// A job of one kind does not wait for those of another.
func TestKindsRunSideBySide(t *testing.T) {
	b := newBench(t, fast(), nil)
	met := make(chan struct{})
	meet := func(ctx context.Context, _ *job.Run) error {
		select {
		case met <- struct{}{}:
		case <-met:
		case <-ctx.Done():
		}
		return nil
	}
	one, other := flow(meet), flow(meet)
	other.Kind = "other-flow"
	b.start(one, other)
	b.add("one")
	b.addWork("other", "other-flow", "{}")
	wantOutcomes(t, b.await(2), pool.Done, pool.Done)
}

// A gauge remembers how many were inside at most.
type gauge struct{ now, top atomic.Int64 }

func (g *gauge) enter() (leave func()) {
	n := g.now.Add(1)
	for top := g.top.Load(); n > top && !g.top.CompareAndSwap(top, n); top = g.top.Load() {
	}
	return func() { g.now.Add(-1) }
}

func (g *gauge) most() int { return int(g.top.Load()) }

// How a job fails decides what becomes of it.
func TestFailures(t *testing.T) {
	never := func(context.Context, *job.Run) error { return nil }
	five := []string{pool.Retried, pool.Retried, pool.Retried, pool.Retried, pool.Failed}
	for _, tt := range []struct {
		name   string
		flow   job.Flow
		want   []string
		reason string // in the failure reason
	}{
		{"a fault of the caller settles at once", flow(func(context.Context, *job.Run) error {
			return fmt.Errorf("plan: %w", fault.Newf(fault.Invalid, "File a.csv has no header."))
		}), []string{pool.Failed}, "File a.csv has no header."},
		{"an unforeseen error is tried again", flow(func(context.Context, *job.Run) error {
			return errors.New("secret inside")
		}), five, "The job failed 5 times for a reason inside the server; the server's log has the details."},
		{"so is a store that does not answer", flow(func(context.Context, *job.Run) error {
			return fault.Newf(fault.Unavailable, "Bucket b does not answer.")
		}), five, "Bucket b does not answer. (tried 5 times)"},
		{"so is a panic of the flow", flow(func(context.Context, *job.Run) error { panic("oh") }), five, "inside the server"},
		{"so is a panic of a task", flow(func(ctx context.Context, r *job.Run) error {
			_, err := r.Group(ctx, "g", 3, 2, func(context.Context, int) ([]byte, error) { panic("oh") })
			return err
		}), five, "inside the server"},
		{"a task's fault is the job's", flow(func(ctx context.Context, r *job.Run) error {
			_, err := r.Group(ctx, "g", 3, 2, func(_ context.Context, n int) ([]byte, error) {
				if n == 1 {
					return nil, fault.Newf(fault.Invalid, "Line 7 is not JSON.")
				}
				return nil, nil
			})
			return err
		}), []string{pool.Failed}, "Line 7 is not JSON."},
		{"so is a result that is too large", flow(func(ctx context.Context, r *job.Run) error {
			_, err := r.Once(ctx, "plan", func(context.Context) ([]byte, error) { return make([]byte, job.MaxResult+1), nil })
			return err
		}), []string{pool.Failed}, "left 8388609 bytes; at most 8388608"},
		{"a Begin that refuses settles", beginning(flow(never), func() error {
			return fault.Newf(fault.InUse, "The group is being deleted.")
		}), []string{pool.Failed}, "The group is being deleted."},
		{"a Begin that breaks is tried again", beginning(flow(never), func() error { panic("oh") }), five, "inside the server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, fast(), nil)
			b.start(tt.flow)
			a := b.add("one")
			wantOutcomes(t, b.await(len(tt.want)), tt.want...)
			if reason := b.wantStatus(a, "CREATE FAILED"); !strings.Contains(reason, tt.reason) || strings.Contains(reason, "secret") {
				t.Errorf("failure reason = %q, want %q", reason, tt.reason)
			}
		})
	}
}

func beginning(f job.Flow, begin func() error) job.Flow {
	f.Begin = func(context.Context, catalog.Store, job.Job) error { return begin() }
	return f
}

// A job whose Begin fails holds up nobody.
func TestBadBeginHoldsUpNobody(t *testing.T) {
	opts := fast()
	opts.Backoff, opts.MaxBackoff = time.Hour, time.Hour
	b := newBench(t, opts, nil)
	f := flow(func(context.Context, *job.Run) error { return nil })
	begin := f.Begin
	f.Begin = func(ctx context.Context, tx catalog.Store, j job.Job) error {
		if j.Owner.Name() == "bad" {
			return errors.New("bad")
		}
		return begin(ctx, tx, j)
	}
	b.start(f)
	b.add("bad")
	good := b.add("good")
	wantOutcomes(t, b.await(2), pool.Retried, pool.Done)
	b.wantStatus(good, "ACTIVE")
}

// A task whose failure passes is done again in the same run, and the others are not.
func TestTaskIsTriedAgain(t *testing.T) {
	b := newBench(t, fast(), nil)
	var done [4]atomic.Int32
	b.start(flow(func(ctx context.Context, r *job.Run) error {
		_, err := r.Group(ctx, "g", len(done), 2, func(_ context.Context, n int) ([]byte, error) {
			if done[n].Add(1) == 1 && n == 2 {
				return nil, fault.Newf(fault.Unavailable, "Bucket b does not answer.")
			}
			return nil, nil
		})
		return err
	}))
	b.add("one")
	wantOutcomes(t, b.await(1), pool.Done)
	for n := range done {
		want := int32(1)
		if n == 2 {
			want = 2
		}
		if got := done[n].Load(); got != want {
			t.Errorf("task %d was done %d times, want %d", n, got, want)
		}
	}
}

// A later run goes on from the results of an earlier one.
func TestRetryGoesOn(t *testing.T) {
	b := newBench(t, fast(), nil)
	var calls atomic.Int32
	var attempts []int
	b.start(flow(func(ctx context.Context, r *job.Run) error {
		attempts = append(attempts, r.Attempt)
		out, err := r.Group(ctx, "g", 5, 2, func(_ context.Context, n int) ([]byte, error) {
			return fmt.Append(nil, calls.Add(1)), nil
		})
		if err != nil {
			return err
		}
		if r.Attempt < 3 {
			return errors.New("not yet")
		}
		slices.SortFunc(out, slices.Compare)
		if got := fmt.Sprintf("%s", out); got != "[1 2 3 4 5]" {
			return fault.Newf(fault.Invalid, "Results %s are not those of the first run.", got)
		}
		return nil
	}))
	a := b.add("one")
	b.await(3)
	b.wantStatus(a, "ACTIVE")
	if n := calls.Load(); n != 5 || !slices.Equal(attempts, []int{1, 2, 3}) {
		t.Errorf("tasks were done %d times in attempts %v, want 5 times in 1, 2, 3", n, attempts)
	}
}

// blocking is a flow that says when it runs and waits to be interrupted.
func blocking(began chan<- struct{}) job.Flow {
	return flow(func(ctx context.Context, r *job.Run) error {
		_, err := r.Once(ctx, "forever", func(ctx context.Context) ([]byte, error) {
			began <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		return err
	})
}

// A cancelled job is settled whether it runs, waits for its turn, or runs in another worker.
func TestCancel(t *testing.T) {
	b := newBench(t, fast(), nil)
	began := make(chan struct{}, 1)
	b.start(blocking(began))
	running, waiting := b.add("running"), b.add("waiting")
	receive(t, began, "the first job")
	for _, a := range []arn.ARN{waiting, running} {
		if err := b.Cancel(t.Context(), a); err != nil {
			t.Fatalf("Cancel(%s) = %v", a, err)
		}
	}
	wantOutcomes(t, b.await(2), pool.Cancelled, pool.Cancelled)
	for _, a := range []arn.ARN{running, waiting} {
		if reason := b.wantStatus(a, "CREATE FAILED"); reason != fault.Sentence(job.ErrCancelled) {
			t.Errorf("failure reason = %q, want %q", reason, fault.Sentence(job.ErrCancelled))
		}
		if err := b.Cancel(t.Context(), a); !fault.Is(err, fault.NotFound) {
			t.Errorf("Cancel(%s) when settled = %v, want not found", a, err)
		}
	}

	elsewhere := b.add("elsewhere")
	receive(t, began, "the third job")
	if err := b.db.Cancel(t.Context(), elsewhere); err != nil { // as another process would
		t.Fatal(err)
	}
	b.await(3)
	b.wantStatus(elsewhere, "CREATE FAILED")
}

// Stop leaves a job unfinished without counting the attempt, and the next Start goes on with it.
func TestStop(t *testing.T) {
	b := newBench(t, fast(), nil)
	began := make(chan struct{}, 1)
	b.start(blocking(began))
	a := b.add("one")
	receive(t, began, "the job")
	b.stop()
	wantOutcomes(t, b.await(1), pool.Interrupted)
	b.wantStatus(a, "CREATE IN_PROGRESS")
	if err := b.Start(t.Context(), flow(func(_ context.Context, r *job.Run) error {
		if r.Attempt != 1 || r.Lost != 0 {
			return fault.Newf(fault.Invalid, "Attempt %d after %d losses, want the first after none.", r.Attempt, r.Lost)
		}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	wantOutcomes(t, b.await(2), pool.Interrupted, pool.Done)
	b.wantStatus(a, "ACTIVE")
}

// The end of Start's context interrupts too, and a Stop that may not wait says so.
func TestStopDoesNotWaitForever(t *testing.T) {
	b := newBench(t, fast(), nil)
	began, leave := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	if err := b.Start(ctx, flow(func(ctx context.Context, _ *job.Run) error {
		close(began)
		<-ctx.Done()
		<-leave
		return ctx.Err()
	})); err != nil {
		t.Fatal(err)
	}
	b.add("one")
	receive(t, began, "the job")
	cancel()
	short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelShort()
	if err := b.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop with a stubborn flow = %v, want a deadline exceeded", err)
	}
	close(leave)
	b.stop()
	wantOutcomes(t, b.await(1), pool.Interrupted)
}

// leaseAway claims the only job of a queue, as a worker that then dies.
func (b *bench) leaseAway(lease time.Duration) {
	b.t.Helper()
	if _, ok, err := b.db.Claim(b.t.Context(), "dead worker", []string{kind}, lease, nil); err != nil || !ok {
		b.t.Fatalf("Claim = %t, %v", ok, err)
	}
}

// An exclusive pool goes on at once with what a dead process had.
func TestExclusive(t *testing.T) {
	opts := fast()
	opts.Exclusive = true
	b := newBench(t, opts, nil)
	a := b.add("one")
	b.leaseAway(time.Hour)
	lost := make(chan int, 1)
	b.start(flow(func(_ context.Context, r *job.Run) error { lost <- r.Lost; return nil }))
	if n := receive(t, lost, "the job"); n != 1 {
		t.Errorf("Lost = %d, want 1", n)
	}
	b.await(1)
	b.wantStatus(a, "ACTIVE")
}

// Another pool waits for the lease to run out, and no longer.
func TestLeaseRunsOut(t *testing.T) {
	b := newBench(t, fast(), nil)
	a := b.add("one")
	until := time.Now().Add(50 * time.Millisecond)
	b.leaseAway(50 * time.Millisecond)
	b.start(flow(func(context.Context, *job.Run) error {
		if time.Now().Before(until) {
			return fault.Newf(fault.Invalid, "The job was taken from a living worker.")
		}
		return nil
	}))
	b.await(1)
	b.wantStatus(a, "ACTIVE")
}

// A lease is kept as long as the job runs, even if the store fails to extend it once.
func TestLeaseIsKept(t *testing.T) {
	opts := fast()
	opts.Lease = time.Second
	f := &faulty{name: "Extend", at: 1}
	b := newBench(t, opts, func(q job.Queue) job.Queue { f.Queue = q; return f })
	began, leave := make(chan struct{}), make(chan struct{})
	b.start(flow(func(ctx context.Context, _ *job.Run) error {
		close(began)
		<-leave
		return ctx.Err()
	}))
	b.add("one")
	receive(t, began, "the job")
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for start := time.Now(); time.Since(start) < 2*opts.Lease; <-look.C {
		if _, ok, err := b.db.Claim(t.Context(), "thief", []string{kind}, time.Hour, nil); err != nil || ok {
			t.Fatalf("Claim of a running job = %t, %v", ok, err)
		}
	}
	close(leave)
	wantOutcomes(t, b.await(1), pool.Done)
	if !f.met() {
		t.Error("Extend was never called")
	}
}

// A run that lost its job is interrupted and settles nothing.
func TestLost(t *testing.T) {
	b := newBench(t, fast(), nil)
	began := make(chan struct{}, 1)
	b.start(blocking(began))
	a := b.add("one")
	receive(t, began, "the job")
	if err := b.db.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.leaseAway(time.Hour)
	wantOutcomes(t, b.await(1), pool.Lost)
	b.wantStatus(a, "CREATE IN_PROGRESS")
}

// A job that kills its workers is not run for ever.
func TestLostTooOften(t *testing.T) {
	b := newBench(t, fast(), nil)
	a := b.add("one")
	for range job.MaxLost {
		b.leaseAway(0)
	}
	b.start(flow(func(context.Context, *job.Run) error { t.Error("the job ran once more"); return nil }))
	wantOutcomes(t, b.await(1), pool.Failed)
	if reason := b.wantStatus(a, "CREATE FAILED"); !strings.Contains(reason, "interrupted 100 times in a row") {
		t.Errorf("failure reason = %q", reason)
	}
}

// The job of an owner that is gone is removed, whether it ran or not.
func TestOwnerGone(t *testing.T) {
	b := newBench(t, fast(), nil)
	remove := func(a arn.ARN) {
		rec, err := b.db.Get(t.Context(), a)
		if err == nil {
			err = b.db.Delete(t.Context(), a, rec.Version)
		}
		if err != nil {
			t.Error(err)
		}
	}
	remove(b.add("before"))
	during := b.add("during")
	b.start(flow(func(_ context.Context, r *job.Run) error {
		if r.Owner != during {
			t.Errorf("the job of %s ran", r.Owner)
		}
		remove(r.Owner)
		r.Report(job.Progress{Stage: "late"})
		return nil
	}))
	wantOutcomes(t, b.await(2), pool.Dropped, pool.Dropped)
	if _, ok, err := b.db.Progress(t.Context(), during); ok || err != nil {
		t.Errorf("Progress of a deleted owner = %t, %v, want none", ok, err)
	}
	b.stop()
	b.add("before") // which fails if the owner still has unfinished work
}

// Settle may fail and panic; the job ends when it succeeds.
func TestSettleIsInsistedOn(t *testing.T) {
	b := newBench(t, fast(), nil)
	f := flow(func(context.Context, *job.Run) error { return nil })
	settle, calls := f.Settle, 0
	f.Settle = func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
		switch calls++; calls {
		case 1:
			return errors.New("not now")
		case 2:
			panic("nor now")
		}
		return settle(ctx, tx, j, failure)
	}
	b.start(f)
	a := b.add("one")
	wantOutcomes(t, b.await(1), pool.Done)
	b.wantStatus(a, "ACTIVE")
}

func TestStartRefuses(t *testing.T) {
	b := newBench(t, fast(), nil)
	good := flow(func(context.Context, *job.Run) error { return nil })
	for name, flows := range map[string][]job.Flow{
		"twice the same kind": {good, good}, "no Run": {{Kind: "x"}}, "no kind": {{Run: good.Run}},
	} {
		if err := b.Start(t.Context(), flows...); err == nil {
			t.Errorf("Start with %s = nil", name)
			b.stop()
		}
	}
	b.start(good)
	if err := b.Start(t.Context(), good); err == nil {
		t.Error("Start of a running pool = nil")
	}
}
