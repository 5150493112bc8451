package feature

import (
	"context"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/f32"
)

// Targets are vectors of some records, from which those of the others are to be told: record r's has Dim numbers from
// Vectors[r*Stride] on.
type Targets struct {
	Records     []int32 // ascending
	Vectors     []float32
	Dim, Stride int
}

func (t *Targets) of(r int32) []float32 {
	return t.Vectors[int(r)*t.Stride : int(r)*t.Stride+t.Dim]
}

// A Map tells what vector goes with a row: Mean plus, for each term, its value times its vector.
type Map struct {
	Mean  []float32 // Dim
	Terms []float32 // Dim numbers for each term
}

// Add adds by times the vector that goes with a row to out, the mean included.
func (m *Map) Add(by float32, terms []int32, values, out []float32) {
	f32.Axpy(by, m.Mean, out[:len(m.Mean)])
	m.AddTerms(by, terms, values, out)
}

// AddTerms is Add without the mean: in which the row differs from others.
func (m *Map) AddTerms(by float32, terms []int32, values, out []float32) {
	dim := len(m.Mean)
	for k, t := range terms {
		f32.Axpy(by*values[k], m.Terms[int(t)*dim:(int(t)+1)*dim], out[:dim])
	}
}

// lane is how many dimensions are learned together: a line of the first cache.
const lane = 16

// Fit learns from the targets by ridge regression: the map with the least
//
//	Σ |mean + Σ value·vector − target|² + penalty · Σ |vector|²
//
// where the mean is that of the targets. It takes 15 steps of conjugate gradients, which are enough for a few parts in a
// thousand. Dimensions have nothing to do with each other, so the result does not depend on threads.
//
// Memory: the map, and 256 bytes for each term and thread.
func (t *Table) Fit(ctx context.Context, targets Targets, penalty float64, threads int) (*Map, error) {
	m := &Map{Mean: make([]float32, targets.Dim), Terms: make([]float32, t.Terms*targets.Dim)}
	sum := make([]float64, targets.Dim)
	for _, r := range targets.Records {
		for k, v := range targets.of(r) {
			sum[k] += float64(v)
		}
	}
	for k, v := range sum {
		m.Mean[k] = float32(v / float64(max(1, len(targets.Records))))
	}
	scale := t.scale(targets.Records, penalty)
	lanes := (targets.Dim + lane - 1) / lane
	err := als.Spread(ctx, threads, lanes, 1, func(lo, hi int) {
		for l := lo; l < hi; l++ {
			s := descent{table: t, targets: &targets, scale: scale, penalty: float32(penalty), from: l * lane}
			s.n = min(lane, targets.Dim-s.from)
			s.solve(ctx, m)
		}
	})
	return m, err
}

// scale is one over the diagonal of the equations.
func (t *Table) scale(records []int32, penalty float64) []float32 {
	scale := make([]float32, t.Terms)
	for _, r := range records {
		terms, values := t.Row(int(r))
		for k, x := range terms {
			scale[x] += values[k] * values[k]
		}
	}
	for k, v := range scale {
		scale[k] = 1 / (v + float32(penalty))
	}
	return scale
}

// A descent finds the numbers of one lane for all terms.
type descent struct {
	table   *Table
	targets *Targets
	scale   []float32
	penalty float32
	from, n int // dimensions

	w, r, p, ap []float32 // lane numbers for each term
}

const steps = 15

// solve sets the lane of m.Terms. (Conjugate gradients with the diagonal as preconditioner; Saad, 2003, §9.2.) Each
// dimension has steps of its own.
func (s *descent) solve(ctx context.Context, m *Map) {
	size := s.table.Terms * lane
	s.w, s.r, s.p, s.ap = make([]float32, size), make([]float32, size), make([]float32, size), make([]float32, size)
	var y [lane]float32
	s.each(func(record int32, terms []int32, values []float32) {
		target := s.targets.of(record)[s.from : s.from+s.n]
		for k, v := range target {
			y[k] = v - m.Mean[s.from+k]
		}
		for k, x := range terms {
			f32.Axpy(values[k], y[:], s.of(s.r, x))
		}
	})
	s.direct([lane]float64{})
	size64 := s.residual()
	for range steps {
		if ctx.Err() != nil {
			return
		}
		s.multiply()
		step := ratio(size64, products(s.p, s.ap))
		move(s.w, step, s.p)
		for k := range step {
			step[k] = -step[k]
		}
		move(s.r, step, s.ap)
		next := s.residual()
		s.direct(ratio(next, size64))
		size64 = next
	}
	dim := s.targets.Dim
	for t := range s.table.Terms {
		copy(m.Terms[t*dim+s.from:t*dim+s.from+s.n], s.of(s.w, int32(t)))
	}
}

func (s *descent) each(do func(record int32, terms []int32, values []float32)) {
	for _, r := range s.targets.Records {
		terms, values := s.table.Row(int(r))
		do(r, terms, values)
	}
}

