package topk

import "math"

// A tile is users whose scores of a block are computed at once: tileUsers of them, or one.
//
// For each user u and item i of the block that allow[u] has:
//
//	coarse = float32(Σ users·items)·scale[i]·scale[u] + weight[u]·bias[i]    each step rounded
//	hits[u] has i        if coarse ≥ threshold[u]
//	lane[i mod 8] += exp(coarse − shift[u])    in float32, from 0, i ascending
//
// and then sum[u][l] += float64(lane[l]) + float64(lane[l+4]) for l = 0…3. Without sums, only hits.
type tile struct {
	jobs  []*Job
	sums  bool
	n     int     // users: tileUsers or 1
	users []int16 // per pair of dimensions and user: two
	par   [tileUsers]parameters
	allow [tileUsers]uint64
	hits  [tileUsers]uint64
	sum   [tileUsers][4]float64
}

// tileUsers times two registers of items leave just enough registers for the operands.
const tileUsers = 6

type parameters struct{ scale, weight, threshold, shift float32 }

// load puts jobs in the tile, at most tileUsers. Places without a job allow nothing.
func (t *tile) load(pairs int, jobs []*Job, sums bool) {
	t.jobs, t.sums, t.n = jobs, sums, tileUsers
	if len(jobs) == 1 {
		t.n = 1
	}
	size := pairs * t.n * 2
	if cap(t.users) < size {
		t.users = make([]int16, pairs*tileUsers*2)
	}
	t.users = t.users[:size]
	clear(t.users)
	t.par, t.allow, t.sum = [tileUsers]parameters{}, [tileUsers]uint64{}, [tileUsers][4]float64{}
	for u, j := range jobs {
		for k := range pairs {
			at := (k*t.n + u) * 2
			t.users[at], t.users[at+1] = j.ints[2*k], j.ints[2*k+1]
		}
		t.par[u] = parameters{scale: j.scale, weight: j.weight, shift: float32(j.Shift)}
	}
}

// total is the sum of user u's lanes.
func (t *tile) total(u int) float64 {
	s := &t.sum[u]
	return (s[0] + s[2]) + (s[1] + s[3])
}

// loop is what the kernels compute.
func (t *tile) loop(pairs int, items []int16, factors []float32) {
	for u := range t.n {
		var lanes [8]float32
		t.hits[u] = 0
		for p := range blockPanels {
			sums := t.products(u, pairs, items[p*panelItems*2*pairs:])
			at := p * panelItems
			hits := t.score(u, &sums, (*[panelItems]float32)(factors[at:]), (*[panelItems]float32)(factors[blockItems+at:]),
				uint16(t.allow[u]>>at), &lanes)
			t.hits[u] |= uint64(hits) << at
		}
		for l := range t.sum[u] { // zeros, without sums
			t.sum[u][l] += float64(lanes[l]) + float64(lanes[l+4])
		}
	}
}

// products returns the sums of integers of user u and a panel.
func (t *tile) products(u, pairs int, panel []int16) (sums [panelItems]int32) {
	users := t.users[2*u:]
	for k := range pairs {
		a, b := int32(users[2*k*t.n]), int32(users[2*k*t.n+1])
		items := (*[2 * panelItems]int16)(panel[2*panelItems*k:])
		for i := range sums {
			sums[i] += a*int32(items[2*i]) + b*int32(items[2*i+1])
		}
	}
	return sums
}

// score makes scores of sums, and of these hits and a part of the user's sum.
func (t *tile) score(u int, sums *[panelItems]int32, scale, bias *[panelItems]float32, allow uint16, lanes *[8]float32) (hits uint16) {
	par := &t.par[u]
	for i := range sums {
		if allow>>i&1 == 0 {
			continue
		}
		c := float32(float32(float32(sums[i])*scale[i])*par.scale) + float32(par.weight*bias[i])
		if c >= par.threshold {
			hits |= 1 << i
		}
		if t.sums {
			lanes[i%8] += exp(c - par.shift)
		}
	}
	return hits
}

// far says that a best score is too far from 0 for exp to be precise.
func far(best float32) bool { return math.Abs(float64(best)) > 60 }
