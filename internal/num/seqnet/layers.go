package seqnet

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// Every layer has a forward and a backward step over rows, one row an event. Backward steps add to the
// gradient g of the parameters p, which has the same form.

// A linear layer is y = x·W + b, W of in×out.
type linear struct {
	in, out int
	w, b    int
}

func newLinear(l *layout, in, out int, gain float32) linear {
	spread := gain / float32(math.Sqrt(float64(in)))
	return linear{in, out, l.take(in*out, 0, spread), l.take(out, 0, 0)}
}

func (l linear) forward(p, x, y []float32, rows int) {
	bias := p[l.b : l.b+l.out]
	for r := range rows {
		copy(y[r*l.out:(r+1)*l.out], bias)
	}
	gemm.Mul(false, false, rows, l.out, l.in, 1, x, l.in, p[l.w:], l.out, 1, y, l.out)
}

// backward sets dx, unless it is nil.
func (l linear) backward(p, g, x, dy, dx []float32, rows int) {
	gemm.Mul(true, false, l.in, l.out, rows, 1, x, l.in, dy, l.out, 1, g[l.w:], l.out)
	bias := g[l.b : l.b+l.out]
	for r := range rows {
		f32.Axpy(1, dy[r*l.out:(r+1)*l.out], bias)
	}
	if dx != nil {
		gemm.Mul(false, true, rows, l.in, l.out, 1, dy, l.out, p[l.w:], l.out, 0, dx, l.in)
	}
}

// A norm brings a row to mean 0 and variance 1, then scales and shifts its elements.
// (Ba, Kiros and Hinton, 2016.)
type norm struct {
	n           int
	gain, shift int
}

func newNorm(l *layout, n int) norm { return norm{n, l.take(n, 1, 0), l.take(n, 0, 0)} }

const normFloor = 1e-6 // added to the variance

// forward sets y, and keeps for backward the rows before scaling and what they were divided by.
func (m norm) forward(p, x, y, hat, scale []float32, rows int) {
	gain, shift := p[m.gain:m.gain+m.n], p[m.shift:m.shift+m.n]
	for r := range rows {
		x, y, hat := x[r*m.n:(r+1)*m.n], y[r*m.n:(r+1)*m.n], hat[r*m.n:(r+1)*m.n]
		mean, by := moments(x)
		scale[r] = by
		for k, v := range x {
			h := (v - mean) * by
			hat[k] = h
			y[k] = float32(h*gain[k]) + shift[k]
		}
	}
}

// moments returns the mean of x and one over its deviation. Four sums at a time do not wait for each other.
func moments(x []float32) (mean, by float32) {
	var s [4]float32
	whole := len(x) &^ 3
	for k := 0; k < whole; k += 4 {
		s[0] += x[k]
		s[1] += x[k+1]
		s[2] += x[k+2]
		s[3] += x[k+3]
	}
	for _, v := range x[whole:] {
		s[0] += v
	}
	mean = (s[0] + s[1] + s[2] + s[3]) / float32(len(x))
	s = [4]float32{}
	for k := 0; k < whole; k += 4 {
		a, b, c, d := x[k]-mean, x[k+1]-mean, x[k+2]-mean, x[k+3]-mean
		s[0] += float32(a * a)
		s[1] += float32(b * b)
		s[2] += float32(c * c)
		s[3] += float32(d * d)
	}
	for _, v := range x[whole:] {
		s[0] += float32((v - mean) * (v - mean))
	}
	return mean, 1 / float32(math.Sqrt(float64((s[0]+s[1]+s[2]+s[3])/float32(len(x))+normFloor)))
}

// backward adds to dx.
func (m norm) backward(p, g, hat, scale, dy, dx []float32, rows int) {
	gain, dgain, dshift := p[m.gain:m.gain+m.n], g[m.gain:m.gain+m.n], g[m.shift:m.shift+m.n]
	for r := range rows {
		hat, dy, dx := hat[r*m.n:(r+1)*m.n], dy[r*m.n:(r+1)*m.n], dx[r*m.n:(r+1)*m.n]
		var sum, along float32
		for k, d := range dy {
			dgain[k] += float32(d * hat[k])
			dshift[k] += d
			e := float32(d * gain[k])
			sum += e
			along += float32(e * hat[k])
		}
		sum /= float32(m.n)
		along /= float32(m.n)
		by := scale[r]
		for k, d := range dy {
			dx[k] += float32((float32(d*gain[k]) - sum - float32(hat[k]*along)) * by)
		}
	}
}

// rectify sets negative elements to 0, by their sign bit: whether they are is anybody's guess, so a branch would cost
// more.
func rectify(x []float32) {
	for k, v := range x {
		b := math.Float32bits(v)
		x[k] = math.Float32frombits(b &^ uint32(int32(b)>>31))
	}
}

// rectified is rectify's backward step: d is 0 where the output y is.
func rectified(y, d []float32) {
	d = d[:len(y)]
	for k, v := range y {
		some := uint32(-int32(math.Float32bits(v)) >> 31) // all ones for a positive number
		d[k] = math.Float32frombits(math.Float32bits(d[k]) & some)
	}
}

// A dropout multiplies elements by 0 with a probability and by a constant otherwise, so that the mean stays.
// (Srivastava et al., 2014.)
type dropout struct {
	below uint64 // of 256
	by    [2]float32
}

func newDropout(probability float32) dropout {
	d := dropout{below: uint64(math.Round(float64(probability) * 256))}
	d.by[0] = 256 / float32(256-d.below)
	return d
}

// draw fills mask with factors.
func (d dropout) draw(r *random, mask []float32) {
	for len(mask) > 0 {
		z := r.next()
		for k := range min(8, len(mask)) {
			mask[k] = d.by[(z&255-d.below)>>63]
			z >>= 8
		}
		mask = mask[min(8, len(mask)):]
	}
}

// add adds y to x.
func add(x, y []float32) { f32.Axpy(1, y, x) }

// softmax replaces x by exp(x−top)/sum, and returns top and the sum.
func softmax(x []float32) (top, sum float32) {
	top = f32.Max(x)
	sum = f32.Exp(x, top)
	f32.Scale(1/sum, x)
	return top, sum
}
