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
// Beside the rows, which it refers to, it has a copy of 2 bytes per number for Scan (see panel.go), and after
// the first call of Best another.
type Matrix struct {
	N, Stride int
	Rows      []float32 // Stride apart
	Bias      []float32

	panels  panels
	longest []int32 // the mostLongest items with the longest vectors, longest first; ties by index
	once    sync.Once
	lengths *panels // by length
}

// mostLongest is twice as many as a request may ask for.
const mostLongest = 1000

// NewMatrix prepares the vectors of n items for scans. It refuses numbers that are not finite, and vectors
// and biases beyond MaxNorm.
func NewMatrix(n, stride int, rows, bias []float32) (*Matrix, error) {
	m := &Matrix{N: n, Stride: stride, Rows: rows, Bias: bias}
	if len(rows) != n*stride || len(bias) != n {
		return nil, fmt.Errorf("%d numbers and %d biases for %d items of %d", len(rows), len(bias), n, stride)
	}
	var longest Heap
	longest.Reset(min(mostLongest, n))
	for i := range n {
		norm := length(m.row(i))
		if !(norm <= MaxNorm) {
			return nil, fmt.Errorf("the vector of item %d has length %v, want at most %v", i, norm, MaxNorm)
		}
		longest.Push(Make(float32(norm), int32(i)))
		if b := math.Abs(float64(bias[i])); !(b <= MaxNorm) {
			return nil, fmt.Errorf("the bias of item %d is %v, want at most %v either way", i, bias[i], MaxNorm)
		}
	}
	for _, key := range longest.Sorted() {
		m.longest = append(m.longest, key.Index())
	}
	m.panels.pack(m)
	return m, nil
}

// byLength packs the items from long to short, ties by index.
func (m *Matrix) byLength() *panels {
	m.once.Do(func() {
		keys := make([]Key, m.N)
		for i := range keys {
			keys[i] = Make(float32(length(m.row(i))), int32(i))
		}
		slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(b, a) })
		p := &panels{ids: make([]int32, m.N)}
		for place, key := range keys {
			p.ids[place] = key.Index()
		}
		p.pack(m)
		m.lengths = p
	})
	return m.lengths
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
