package topk

import (
	"fmt"
	"math"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// MaxNorm bounds the length of every vector and the size of every bias times its weight, so that no score
// overflows.
const MaxNorm = 1e18

// A Matrix is the items' vectors and a number per item that every user may weigh. It is read-only.
//
// Beside the rows, which it refers to, it has a copy of 2 bytes per number for the scan (see panel.go).
type Matrix struct {
	N, Stride int
	Rows      []float32 // Stride apart
	Bias      []float32

	panels panels
}

// NewMatrix prepares the vectors of n items for scans. It refuses numbers that are not finite, and vectors
// and biases beyond MaxNorm.
func NewMatrix(n, stride int, rows, bias []float32) (*Matrix, error) {
	m := &Matrix{N: n, Stride: stride, Rows: rows, Bias: bias}
	if len(rows) != n*stride || len(bias) != n {
		return nil, fmt.Errorf("%d numbers and %d biases for %d items of %d", len(rows), len(bias), n, stride)
	}
	for i := range n {
		if norm := length(m.row(i)); !(norm <= MaxNorm) {
			return nil, fmt.Errorf("the vector of item %d has length %v, want at most %v", i, norm, MaxNorm)
		}
		if b := math.Abs(float64(bias[i])); !(b <= MaxNorm) {
			return nil, fmt.Errorf("the bias of item %d is %v, want at most %v either way", i, bias[i], MaxNorm)
		}
	}
	m.panels.pack(m)
	return m, nil
}

func (m *Matrix) row(i int) []float32 { return m.Rows[i*m.Stride : (i+1)*m.Stride] }

// Score returns the score of item i for j, which has a vector set.
func (m *Matrix) Score(j *Job, i int) float32 {
	return f32.Score(j.wide, m.row(i)) + float32(j.weight*m.Bias[i])
}

// length is the Euclidean norm of v.
func length(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}
