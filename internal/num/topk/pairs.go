package topk

import (
	"github.com/kindredrec/kindred/internal/num/f32"
)

// Pairs are items to score exactly for jobs.
type pairs struct {
	of   []pair
	what []candidate
	sums []float64 // of products
}

// A pair is where two vectors begin.
type pair struct {
	x *float64
	y *float32
}

// A candidate is an item that might be among the best of a job.
type candidate struct {
	job  *Job
	item int32
}

// pairsAhead is how many pairs are read behind the last.
const pairsAhead = 8

func (b *pairs) clear() { b.of, b.what = b.of[:0], b.what[:0] }

// forget drops what clear leaves in memory.
func (b *pairs) forget() {
	clear(b.of[:cap(b.of)])
	clear(b.what[:cap(b.what)])
}

// note adds an item that is to be scored for j.
func (b *pairs) note(m *Matrix, j *Job, i int32) {
	b.what = append(b.what, candidate{j, i})
	if m.Stride > 0 {
		b.of = append(b.of, pair{&j.wide[0], &m.Rows[int(i)*m.Stride]})
	}
}

// scores sets sums to the inner products of the pairs, as f32.Score defines them; maybe before they are rounded.
func (b *pairs) scores(m *Matrix) {
	if m.Stride%f32.Block == 0 && b.products(m.Stride/f32.Block) {
		return
	}
	b.sums = b.sums[:0]
	for _, c := range b.what {
		b.sums = append(b.sums, float64(f32.Score(c.job.wide, m.row(int(c.item)))))
	}
}
