package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// generations is how often uploads that vanished are begun anew before the job's attempt fails.
const generations = 3

// The statuses a job goes through.
const (
	inProgress = "CREATE IN_PROGRESS"
	active     = "ACTIVE"
	failed     = "CREATE FAILED"
)

// Config is what the flow needs. Source and Buckets are required.
type Config struct {
	Source  Source
	Buckets blob.Buckets
	Limits  Limits // none by default
	// PartBytes is the most output that a shard aims at; at least blob.MinPart, 16 MiB by default.
	PartBytes int
	// ShardBytes is the input of a shard. 0, the default, measures what makes PartBytes of output.
	ShardBytes int64
	// Width is how many shards of a job are answered at a time; by default one more than there are
	// processors, so that one can upload while the others compute.
	Width int
	// Jobs is how many jobs run at a time; 1 by default.
	Jobs int
	Now  func() time.Time
	Log  *slog.Logger
	// Observe, if not nil, is told of every shard that was read, for metrics.
	Observe func(t Tally, d time.Duration)

	minPart int // blob.MinPart but in tests
}

func (c Config) withDefaults() *Config {
	if c.minPart == 0 {
		c.minPart = blob.MinPart
	}
	if c.PartBytes == 0 {
		c.PartBytes = 16 << 20
	}
	c.PartBytes = max(c.PartBytes, c.minPart)
	if c.Width <= 0 {
		c.Width = runtime.GOMAXPROCS(0) + 1
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &c
}

func (c *Config) observe(t Tally, d time.Duration) {
	if c.Observe != nil {
		c.Observe(t, d)
	}
}

// Flow returns the flow of batch inference jobs, whose payload is an [Order].
func Flow(cfg Config) job.Flow { return flow(Kind, cfg) }

// SegmentFlow returns the flow of batch segment jobs, whose payload is an [Order].
func SegmentFlow(cfg Config) job.Flow { return flow(SegmentKind, cfg) }

func flow(kind string, cfg Config) job.Flow {
	c := cfg.withDefaults()
	return job.Flow{
		Kind:  kind,
		Width: c.Jobs,
		Run:   c.run,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return c.move(ctx, tx, j, inProgress, nil)
		},
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			if failure == nil {
				return c.move(ctx, tx, j, active, map[string]any{"failureReason": nil})
			}
			return c.move(ctx, tx, j, failed, map[string]any{"failureReason": fault.Sentence(failure)})
		},
	}
}

