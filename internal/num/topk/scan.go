// Package topk finds the best items of many users, exactly, by scoring what could be among them; and about the sum
// of the exponentials of all scores.
//
// Best means highest score, and among equal scores lowest index. Every result is the same bits with one
// thread or many, alone or in a block, with kernels or without.
package topk

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

const (
	// mostTiles go over the items together. The more there are, the more alike are the users of a tile, who are
	// sorted by how far they will go.
	mostTiles = 100
	// A chunk of panels stays in the second-level cache while all tiles go over it.
	chunkPanels = 32
	// A job begins with at least so many of the longest items, from which it takes a first floor.
	warmItems = 256
)

// Best finds the best items of every job, which have been Set to vectors of the matrix's stride. It goes from
// long vectors to short ones and ends a job when no item that is left can reach the best. The first scan of a
// matrix packs it. Beside the jobs it takes 400 KB at 256 dimensions, and 100 bytes for each of the largest K
// among them. It returns ctx's error when cancelled, with the jobs unfinished.
//
// A job's result does not depend on the other jobs.
func Best(ctx context.Context, m *Matrix, jobs []Job) error { return scanAll(ctx, m, jobs, false) }

// Scan is Best and sets Sum and Shift. Sum's relative error is below 0.5 % for 99 jobs in a hundred on trained factors
// and on the shapes of TestSumsAreNear, and mostly far below. For each distinct set that jobs Allow it takes as much
// memory as the set, and the first scan of a matrix one number per dimension for each 1,024 items, four times
// one per pair of dimensions, and the time of a pass over such pairs for each item.
func Scan(ctx context.Context, m *Matrix, jobs []Job) error { return scanAll(ctx, m, jobs, true) }

func scanAll(ctx context.Context, m *Matrix, jobs []Job, sum bool) error {
	s := scans.Get().(*scan)
	defer s.release()
	s.Matrix, s.packed, s.sum = m, m.byLength(), sum
	most := mostTiles * tileUsers
	if sum {
		most /= 2
	}
	for len(jobs) > 0 {
		n := min(len(jobs), most)
		if err := s.run(ctx, jobs[:n]); err != nil {
			return err
		}
		jobs = jobs[n:]
	}
	return ctx.Err()
}

// A scan is passes over a packed matrix for as many jobs as there are places in the tiles.
type scan struct {
	*Matrix
	*packed
	sum   bool // sums are wanted
	tiles []tile
	group []*Job
	finds finds
	pairs pairs

	sums     []int32 // of the first panels
	keys     []Key   // of one user, likewise
	row      []float64
	user     []float32
	masks    []uint32
	placed   map[*bitset.Set][]uint32
	stranger *Job // the last job without a vector
}

// scans keep the memory of scans for the next: a user alone takes less time than to clear it.
var scans = sync.Pool{New: func() any { return new(scan) }}

// release makes s free for another scan.
func (s *scan) release() {
	clear(s.group)
	for k := range s.tiles {
		t := &s.tiles[k]
		*t = tile{ints: t.ints, finds: t.finds}
	}
	s.Matrix, s.packed, s.placed, s.stranger = nil, nil, nil, nil
	s.pairs.forget()
	scans.Put(s)
}

// run scans as many jobs as fit the tiles.
func (s *scan) run(ctx context.Context, jobs []Job) error {
	s.begin(jobs)
	searched := s.warmUp()
	if !s.sum {
		return s.pass(ctx, s.group, searched, 1)
	}
	whole, early := s.split()
	if err := s.pass(ctx, whole, searched, 2); err != nil {
		return err
	}
	if err := s.pass(ctx, early, searched, 1); err != nil {
		return err
	}
	for _, j := range early {
		s.closeTail(j, s.searchEnd(j, searched))
	}
	if err := s.pass(ctx, early, len(s.pars), 2); err != nil {
		return err
	}
	return s.finish(ctx)
}

// split parts the jobs that add nearly everything up, and search on the way, from those that first find out where
// their search ends.
func (s *scan) split() (whole, early []*Job) {
	for _, j := range s.group {
		if s.moment(j); j.moment.panel < len(s.pars)*3/4 {
			early = append(early, j)
		} else {
			whole = append(whole, j)
		}
	}
	return whole, early
}

