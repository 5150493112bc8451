// Package topk finds the best items of many users, exactly, by scoring what could be among them; and the sum
// of the exponentials of all scores, by scoring everything.
//
// Best means highest score, and among equal scores lowest index. Every result is the same bits with one
// thread or many, alone or in a block, with kernels or without.
package topk

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
)

// How many tiles go over a block of items together: with the sums, so many that they and the block stay in
// the first-level cache; without, more, since users who end together share tiles.
const (
	sumTiles  = 8
	bestTiles = 32
)

// Scan scores every item for every job, which have been Set to vectors of the matrix's stride. Beside the
// jobs it takes 30 KB at 256 dimensions. It returns ctx's error when cancelled, with the jobs unfinished.
//
// A job's result does not depend on the other jobs.
func Scan(ctx context.Context, m *Matrix, jobs []Job) error {
	s := scan{Matrix: m, panels: &m.panels, sums: true, tiles: make([]tile, min(sumTiles, tilesOf(len(jobs))))}
	return s.groups(ctx, jobs, func(group []*Job) error {
		if err := s.run(ctx, group); err != nil {
			return err
		}
		return s.again(ctx, group)
	})
}

// Best is Scan without Sum, and faster: it goes from long vectors to short ones and ends a job when no item that
// is left can reach the best. The first call for a matrix packs it once more in that order. Beside the
// jobs it takes 110 KB at 256 dimensions.
func Best(ctx context.Context, m *Matrix, jobs []Job) error {
	s := scan{Matrix: m, panels: m.byLength(), tiles: make([]tile, min(bestTiles, tilesOf(len(jobs))))}
	return s.groups(ctx, jobs, func(group []*Job) error {
		slices.SortStableFunc(group, func(a, b *Job) int { return cmp.Compare(b.reach(), a.reach()) })
		return s.run(ctx, group)
	})
}

func tilesOf(jobs int) int { return (jobs + tileUsers - 1) / tileUsers }

// reach is roughly the length of vector at which a job ends.
func (j *Job) reach() float64 {
	if j.start == 0 || j.norm == 0 {
		return 0
	}
	return float64(j.start.Score()) / j.norm
}

// A scan is passes over a packed matrix for as many jobs as there are places in the tiles.
type scan struct {
	*Matrix
	panels *panels
	sums   bool
	tiles  []tile
	first  Heap
}

// groups calls do for as many jobs at a time as there are places.
func (s *scan) groups(ctx context.Context, jobs []Job, do func([]*Job) error) error {
	group := make([]*Job, 0, len(s.tiles)*tileUsers)
	for len(jobs) > 0 {
		n := min(len(jobs), cap(group))
		group = group[:0]
		for k := range n {
			jobs[k].Sum, jobs[k].Shift = 0, 0
			s.warm(&jobs[k])
			group = append(group, &jobs[k])
		}
		if err := do(group); err != nil {
			return err
		}
		jobs = jobs[n:]
	}
	return ctx.Err()
}

// warm finds a key that the job's best all reach: the last of the best among the longest vectors. The scan
// comes by those again. Without it the first blocks would be candidates whole.
func (s *scan) warm(j *Job) {
	j.start = 0
	k := j.Best.k
	heads := s.longest
	heads = heads[:min(max(64, 2*k), len(heads))]
	if k == 0 || len(j.Best.keys) > 0 || len(heads)*8 > s.N {
		return
	}
	s.first.Reset(k)
	for _, i := range heads {
		if j.Allow == nil || j.Allow.Has(int(i)) {
			s.first.Push(Make(s.Score(j, int(i)), i))
		}
	}
	j.start = s.first.Floor()
}

// run is one pass.
func (s *scan) run(ctx context.Context, jobs []*Job) error {
	tiles := s.tiles[:tilesOf(len(jobs))]
	for k := range tiles {
		tiles[k].load(s.panels.pairs, jobs[k*tileUsers:min((k+1)*tileUsers, len(jobs))], s.sums)
	}
	for b := range s.panels.bounds {
		if b%16 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		working := false
		for k := range tiles {
			if s.block(b, &tiles[k]) {
				working = true
			}
		}
		if !working {
			break
		}
	}
	if s.sums {
		for k, j := range jobs {
			j.Sum = tiles[k/tileUsers].total(k % tileUsers)
		}
	}
	return ctx.Err()
}

// block scores block b for a tile and offers what could be among the best. It returns false when the tile's
// jobs are all done.
func (s *scan) block(b int, t *tile) bool {
	full := ^uint64(0)
	if rest := s.N - b*blockItems; rest < blockItems {
		full = 1<<rest - 1
	}
	o, working := &s.panels.bounds[b], false
	for u, j := range t.jobs {
		t.allow[u] = full
		switch {
		case s.panels.ids != nil:
			if j.done(o) {
				t.allow[u] = 0
				continue
			}
		case j.Allow != nil:
			t.allow[u] &= j.Allow.Words()[b]
		}
		working = true
		t.par[u].threshold = j.threshold(o, s.panels.ids == nil)
	}
	if !working {
		return false
	}
	items, factors := s.panels.block(b)
	t.run(s.panels.pairs, items, factors)
	for u, j := range t.jobs {
		if t.hits[u] != 0 {
			s.offer(j, b*blockItems, t.hits[u])
		}
	}
	return true
}

// offer pushes the allowed items of hits, which are places from first on.
func (s *scan) offer(j *Job, first int, hits uint64) {
	for ; hits != 0; hits &= hits - 1 {
		i := first + bits.TrailingZeros64(hits)
		if s.panels.ids != nil {
			i = int(s.panels.ids[i])
			if j.Allow != nil && !j.Allow.Has(i) {
				continue
			}
		}
		if key := Make(s.Score(j, i), int32(i)); key >= j.start && key > j.Best.Floor() {
			j.Best.Push(key)
		}
	}
}

// again repeats the sum of those jobs whose scores are far from 0, relative to their best score.
func (s *scan) again(ctx context.Context, jobs []*Job) error {
	for k, j := range jobs {
		best, some := j.Best.Top()
		if !some || !far(best.Score()) {
			continue
		}
		j.Shift = float64(best.Score())
		kept := j.Best
		j.Best = Heap{} // keeps nothing
		err := s.run(ctx, jobs[k:k+1])
		j.Best = kept
		if err != nil {
			return err
		}
	}
	return nil
}
