package seqnet

import "math"

// A layout hands out places in the flat vector of a network's parameters, all but the items' vectors. Layers
// keep offsets, so that parameters, gradients and moments are vectors of one form.
type layout struct {
	size  int
	parts []part
}

// A part is one array of parameters and what it starts as.
type part struct {
	at, n  int
	spread float32 // standard deviation
	value  float32 // mean
}

func (l *layout) take(n int, value, spread float32) int {
	at := l.size
	l.parts = append(l.parts, part{at, n, spread, value})
	l.size += n
	return at
}

// fill draws the parameters a network starts with.
func (l *layout) fill(p []float32, r *random) {
	for _, t := range l.parts {
		for k := range t.n {
			p[t.at+k] = t.value
			if t.spread != 0 {
				p[t.at+k] += t.spread * r.normal()
			}
		}
	}
}

// A random is a stream of numbers. (SplitMix64; Steele, Lea and Flood, 2014.)
type random struct{ state uint64 }

// newRandom starts a stream that depends on all the keys.
func newRandom(keys ...uint64) *random {
	r := &random{0x9e3779b97f4a7c15}
	for _, k := range keys {
		r.state ^= k
		r.state = r.next()
	}
	return r
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform is in [0,1).
func (r *random) uniform() float64 { return float64(r.next()>>11) / (1 << 53) }

// below is in [0,n).
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// normal has mean 0 and variance 1. (Box and Muller, 1958.)
func (r *random) normal() float32 {
	u, v := 1-r.uniform(), r.uniform()
	return float32(math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v))
}
