// Package pool runs jobs inside the process.
//
// One goroutine claims; each job runs in its own, with one more that keeps its lease and writes its
// progress. What is durable is in the queue: several processes may run pools on one queue, and a pool
// that dies is followed by whoever claims next.
//
// Bounds: at most Width jobs of each kind run at a time, each with at most width tasks of a group, and
// nothing is buffered between the queue and the jobs. An idle pool reads the queue once per Poll.
package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// Options change how a pool works. The zero value of each member stands for its default.
type Options struct {
	Lease       time.Duration // how long a silent worker keeps a job; extended three times as often; 30 s
	Poll        time.Duration // how often an idle pool looks for jobs that nobody woke it for; 5 s
	Backoff     time.Duration // the pause after a first failure, doubled with each further one; 1 s
	MaxBackoff  time.Duration // the longest pause; 1 min
	ReportEvery time.Duration // how often progress is stored; 1 s

	// Exclusive says that no other pool works on this queue: jobs leased to whoever was there before
	// go on at Start instead of when their leases run out.
	Exclusive bool

	Log *slog.Logger // slog.Default() if nil
	// Observe, if not nil, is told how each run ended and how long it took. The outcome is one of the
	// constants below.
	Observe func(kind, outcome string, d time.Duration)
}

// How a run can end.
const (
	Done        = "done"        // settled, and Run succeeded
	Failed      = "failed"      // settled with a failure
	Cancelled   = "cancelled"   // settled because somebody asked to stop it
	Retried     = "retried"     // a failure that may pass; the job is due again later
	Interrupted = "interrupted" // the pool stopped; the job goes on at the next Start
	Lost        = "lost"        // another worker has the job now
	Dropped     = "dropped"     // removed, because its owner is gone
)

// errStopping interrupts jobs when the pool stops.
var errStopping error = &fault.Error{Kind: fault.Unavailable, Sentence: "The server is shutting down."}

// errLost interrupts a job whose lease another worker has, or may have.
var errLost error = &fault.Error{Kind: fault.Unavailable, Sentence: "The job goes on in another worker."}

// A Pool is a job.Engine in this process. Its methods may be called from many goroutines.
type Pool struct {
	queue  job.Queue
	opts   Options
	worker string        // this process, in the names of its leases
	wake   chan struct{} // holds at most one call to look again

	mu      sync.Mutex
	life    *life // nil unless started
	claims  int64 // how many leases were named
	flows   map[string]job.Flow
	slots   map[string]int       // kind → how many more may run
	running map[arn.ARN]*running // by owner
	due     []time.Time          // when failed jobs are due again, in no order; one each
}

// A life is the time between a Start and the Stop that belongs to it.
type life struct {
	run       context.Context // ends when jobs are to be interrupted
	interrupt context.CancelCauseFunc
	hard      context.Context // ends when nobody waits any more: what settles jobs runs on it
	abandon   context.CancelFunc
	wg        sync.WaitGroup
}

var _ job.Engine = (*Pool)(nil)

// New makes a pool that works on a queue once it is started.
func New(q job.Queue, opts Options) *Pool {
	setDefault(&opts.Lease, 30*time.Second)
	setDefault(&opts.Poll, 5*time.Second)
	setDefault(&opts.Backoff, time.Second)
	setDefault(&opts.MaxBackoff, time.Minute)
	setDefault(&opts.ReportEvery, time.Second)
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	return &Pool{queue: q, opts: opts, worker: workerName(), wake: make(chan struct{}, 1)}
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}

// workerName tells people which process has a lease; the random part makes it unlike that of a process
// with the same number before a restart.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
}

// Start implements job.Engine. A pool that was stopped may be started again.
func (p *Pool) Start(ctx context.Context, flows ...job.Flow) error {
	byKind, slots, err := arrange(flows)
	if err != nil {
		return err
	}
	if p.opts.Exclusive {
		if err := p.insist(ctx, "expire leases", func() error { return p.queue.Expire(ctx) }); err != nil {
			return fmt.Errorf("start jobs: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != nil {
		return errors.New("start jobs: the pool is running")
	}
	l := &life{}
	l.run, l.interrupt = context.WithCancelCause(ctx)
	l.hard, l.abandon = context.WithCancel(context.WithoutCancel(ctx))
	p.life, p.flows, p.slots, p.running, p.due = l, byKind, slots, map[arn.ARN]*running{}, nil
	l.wg.Go(func() { p.dispatch(l) })
	return nil
}

// arrange checks flows and counts how many jobs of each kind may run.
func arrange(flows []job.Flow) (byKind map[string]job.Flow, slots map[string]int, err error) {
	byKind, slots = map[string]job.Flow{}, map[string]int{}
	for _, f := range flows {
		if _, twice := byKind[f.Kind]; twice || f.Kind == "" || f.Run == nil {
			return nil, nil, fmt.Errorf("start jobs: flow %q has no kind, no Run, or is given twice", f.Kind)
		}
		byKind[f.Kind], slots[f.Kind] = f, max(1, f.Width)
	}
	return byKind, slots, nil
}

// Wake implements job.Engine. It never blocks.
func (p *Pool) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Cancel implements job.Engine. The mark is durable before anything is interrupted, so that a job
// stopped just before a crash is not taken up again.
func (p *Pool) Cancel(ctx context.Context, owner arn.ARN) error {
	if err := p.queue.Cancel(ctx, owner); err != nil {
		return err
	}
	p.mu.Lock()
	if r := p.running[owner]; r != nil {
		r.interrupt(job.ErrCancelled)
	}
	p.mu.Unlock()
	p.Wake()
	return nil
}

// Stop implements job.Engine. If ctx ends first, what still runs is left behind without its store and
// Stop returns the context's error.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	l := p.life
	p.mu.Unlock()
	if l == nil {
		return nil
	}
	l.interrupt(errStopping)
	ended := make(chan struct{})
	go func() { l.wg.Wait(); close(ended) }()
	defer l.abandon()
	select {
	case <-ctx.Done():
		return fmt.Errorf("stop jobs: %w", context.Cause(ctx))
	case <-ended:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == l {
		p.life = nil
	}
	return nil
}

// dispatch claims jobs as long as there are jobs and free slots, and then waits for a reason to look again.
func (p *Pool) dispatch(l *life) {
	for failures := 0; l.run.Err() == nil; {
		claimed, err := p.claim(l)
		switch {
		case l.run.Err() != nil:
			return
		case err != nil:
			failures++
			p.opts.Log.ErrorContext(l.run, "claiming a job failed", "error", err, "failures", failures)
			p.pause(l.run, failures)
		case claimed:
			failures = 0
		default:
			failures = 0
			p.rest(l.run)
		}
	}
}

// rest waits until somebody calls Wake, a failed job is due again, or it is time to poll.
func (p *Pool) rest(ctx context.Context) {
	timer := time.NewTimer(p.nextLook())
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.wake:
	case now := <-timer.C:
		p.mu.Lock()
		p.due = slices.DeleteFunc(p.due, func(at time.Time) bool { return !at.After(now) })
		p.mu.Unlock()
	}
}

// nextLook returns how long to wait for the next failed job or poll.
func (p *Pool) nextLook() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.opts.Poll
	for _, at := range p.due {
		d = min(d, max(0, time.Until(at)))
	}
	return d
}

