package factors

import "math"

// An encoder says how much each event of a history weighs.
//
//	weight(age) = Base + Recent · 2^(−age/Half)  for age < Window, and Base beyond
//
// where age counts distinct items, 0 for the newest.
type encoder struct {
	Base, Recent, Half float64
	Window             int
}

// candidates are the encoders that calibration chooses from: no recency, and, where that is to count, from very short to
// long memory.
func candidates(recency bool, window int) []encoder {
	all := []encoder{{Base: 1, Half: 1, Window: window}}
	if recency {
		all = append(all,
			encoder{0.05, 2, 1.5, window},
			encoder{0.05, 2, 3, window},
			encoder{0.1, 2, 5, window},
			encoder{0.1, 2, 10, window},
			encoder{0.3, 1, 20, window},
		)
	}
	return all
}

// weights returns the weight of each item of h, in its order.
func (e encoder) weights(h history) []float32 {
	w := make([]float32, len(h.items))
	for k := range w {
		v := e.Base
		if age := len(w) - 1 - k; age < e.Window && e.Recent > 0 {
			v += e.Recent * math.Exp2(-float64(age)/e.Half)
		}
		w[k] = float32(v) * h.times[k]
	}
	return w
}

// popularityWeight is how much log popularity weighs for a user with n distinct items: all for a
// stranger, soon next to nothing.
func popularityWeight(n int) float32 { return 2 / (2 + float32(n)) }
