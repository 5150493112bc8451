package seqnet

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/gemm"
)

// A sampler draws the items that a step's softmax is over. Each item is drawn by itself, with a chance that
// grows with the root of its count, and its logit is raised by −log(chance): the sum over those drawn then has
// the sum over all items as its mean. (Bengio and Senécal, 2008; with Horvitz and Thompson's weights, 1952.)
type sampler struct {
	chance, raise []float32
	all           bool
}

func newSampler(s *Sequences, size int) *sampler {
	w := make([]float64, s.Items)
	for _, i := range s.Item {
		w[i]++
	}
	for i := range w {
		w[i] = math.Sqrt(w[i] + 1)
	}
	p := &sampler{chance: make([]float32, s.Items), raise: make([]float32, s.Items), all: size >= s.Items}
	by := scaleTo(w, float64(size))
	for i := range w {
		c := min(1, by*w[i])
		if p.all {
			c = 1
		}
		p.chance[i], p.raise[i] = float32(c), float32(-math.Log(c))
	}
	return p
}

// scaleTo returns the number that makes Σ min(1, number·w) be about size.
func scaleTo(w []float64, size float64) float64 {
	lo, hi := 0.0, size
	for range 60 {
		by, sum := (lo+hi)/2, 0.0
		for _, x := range w {
			sum += min(1, by*x)
		}
		if sum < size {
			lo = by
		} else {
			hi = by
		}
	}
	return hi
}

// draw appends the items of one step.
func (p *sampler) draw(r *random, out []int32) []int32 {
	for i, c := range p.chance {
		if p.all || float32(r.next()>>40)*(1.0/(1<<24)) < c {
			out = append(out, int32(i))
		}
	}
	return out
}

// A candidates are the items of a step's softmax.
type candidates struct {
	item    []int32
	raise   []float32
	vectors []float32 // of item, a row each
	at      []int32   // by item: its place in item, or -1
}

// rowsAtOnce is how many rows of logits there are at a time.
const rowsAtOnce = 128

// loss returns Σ weight·−log P(target) over the rows of states, and sets dstates to its gradient. Gradients
// of the candidates' vectors are added to dvectors, those of the targets' to the rows that dtarget returns.
func (c *candidates) loss(width int, states, dstates []float32, target []int32, weight []float32,
	vector func(i int32) []float32, dvectors []float32, dtarget func(row int) []float32, spare *[]float32) float64 {
	k, d := len(c.item), width
	var total float64
	for lo := 0; lo < len(target); lo += rowsAtOnce {
		hi := min(lo+rowsAtOnce, len(target))
		h, dh := states[lo*d:hi*d], dstates[lo*d:hi*d]
		logits := grow(spare, (hi-lo)*k)
		gemm.Mul(false, true, hi-lo, k, d, 1, h, d, c.vectors, d, 0, logits, k)
		own := [rowsAtOnce]float32{}
		for r := lo; r < hi; r++ {
			x := logits[(r-lo)*k : (r-lo+1)*k]
			l, slope := c.row(x, target[r], f32.Dot(states[r*d:(r+1)*d], vector(target[r])), weight[r])
			total += l
			own[r-lo] = slope
		}
		gemm.Mul(false, false, hi-lo, d, k, 1, logits, k, c.vectors, d, 0, dh, d)
		gemm.Mul(true, false, k, d, hi-lo, 1, logits, k, h, d, 1, dvectors, d)
		for r := lo; r < hi; r++ {
			f32.Axpy(own[r-lo], vector(target[r]), dstates[r*d:(r+1)*d])
			f32.Axpy(own[r-lo], states[r*d:(r+1)*d], dtarget(r))
		}
	}
	return total
}

// row replaces the logits x by the loss's gradient, and returns the loss and the gradient of the target's
// logit own.
func (c *candidates) row(x []float32, target int32, own, weight float32) (float64, float32) {
	f32.Axpy(1, c.raise, x)
	at := c.at[target]
	if at >= 0 {
		x[at] = float32(math.Inf(-1)) // it is there as own
	}
	top := max(own, f32.Max(x))
	mine := float32(math.Exp(float64(own - top)))
	sum := mine + f32.Exp(x, top)
	by := weight / sum
	f32.Scale(by, x)
	if at >= 0 {
		x[at] = 0
	}
	return float64(weight) * (math.Log(float64(sum)) - float64(own-top)), float32(mine*by) - weight
}
