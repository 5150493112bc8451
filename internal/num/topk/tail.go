package topk

import (
	"math"
	"slices"
	"sync"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// Sums need not look at every item. Those with short vectors have scores near that of their mean, and there
// are many of them, so moments do: over the n items of a band
//
//	Σ exp(s) = n·exp(m + σ²/2)   with m the mean and σ² the variance of s, if s is normal
//
// and nearly so if σ² is small, whatever the distribution. Bands are 1,024 items that follow each other in the
// order of lengths. m is u·mean + w·mean bias. σ² is a quadratic form of the band's covariance, which would be
// d² numbers and d² multiplications per band and user; instead, a quarter of the bands share the form of their
// pooled covariance, each scaled by the share it has in the trace.
const (
	bandPanels = 32
	bandItems  = bandPanels * panelItems
	quarters   = 4
	// mostSpread is the largest σ² of a band that is summed by moments. A skewness of γ makes a relative error
	// of about γ·σ³/6.
	mostSpread = 1. / 16
)

// A tail is the moments. Vectors are those of the items with the bias behind.
type tail struct {
	once   sync.Once
	stride int
	means  []float32 // per band
	share  []float64 // per band: its trace over that of the quarter, or 0
	pooled [quarters][]float32
}

// moments returns the tail of a packed matrix, which the first call makes: one pass of d² per item.
func (p *packed) moments(m *Matrix) *tail {
	p.tail.once.Do(func() { p.tail.fill(p, m) })
	return &p.tail
}

// bands is the number of whole or partial bands.
func (p *packed) bands() int { return (len(p.pars) + bandPanels - 1) / bandPanels }

// band returns the items of a band.
func (p *packed) band(b int) []int32 { return p.ids[b*bandItems : min((b+1)*bandItems, len(p.ids))] }

// quarter is that of a band.
func (p *packed) quarter(b int) int { return b * quarters / p.bands() }

func (t *tail) fill(p *packed, m *Matrix) {
	t.stride = (p.dims + 1 + f32.Block - 1) / f32.Block * f32.Block
	bands := p.bands()
	t.means, t.share = make([]float32, bands*t.stride), make([]float64, bands)
	var weight, traces [quarters]float64
	for q := range t.pooled {
		t.pooled[q] = make([]float32, t.stride*t.stride)
	}
	x := make([]float32, t.stride)
	for b := range bands {
		mean := t.means[b*t.stride : (b+1)*t.stride]
		items, q := p.band(b), p.quarter(b)
		for _, i := range items {
			t.vector(p, m, i, x)
			f32.Axpy(1/float32(len(items)), x, mean)
		}
		trace := 0.0
		for _, i := range items {
			t.vector(p, m, i, x)
			f32.Axpy(-1, mean, x)
			for k, y := range x {
				if y != 0 {
					f32.Axpy(y, x, t.pooled[q][k*t.stride:(k+1)*t.stride])
				}
			}
			trace += float64(f32.Dot(x, x))
		}
		weight[q] += float64(len(items))
		traces[q] += trace
		t.share[b] = trace / float64(len(items))
	}
	for b := range t.share {
		if q := p.quarter(b); traces[q] > 0 {
			t.share[b] /= traces[q] // pooled is a sum over all items of the quarter
		}
	}
}

// vector writes an item's vector and bias.
func (t *tail) vector(p *packed, m *Matrix, i int32, x []float32) {
	clear(x)
	copy(x, m.row(int(i))[:p.dims])
	x[p.dims] = m.Bias[i]
}

// spread is u'·pooled·u of a quarter. y is scratch.
func (t *tail) spread(q int, u, y []float32) float64 {
	for k := range y {
		y[k] = f32.Dot(t.pooled[q][k*t.stride:(k+1)*t.stride], u)
	}
	return float64(f32.Dot(y, u))
}

// A moment is what j's sum over the bands from some panel on takes of the moments.
type moment struct {
	panel int       // where their spreads become small for good
	sums  []float64 // of the bands from there on, without what j skips
}

// moment finds the bands that j's sum may be spared. A job that allows a set is summed whole: the items of a set
// may be quite unlike the others of a band.
func (s *scan) moment(j *Job) {
	m := &j.moment
	m.sums = m.sums[:0]
	b := s.bands()
	if b > 0 && j.Allow == nil && s.roughly(j) <= 2*mostSpread {
		t := s.moments(s.Matrix)
		s.user = append(s.user[:0], make([]float32, 2*t.stride)...)
		u, y := s.user[:t.stride], s.user[t.stride:]
		for k, x := range j.wide[:s.dims] {
			u[k] = float32(x)
		}
		u[s.dims] = j.weight
		spread, of := 0.0, -1
		for ; b > 0; b-- {
			if q := s.quarter(b - 1); q != of {
				spread, of = t.spread(q, u, y), q
			}
			v := spread * t.share[b-1]
			if !(v <= mostSpread) {
				break
			}
			mean := float64(f32.Dot(t.means[(b-1)*t.stride:b*t.stride], u))
			m.sums = append(m.sums, float64(len(s.band(b-1)))*math.Exp(min(mean+v/2-j.Shift, 700)))
		}
	}
	slices.Reverse(m.sums)
	m.panel = min(b*bandPanels, len(s.pars))
}

// roughly is the spread of the bands that a job must be spared to search first, if their vectors point anywhere and are
// as long as the longest. Where even that is large, moments need not be made.
func (s *scan) roughly(j *Job) float64 {
	norm := s.norms[len(s.norms)*3/4]
	return j.norm * j.norm * norm * norm / float64(max(1, s.dims))
}

// closeTail sets the panel at which j's sum stops to look at items, none before the search's end, since the moments
// know nothing of single items that score high, and adds the rest to j.Sum.
func (s *scan) closeTail(j *Job, end int) {
	m := &j.moment
	first := max(0, (end+bandPanels-1)/bandPanels-m.panel/bandPanels)
	if first >= len(m.sums) {
		return
	}
	j.sumEnd = m.panel + first*bandPanels
	for _, x := range m.sums[first:] {
		j.Sum += x
	}
	for k := len(j.skip) - 1; k >= 0 && int(j.skip[k]) >= j.sumEnd*panelItems; k-- {
		j.Sum -= math.Exp(float64(s.Score(j, int(s.ids[j.skip[k]]))) - j.Shift)
	}
	j.Sum = max(j.Sum, 0)
}

// searchEnd is a panel at which the search of j will have ended, judging by its floor.
func (s *scan) searchEnd(j *Job, from int) int {
	lo, hi := from, len(s.pars)
	for lo < hi {
		if mid := (lo + hi) / 2; j.done(s.packed, mid) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
