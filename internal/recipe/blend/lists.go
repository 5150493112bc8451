package blend

import (
	"context"
	"fmt"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// lists are the neighbours of each item with their weights: a sparse matrix by rows.
type lists struct {
	start  []int64
	item   []int32 // ascending in each row
	weight []float32
}

// reach is how many neighbours an item keeps: 512, fewer where that would be more than 32 million.
func reach(n int) int { return max(16, min(512, (32<<20)/max(n, 1))) }

// A row is scratch memory: a vector over items of which few are not zero.
type row struct {
	value   []float32
	touched []int32
	seen    []bool
	best    topk.Heap
}

func newRow(n int) *row { return &row{value: make([]float32, n), seen: make([]bool, n)} }

func (r *row) add(i int32, v float32) {
	if !r.seen[i] {
		r.seen[i] = true
		r.touched = append(r.touched, i)
	}
	r.value[i] += v
}

func (r *row) reset() {
	for _, i := range r.touched {
		r.value[i], r.seen[i] = 0, false
	}
	r.touched = r.touched[:0]
}

// A neighbour is one entry of a list.
type neighbour struct {
	item   int32
	weight float32
}

// largest returns the k entries that are largest by absolute value, without zeros and item self, by item.
func (r *row) largest(k int, self int32) []neighbour {
	r.best.Reset(k)
	for _, i := range r.touched {
		if v := r.value[i]; i != self && v != 0 {
			r.best.Push(topk.Make(max(v, -v), i))
		}
	}
	keys := r.best.Sorted()
	out := make([]neighbour, len(keys))
	for k, key := range keys {
		out[k] = neighbour{key.Index(), r.value[key.Index()]}
	}
	slices.SortFunc(out, func(a, b neighbour) int { return int(a.item) - int(b.item) })
	return out
}

// build makes lists of n rows; fill sets the row of item i. Rows are filled by several goroutines, each in
// its own scratch.
func build(ctx context.Context, n, threads int, fill func(r *row, i int32)) (lists, error) {
	rows := make([][]neighbour, n)
	keep := reach(n)
	err := als.Spread(ctx, threads, n, 64, func(lo, hi int) {
		r := newRow(n)
		for i := lo; i < hi; i++ {
			r.reset()
			fill(r, int32(i))
			rows[i] = r.largest(keep, int32(i))
		}
	})
	if err != nil {
		return lists{}, err
	}
	return join(rows), nil
}

// join makes lists of rows, which it empties.
func join(rows [][]neighbour) lists {
	l := lists{start: make([]int64, 1, len(rows)+1)}
	var total int
	for _, r := range rows {
		total += len(r)
	}
	l.item, l.weight = make([]int32, 0, total), make([]float32, 0, total)
	for i, r := range rows {
		for _, e := range r {
			l.item, l.weight = append(l.item, e.item), append(l.weight, e.weight)
		}
		rows[i] = nil
		l.start = append(l.start, int64(len(l.item)))
	}
	return l
}

// of returns the list of item i.
func (l *lists) of(i int32) ([]int32, []float32) {
	a, b := l.start[i], l.start[i+1]
	return l.item[a:b], l.weight[a:b]
}

func (l *lists) put(w *artifact.Writer, name string) error {
	if err := artifact.Put(w, name+".start", l.start); err != nil {
		return err
	}
	if err := artifact.Put(w, name+".item", l.item); err != nil {
		return err
	}
	return artifact.Put(w, name+".weight", l.weight)
}

func getLists(f *artifact.File, name string, n int) (l lists, err error) {
	if l.start, err = artifact.Get[int64](f, name+".start"); err != nil {
		return l, err
	}
	if l.item, err = artifact.Get[int32](f, name+".item"); err != nil {
		return l, err
	}
	if l.weight, err = artifact.Get[float32](f, name+".weight"); err != nil {
		return l, err
	}
	if len(l.start) != n+1 || l.start[n] != int64(len(l.item)) || len(l.item) != len(l.weight) {
		return l, fmt.Errorf("the lists %s do not fit %d items", name, n)
	}
	return l, nil
}
