// Package topk finds the best items of many users by scoring everything, exactly, and the sum of the
// exponentials of all scores.
//
// Best means highest score, and among equal scores lowest index. Every result is the same bits with one
// thread or many, alone or in a block, with kernels or without.
package topk

import (
	"context"
	"math/bits"
)

// tiles is how many tiles are scanned at a time: their users and a block of items stay in the first-level
// cache.
const tiles = 8

// Scan scores every item for every job, which have been Set to vectors of the matrix's stride. Beside the
// jobs it takes 25 KB at 256 dimensions. It returns ctx's error when cancelled, with the jobs unfinished.
//
// A job's result does not depend on the other jobs.
func Scan(ctx context.Context, m *Matrix, jobs []Job) error {
	s := scan{Matrix: m}
	for len(jobs) > 0 {
		n := min(len(jobs), tiles*tileUsers)
		for k := range n {
			jobs[k].Sum, jobs[k].Shift = 0, 0
			s.warm(&jobs[k])
		}
		if err := s.run(ctx, jobs[:n]); err != nil {
			return err
		}
		if err := s.again(ctx, jobs[:n]); err != nil {
			return err
		}
		jobs = jobs[n:]
	}
	return nil
}

// A scan is a pass over the matrix for at most as many jobs as there are tiles.
type scan struct {
	*Matrix
	tiles [tiles]tile
	first Heap
}

// warm finds a key that the job's best all reach: the last of the best among the longest vectors. The scan
// comes by those again. Without it the first blocks would be candidates whole, and good ones rare
// to come by until the scan is through.
func (s *scan) warm(j *Job) {
	j.start = 0
	k := j.Best.k
	heads := s.panels.longest[:min(max(64, 2*k), len(s.panels.longest))]
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

func (s *scan) run(ctx context.Context, jobs []Job) error {
	for at := 0; at < len(jobs); at += tileUsers {
		s.tiles[at/tileUsers].load(s.panels.pairs, jobs[at:min(at+tileUsers, len(jobs))])
	}
	for b := range s.panels.bounds {
		if b%16 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for at := 0; at < len(jobs); at += tileUsers {
			s.block(b, &s.tiles[at/tileUsers], jobs[at:min(at+tileUsers, len(jobs))])
		}
	}
	for k := range jobs {
		jobs[k].Sum = s.tiles[k/tileUsers].total(k % tileUsers)
	}
	return ctx.Err()
}

// block scores block b for a tile and offers what could be among the best.
func (s *scan) block(b int, t *tile, jobs []Job) {
	full := ^uint64(0)
	if rest := s.N - b*blockItems; rest < blockItems {
		full = 1<<rest - 1
	}
	o := &s.panels.bounds[b]
	for u := range jobs {
		j := &jobs[u]
		t.allow[u] = full
		if j.Allow != nil {
			t.allow[u] &= j.Allow.Words()[b]
		}
		t.par[u].threshold = j.threshold(o)
	}
	items, factors := s.panels.block(b)
	t.run(s.panels.pairs, items, factors)
	for u := range jobs {
		if t.hits[u] != 0 {
			s.offer(&jobs[u], b*blockItems, t.hits[u])
		}
	}
}

// offer pushes the items from first on that are in hits.
func (s *scan) offer(j *Job, first int, hits uint64) {
	for ; hits != 0; hits &= hits - 1 {
		i := first + bits.TrailingZeros64(hits)
		if key := Make(s.Score(j, i), int32(i)); key >= j.start && key > j.Best.Floor() {
			j.Best.Push(key)
		}
	}
}

// again repeats the sum of those jobs whose scores are far from 0, relative to their best score.
func (s *scan) again(ctx context.Context, jobs []Job) error {
	for k := range jobs {
		j := &jobs[k]
		best, some := j.Best.Top()
		if !some || !far(best.Score(), 0) {
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
