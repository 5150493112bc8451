//go:build !noasm

package topk

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// use makes a set the one that scans run, until the test ends.
func use(t testing.TB, s set) {
	kept := best
	best = s
	t.Cleanup(func() { best = kept })
}

// eachSet calls do with each set that the processor can run.
func eachSet(t *testing.T, do func(name string)) {
	kept := best
	defer func() { best = kept }()
	for _, s := range sets {
		if s.runs {
			best = s.set
			do(s.name)
		}
	}
}

// tileOf is a tile of w's first users with limits that some items reach.
func tileOf(t *testing.T, r *rand.Rand, w *world, users, digits int) *tile {
	t.Helper()
	p := w.m.byLength()
	jobs := w.jobs(t, 1)
	var group []*Job
	for u := range users {
		jobs[u].Shift = r.NormFloat64()
		jobs[u].pack(p, make([]float64, p.groups*groupDims), digits)
		group = append(group, &jobs[u])
	}
	tile := &tile{finds: new(finds)}
	tile.load(p, group, digits)
	for u, j := range group {
		jobs[u].Best.Reset(1)
		jobs[u].floor = Make(w.score(u, r.IntN(w.m.N)), 0)
		tile.x[u] = j.x(digits)
	}
	return tile
}

// Kernels give the bits of the loops, whatever they are given.
func TestKernelsAgreeWithLoops(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 0))
	for kind := range kinds {
		for _, dim := range []int{1, 5, 16, 47, 64, 150} {
			w := newWorld(t, r, kind, 200, (dim+15)&^15, dim, tileUsers, false)
			for _, s := range sets {
				if !s.runs || s.find[0] == nil {
					continue // no promise of that processor, or the loops themselves
				}
				t.Run(fmt.Sprintf("%s/kind=%d/dim=%d", s.name, kind, dim), func(t *testing.T) {
					use(t, s.set)
					for digits := 1; digits <= 2; digits++ {
						for _, users := range []int{1, 3, tileUsers / digits} {
							agree(t, r, w, users, digits, false)
						}
					}
					for _, users := range []int{1, 3, tileUsers} {
						agree(t, r, w, users, 1, true)
					}
				})
			}
		}
	}
}

// agree compares a tile's kernel with its loop, from hit to hit.
func agree(t *testing.T, r *rand.Rand, w *world, users, digits int, head bool) {
	t.Helper()
	p := w.m.byLength()
	got := tileOf(t, r, w, users, digits)
	if head {
		got.look, got.round = 1, 1
		for u, j := range got.jobs {
			got.rest[u], got.headBase[u] = j.user[0].rest, j.user[0].headBase
		}
	}
	want := &tile{call: got.call, n: got.n, digits: digits, ints: got.ints, finds: new(finds)}
	masks := make([]uint32, len(p.pars)*got.n)
	for k := range masks {
		masks[k] = r.Uint32() | r.Uint32()
	}
	for at := 0; at < len(p.pars); {
		var n, m int
		if rest := len(p.pars) - at; digits == 1 {
			n, m = got.find(p, at, rest), want.loop(p, at, rest, nil)
		} else {
			n, m = got.sum(p, at, rest, masks[at*got.n:]), want.loop(p, at, rest, masks[at*got.n:])
		}
		if n != m || got.found != want.found || got.lanes != want.lanes {
			t.Fatalf("%d users, %d digits, panel %d: %d panels, %d finds and sums %v, want %d, %d and %v", users, digits, at,
				n, got.found, got.lanes, m, want.found, want.lanes)
		}
		if a, b := got.finds[:got.found], want.finds[:want.found]; !slices.Equal(a, b) {
			t.Fatalf("%d users, %d digits, panel %d: finds are %x, want %x", users, digits, at, a, b)
		}
		at += n
	}
	if digits == 1 {
		a, b := make([]int32, len(p.pars)*got.n*panelItems), make([]int32, len(p.pars)*got.n*panelItems)
		got.store(p, 0, len(p.pars), a)
		want.storeLoop(p, 0, len(p.pars), b)
		if !slices.Equal(a, b) {
			t.Fatalf("%d users: sums are %v, want %v", users, a, b)
		}
	}
}

// The kernels know where things are in a call.
func TestCallLayout(t *testing.T) {
	var c call
	for name, at := range map[string][2]uintptr{
		"items": {unsafe.Offsetof(c.items), 0}, "users": {unsafe.Offsetof(c.users), 8}, "groups": {unsafe.Offsetof(c.groups), 16},
		"panels": {unsafe.Offsetof(c.panels), 24}, "pars": {unsafe.Offsetof(c.pars), 32}, "masks": {unsafe.Offsetof(c.masks), 40},
		"out": {unsafe.Offsetof(c.out), 48}, "slack": {unsafe.Offsetof(c.slack), 56}, "x": {unsafe.Offsetof(c.x), 64},
		"y": {unsafe.Offsetof(c.y), 128}, "z": {unsafe.Offsetof(c.z), 192}, "base": {unsafe.Offsetof(c.base), 256},
		"unit": {unsafe.Offsetof(c.unit), 320}, "shift": {unsafe.Offsetof(c.shift), 384}, "codes": {unsafe.Offsetof(c.codes), 448}, "room": {unsafe.Offsetof(c.room), 456},
		"found": {unsafe.Offsetof(c.found), 464},
		"start": {unsafe.Offsetof(c.start), 512}, "limit": {unsafe.Offsetof(c.limit), 576}, "scale": {unsafe.Offsetof(c.scale), 640},
		"lanes": {unsafe.Offsetof(c.lanes), 704}, "head": {unsafe.Offsetof(c.head), 472}, "tails": {unsafe.Offsetof(c.tails), 480}, "look": {unsafe.Offsetof(c.look), 488}, "round": {unsafe.Offsetof(c.round), 496}, "rest": {unsafe.Offsetof(c.rest), 1472},
		"headBase": {unsafe.Offsetof(c.headBase), 1536}, "later": {unsafe.Offsetof(c.later), 1600},
		"the end of pars": {unsafe.Sizeof(panelPars{}), 20},
	} {
		if at[0] != at[1] {
			t.Errorf("%s is at %d, want %d", name, at[0], at[1])
		}
	}
}

// BenchmarkTile is a run of panels for every set of kernels.
func BenchmarkTile(b *testing.B) {
	for _, d := range []int{64, 160} {
		w := benchWorld(b, 1024, d, true)
		p := w.m.byLength()
		for digits := 1; digits <= 2; digits++ {
			for _, users := range []int{1, tileUsers / digits} {
				for _, s := range sets {
					if !s.runs {
						continue
					}
					b.Run(fmt.Sprintf("d=%d/digits=%d/users=%d/%s", d, digits, users, s.name), func(b *testing.B) {
						use(b, s.set)
						var group []*Job
						jobs := w.jobs(b, 1)
						for u := range users {
							jobs[u].pack(p, make([]float64, p.groups*groupDims), digits)
							group = append(group, &jobs[u])
						}
						t := &tile{finds: new(finds)}
						t.load(p, group, digits) // nothing hits
						masks := make([]uint32, len(p.pars)*t.n)
						for k := range masks {
							masks[k] = ^uint32(0)
						}
						start := clock()
						for b.Loop() {
							if digits == 1 {
								t.find(p, 0, len(p.pars))
							} else {
								t.sum(p, 0, len(p.pars), masks)
							}
						}
						b.ReportMetric(float64((clock()-start).Nanoseconds())/float64(b.N*users*w.m.N), "ns/score")
					})
				}
			}
		}
	}
}
