package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// A running is one attempt at a job by this pool.
type running struct {
	pool      *Pool
	job       job.Job
	flow      job.Flow
	lease     string
	begun     error           // what Begin returned
	ctx       context.Context // of the flow; its cause says why it was interrupted
	interrupt context.CancelCauseFunc
	hard      context.Context // for what must reach the store after an interruption
	log       *slog.Logger

	saving   sync.Mutex // held while a report is stored; before mu
	mu       sync.Mutex
	progress job.Progress
	unsaved  bool
}

var _ job.Runner = (*running)(nil)

func newRunning(p *Pool, l *life, c *claim) *running {
	r := &running{pool: p, job: c.job, flow: p.flows[c.job.Kind], lease: c.lease, begun: c.failure, hard: l.hard}
	r.ctx, r.interrupt = context.WithCancelCause(l.run)
	r.log = p.opts.Log.With("owner", c.job.Owner, "kind", c.job.Kind, "job", c.job.ID, "attempt", c.job.Attempt)
	return r
}

// run does the job and deals with the outcome, under a lease from beginning to end.
func (r *running) run() {
	start := time.Now()
	r.log.InfoContext(r.ctx, "job begins")
	stopKeeping := r.keep()
	err := r.attempt()
	r.saveProgress()
	outcome := r.conclude(err)
	stopKeeping()
	d := time.Since(start)
	r.log.InfoContext(r.hard, "job ends", "outcome", outcome, "duration", d)
	if r.pool.opts.Observe != nil {
		r.pool.opts.Observe(r.job.Kind, outcome, d)
	}
}

// attempt runs the flow, unless the job is here only to be settled.
func (r *running) attempt() error {
	switch {
	case r.job.Cancelled:
		r.interrupt(job.ErrCancelled)
		return job.ErrCancelled
	case r.begun != nil:
		return r.begun
	case r.job.Lost >= job.MaxLost:
		return lostTooOften(r.job.Lost)
	}
	run := &job.Run{Job: r.job, Runner: r}
	err := safely(func() error { return r.flow.Run(r.ctx, run) })
	r.job.Outcome = run.Outcome // for Settle
	return err
}

// lostTooOften is a quota and not an accident: trying again is what has been done all along.
func lostTooOften(n int) error {
	return fault.Newf(fault.Limit, "The job was interrupted %d times in a row without getting ahead; "+
		"it may need more memory than the server has.", n)
}

// conclude settles the job or gives it back, and says which.
func (r *running) conclude(err error) (outcome string) {
	cause := context.Cause(r.ctx)
	switch {
	case err == nil:
		return r.settle(nil, Done)
	case errors.Is(cause, errLost):
		return Lost
	case errors.Is(cause, job.ErrCancelled):
		return r.settle(job.ErrCancelled, Cancelled)
	case cause != nil:
		return r.giveBack()
	case !passing(err):
		r.logFailure(slog.LevelInfo, "job failed", err)
		return r.settle(err, Failed)
	case r.job.Attempt >= job.MaxAttempts:
		r.logFailure(slog.LevelError, "job failed for the last time", err)
		return r.settle(exhausted(err, r.job.Attempt), Failed)
	default:
		r.logFailure(slog.LevelWarn, "job failed and is tried again", err)
		return r.retry()
	}
}

// exhausted tells the owner what became of a failure that did not pass. The chain stays for the log.
func exhausted(err error, attempts int) error {
	if fault.Is(err, fault.Unavailable) {
		return fault.Wrap(fault.Unavailable, err, "%s (tried %d times)", fault.Sentence(err), attempts)
	}
	return fault.Wrap(fault.Unavailable, err,
		"The job failed %d times for a reason inside the server; the server's log has the details.", attempts)
}

// settle ends the job in the transaction of the flow's Settle, trying until the store accepts it.
func (r *running) settle(failure error, outcome string) string {
	for failures := 1; ; failures++ {
		var settled error // what Settle said, as opposed to the queue
		err := r.pool.queue.Finish(r.hard, r.job.ID, r.lease, func(tx catalog.Store) error {
			if r.flow.Settle == nil || outcome == Dropped {
				return nil
			}
			settled = safely(func() error { return r.flow.Settle(r.hard, tx, r.job, failure) })
			return settled
		})
		switch {
		case err == nil:
			return outcome
		case fault.Is(settled, fault.NotFound):
			r.log.InfoContext(r.hard, "the job's owner is gone", "error", settled)
			outcome = Dropped
			continue
		case settled == nil && fault.Is(err, fault.InUse):
			return Lost
		case settled == nil && fault.Is(err, fault.NotFound):
			// Someone has settled it: this loop, in a try whose answer was lost, or else another worker.
			if failures > 1 {
				return outcome
			}
			return Lost
		case r.hard.Err() != nil:
			return Interrupted
		}
		r.logFailure(slog.LevelError, "settling the job failed; trying again", err)
		r.pool.pause(r.hard, failures)
	}
}

