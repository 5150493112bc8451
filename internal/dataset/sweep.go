package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// What a segment's file ends in says which kind of job wrote it; what is before the first dot is its name.
const (
	importSuffix = ".segment"
	keptSuffix   = ".kept"
)

// A Sweeper removes the files of segments and snapshots that nothing refers to any more.
//
// A segment is garbage when its dataset does not list it and the job that wrote it has ended: such a file is
// never listed again. A snapshot is garbage when it is not that of its group's content as it is now, nobody
// has it open, and no training of the group is unfinished, for that may want to go on with it. Both are made
// out from the catalog each time, so that a crash leaves nothing to remember. Whoever has a file open keeps it
// until he closes it; whoever was about to open it finds what took its place (Snapshots.Latest).
type Sweeper struct {
	Store     catalog.Store
	Own       blob.Driver
	Snapshots *Snapshots
	Log       *slog.Logger

	wake chan struct{}
}

// NewSweeper returns a sweeper that does nothing by itself.
func NewSweeper(store catalog.Store, own blob.Driver, snapshots *Snapshots, log *slog.Logger) *Sweeper {
	return &Sweeper{Store: store, Own: own, Snapshots: snapshots, Log: log, wake: make(chan struct{}, 1)}
}

// Wake says that something may have become garbage. It never blocks.
func (s *Sweeper) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sweepAgain is how long to wait after a sweep that failed.
const sweepAgain = time.Minute

// Run sweeps at once, and then each time it is woken, until ctx ends.
func (s *Sweeper) Run(ctx context.Context) {
	for ctx.Err() == nil {
		var again <-chan time.Time // nil: never
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "removing what nothing refers to failed; trying again", "error", err)
			again = time.After(sweepAgain)
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-again:
		}
	}
}

