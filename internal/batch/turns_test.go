package batch

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// Tasks that are begun in their order and end in any other send in their order.
func TestTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "tasks")
		ready := rapid.Permutation(count(n)).Draw(t, "ready")
		var order turns
		var mu sync.Mutex
		var sent []int
		var group sync.WaitGroup
		done := make([]chan struct{}, n)
		for i := range n {
			done[i] = make(chan struct{})
			end := order.begin(i)
			group.Go(func() {
				defer end()
				<-done[i]
				if err := order.await(context.Background(), i); err != nil {
					t.Errorf("await(%d) = %v", i, err)
				}
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, i)
			})
		}
		for _, i := range ready {
			close(done[i])
		}
		group.Wait()
		if !slices.Equal(sent, count(n)) {
			t.Fatalf("sent in the order %v", sent)
		}
	})
}

func count(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// A task that waits stops when its job is stopped, and one that has ended is waited for by nobody.
func TestTurnsEnd(t *testing.T) {
	var order turns
	end := order.begin(0)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	if err := order.await(ctx, 1); !errors.Is(err, stopped) {
		t.Errorf("await = %v, want %v", err, stopped)
	}
	end()
	if err := order.await(ctx, 1); err != nil {
		t.Errorf("await = %v with nobody before", err)
	}
}
