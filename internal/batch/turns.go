package batch

import (
	"context"
	"sync"
)

// Turns let tasks that are done side by side send in their order: each waits until those before it that are under way
// have ended. One that has not begun, or that failed and is to be tried again, keeps nobody waiting, and the first of those
// under way never waits. So the order is a habit and not a promise, and a task that waits has somebody to wait for.
type turns struct {
	mu      sync.Mutex
	working map[int]chan struct{} // closed when the task has ended
}

// begin says that task n is under way until end is called.
func (t *turns) begin(n int) (end func()) {
	ended := make(chan struct{})
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.working == nil {
		t.working = map[int]chan struct{}{}
	}
	t.working[n] = ended
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.working, n)
		close(ended)
	}
}

// await returns when it is the turn of task n.
func (t *turns) await(ctx context.Context, n int) error {
	for {
		before := t.before(n)
		if before == nil {
			return nil
		}
		select {
		case <-before:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// before returns when a task before n ends, nil if there is none.
func (t *turns) before(n int) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, ended := range t.working {
		if k < n {
			return ended
		}
	}
	return nil
}