// move changes the status of a job's owner. One that was deleted with its account's data needs none.
func (c *Config) move(ctx context.Context, tx catalog.Store, j job.Job, status string, patch map[string]any) error {
	err := catalog.Transition(ctx, tx, j.Owner, c.Now(), status, patch)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// A work is one run of a job: what the payload names, opened.
type work struct {
	cfg           *Config
	run           *job.Run
	order         Order
	input, output blob.Location
	in, out       blob.Driver
	oracle        *oracle
	plan          Plan
	part, minPart int
	benches       benches
	progress      *progress
	open          map[string]string // uploads begun in this run or before, by key
}

// run does a job, and clears up behind one that has failed for good.
func (c *Config) run(ctx context.Context, r *job.Run) error {
	j := &work{cfg: c, run: r, part: c.PartBytes, minPart: c.minPart, open: map[string]string{}}
	if err := json.Unmarshal(r.Payload, &j.order); err != nil {
		return fmt.Errorf("batch: payload of %s: %w", r.Owner, err)
	}
	bound, err := c.Source.Open(ctx, j.order.SolutionVersion)
	if err != nil {
		return fmt.Errorf("batch: opening %s: %w", j.order.SolutionVersion, err)
	}
	if bound.Release != nil {
		defer bound.Release()
	}
	err = j.do(ctx, bound)
	if err != nil && j.final(ctx, err) {
		j.abort(ctx)
	}
	return err
}

// do answers everything, and only then publishes anything.
func (j *work) do(ctx context.Context, bound *Bound) error {
	if err := j.prepare(ctx, bound); err != nil {
		return err
	}
	whole, cut := j.divide()
	var total Tally
	for generation := range generations {
		ups, pieces, err := j.scoreAll(ctx, generation, cut)
		if err != nil {
			return err
		}
		if generation == 0 {
			if err := j.putAll(ctx, whole, &total); err != nil {
				return err
			}
		}
		if cut, err = j.publishAll(ctx, generation, cut, ups, pieces, &total); err != nil {
			return err
		}
		if len(cut) == 0 {
			j.progress.finish(total.Lines)
			j.cfg.Log.InfoContext(ctx, "batch job answered", "job", j.run.Owner, "files", len(j.plan.Files), "tally", total)
			return nil
		}
	}
	return fmt.Errorf("batch: the uploads of %d files vanished %d times", len(cut), generations)
}

// group is job.Run.Group with the width of the flow.
func (j *work) group(ctx context.Context, name string, n int, do job.Task) ([][]byte, error) {
	if n == 0 {
		return nil, nil
	}
	return j.run.Group(ctx, name, n, j.cfg.Width, do)
}

// prepare opens what the order names, makes or recalls the plan and proves that the output can be written.
func (j *work) prepare(ctx context.Context, bound *Bound) (err error) {
	o := &j.order
	if j.input, j.output, err = CheckLocations(o.Input, o.Output); err != nil {
		return err
	}
	if j.in, err = j.cfg.Buckets.Bucket(ctx, j.input.Bucket); err != nil {
		return j.inputFault(j.input.Key, err)
	}
	if j.out, err = j.cfg.Buckets.Bucket(ctx, j.output.Bucket); err != nil {
		return j.outputFault(j.output.Key, err)
	}
	if j.oracle, err = newOracle(o, bound); err != nil {
		return err
	}
	planned, err := j.run.Once(ctx, "plan", j.makePlan)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(planned, &j.plan); err != nil {
		return fmt.Errorf("batch: plan of %s: %w", j.run.Owner, err)
	}
	j.progress = newProgress(j)
	_, err = j.run.Once(ctx, "check", j.writeCheck)
	return err
}

func (j *work) writeCheck(ctx context.Context) ([]byte, error) {
	key := j.output.Key + checkName
	_, err := j.out.Put(ctx, key, strings.NewReader(""), j.options())
	return nil, j.outputFault(key, err)
}

// options are what outputs are written with.
func (j *work) options() blob.Options { return blob.Options{KMSKey: j.order.OutputKMS} }

// divide tells the files that are answered whole from those cut into shards.
func (j *work) divide() (whole, cut []int) {
	for i := range j.plan.Files {
		if j.plan.Files[i].Shard == 0 {
			whole = append(whole, i)
		} else {
			cut = append(cut, i)
		}
	}
	return whole, cut
}

// countLines holds every file against the limit of lines, before any of them is published.
func (j *work) countLines(pieces [][]piece) error {
	for _, file := range pieces {
		if err := j.checkLines(&j.plan.Files[file[0].file], tally(file)); err != nil {
			return err
		}
	}
	return nil
}

// putAll answers and writes the small files.
func (j *work) putAll(ctx context.Context, files []int, total *Tally) error {
	res, err := j.group(ctx, "files", len(files), func(ctx context.Context, n int) ([]byte, error) {
		out, err := j.put(ctx, files[n])
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
	if err != nil {
		return err
	}
	outs, err := decodeAll[output](res)
	for _, out := range outs {
		total.add(out.Tally)
	}
	return err
}

// publishAll completes the uploads of files and returns those that must be done again.
func (j *work) publishAll(ctx context.Context, generation int, files []int, ups []upload, pieces [][]piece, total *Tally) (again []int, err error) {
	j.progress.stage("publishing")
	name := fmt.Sprintf("publish.%d", generation)
	res, err := j.group(ctx, name, len(files), func(ctx context.Context, n int) ([]byte, error) {
		done, err := j.publish(ctx, &j.plan.Files[files[n]], ups[n], pieces[n])
		if err != nil {
			return nil, err
		}
		return json.Marshal(done)
	})
	if err != nil {
		return nil, err
	}
	done, err := decodeAll[bool](res)
	if err != nil {
		return nil, err
	}
	for n, i := range files {
		if !done[n] {
			again = append(again, i)
			continue
		}
		delete(j.open, j.plan.Files[i].Output)
		total.add(tally(pieces[n]))
	}
	return again, nil
}

func tally(pieces []piece) (t Tally) {
	for _, p := range pieces {
		t.add(p.out.Tally)
	}
	return t
}

// final reports whether the engine will settle the job as failed: the failure will not pass by itself, or
// this was the last attempt, or the job was cancelled.
func (j *work) final(ctx context.Context, err error) bool {
	if cause := context.Cause(ctx); cause != nil {
		return permanent(cause)
	}
	return permanent(err) || j.run.Attempt >= job.MaxAttempts
}

func permanent(err error) bool {
	k := fault.KindOf(err)
	return k != fault.Internal && k != fault.Unavailable
}

// abort drops what was uploaded. The job has failed already, so its own failures are only logged.
func (j *work) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	for _, key := range sortedKeys(j.open) {
		if err := j.out.Abort(ctx, key, j.open[key]); err != nil {
			j.cfg.Log.WarnContext(ctx, "upload not aborted", "job", j.run.Owner, "key", key, "error", err)
		}
	}
}

// inputFault says what a failure to read means to whoever asked for the job. nil stays nil.
func (j *work) inputFault(key string, err error) error {
	return locationFault("Invalid S3 input path. ", blob.Location{Bucket: j.input.Bucket, Key: key}, err)
}

// outputFault is inputFault for writing.
func (j *work) outputFault(key string, err error) error {
	return locationFault("Invalid S3 output path. ", blob.Location{Bucket: j.output.Bucket, Key: key}, err)
}

func locationFault(prefix string, l blob.Location, err error) error {
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case fault.Is(err, fault.NotFound):
		return fault.Wrap(fault.Invalid, err, "%s%s: %s", prefix, l, fault.Sentence(err))
	case fault.Is(err, fault.Denied):
		return fault.Wrap(fault.Invalid, err, "%s%s: Insufficient privileges for accessing data in Amazon S3.", prefix, l)
	}
	return fmt.Errorf("batch: %s: %w", l, err)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
