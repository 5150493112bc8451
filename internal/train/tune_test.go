package train_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

func answer(what string) map[string]string { return map[string]string{"answer": what} }

// The version is trained with the best of the parameters tried, the first of equals, and tells which; a
// trial that was done before the server went down is not done again.
func TestTune(t *testing.T) {
	var mu sync.Mutex
	var trained []string
	var users []int
	block := make(chan struct{}, 1)
	block <- struct{}{}
	third := make(chan struct{})
	w := newWorld(t, toy{func(ctx context.Context, o recipe.Training) error {
		mu.Lock()
		trained, users = append(trained, o.Params["answer"]), append(users, o.Data.Users.Len())
		mu.Unlock()
		if o.Params["answer"] == "items too" {
			select {
			case <-block: // the first time
				close(third)
				<-ctx.Done()
				return ctx.Err()
			default:
			}
		}
		return nil
	}})
	w.order(train.Order{Params: answer("nothing"), Tuned: []string{"answer"},
		Trials: []map[string]string{answer("nothing"), answer("items"), answer("items too")}})
	w.start()
	receive(t, third, "the third trial")
	stop(t, w.pool)
	w.start()
	w.await("train done")

	doc, rec := w.get()
	if rec.Status != "ACTIVE" || doc.TrainingHours == nil {
		t.Fatalf("the version is %s", rec.Doc)
	}
	if doc.TunedHPOParams == nil || !reflect.DeepEqual(doc.TunedHPOParams.AlgorithmHyperParameters, answer("items")) {
		t.Errorf("tunedHPOParams = %+v, want the first that answers", doc.TunedHPOParams)
	}
	st, err := train.StateOf(rec)
	if err != nil || st.Metrics["normalized_discounted_cumulative_gain_at_25"] <= 0 || st.Order.Params["answer"] != "items" {
		t.Errorf("state %+v, %v; want what was chosen and its metrics", st, err)
	}
	want := "[nothing items items too items too items items]" // the fourth after the restart, then measured and final
	if got := fmt.Sprint(trained); got != want {
		t.Errorf("trained %s, want %s", got, want)
	}
	// Those who decide are others than those who are measured, and neither are learned from.
	if n := len(users); n != 6 || !(users[0] < users[n-2] && users[n-2] < users[n-1]) {
		t.Errorf("users learned from: %v; want fewer in trials than in measuring, and fewer there than in the end", users)
	}
	if keys := w.models(); len(keys) != 1 {
		t.Errorf("kept: %q, want the one model", keys)
	}
}

// Without anything to choose, a version says nothing of tuned parameters.
func TestNotTuned(t *testing.T) {
	w := newWorld(t, toy{})
	w.order(train.Order{Params: answer("items")})
	w.start()
	w.await("train done")
	if doc, rec := w.get(); rec.Status != "ACTIVE" || doc.TunedHPOParams != nil {
		t.Errorf("the version is %s", rec.Doc)
	}
}
