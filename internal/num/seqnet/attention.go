package seqnet

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// An attention lets every event of a sequence read those up to itself:
//
//	out(i) = Σ_{j≤i} softmax_j(q(i)·k(j)/√e + near(i−j)) · v(j)
//
// for each head with its own e columns of q, k and v and its own near, a number per distance. (Vaswani et
// al., 2017; relative positions after Shaw, Uszkoreit and Vaswani, 2018.)
type attention struct {
	width, heads, window int
	near                 int // heads×window
}

func newAttention(l *layout, width, heads, window int) attention {
	return attention{width, heads, window, l.take(heads*window, 0, 0)}
}

// strip is how many events of a sequence are worked on together. What a strip cannot see is not computed.
const strip = 64

// probabilities returns how many numbers forward keeps of a sequence.
func (a attention) probabilities(n int) int {
	total := 0
	for lo := 0; lo < n; lo += strip {
		hi := min(lo+strip, n)
		total += (hi - lo) * hi
	}
	return a.heads * total
}

// forward sets out (n×width) for one sequence of n rows of q, k and v side by side, and probs.
func (a attention) forward(p, qkv, out, probs []float32, n int) {
	if n == 0 {
		return
	}
	w, e := a.width, a.width/a.heads
	by := 1 / float32(math.Sqrt(float64(e)))
	for h := range a.heads {
		near := p[a.near+h*a.window : a.near+(h+1)*a.window]
		q, k, v := qkv[h*e:], qkv[w+h*e:], qkv[2*w+h*e:]
		for lo := 0; lo < n; lo += strip {
			hi := min(lo+strip, n)
			s := probs[:(hi-lo)*hi]
			probs = probs[len(s):]
			gemm.Mul(false, true, hi-lo, hi, e, by, q[lo*3*w:], 3*w, k, 3*w, 0, s, hi)
			for i := lo; i < hi; i++ {
				row := s[(i-lo)*hi : (i-lo+1)*hi]
				for j := range i + 1 {
					row[j] += near[i-j]
				}
				softmax(row[:i+1])
				clear(row[i+1:])
			}
			gemm.Mul(false, false, hi-lo, e, hi, 1, s, hi, v, 3*w, 0, out[lo*w+h*e:], w)
		}
	}
}

// backward sets dqkv from dout and what forward kept; probs is overwritten.
func (a attention) backward(p, g, qkv, probs, dout, dqkv []float32, n int, spare *[]float32) {
	w, e := a.width, a.width/a.heads
	by := 1 / float32(math.Sqrt(float64(e)))
	clear(dqkv[:n*3*w])
	ds := grow(spare, strip*n)
	for h := range a.heads {
		near := g[a.near+h*a.window : a.near+(h+1)*a.window]
		q, k, v := qkv[h*e:], qkv[w+h*e:], qkv[2*w+h*e:]
		dq, dk, dv := dqkv[h*e:], dqkv[w+h*e:], dqkv[2*w+h*e:]
		for lo := 0; lo < n; lo += strip {
			hi := min(lo+strip, n)
			s := probs[:(hi-lo)*hi]
			probs = probs[len(s):]
			d := dout[lo*w+h*e:]
			gemm.Mul(true, false, hi, e, hi-lo, 1, s, hi, d, w, 1, dv, 3*w)
			gemm.Mul(false, true, hi-lo, hi, e, 1, d, w, v, 3*w, 0, ds, hi)
			for i := lo; i < hi; i++ {
				a.slope(s[(i-lo)*hi:(i-lo+1)*hi], ds[(i-lo)*hi:(i-lo+1)*hi], near, i)
			}
			gemm.Mul(false, false, hi-lo, e, hi, by, ds, hi, k, 3*w, 0, dq[lo*3*w:], 3*w)
			gemm.Mul(true, false, hi, e, hi-lo, by, ds, hi, q[lo*3*w:], 3*w, 1, dk, 3*w)
		}
	}
}

// slope turns d, the gradient of the probabilities s of event i, into that of what the softmax is of.
func (a attention) slope(s, d, near []float32, i int) {
	clear(d[i+1:])
	s, d = s[:i+1], d[:i+1]
	mean := f32.Dot(s, d)
	for j := range d {
		x := float32(s[j] * (d[j] - mean))
		d[j] = x
		near[i-j] += x
	}
}
