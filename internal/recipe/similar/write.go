package similar

import (
	"context"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// batch is how many items' lists are made before they are written.
const batch = 8192

// write puts the model's arrays:
//
//	items      string table of ids
//	order      int32, item indexes by popularity
//	neighbours int32, best first
//	start      int64, item i's neighbours are neighbours[start[i]:start[i+1]]
func write(ctx context.Context, t recipe.Training, l *likeness) error {
	w, n := t.Out, t.Data.Items.Len()
	if err := w.Strings("items", n, t.Data.Items.At); err != nil {
		return err
	}
	if err := artifact.Put(w, "order", l.graph.item); err != nil {
		return err
	}
	start := make([]int64, 1, n+1)
	a := artifact.Stream[int32](w, "neighbours")
	all := newLists(t.Threads, n)
	for from := 0; from < n; from += batch {
		if err := all.fill(ctx, l, t.Threads, from, min(from+batch, n)); err != nil {
			return err
		}
		for i := range min(batch, n-from) {
			a.Append(all.list(i)...)
			start = append(start, start[len(start)-1]+int64(all.length[i]))
		}
		if t.Progress != nil {
			t.Progress("neighbours", min(from+batch, n), n)
		}
	}
	if err := a.Close(); err != nil {
		return err
	}
	return artifact.Put(w, "start", start)
}

// lists are the neighbours of a batch of items.
type lists struct {
	items  []int32 // a place for as many neighbours as an item may have
	length []int32
	free   chan *workspace
}

func newLists(threads, n int) *lists {
	size := min(batch, n)
	all := &lists{items: make([]int32, size*neighbours), length: make([]int32, size), free: make(chan *workspace, max(1, threads))}
	for range cap(all.free) {
		all.free <- newWorkspace(min(width, n))
	}
	return all
}

func (all *lists) list(k int) []int32 { return all.items[k*neighbours:][:all.length[k]] }

// fill finds the neighbours of the items from..to-1.
func (all *lists) fill(ctx context.Context, l *likeness, threads, from, to int) error {
	return als.Spread(ctx, threads, to-from, 32, func(lo, hi int) {
		w := <-all.free
		for k := lo; k < hi; k++ {
			l.neighbours(w, int32(from+k))
			keys := w.best.Sorted()
			all.length[k] = int32(len(keys))
			for r, key := range keys {
				all.items[k*neighbours+r] = key.Index()
			}
		}
		all.free <- w
	})
}
