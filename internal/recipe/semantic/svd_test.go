package semantic

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// What lies in no more dimensions than are kept is kept: the cosines of all pairs of rows stay as they were.
func TestReduceKeepsWhatFits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rank, dim := rapid.IntRange(1, 6).Draw(r, "rank"), 8
		n, cols := rapid.IntRange(1, 40).Draw(r, "rows"), rapid.IntRange(10, 60).Draw(r, "columns")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		base := make([][]float64, rank)
		for k := range base {
			base[k] = make([]float64, cols)
			for j := range base[k] {
				base[k][j] = rng.NormFloat64()
			}
		}
		m := &matrix{start: []int64{0}, cols: cols}
		for range n {
			row := make([]float32, cols)
			for k := range base {
				a := rng.NormFloat64()
				for j, x := range base[k] {
					row[j] += float32(a * x)
				}
			}
			unit(row)
			for j, x := range row {
				m.col, m.value = append(m.col, int32(j)), append(m.value, x)
			}
			m.start = append(m.start, int64(len(m.col)))
		}
		stride := als.Stride(dim + extras)
		basis, err := reduce(t.Context(), recipe.Training{Threads: 2, Seed: 3}, m, dim, stride)
		if err != nil {
			r.Fatal(err)
		}
		got, err := m.project(t.Context(), 2, basis, dim, stride)
		if err != nil {
			r.Fatal(err)
		}
		for a := range n {
			for b := range n {
				var want, is float64
				for j := range cols {
					want += float64(m.value[a*cols+j]) * float64(m.value[b*cols+j])
				}
				for k := range stride {
					is += float64(got[a*stride+k]) * float64(got[b*stride+k])
				}
				if math.Abs(want-is) > 1e-3 {
					r.Fatalf("rows %d and %d have cosine %v, want %v", a, b, is, want)
				}
			}
		}
	})
}

// Turning a matrix round twice gives it back.
func TestTranspose(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &matrix{start: []int64{0}, cols: rapid.IntRange(1, 9).Draw(r, "columns")}
		for range rapid.IntRange(0, 9).Draw(r, "rows") {
			for j := range m.cols {
				if rapid.Bool().Draw(r, "there") {
					m.col, m.value = append(m.col, int32(j)), append(m.value, float32(len(m.value)+1))
				}
			}
			m.start = append(m.start, int64(len(m.col)))
		}
		again := m.transpose().transpose()
		if len(again.start) != len(m.start) || again.cols != m.cols {
			r.Fatalf("%d rows and %d columns, want %d and %d", len(again.start)-1, again.cols, len(m.start)-1, m.cols)
		}
		for k := range m.col {
			if again.col[k] != m.col[k] || again.value[k] != m.value[k] {
				r.Fatalf("element %d is %v in column %d, want %v in %d", k, again.value[k], again.col[k], m.value[k], m.col[k])
			}
		}
	})
}
