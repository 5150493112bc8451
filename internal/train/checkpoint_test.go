package train_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// A learning that the server's end interrupted finds what it kept, each learning its own, and a training that is over
// leaves nothing but its model.
func TestCheckpoints(t *testing.T) {
	var learnings, found atomic.Int32
	kept := make(chan struct{}, 1)
	w := newWorld(t, toy{func(ctx context.Context, o recipe.Training) error {
		var step int
		if o.Checkpoint.Load("key", &step, func(*artifact.File) error { return nil }) {
			found.Add(int32(step))
			return nil
		}
		n := learnings.Add(1)
		if err := o.Checkpoint.Save("key", int(n), func(*artifact.Writer) error { return nil }); err != nil {
			return err
		}
		kept <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}})
	w.cfg.Checkpoints = time.Nanosecond
	w.order(train.Order{})
	for range 2 { // each of the two learnings is interrupted once
		w.start()
		receive(t, kept, "a checkpoint")
		stop(t, w.pool)
	}
	w.start()
	w.await("train done")
	if learnings.Load() != 2 || found.Load() != 1+2 {
		t.Errorf("%d learnings began and found %d in all, want 2 and 1 + 2", learnings.Load(), found.Load())
	}
	if left := w.models(); !slices.Equal(left, []string{train.Prefix(version) + "model"}) {
		t.Errorf("kept: %q, want the model", left)
	}
}