// finish makes sums precise whose largest parts matter.
func (s *scan) finish(ctx context.Context) error {
	for k, j := range s.group {
		if best, some := j.Best.Top(); some && far(float64(best.Score())-j.Shift) {
			j.Shift, j.Sum, j.sumEnd = float64(best.Score()), 0, len(s.pars)
			if err := s.pass(ctx, s.group[k:k+1], len(s.pars), 2); err != nil {
				return err
			}
		}
		s.sharpen(j)
	}
	return nil
}

// sharpen replaces the coarse scores of the best in the sum by their scores, since a sum of few large parts is
// as far off as they are. The parts below a thousandth do not matter.
func (s *scan) sharpen(j *Job) {
	least := j.Sum / 1000
	for _, key := range j.Best.keys {
		if e := math.Exp(float64(key.Score()) - j.Shift); e > least {
			j.Sum += e - float64(j.coarse(s.packed, s.place[key.Index()]))
		}
	}
}

// far says that a score's distance from 0 is too large for sums of exponentials.
func far(score float64) bool { return math.Abs(score) > 60 }

// begin collects the jobs that need a pass.
func (s *scan) begin(jobs []Job) {
	s.group = s.group[:0]
	s.row = slices.Grow(s.row[:0], s.groups*groupDims)[:s.groups*groupDims]
	s.placed = nil
	for k := range jobs {
		j := &jobs[k]
		if len(j.wide) != s.Stride {
			panic(fmt.Sprintf("a user's vector has %d numbers, want %d as the items'", len(j.wide), s.Stride))
		}
		j.Sum, j.Shift, j.end, j.sumEnd = 0, 0, false, len(s.pars)
		j.floor, j.keys, j.kept = 0, j.keys[:0], 0
		if j.norm == 0 {
			s.flat(j)
			continue
		}
		j.pack(s.packed, s.row, 1)
		if s.sum {
			j.pack(s.packed, s.row, 2)
		}
		s.places(j)
		s.group = append(s.group, j)
	}
}

// warmUp finds floors and shifts for the group, and returns the number of panels that need not be searched again.
func (s *scan) warmUp() int {
	k := 0
	for _, j := range s.group {
		k = max(k, j.Best.k)
	}
	panels := s.warmPanels(k)
	if panels == 0 {
		return 0
	}
	t := &s.loaded(1)[0]
	for jobs := range slices.Chunk(s.group, tileUsers) {
		s.warm(t, jobs, panels)
	}
	for _, j := range s.group {
		j.trim()
		j.Best.fill(j.keys)
		if best, some := j.Best.Top(); some && far(float64(best.Score())) {
			j.Shift = float64(best.Score())
		}
	}
	return panels
}

// loaded returns n tiles to load.
func (s *scan) loaded(n int) []tile {
	for len(s.tiles) < n {
		s.tiles = append(s.tiles, tile{finds: &s.finds})
	}
	return s.tiles[:n]
}

// pass goes over the panels. The first ones have been searched. With users of two digits it adds up.
func (s *scan) pass(ctx context.Context, jobs []*Job, searched, digits int) error {
	slices.SortStableFunc(jobs, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(b.sumEnd, a.sumEnd), cmp.Compare(b.reach(), a.reach()))
	})
	per := tileUsers / digits
	tiles := s.loaded((len(jobs) + per - 1) / per)
	for k := range tiles {
		tiles[k].load(s.packed, jobs[k*per:min((k+1)*per, len(jobs))], digits)
	}
	if digits == 2 {
		s.addSearched(tiles, searched)
	}
	for first := searched; first < len(s.pars); first += chunkPanels {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		working := false
		for k := range tiles {
			if s.chunk(&tiles[k], first) {
				working = true
			}
		}
		if !working {
			break
		}
	}
	for _, j := range jobs {
		j.trim()
		j.Best.fill(j.keys)
	}
	return ctx.Err()
}

// addSearched adds up what is not searched for.
func (s *scan) addSearched(tiles []tile, panels int) {
	for first := 0; first < panels; first += chunkPanels {
		for k := range tiles {
			t := &tiles[k]
			end := 0
			for u, j := range t.jobs {
				t.x[u] = never
				end = max(end, j.sumEnd)
			}
			if n := min(end, panels, first+chunkPanels) - first; n > 0 {
				t.sum(s.packed, first, n, s.mask(t, first, n))
				s.collect(t)
			}
		}
	}
}

// collect moves the lanes of a tile to the jobs.
func (s *scan) collect(t *tile) {
	for u, j := range t.jobs {
		j.Sum += t.total(u)
	}
}