// retry gives the job back, to be due again after a pause that grows with its attempts.
func (r *running) retry() string {
	after := r.pool.backoff(r.job.Attempt)
	err := r.pool.insist(r.hard, "giving back the job", func() error {
		return r.pool.queue.Retry(r.hard, r.job.ID, r.lease, after)
	})
	r.pool.dueAgain(after)
	if err != nil {
		r.log.WarnContext(r.hard, "giving back the job failed; it goes on when its lease runs out", "error", err)
		return Lost
	}
	return Retried
}

// giveBack leaves the job to whoever starts next.
func (r *running) giveBack() string {
	err := r.pool.insist(r.hard, "giving back the job", func() error {
		return r.pool.queue.Release(r.hard, r.job.ID, r.lease)
	})
	if err != nil {
		r.log.WarnContext(r.hard, "giving back the job failed; it goes on when its lease runs out", "error", err)
	}
	return Interrupted
}

// keep extends the lease and stores progress until the function it returns is called, which waits for
// the last of it.
func (r *running) keep() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		r.keepUntil(done)
	}()
	return func() { close(done); <-ended }
}

func (r *running) keepUntil(done <-chan struct{}) {
	extend := time.NewTicker(r.pool.opts.Lease / 3)
	defer extend.Stop()
	report := time.NewTicker(r.pool.opts.ReportEvery)
	defer report.Stop()
	sure := time.Now() // the lease is ours for a lease's time from here
	for {
		select {
		case <-done:
			return
		case <-report.C:
			r.saveProgress()
		case <-extend.C:
			asked := time.Now()
			err := r.extend()
			switch {
			case err == nil:
				sure = asked
			case fault.Is(err, fault.InUse):
				r.interrupt(errLost)
				return
			case fault.Is(err, fault.NotFound):
				r.interrupt(job.ErrCancelled)
				return
			case time.Since(sure) > r.pool.opts.Lease:
				r.log.WarnContext(r.hard, "the lease ran out", "error", err)
				r.interrupt(errLost)
			}
		}
	}
}

func (r *running) extend() error {
	ctx, cancel := context.WithTimeout(r.hard, r.pool.opts.Lease/3)
	defer cancel()
	return r.pool.queue.Extend(ctx, r.job.ID, r.lease, r.pool.opts.Lease)
}

// Report implements job.Runner. Started is kept from the first report of a stage if p has none.
func (r *running) Report(p job.Progress) {
	now := time.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Stage != r.progress.Stage {
		r.log.InfoContext(r.ctx, "job stage", "stage", p.Stage, "total", p.Total, "unit", p.Unit)
	}
	if p.Started.IsZero() {
		p.Started = now
		if p.Stage == r.progress.Stage && !r.progress.Started.IsZero() {
			p.Started = r.progress.Started
		}
	}
	if p.Updated.IsZero() {
		p.Updated = now
	}
	r.progress, r.unsaved = p, true
}

// saveProgress stores the last report if it is new. Losing one is no harm, so that it is not tried again.
func (r *running) saveProgress() {
	r.saving.Lock() // an older report must not be stored after a newer one
	defer r.saving.Unlock()
	r.mu.Lock()
	p, unsaved := r.progress, r.unsaved
	r.unsaved = false
	r.mu.Unlock()
	if !unsaved {
		return
	}
	ctx, cancel := context.WithTimeout(r.hard, r.pool.opts.Lease/3)
	defer cancel()
	if err := r.pool.queue.SetProgress(ctx, r.job.Owner, p); err != nil {
		r.log.WarnContext(r.hard, "storing progress failed", "error", err)
	}
}

// logFailure writes the whole chain, and the stack of a panic.
func (r *running) logFailure(level slog.Level, msg string, err error) {
	r.mu.Lock()
	attrs := []any{"error", err, "stage", r.progress.Stage}
	r.mu.Unlock()
	if p, ok := errors.AsType[*panicked](err); ok {
		attrs = append(attrs, "stack", string(p.stack))
	}
	r.log.Log(r.hard, level, msg, attrs...)
}

// A panicked is the cause of the Internal fault that a panic is turned into.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// safely calls do and returns a panic in it as an error.
func safely(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Wrap(fault.Internal, &panicked{v, debug.Stack()}, "a job's code panicked")
		}
	}()
	return do()
}
