package blend

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// random returns M·Mᵀ + n for a random M, which is symmetric and well conditioned.
func random(n int) *square {
	r := rand.New(rand.NewPCG(1, 2))
	m, s := newSquare(n), newSquare(n)
	for k := range m.cell {
		m.cell[k] = r.Float32() - 0.5
	}
	for i := range n {
		for j := range n {
			for k := range n {
				s.row(i)[j] += m.row(i)[k] * m.row(j)[k]
			}
		}
		s.row(i)[i] += float32(n)
	}
	return s
}

// Sizes around the band's, so that the last one is full, short, or of one row.
func TestSolve(t *testing.T) {
	for _, n := range []int{1, 7, 130, band, band + 1} {
		m, right := random(n), newSquare(n)
		r := rand.New(rand.NewPCG(3, uint64(n)))
		for k := range right.cell {
			right.cell[k] = r.Float32()
		}
		x, again := &square{n, slices.Clone(right.cell)}, &square{n, slices.Clone(right.cell)}
		if err := (&square{n, slices.Clone(m.cell)}).solve(context.Background(), x, 1); err != nil {
			t.Fatal(err)
		}
		for b := range n {
			for i := range n {
				var got float64
				for j := range n {
					got += float64(m.row(i)[j]) * float64(x.row(b)[j])
				}
				if want := float64(right.row(b)[i]); math.Abs(got-want) > 1e-4 {
					t.Fatalf("n = %d: (m·x)[%d] of right-hand side %d = %v, want %v", n, i, b, got, want)
				}
			}
		}
		if err := (&square{n, slices.Clone(m.cell)}).solve(context.Background(), again, 3); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.cell, again.cell) {
			t.Errorf("n = %d: three threads give other bits than one", n)
		}
	}
}

// The moments that kernels sum by pairs are those of the definition, place by place.
func TestKernels(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, length := range []int{1, 2, 3, 19, 22, 60} {
		const n = 6
		items := make([]int32, length)
		for k := range items {
			items[k] = int32(r.IntN(n))
		}
		var wantGram, wantCross [n][n]float64
		for p := range length - 1 {
			var x, y [n]float64
			for a := 0; a < window && p-a >= 0; a++ {
				x[items[p-a]] += math.Exp(-float64(a) / fade)
			}
			for f, v := range future {
				if p+1+f < length {
					y[items[p+1+f]] += v
				}
			}
			for i := range n {
				for j := range n {
					wantGram[i][j] += x[i] * x[j]
					wantCross[j][i] += x[i] * y[j]
				}
			}
		}
		gram, cross, k := newSquare(n), newSquare(n), newKernels()
		for q, i := range items {
			k.past(gram.row(int(i)), items, q)
			k.next(cross, i, items, nil, q)
		}
		for i := range n {
			for j := range n {
				if math.Abs(float64(gram.row(i)[j])-wantGram[i][j]) > 1e-3 || math.Abs(float64(cross.row(i)[j])-wantCross[i][j]) > 1e-3 {
					t.Fatalf("%d events: at %d, %d the moments are %v and %v, want %v and %v", length, i, j,
						gram.row(i)[j], cross.row(i)[j], wantGram[i][j], wantCross[i][j])
				}
			}
		}
	}
}

// The weights found are where the likelihood, with its pull, is level: a small step anywhere is no better.
func TestMaximise(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	examples := make([]example, 50)
	for k := range examples {
		e := &examples[k]
		e.mass = [...]float64{0.5, 1, 2}[k%3]
		for c := range 20 {
			var x [signals]float32
			for a := range x {
				x[a] = r.Float32()
			}
			e.x, e.stands, e.truth = append(e.x, x), append(e.stands, r.Float64()), append(e.truth, 0)
			if c == 0 {
				e.truth[0] = e.mass
				e.x[0][popularSignal] += 1
			}
		}
	}
	from, use := prior(true), usable(true)
	use[trendingSignal] = false
	w, err := maximise(context.Background(), examples, from, use, 2)
	if err != nil {
		t.Fatal(err)
	}
	value := func(w [signals]float64) float64 {
		m, err := sum(context.Background(), examples, &w, 1)
		if err != nil {
			t.Fatal(err)
		}
		return m.value - penalty(&w, &from)
	}
	best := value(w)
	for a := range w {
		if !use[a] {
			if w[a] != 0 {
				t.Errorf("weight %d is %v though it is not to be used", a, w[a])
			}
			continue
		}
		for _, by := range []float64{-0.05, 0.05} {
			other := w
			if other[a] += by; value(other) > best {
				t.Errorf("weight %d: %v is better than %v", a, other[a], w[a])
			}
		}
	}
	if w[popularSignal] < 1 {
		t.Errorf("the weight of what tells the truth is %v, want more than 1", w[popularSignal])
	}
}
