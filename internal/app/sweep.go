package app

import (
	"context"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/train"
)

// sweeper returns the snapshots of all groups and what removes files that nothing refers to any more. Files
// that an earlier process was writing when it ended are removed at once.
func (a *App) sweeper(ctx context.Context, own blob.Driver) (*dataset.Snapshots, *dataset.Sweeper, error) {
	snapshots := &dataset.Snapshots{Own: own, Cache: a.path("scratch")}
	s := dataset.NewSweeper(a.db, own, snapshots, a.cfg.Log)
	snapshots.Closed = func(string) { s.Wake() }
	if err := s.ClearUnfinished(ctx); err != nil {
		return nil, nil, fmt.Errorf("unfinished files: %w", err)
	}
	return snapshots, s, nil
}

// sweepAfter wakes the sweeper when a job has ended that may leave something behind.
func sweepAfter(s *dataset.Sweeper, observe func(kind, outcome string, d time.Duration)) func(kind, outcome string, d time.Duration) {
	leaves := map[string]bool{dataset.ImportFlow: true, dataset.DeletionFlow: true, train.FlowKind: true, train.RetrainKind: true}
	ended := map[string]bool{pool.Done: true, pool.Failed: true, pool.Cancelled: true, pool.Dropped: true}
	return func(kind, outcome string, d time.Duration) {
		observe(kind, outcome, d)
		if leaves[kind] && ended[outcome] {
			s.Wake()
		}
	}
}

// inBackground runs do until stop is called, which waits for it.
func inBackground(do func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(ctx)
	}()
	return func() { cancel(); <-done }
}