func (s *descent) of(x []float32, term int32) []float32 {
	return x[int(term)*lane : (int(term)+1)*lane]
}

// multiply sets ap to (rowsᵀ·rows + penalty)·p.
func (s *descent) multiply() {
	copy(s.ap, s.p)
	f32.Scale(s.penalty, s.ap)
	s.each(func(_ int32, terms []int32, values []float32) {
		var y [lane]float32
		for k, x := range terms {
			f32.Axpy(values[k], s.of(s.p, x), y[:])
		}
		for k, x := range terms {
			f32.Axpy(values[k], y[:], s.of(s.ap, x))
		}
	})
}

// residual is what is left, in the measure of the preconditioner.
func (s *descent) residual() (sum [lane]float64) {
	for at, v := range s.r {
		sum[at%lane] += float64(v) * float64(v) * float64(s.scale[at/lane])
	}
	return sum
}

// direct sets p to the preconditioned residual plus by times p.
func (s *descent) direct(by [lane]float64) {
	for at, v := range s.r {
		s.p[at] = v*s.scale[at/lane] + float32(by[at%lane])*s.p[at]
	}
}

func products(a, b []float32) (sum [lane]float64) {
	for at, v := range a {
		sum[at%lane] += float64(v) * float64(b[at])
	}
	return sum
}

func move(x []float32, by [lane]float64, d []float32) {
	for at, v := range d {
		x[at] += float32(by[at%lane]) * v
	}
}

// ratio divides, and gives 0 for what is done.
func ratio(a, b [lane]float64) (out [lane]float64) {
	for k := range out {
		if b[k] > 0 {
			out[k] = a[k] / b[k]
		}
	}
	return out
}

// Fill fits a map and returns the targets' vectors, which it leaves alone, with those of each record mixed with what its row
// tells, as much of that as share says, from 0 to 1. A record without a row keeps its vector, and so does one with a share of
// 0, to the bit.
func (t *Table) Fill(ctx context.Context, targets Targets, penalty float64, share func(record int) float32, threads int) ([]float32, error) {
	m, err := t.Fit(ctx, targets, penalty, threads)
	if err != nil {
		return nil, err
	}
	vectors := slices.Clone(targets.Vectors)
	err = als.Spread(ctx, threads, t.Len(), 256, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			terms, values := t.Row(i)
			by := share(i)
			if by == 0 || len(terms) == 0 {
				continue
			}
			v := vectors[i*targets.Stride : i*targets.Stride+targets.Dim]
			f32.Scale(1-by, v)
			m.Add(by, terms, values, v)
		}
	})
	return vectors, err
}

// penalties are those that Choose chooses from.
var penalties = []float64{1, 4, 16, 64}

// The bounds of what Choose looks at.
const (
	chooseRecords = 4000
	chooseDim     = 32
)

// Choose returns the penalty by which one half of the targets tells the other best, and which share of the differences
// between them it explains; at most 0 if it is better to say nothing. It looks at 4000 records, evenly, and the first 32
// dimensions.
func (t *Table) Choose(ctx context.Context, targets Targets, threads int) (penalty, share float64, err error) {
	targets.Dim = min(targets.Dim, chooseDim)
	if step := float64(len(targets.Records)) / chooseRecords; step > 1 {
		some := make([]int32, chooseRecords)
		for k := range some {
			some[k] = targets.Records[int(float64(k)*step)]
		}
		targets.Records = some
	}
	halves := targets.Halves()
	for _, p := range penalties {
		var wrong, all float64
		for h := range halves {
			m, err := t.Fit(ctx, halves[h], p, threads)
			if err != nil {
				return 0, 0, err
			}
			w, a := t.misses(m, &halves[1-h])
			wrong, all = wrong+w, all+a
		}
		if all > 0 && 1-wrong/all > share {
			penalty, share = p, 1-wrong/all
		}
	}
	return penalty, share, nil
}

// Halves splits the records as if by coin.
func (t Targets) Halves() [2]Targets {
	out := [2]Targets{t, t}
	out[0].Records, out[1].Records = nil, nil
	for _, r := range t.Records {
		h := mixed(uint32(r)*2+1) & 1
		out[h].Records = append(out[h].Records, r)
	}
	return out
}

// misses is by how much, squared, the map misses the targets, and by how much its mean does.
func (t *Table) misses(m *Map, targets *Targets) (wrong, all float64) {
	x := make([]float32, len(m.Mean))
	for _, r := range targets.Records {
		terms, values := t.Row(int(r))
		clear(x)
		m.Add(1, terms, values, x)
		for k, v := range targets.of(r) {
			wrong += square(v - x[k])
			all += square(v - m.Mean[k])
		}
	}
	return wrong, all
}

func square(v float32) float64 { return float64(v) * float64(v) }
