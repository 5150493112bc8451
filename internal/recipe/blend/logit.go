package blend

import "math"

// A weigher is settings' weights, ready to make logits of: what has no weight is not looked at, and what does not depend on a
// history is known beforehand.
type weigher struct {
	settings *settings
	voices   []weighedVoice
	still    []float32 // by item: what popularity is worth
	network  float64
}

// A weighedVoice is a voice that has weight.
type weighedVoice struct {
	voice       int
	linear, log float64
}

func newWeigher(s *settings, l *learned) *weigher {
	w := &weigher{settings: s, still: make([]float32, len(l.popular))}
	for v := range voices {
		if a, b := s.Weights[2*v], s.Weights[2*v+1]; a != 0 || b != 0 || v == contentVoice && l.content != nil {
			w.voices = append(w.voices, weighedVoice{v, a, b})
		}
	}
	for i := range w.still {
		w.still[i] = float32(s.Weights[popularSignal]*float64(l.popular[i]) + s.Weights[trendingSignal]*float64(l.trending[i]))
	}
	if l.network != nil && s.Recency {
		w.network = s.Weights[networkSignal]
	}
	return w
}

// logit is the sum of the weighed signals of item i.
func (g *weigher) logit(w *desk, i int32) float64 {
	sum, of := float64(g.still[i]), &w.listener.sum[i]
	var said [2]float64 // signals of contentVoice
	for k := range g.voices {
		v := &g.voices[k]
		s := of[v.voice]
		if s == 0 {
			if s = w.unheard(v.voice, i); s == 0 {
				continue
			}
		}
		at := float64(s) * w.scale[v.voice]
		sum += v.linear * at
		if at > 0 {
			l := logOf(1 + sharpness*at)
			sum += v.log * l
			if v.voice == contentVoice {
				said = [2]float64{at, l}
			}
		}
	}
	if w.age[i] > 0 {
		sum += g.past(w, i)
	}
	if g.network != 0 {
		sum += g.network * float64(w.ear.logit(w.learned.network, i))
	}
	return sum + g.settings.unmet(w.learned.content, i, said)
}

// past is the sum of the weighed signals of an item that the user had.
func (g *weigher) past(w *desk, i int32) (sum float64) {
	var x [signals]float64
	w.own(i, &x)
	for k := hadSignal; k < signals; k++ {
		sum += g.settings.Weights[k] * x[k]
	}
	return sum
}

// logOf is the natural logarithm of x ≥ 1, off by less than 1e-8.
//
// With c the middle of the 256th part of an octave that x is in, log x = log c + log(1 + t) for t = x/c − 1, which is at most
// 1/512, so that two terms of the series are off by t³/3.
func logOf(x float64) float64 {
	bits := math.Float64bits(x)
	e := &octave[bits>>44&255]
	t := math.Float64frombits(bits&(1<<52-1)|1023<<52)*e.inverse - 1
	return float64(int(bits>>52)-1023)*math.Ln2 + e.log + t - t*t/2
}

// octave has, for each 256th part of it, the inverse and the logarithm of its middle.
var octave = func() (o [256]struct{ inverse, log float64 }) {
	for k := range o {
		c := 1 + (float64(k)+0.5)/256
		o[k].inverse, o[k].log = 1/c, math.Log(c)
	}
	return o
}()