// ClearUnfinished removes files that were being written when a process ended. It is for a process that has
// just started and knows that no other writes.
func (s *Sweeper) ClearUnfinished(ctx context.Context) error {
	for info, err := range s.Own.List(ctx, "") {
		if err != nil {
			return err
		}
		if strings.HasPrefix(base(info), ".tmp-") {
			if err := s.Own.Delete(ctx, info.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sweep removes all garbage there is and returns how many files that were. What cannot be removed does not
// keep the rest from being removed.
func (s *Sweeper) Sweep(ctx context.Context) (removed int, err error) {
	for _, part := range []struct {
		prefix string
		depth  int // parts of the path that name whose file it is
		sweep  func(ctx context.Context, keys []string) (int, error)
	}{
		{"datasets/", 5, s.sweepSegments},
		{snapshotFolder, 4, s.sweepSnapshots},
	} {
		n, e := s.each(ctx, part.prefix, part.depth, part.sweep)
		removed += n
		err = errors.Join(err, e)
	}
	if removed > 0 {
		s.Log.InfoContext(ctx, "removed files that nothing refers to any more", "files", removed)
	}
	return removed, err
}

// each calls sweep with the keys that belong together: those below one folder of the depth given.
func (s *Sweeper) each(ctx context.Context, prefix string, depth int, sweep func(context.Context, []string) (int, error)) (removed int, err error) {
	var keys []string
	last := ""
	flush := func() {
		if len(keys) > 0 {
			n, e := sweep(ctx, keys)
			removed += n
			err = errors.Join(err, e)
		}
		keys = nil
	}
	for info, e := range s.Own.List(ctx, prefix) {
		if e != nil {
			return removed, errors.Join(err, e)
		}
		if at := folderAt(info.Key, depth); at != last {
			flush()
			last = at
		}
		keys = append(keys, info.Key)
	}
	flush()
	return removed, err
}

// folderAt returns the first parts of a path.
func folderAt(key string, depth int) string {
	at := 0
	for range depth {
		i := strings.IndexByte(key[at:], '/')
		if i < 0 {
			return key[:at]
		}
		at += i + 1
	}
	return key[:at]
}

// sweepSegments removes the garbage among the files of one dataset.
func (s *Sweeper) sweepSegments(ctx context.Context, keys []string) (removed int, err error) {
	p := strings.Split(keys[0], "/") // datasets, region, account, group, type, file
	if len(p) != 6 {
		return 0, nil // nothing of ours
	}
	dataset := arn.New(p[1], p[2], arn.Dataset, p[3]+"/"+p[4])
	var garbage []string
	// The job comes before the dataset: when it has ended, the dataset lists what it brought. One
	// transaction makes that sure on every store.
	err = s.Store.Tx(ctx, func(tx catalog.Store) error {
		garbage = garbage[:0]
		for _, key := range keys {
			ended, err := writerEnded(ctx, tx, dataset, key)
			if err != nil {
				return err
			}
			if ended {
				garbage = append(garbage, key)
			}
		}
		listed, err := listedBy(ctx, tx, dataset)
		garbage = without(garbage, listed)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", dataset, err)
	}
	for _, key := range garbage {
		if err := blob.Remove(ctx, s.Own, key, s.Snapshots.Cache); err != nil {
			return removed, fmt.Errorf("sweep %s: %w", dataset, err)
		}
		removed++
	}
	return removed, nil
}

func without(keys []string, listed map[string]bool) (out []string) {
	for _, k := range keys {
		if !listed[k] {
			out = append(out, k)
		}
	}
	return out
}

// listedBy returns the keys of a dataset's segments; of one that is gone, none.
func listedBy(ctx context.Context, tx catalog.Store, dataset arn.ARN) (map[string]bool, error) {
	rec, err := tx.Get(ctx, dataset)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st, err := StateOf(rec)
	listed := make(map[string]bool, len(st.Segments))
	for _, g := range st.Segments {
		listed[g.Key] = true
	}
	return listed, err
}

// writerEnded reports whether the job that wrote a file has ended. A file whose name tells of no job is
// somebody else's.
func writerEnded(ctx context.Context, tx catalog.Store, dataset arn.ARN, key string) (bool, error) {
	file := key[strings.LastIndexByte(key, '/')+1:]
	var kind string
	switch {
	case strings.HasSuffix(file, importSuffix):
		kind = arn.DatasetImportJob
	case strings.HasSuffix(file, keptSuffix):
		kind = arn.DataDeletionJob
	default:
		return false, nil
	}
	name, _, _ := strings.Cut(file, ".")
	rec, err := tx.Get(ctx, arn.New(dataset.Region(), dataset.Account(), kind, name))
	if fault.Is(err, fault.NotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return !unfinished(rec.Status), nil
}

// unfinished reports whether somebody still works on a resource of that status.
func unfinished(status string) bool {
	return strings.HasSuffix(status, "PENDING") || strings.HasSuffix(status, "IN_PROGRESS") || strings.HasSuffix(status, "STOPPING")
}

// sweepSnapshots removes the snapshots of one group that are out of date. The content is read after the
// files were listed, so that a snapshot made meanwhile is not among them.
func (s *Sweeper) sweepSnapshots(ctx context.Context, keys []string) (removed int, err error) {
	current, busy := "", false
	if p := strings.Split(keys[0], "/"); len(p) == 5 { // snapshots, region, account, group, file
		group := arn.New(p[1], p[2], arn.DatasetGroup, p[3])
		parts, err := ReadParts(ctx, s.Store, group)
		if err != nil {
			return 0, fmt.Errorf("sweep snapshots of %s: %w", group, err)
		}
		current = SnapshotKey(parts)
		if busy, err = trains(ctx, s.Store, group); err != nil {
			return 0, fmt.Errorf("sweep snapshots of %s: %w", group, err)
		}
	}
	for _, key := range keys {
		if key == current || busy {
			continue
		}
		done, err := s.Snapshots.Discard(ctx, key)
		if err != nil {
			return removed, fmt.Errorf("sweep %s: %w", key, err)
		}
		if done {
			removed++
		}
	}
	return removed, nil
}

// trains reports whether a training on a group's data is unfinished.
func trains(ctx context.Context, s catalog.Store, group arn.ARN) (bool, error) {
	of, err := s.Get(ctx, group)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	q := catalog.Query{
		Account: of.Account, Kind: arn.SolutionVersion, Limit: 100,
		Status: []string{"CREATE PENDING", "CREATE IN_PROGRESS", "CREATE STOPPING"},
	}
	for {
		page, next, err := s.List(ctx, q)
		if err != nil {
			return false, err
		}
		for _, rec := range page {
			var doc api.SolutionVersion
			if err := json.Unmarshal(rec.Doc, &doc); err != nil {
				return false, fmt.Errorf("document of %s: %w", rec.ARN, err)
			}
			if doc.DatasetGroupArn == group.String() {
				return true, nil
			}
		}
		if next == "" {
			return false, nil
		}
		q.After = next
	}
}
