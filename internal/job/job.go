// Package job runs work that outlives a request: durably, once, in tasks that may run side by side.
//
// A flow is written as if nothing could fail. It is run again from the start after a crash; every group
// of tasks it asks for returns what was already done, so that going on and starting again are the same.
package job

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A Job is one claimed piece of work.
type Job struct {
	ID      int64
	Owner   arn.ARN
	Kind    string
	Payload json.RawMessage
	Created time.Time
	// Attempt is 1 at the first run and one more after each failure that may pass. A crash or a
	// shutdown is not an attempt.
	Attempt int
	// Lost is how many workers in a row vanished with this job without leaving a result.
	Lost int
	// Cancelled is set when somebody asked to stop the job: it is claimed only to be settled.
	Cancelled bool
	// Outcome is what a Run that succeeded leaves for Settle. The engine hands the Run's own Job on, so
	// what it set here arrives; nothing else keeps it.
	Outcome json.RawMessage
}

// A Flow tells how one kind of work is done.
type Flow struct {
	Kind string
	// Run does the job. It calls Run.Group for what is to be done in tasks, in an order that depends
	// only on the job and on results. Returning a fault of a kind other than Internal and Unavailable
	// settles the job as failed; other errors are tried again with back-off, up to MaxAttempts.
	Run func(ctx context.Context, r *Run) error
	// Settle is called in the transaction that ends the job: failure is nil, or what Run returned. It
	// moves the owner to its final status. It must be quick and touch nothing but the store.
	Settle func(ctx context.Context, tx catalog.Store, j Job, failure error) error
	// Begin, if not nil, is called in the transaction that claims the job, before each Run: it moves
	// the owner to CREATE IN_PROGRESS.
	Begin func(ctx context.Context, tx catalog.Store, j Job) error
	// Width is how many jobs of this kind run at a time; 0 means 1.
	Width int
}

// MaxAttempts is how often a job is tried whose failure may pass by itself.
const MaxAttempts = 5

// MaxLost is how many workers in a row may vanish with a job before it is taken for what kills them.
const MaxLost = 100

// MaxResult bounds what one task may leave, in bytes. Results are for plans and names, not for data.
const MaxResult = 8 << 20

// ErrCancelled is the failure a flow is settled with when its job was cancelled.
var ErrCancelled error = &fault.Error{Kind: fault.Denied, Sentence: "The job was stopped on request."}

// A Task is one piece of a group. It gets the context of its lease and returns what later runs get
// back; doing it twice changes nothing.
type Task func(ctx context.Context, n int) (result []byte, err error)

// Progress is how far a job has come, for people: it decides nothing.
type Progress struct {
	Stage   string    `json:"stage"`
	Done    int64     `json:"done"`
	Total   int64     `json:"total"` // 0 when unknown
	Unit    string    `json:"unit"`  // "rows", "lines", "iterations"
	Started time.Time `json:"started"`
	Updated time.Time `json:"updated"`
}

// A Queue keeps jobs, leases and results. Drivers implement it beside catalog.Store on one database.
//
// A lease is held by a name that its holder made up for this one claim. Whoever holds a lease that ran
// out may still use it as long as nobody else has claimed the job.
type Queue interface {
	// Claim leases the oldest job of one of the kinds that is due and not leased to a living worker, and
	// runs begin in the same transaction; if begin fails nothing is claimed. ok is false when there is
	// none. A cancelled job is due at once.
	Claim(ctx context.Context, worker string, kinds []string, lease time.Duration, begin func(catalog.Store, Job) error) (j Job, ok bool, err error)
	// Extend prolongs a lease. fault.InUse if it was lost, fault.NotFound if the job is gone or cancelled.
	Extend(ctx context.Context, id int64, worker string, lease time.Duration) error
	// Release gives a job back as if it had not been claimed. fault.InUse, fault.NotFound.
	Release(ctx context.Context, id int64, worker string) error
	// Retry gives a job back after a failed attempt, to be due again after a delay. fault.InUse, fault.NotFound.
	Retry(ctx context.Context, id int64, worker string, after time.Duration) error
	// Expire ends every lease at once. It is for a process that knows no other worker is alive.
	Expire(ctx context.Context) error
	// Finish removes a job and its results in one transaction with settle. fault.InUse if the lease was
	// lost, fault.NotFound if the job is gone.
	Finish(ctx context.Context, id int64, worker string, settle func(catalog.Store) error) error
	// Cancel marks the unfinished job of an owner as cancelled; its worker learns it at the next Extend.
	// fault.NotFound if there is none.
	Cancel(ctx context.Context, owner arn.ARN) error
	// Results returns what tasks of a group have left, by task number.
	Results(ctx context.Context, id int64, group string) (map[int][]byte, error)
	// PutResult stores a task's result and returns what is kept: the first result stored for a task
	// stays, whoever else comes later. fault.NotFound if the job is gone, fault.Limit over MaxResult.
	PutResult(ctx context.Context, id int64, group string, n int, result []byte) (kept []byte, err error)
	// SetProgress keeps how far the owner's unfinished job has come; without such a job it does nothing.
	SetProgress(ctx context.Context, owner arn.ARN, p Progress) error
	// Progress returns what was set last. It outlives the job and goes with the owner's record.
	Progress(ctx context.Context, owner arn.ARN) (Progress, bool, error)
}

// A Runner is what an engine gives to a running flow.
type Runner interface {
	// Group runs tasks 0..n-1, width of them at a time, and returns their results in order, nil for an
	// empty one. Tasks that an earlier run finished are not run again. The first failure cancels the
	// rest and is returned. A name stands for one group of the job; all n results are held in memory.
	Group(ctx context.Context, name string, n, width int, do Task) ([][]byte, error)
	// Report says how far the job is. It may be called often; it is stored about once a second.
	Report(p Progress)
}

// A Run is one attempt at a job.
type Run struct {
	Job
	Runner
}

// Once runs a single task as a group of its own and returns its result: a value decided once and kept,
// such as a plan or the name of an upload.
func (r *Run) Once(ctx context.Context, name string, do func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	res, err := r.Group(ctx, name, 1, 1, func(ctx context.Context, _ int) ([]byte, error) { return do(ctx) })
	if err != nil {
		return nil, err
	}
	return res[0], nil
}

// An Engine runs flows until it is stopped.
type Engine interface {
	// Start begins to claim jobs of the flows given; jobs that a dead process left go on first. The end
	// of ctx interrupts the jobs as Stop does.
	Start(ctx context.Context, flows ...Flow) error
	// Wake says that work may have been enqueued, so that it starts at once.
	Wake()
	// Cancel stops the owner's job, running or waiting; its flow is settled with ErrCancelled, which is a
	// fault.Denied. fault.NotFound if the owner has no unfinished job.
	Cancel(ctx context.Context, owner arn.ARN) error
	// Stop stops claiming, interrupts running jobs (they stay unfinished and go on at the next Start)
	// and waits for them until ctx ends.
	Stop(ctx context.Context) error
}
