package train_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// A training that is stopped ends at once and leaves nothing.
func TestStop(t *testing.T) {
	began, over := make(chan struct{}), make(chan struct{})
	w := newWorld(t, toy{func(ctx context.Context, _ recipe.Training) error {
		close(began)
		defer close(over)
		<-ctx.Done()
		return ctx.Err()
	}})
	w.order(train.Order{})
	w.start()
	receive(t, began, "the training")
	if _, rec := w.get(); rec.Status != "CREATE IN_PROGRESS" {
		t.Errorf("a version in training is %s", rec.Status)
	}
	w.move("CREATE STOPPING")
	if err := w.pool.Cancel(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	receive(t, over, "the end of the training")
	w.await("train cancelled")
	w.await("discard done")
	if _, rec := w.get(); rec.Status != "CREATE STOPPED" {
		t.Errorf("the version is %s, want CREATE STOPPED", rec.Status)
	}
	if left := w.models(); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A version that was stopped before its turn came, or whose server went down before the engine heard of
// it, is not trained; what an earlier run left is removed.
func TestStoppedWithoutTheEngine(t *testing.T) {
	for _, status := range []string{"CREATE STOPPED", "CREATE STOPPING"} {
		t.Run(status, func(t *testing.T) {
			var trainings atomic.Int32
			w := newWorld(t, toy{func(context.Context, recipe.Training) error { trainings.Add(1); return nil }})
			w.order(train.Order{})
			w.move(status)
			if _, err := w.own.Put(t.Context(), train.Prefix(version)+"model", strings.NewReader("whatever"), blob.Options{}); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.await("discard done")
			if _, rec := w.get(); rec.Status != "CREATE STOPPED" {
				t.Errorf("the version is %s, want CREATE STOPPED", rec.Status)
			}
			if n := trainings.Load(); n > 0 {
				t.Errorf("it was trained %d times", n)
			}
			if left := w.models(); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// Whoever stops a training at its very end is heard.
func TestStopAtTheEnd(t *testing.T) {
	var w *world
	var trainings atomic.Int32
	w = newWorld(t, toy{func(context.Context, recipe.Training) error {
		if trainings.Add(1) == 2 { // the model itself
			w.move("CREATE STOPPING")
		}
		return nil
	}})
	w.order(train.Order{})
	w.start()
	w.await("discard done")
	if doc, rec := w.get(); rec.Status != "CREATE STOPPED" || doc.TrainingHours != nil || len(rec.Extra) > 0 {
		t.Errorf("the version is %s with %s, want CREATE STOPPED with nothing", rec.Doc, rec.Extra)
	}
	if left := w.models(); trainings.Load() != 2 || len(left) > 0 {
		t.Errorf("%d trainings, left behind: %q", trainings.Load(), left)
	}
}