// mask returns which items of panels count, for the users of a tile.
func (s *scan) mask(t *tile, first, panels int) []uint32 {
	size := panels * t.n
	s.masks = slices.Grow(s.masks[:0], size)[:size]
	clear(s.masks)
	end := int32(min((first+panels)*panelItems, s.N))
	for u, j := range t.jobs {
		for k := range panels {
			if first+k >= j.sumEnd {
				break
			}
			m := ^uint32(0)
			if rest := s.N - (first+k)*panelItems; rest < panelItems {
				m = 1<<rest - 1
			}
			if j.placed != nil {
				m &= j.placed[first+k]
			}
			s.masks[k*t.n+u] = m
		}
		at, _ := slices.BinarySearch(j.skip, int32(first*panelItems))
		for _, place := range j.skip[at:] {
			if place >= end {
				break
			}
			s.masks[(int(place)/panelItems-first)*t.n+u] &^= 1 << (place % panelItems)
		}
	}
	return s.masks
}

// flat is the scan of a job without a vector, whose scores are weight·bias. Such jobs are strangers and mostly alike, so
// one like the last takes its results.
func (s *scan) flat(j *Job) {
	if l := s.stranger; l != nil && l.weight == j.weight && l.Allow == j.Allow && l.Best.k == j.Best.k && len(l.Skip)+len(j.Skip) == 0 {
		j.Best.keys = append(j.Best.keys, l.Best.keys...)
		j.Sum, j.Shift = l.Sum, l.Shift
		return
	}
	s.stranger = j
	skip := slices.Clone(j.Skip)
	slices.Sort(skip)
	each := func(do func(i int)) {
		skip := skip
		for i := range s.N {
			if len(skip) > 0 && skip[0] == int32(i) {
				skip = skip[1:]
			} else if j.Allow == nil || j.Allow.Has(i) {
				do(i)
			}
		}
	}
	each(func(i int) {
		if key := Make(float32(j.weight*s.Bias[i]), int32(i)); key > j.Best.Floor() {
			j.Best.Push(key)
		}
	})
	if !s.sum {
		return
	}
	if best, some := j.Best.Top(); some && far(float64(best.Score())) {
		j.Shift = float64(best.Score())
	}
	each(func(i int) {
		j.Sum += float64(exp2(float32((float64(float32(j.weight*s.Bias[i])) - j.Shift) * math.Log2E)))
	})
}

// places finds where the items are that j skips and, for sums, allows.
func (s *scan) places(j *Job) {
	j.skip, j.ahead = j.skip[:0], 0
	for _, i := range j.Skip {
		j.skip = append(j.skip, s.place[i])
	}
	slices.Sort(j.skip)
	j.placed = nil
	if j.Allow == nil || !s.sum {
		return
	}
	words := s.placed[j.Allow]
	if words == nil {
		words = make([]uint32, len(s.pars))
		for i := range j.Allow.All {
			words[s.place[i]/panelItems] |= 1 << (s.place[i] % panelItems)
		}
		if s.placed == nil {
			s.placed = map[*bitset.Set][]uint32{}
		}
		s.placed[j.Allow] = words
	}
	j.placed = words
}

// allowed reports whether the item at a place may be returned. It is asked for places in ascending order.
func (j *Job) allowed(i, place int32) bool {
	for j.ahead < len(j.skip) && j.skip[j.ahead] < place {
		j.ahead++
	}
	if j.ahead < len(j.skip) && j.skip[j.ahead] == place {
		return false
	}
	return j.Allow == nil || j.Allow.Has(int(i))
}

// warmPanels is how many panels are looked at for a first floor.
func (s *scan) warmPanels(k int) int {
	if k == 0 {
		return 0
	}
	return min((max(warmItems, 2*k)+panelItems-1)/panelItems, len(s.pars))
}

// warm fills the heaps of a tile's jobs from the first panels: the best by coarse score first, then what can
// still be among the best.
func (s *scan) warm(t *tile, jobs []*Job, panels int) {
	t.load(s.packed, jobs, 1)
	size := panels * t.n * panelItems
	s.sums = slices.Grow(s.sums[:0], size)[:size]
	t.store(s.packed, 0, panels, s.sums)
	for u, j := range jobs {
		if j.Best.k > 0 {
			s.first(t, u, panels)
		}
	}
}

