package factors

import (
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/recipe"
)

// An item's row, and what a query's is multiplied with, are one after another
//
//	Dim    factors          Scale times the user's
//	1      standard reward  Reward; absent without an objective
//	Width  network's        Mix times the state; absent without a network
//
// so that one inner product is the sum of all logits.

// widened reports whether rows have more than factors.
func (s *settings) widened() bool { return s.Reward != 0 || s.Network != nil }

// width is how many numbers a row has.
func (s *settings) width() int {
	n := s.Dim
	if s.Reward != 0 {
		n++
	}
	if s.Network != nil {
		n += s.Network.Width
	}
	return n
}

// widen returns the rows of n items, Stride(width) apart.
func (s *settings) widen(vectors []float32, n int, reward []float64, network *seqnet.Model) []float32 {
	from, to := als.Stride(s.Dim), als.Stride(s.width())
	out := make([]float32, n*to)
	var rewards []float32
	if s.Reward != 0 {
		rewards = recipe.StandardRewards(reward)
	}
	for i := range n {
		row := append(out[i*to:i*to], vectors[i*from:i*from+s.Dim]...)
		if s.Reward != 0 {
			row = append(row, rewards[i])
		}
		if network != nil {
			d := network.Shape().Width
			_ = append(row, network.Vectors()[i*d:(i+1)*d]...)
		}
	}
	return out
}

// widenQuery returns what rows are multiplied with, from the user's factors, which are scaled, and the network's state.
func (s *settings) widenQuery(x, state []float32, stride int) []float32 {
	row := append(make([]float32, 0, stride), x[:s.Dim]...)
	if s.Reward != 0 {
		row = append(row, float32(s.Reward))
	}
	for _, v := range state {
		row = append(row, float32(s.Mix*float64(v)))
	}
	return row[:stride]
}