// dueAgain remembers to look for a failed job when it is due.
func (p *Pool) dueAgain(after time.Duration) {
	// The queue has a clock of its own, in whole milliseconds: look a little later, not a little early.
	at := time.Now().Add(after + 5*time.Millisecond)
	p.mu.Lock()
	p.due = append(p.due, at)
	p.mu.Unlock()
	p.Wake() // the pool may be resting already, for longer
}

// free returns the kinds of which one more job may run.
func (p *Pool) free() (kinds []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, n := range p.slots {
		if n > 0 {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// leaseName names one claim, so that a run of this process that lost its job cannot act for a later one.
func (p *Pool) leaseName() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims++
	return fmt.Sprintf("%s/%d", p.worker, p.claims)
}

// claim takes one job, if there is one and a free slot, and starts it.
func (p *Pool) claim(l *life) (claimed bool, err error) {
	kinds := p.free()
	if len(kinds) == 0 {
		return false, nil
	}
	c := &claim{pool: p, ctx: l.run}
	ok, err := c.take(kinds)
	if c.failure != nil && l.run.Err() == nil {
		// It is the job that failed and not the queue. It is taken once more without its Begin, so that
		// the failure is dealt with like one of Run and the jobs behind it are not held up.
		c.skip = c.job.ID
		ok, err = c.take(kinds)
	}
	if err != nil || !ok {
		return false, err
	}
	p.launch(l, c)
	return true, nil
}

// A claim is an attempt to take a job.
type claim struct {
	pool    *Pool
	ctx     context.Context
	lease   string
	job     job.Job
	skip    int64 // the job whose Begin is not called
	failure error // of the Begin of job; deciding what becomes of it is the run's business
}

func (c *claim) take(kinds []string) (ok bool, err error) {
	c.lease = c.pool.leaseName()
	j, ok, err := c.pool.queue.Claim(c.ctx, c.lease, kinds, c.pool.opts.Lease, c.begin)
	if err == nil && ok {
		if j.ID != c.skip {
			c.failure = nil
		}
		c.job = j
	}
	return ok, err
}

func (c *claim) begin(tx catalog.Store, j job.Job) error {
	begin := c.pool.flows[j.Kind].Begin
	if begin == nil || j.Cancelled || j.ID == c.skip {
		return nil
	}
	err := safely(func() error { return begin(c.ctx, tx, j) })
	if err != nil {
		c.job, c.failure = j, err
	}
	return err
}

// launch runs a claimed job in a goroutine of its own.
func (p *Pool) launch(l *life, c *claim) {
	r := newRunning(p, l, c)
	p.mu.Lock()
	p.slots[r.job.Kind]--
	p.running[r.job.Owner] = r
	p.mu.Unlock()
	l.wg.Go(func() {
		defer p.land(r)
		r.run()
	})
}

// land gives back the slot of a run that ended.
func (p *Pool) land(r *running) {
	r.interrupt(nil) // frees the context
	p.mu.Lock()
	p.slots[r.job.Kind]++
	if p.running[r.job.Owner] == r {
		delete(p.running, r.job.Owner)
	}
	p.mu.Unlock()
	p.Wake()
}

// insist calls do until it succeeds, fails for a reason that does not pass, or ctx ends.
func (p *Pool) insist(ctx context.Context, what string, do func() error) error {
	for failures := 1; ; failures++ {
		err := do()
		if err == nil || !passing(err) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.opts.Log.WarnContext(ctx, what+" failed; trying again", "error", err, "failures", failures)
		p.pause(ctx, failures)
	}
}

// pause waits as long as befits that many failures in a row, or until ctx ends.
func (p *Pool) pause(ctx context.Context, failures int) {
	timer := time.NewTimer(p.backoff(failures))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// backoff doubles with each failure up to a limit. The half that is random keeps workers that failed
// together from coming back together.
func (p *Pool) backoff(failures int) time.Duration {
	d := p.opts.MaxBackoff
	if shift := failures - 1; shift < 30 && p.opts.Backoff<<shift < d {
		d = p.opts.Backoff << shift
	}
	return d/2 + mathrand.N(d/2+1)
}

// passing reports whether a failure may pass by itself.
func passing(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Internal || k == fault.Unavailable
}
