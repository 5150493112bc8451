package topk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The sums are within half a per cent for all but one user in a hundred, whatever the items are like and
// wherever the moments take over.
func TestSumsAreNear(t *testing.T) {
	for _, shape := range []string{"plain", "unit", "spread", "crowds", "skewed", "doubles", "biased"} {
		for _, wide := range []float64{0.1, 0.5, 1, 2} {
			t.Run(fmt.Sprintf("%s/%v", shape, wide), func(t *testing.T) { sumsAreNear(t, shape, wide) })
		}
	}
}

func sumsAreNear(t *testing.T, shape string, wide float64) {
	r := rand.New(rand.NewPCG(9, uint64(len(shape))))
	const n, d, users = 5000, 24, 100
	w := shaped(t, r, shape, wide, n, d, users)
	jobs := w.jobs(t, 25)
	if err := Scan(t.Context(), w.m, jobs); err != nil {
		t.Fatal(err)
	}
	var off []float64
	closed := 0
	for u := range jobs {
		sum := 0.0
		for i := range n {
			if !slices.Contains(w.skip[u], int32(i)) {
				sum += math.Exp(float64(w.m.Score(&jobs[u], i)) - jobs[u].Shift)
			}
		}
		off = append(off, math.Abs(jobs[u].Sum/sum-1))
		if jobs[u].sumEnd < len(w.m.packed.pars) {
			closed++
		}
	}
	slices.Sort(off)
	if p99 := off[len(off)*99/100]; p99 > 0.005 {
		t.Errorf("the 99th percentile of relative errors is %v, %d of %d users took moments", p99, closed, users)
	}
	t.Logf("%.4f %% (median), %.4f %% (99th percentile), %d of %d users took moments", 100*off[len(off)/2], 100*off[len(off)*99/100], closed, users)
}

// shaped draws items of a shape, and users whose scores have a standard deviation of about wide.
func shaped(t *testing.T, r *rand.Rand, shape string, wide float64, n, d, users int) *world {
	rows, bias := make([]float32, n*d), make([]float32, n)
	centre := func() []float64 {
		c := make([]float64, d)
		for k := range c {
			c[k] = 2 * r.NormFloat64()
		}
		return c
	}
	centres := make([][]float64, 20)
	for c := range centres {
		centres[c] = centre()
	}
	for i := range n {
		row, scale := rows[i*d:(i+1)*d], 1.0
		c := make([]float64, d)
		switch shape {
		case "spread":
			scale = math.Exp(0.8 * r.NormFloat64())
		case "crowds": // of items that are much alike, of all sizes
			c = centres[min(len(centres)-1, int(r.ExpFloat64()*3))]
		case "skewed": // one in fifty is of another kind
			if scale = 0.2; r.IntN(50) == 0 {
				c, scale = centres[0], 0.5
			}
		case "biased":
			bias[i] = float32(2 * r.ExpFloat64())
		}
		for k := range row {
			row[k] = float32(scale * (c[k] + r.NormFloat64()))
		}
		if norm := length(row); shape == "unit" {
			for k := range row {
				row[k] = float32(float64(row[k]) / norm * math.Sqrt(float64(d)))
			}
		}
		if shape == "doubles" && i > 0 && r.IntN(2) == 0 {
			copy(row, rows[r.IntN(i)*d:])
		}
	}
	m, err := NewMatrix(n, d, rows, bias)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{m: m}
	for u := range users {
		v := make([]float32, d)
		for k := range v {
			v[k] = float32(wide / math.Sqrt(float64(d)) * r.NormFloat64())
		}
		var skip []int32
		for _, i := range r.Perm(n)[:u%20] {
			skip = append(skip, int32(i))
		}
		w.vectors, w.weights, w.skip = append(w.vectors, v), append(w.weights, float32(r.Float64())), append(w.skip, skip)
		w.allow = append(w.allow, nil)
	}
	return w
}