// first finds a floor for user u in the sums of the first panels: it offers the best by their sums, about K, and then what
// can still be among the best.
func (s *scan) first(t *tile, u, panels int) {
	j := t.jobs[u]
	least, most := s.coarseKeys(t, u, panels)
	head := Key(0)
	if len(s.keys) > j.Best.k {
		head = threshold(s.keys, j.Best.k, least, most)
	}
	rest := s.keys[:0]
	for _, key := range s.keys {
		if key > head {
			s.pairs.note(s.Matrix, j, s.ids[key.Index()])
		} else {
			rest = append(rest, key)
		}
	}
	s.offer()
	j.raise()
	t.x[u] = j.x(t.digits)
	last, limit := int32(-1), int32(0)
	for _, key := range rest {
		k, at := key.Index()/panelItems, int(key.Index()%panelItems)
		if k != last {
			last, limit = k, t.limitOf(u, &s.pars[k])
		}
		if s.sums[(int(k)*t.n+u)*panelItems+at] >= limit {
			s.pairs.note(s.Matrix, j, s.ids[key.Index()])
		}
	}
	s.offer()
	j.raise()
}

// coarseKeys sets keys to what sums say of the places that user u considers, and returns between what they lie.
func (s *scan) coarseKeys(t *tile, u, panels int) (least, most float32) {
	j := t.jobs[u]
	s.keys = s.keys[:0]
	all := len(j.skip) == 0 && j.Allow == nil
	least, most = math.MaxFloat32, -math.MaxFloat32
	for k := range panels {
		sums, scale := (*[panelItems]int32)(s.sums[(k*t.n+u)*panelItems:]), s.pars[k][3]
		for at, i := range s.panel(k) {
			place := int32(k*panelItems + at)
			if !all && !j.allowed(i, place) {
				continue
			}
			x := float32(sums[at]) * scale
			if x < least {
				least = x
			}
			if x > most {
				most = x
			}
			s.keys = append(s.keys, Make(x, place))
		}
	}
	return least, most
}

// chunk goes over the panels of a chunk with a tile. It returns false when the tile's jobs have all ended.
func (s *scan) chunk(t *tile, first int) bool {
	if t.ended {
		return false
	}
	t.ended = true
	for u, j := range t.jobs {
		j.end = j.end || j.done(s.packed, first)
		t.x[u] = j.x(t.digits)
		t.ended = t.ended && j.end
	}
	end := min(first+chunkPanels, len(s.pars))
	if t.digits == 2 {
		t.ended = false // there is more to add
		masks := s.mask(t, first, end-first)
		for at := first; at < end; {
			n := t.sum(s.packed, at, min(end-at, step(at)), masks[(at-first)*t.n:])
			s.take(t, at)
			at += n
		}
		s.collect(t)
		return true
	}
	if t.ended {
		return false
	}
	end = s.last(t, first, end)
	t.lookAt(s.packed, first)
	for at := first; at < end; {
		n := t.find(s.packed, at, min(end-at, step(at)))
		s.take(t, at)
		at += n
	}
	return true
}

// step is how many panels are searched with one floor, where so many have been.
func step(done int) int { return max(4, done/2) }

// last returns the end of those panels before end that a tile has to go to.
func (s *scan) last(t *tile, first, end int) int {
	return first + sort.Search(end-first, func(k int) bool {
		for _, j := range t.jobs {
			if !j.end && !j.done(s.packed, first+k) {
				return false
			}
		}
		return true
	})
}

// take offers what a tile has found from a panel on.
func (s *scan) take(t *tile, first int) {
	for _, code := range t.finds[:t.found] {
		j, panel := t.jobs[code/panelItems%lanes], first+int(code/codePanel)
		place := panel*panelItems + int(code%panelItems)
		if place >= s.N {
			continue
		}
		if i := s.ids[place]; j.allowed(i, int32(place)) {
			s.pairs.note(s.Matrix, j, i)
		}
	}
	s.offer()
	for u, j := range t.jobs {
		if j.due() {
			j.raise()
			t.x[u] = j.x(t.digits)
		}
	}
}

// offer scores what was noted.
func (s *scan) offer() {
	s.pairs.scores(s.Matrix)
	for k, c := range s.pairs.what {
		j := c.job
		key := Make(float32(s.pairs.sums[k])+float32(j.weight*s.Bias[c.item]), c.item)
		if key <= j.floor {
			continue
		}
		if j.keys = append(j.keys, key); len(j.keys) >= 2*j.Best.k+few {
			j.raise()
		}
	}
	s.pairs.clear()
}
