package topk

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// No item whose score reaches a floor stays below its limit, whatever the numbers are. Floors are scores of the
// items themselves and what is just below and above them.
func TestLimitsLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		kind, dim := rapid.IntRange(0, kinds-1).Draw(t, "kind"), rapid.IntRange(1, 80).Draw(t, "dim")
		n := rapid.IntRange(1, 70).Draw(t, "items")
		spread := rapid.Float64Range(0, 20).Draw(t, "spread")
		scale := func() float32 { return float32(math.Exp(-spread * r.Float64())) }
		rows, bias := make([]float32, n*dim), make([]float32, n)
		for i := range n {
			s := scale()
			for k := range dim {
				rows[i*dim+k] = draw(r, kind) * s
			}
			bias[i] = draw(r, kind) * scale() * float32(r.IntN(2))
		}
		m, err := NewMatrix(n, dim, rows, bias)
		if err != nil {
			t.Skip("the numbers are too large")
		}
		vector := make([]float32, dim)
		for k := range vector {
			vector[k] = draw(r, kind) * scale()
		}
		var j Job
		if err := j.Set(vector, draw(r, kind)*scale()); err != nil {
			t.Skip("the numbers are too large")
		}
		limitsLoseNothing(t, m, &j)
	})
}

func limitsLoseNothing(t *rapid.T, m *Matrix, j *Job) {
	p := m.byLength()
	for digits := 1; digits <= 2; digits++ {
		j.pack(p, make([]float64, p.groups*groupDims), digits)
		var tile tile
		tile.load(p, []*Job{j}, digits)
		for i := range m.N {
			panel, at := int(p.place[i])/panelItems, int(p.place[i])%panelItems
			sum, score := tile.products(0, p, panel)[at], m.Score(j, i)
			for _, floor := range []float32{score, math.Nextafter32(score, -math.MaxFloat32), -math.MaxFloat32} {
				j.Best.Reset(1)
				j.floor = Make(floor, 0)
				if tile.x[0] = j.x(digits); sum < tile.limitOf(0, &p.pars[panel]) {
					t.Fatalf("%d digits, item %d: the score %v reaches %v, but its sum %v not the limit %v", digits, i, score, floor,
						sum, tile.limitOf(0, &p.pars[panel]))
				}
				if j.done(p, panel) && score > floor {
					t.Fatalf("item %d: the scan ends at %v before the score %v", i, floor, score)
				}
			}
		}
	}
}

// The limits are near enough to be of use: on plain numbers few items hit that do not belong to the best.
func TestLimitsAreTight(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 0))
	w := newWorld(t, r, normal, 2000, 64, 64, 4, false)
	p := w.m.byLength()
	for digits, most := range map[int]int{1: 55, 2: 50} {
		for u, j := range w.jobs(t, 25) {
			if j.norm == 0 {
				continue
			}
			each(w.m, []Job{j})
			want, _ := w.slow(u, 25, 0)
			j.floor = want[len(want)-1]
			j.pack(p, make([]float64, p.groups*groupDims), digits)
			var tile tile
			tile.load(p, []*Job{&j}, digits)
			tile.x[0] = j.x(digits)
			hits := 0
			for k := range p.pars {
				sums := tile.products(0, p, k)
				for at := range p.panel(k) {
					if sums[at] >= tile.limitOf(0, &p.pars[k]) {
						hits++
					}
				}
			}
			if hits < 25 || hits > most {
				t.Errorf("%d digits, user %d: %d items hit, want 25 and at most %d", digits, u, hits, most)
			}
		}
	}
}
