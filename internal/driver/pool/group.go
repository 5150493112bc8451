package pool

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/kindredrec/kindred/internal/job"
)

// taskTries is how often a task whose failure may pass is done in one run before the run fails. A job
// of a thousand tasks meets more accidents than it has attempts.
const taskTries = 3

// Group implements job.Runner. A result counts once the queue keeps it, and it is what the queue keeps
// that is returned, so that this run and a later one go on from the same results.
func (r *running) Group(ctx context.Context, name string, n, width int, do job.Task) ([][]byte, error) {
	prior, err := r.results(ctx, name)
	if err != nil {
		return nil, err
	}
	results := make([][]byte, n)
	g, tasks := errgroup.WithContext(ctx)
	g.SetLimit(max(1, width))
	for i := range n {
		if kept, ok := prior[i]; ok {
			results[i] = kept
			continue
		}
		if tasks.Err() != nil {
			break
		}
		g.Go(func() (err error) {
			results[i], err = r.task(tasks, name, i, do)
			return err
		})
	}
	err = g.Wait()
	if ctx.Err() != nil { // whatever the tasks made of it
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i, b := range results {
		if len(b) == 0 {
			results[i] = nil
		}
	}
	return results, nil
}

func (r *running) results(ctx context.Context, name string) (prior map[int][]byte, err error) {
	err = r.pool.insist(ctx, "reading results", func() (err error) {
		prior, err = r.pool.queue.Results(ctx, r.job.ID, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", name, err)
	}
	return prior, nil
}

// task does one task and has its result kept.
func (r *running) task(ctx context.Context, name string, n int, do job.Task) (kept []byte, err error) {
	result, err := r.try(ctx, name, n, do)
	if err != nil {
		return nil, fmt.Errorf("group %s, task %d: %w", name, n, err)
	}
	err = r.pool.insist(ctx, "keeping a result", func() (err error) {
		kept, err = r.pool.queue.PutResult(ctx, r.job.ID, name, n, result)
		return err
	})
	return kept, err
}

// try does a task up to taskTries times as long as its failure may pass. A panic is a mistake in the
// code and does not.
func (r *running) try(ctx context.Context, name string, n int, do job.Task) (result []byte, err error) {
	for tries := 1; ; tries++ {
		err = safely(func() (err error) {
			result, err = do(ctx, n)
			return err
		})
		if _, mistake := errors.AsType[*panicked](err); err == nil || mistake || !passing(err) || tries == taskTries {
			return result, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		r.log.WarnContext(ctx, "task failed; trying again", "group", name, "task", n, "error", err)
		r.pool.pause(ctx, tries)
	}
}
