package blend

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A logit is the weighed sum of the signals, in whichever way it is made.
func TestLogitIsSumOfSignals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := settings{Recency: true}
		weight := rapid.OneOf(rapid.Just(0.), rapid.Float64Range(-3, 3))
		for k := range s.Weights {
			if k != networkSignal {
				s.Weights[k] = weight.Draw(t, "weight")
			}
		}
		for v := range s.Level {
			s.Level[v] = rapid.Float64Range(0.1, 10).Draw(t, "level")
		}
		const n = 3
		l := &learned{order: []int32{0, 1, 2}, popular: []float32{1, 2, 3}, trending: []float32{3, 0, 1}}
		m := &model{learned: l, settings: s, weigher: newWeigher(&s, l)}
		d := newDesk(m)
		for i := range n {
			for v := range voices {
				d.listener.sum[i][v] = float32(rapid.OneOf(rapid.Just(0.), rapid.Float64Range(-1, 100)).Draw(t, "said"))
			}
			d.age[i] = int32(rapid.IntRange(0, 9).Draw(t, "age"))
			d.often[i], d.count[i] = max(1, d.age[i]), float32(d.age[i])/2
		}
		d.kinds = n
		d.scale = d.by(&s.Level)
		for i := range int32(n) {
			var x [signals]float64
			d.signals(i, &s.Level, &x)
			want, size := 0.0, 0.0
			for k, w := range s.Weights {
				want += w * x[k]
				size += math.Abs(w * x[k])
			}
			if got := float64(m.logit(d, i, false)); math.Abs(got-want) > 1e-6*(1+size) {
				t.Fatalf("logit(%d) = %v, want %v", i, got, want)
			}
		}
	})
}

func TestLogOf(t *testing.T) {
	for x := 1.0; x < 1e6; x *= 1.0007 {
		if got, want := logOf(x), math.Log(x); math.Abs(got-want) > 1e-8 {
			t.Fatalf("logOf(%v) = %v, want %v", x, got, want)
		}
	}
}
