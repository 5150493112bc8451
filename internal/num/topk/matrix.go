package topk

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// MaxNorm bounds the length of every vector and the size of every bias times its weight, so that no score
// overflows.
const MaxNorm = 1e18

// A Matrix is the items' vectors and a number per item that every user may weigh. It is read-only.
//
// Beside the rows, which it refers to, it has after the first scan a copy of a byte per number (see packed.go) and
// 8 bytes per item.
type Matrix struct {
	N, Stride int
	Rows      []float32 // Stride apart
	Bias      []float32

	once   sync.Once
	packed *packed // by length
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
	return m, nil
}

// byLength packs the items from long to short, ties by index.
func (m *Matrix) byLength() *packed {
	m.once.Do(func() {
		norms := make([]float64, m.N)
		keys := make([]Key, m.N)
		for i := range keys {
			norms[i] = up(length(m.row(i)))
			keys[i] = Make(float32(norms[i]), int32(i))
		}
		slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(b, a) })
		ids := make([]int32, m.N)
		for place, key := range keys {
			ids[place] = key.Index()
		}
		m.packed = pack(m, ids, norms)
	})
	return m.packed
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
