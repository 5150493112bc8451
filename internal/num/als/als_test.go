package als

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// twoTastes is 40 rows of which even ones know even columns and odd ones odd, each lacking one.
func twoTastes() *Sparse {
	m := &Sparse{Rows: 40, Cols: 20, Start: []int64{0}}
	for r := range m.Rows {
		for c := r % 2; c < m.Cols; c += 2 {
			if c/2 != r/2%10 {
				m.Col, m.Weight = append(m.Col, int32(c)), append(m.Weight, 1)
			}
		}
		m.Start = append(m.Start, int64(len(m.Col)))
	}
	return m
}

func config() Config {
	return Config{Dim: 8, Unobserved: 0.1, Regularization: 0.01, Exponent: 1, Sweeps: 5, Steps: 3, Seed: 1, Threads: 1}
}

// Fit fills the gap: the column taken away from a row scores above every column of the other taste.
func TestFitFillsTheGap(t *testing.T) {
	m, c := twoTastes(), config()
	f := Start(m, c)
	if err := Fit(context.Background(), m, c, f); err != nil {
		t.Fatal(err)
	}
	stride := Stride(c.Dim)
	score := func(r, c int) float32 {
		return f32.Dot(f.Rows[r*stride:(r+1)*stride], f.Cols[c*stride:(c+1)*stride])
	}
	for r := range m.Rows {
		gap := score(r, r/2%10*2+r%2)
		for c := 1 - r%2; c < m.Cols; c += 2 {
			if gap <= score(r, c) {
				t.Fatalf("row %d: the missing column scores %v, foreign column %d %v", r, gap, c, score(r, c))
			}
		}
	}
}

func TestThreadsDoNotMatter(t *testing.T) {
	m, c := twoTastes(), config()
	one, two := Start(m, c), Start(m, c)
	if err := Fit(context.Background(), m, c, one); err != nil {
		t.Fatal(err)
	}
	c.Threads = 3
	if err := Fit(context.Background(), m, c, two); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(one.Rows, two.Rows) || !slices.Equal(one.Cols, two.Cols) {
		t.Error("factors differ between 1 and 3 threads")
	}
}

// With as many steps as dimensions, conjugate gradients reach the exact solution: the gradient is zero.
func TestSolveReachesTheMinimum(t *testing.T) {
	for _, rotated := range []bool{false, true} {
		t.Run(fmt.Sprintf("rotated=%v", rotated), func(t *testing.T) { reachesTheMinimum(t, rotated) })
	}
}

func reachesTheMinimum(t *testing.T, rotated bool) {
	m, c := twoTastes(), config()
	f := Start(m, c)
	if rotated {
		if _, err := Rotate(context.Background(), f.Cols, m.Cols, c); err != nil {
			t.Fatal(err)
		}
	}
	s := NewSolver(f.Cols, m.Cols, c)
	gram, err := s.Prepare(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if (s.diagonal != nil) != rotated {
		t.Fatalf("the Gram matrix is diagonal: %v, want %v", s.diagonal != nil, rotated)
	}
	stride := Stride(c.Dim)
	x := make([]float32, stride)
	cols, weights := m.Row(0)
	s.Solve(s.Workspace(), cols, weights, 2*c.Dim, x)
	lambda := float64(s.c.penalty(weights, s.n))
	for a := range c.Dim {
		g := lambda * float64(x[a])
		for b := range c.Dim {
			g += float64(gram[a*stride+b]) * float64(x[b])
		}
		for k, col := range cols {
			y := f.Cols[int(col)*stride : (int(col)+1)*stride]
			g -= float64(weights[k]) * (1 - float64(f32.Dot(x, y))) * float64(y[a])
		}
		if math.Abs(g) > 1e-4 {
			t.Errorf("gradient[%d] = %v, want 0", a, g)
		}
	}
}

// Rotate keeps every inner product and puts the largest entries first, the same with any number of threads.
func TestRotate(t *testing.T) {
	m, c := twoTastes(), config()
	for _, dim := range []int{1, 8, 30} { // 30 is more than there are vectors
		c.Dim = dim
		stride := Stride(dim)
		before, after, again := Start(m, c).Cols, Start(m, c).Cols, Start(m, c).Cols
		gram, err := Rotate(context.Background(), after, m.Cols, c)
		if err != nil {
			t.Fatal(err)
		}
		three := c
		three.Threads = 3
		if _, err := Rotate(context.Background(), again, m.Cols, three); err != nil || !slices.Equal(after, again) {
			t.Errorf("dim %d: 3 threads rotate otherwise than 1 (%v)", dim, err)
		}
		if off, _ := offDiagonal(gram, dim, stride); off != 0 {
			t.Errorf("dim %d: %v off the diagonal", dim, off)
		}
		for a := 1; a < dim; a++ {
			if gram[a*stride+a] > gram[(a-1)*stride+a-1]+1e-5 {
				t.Errorf("dim %d: entry %d is %v after %v", dim, a, gram[a*stride+a], gram[(a-1)*stride+a-1])
			}
		}
		for i := range m.Cols {
			for j := range m.Cols {
				x := f32.Dot(before[i*stride:(i+1)*stride], before[j*stride:(j+1)*stride])
				y := f32.Dot(after[i*stride:(i+1)*stride], after[j*stride:(j+1)*stride])
				if math.Abs(float64(x-y)) > 1e-5 {
					t.Fatalf("dim %d: the product of %d and %d is %v, was %v", dim, i, j, y, x)
				}
			}
		}
	}
}

// A fit that goes on from any half sweep ends with the bits of one that was never interrupted.
func TestFitGoesOn(t *testing.T) {
	m, c := twoTastes(), config()
	whole := Start(m, c)
	var states []*Factors
	c.Checkpoint = func(halves int, f *Factors) error {
		if states = append(states, &Factors{slices.Clone(f.Rows), slices.Clone(f.Cols)}); len(states) != halves {
			t.Errorf("checkpoint %d tells of %d half sweeps", len(states), halves)
		}
		return nil
	}
	if err := Fit(context.Background(), m, c, whole); err != nil {
		t.Fatal(err)
	}
	if len(states) != 2*c.Sweeps {
		t.Fatalf("%d checkpoints in %d sweeps", len(states), c.Sweeps)
	}
	c.Checkpoint = nil
	for k, f := range states {
		c.Halves = k + 1
		if err := Fit(context.Background(), m, c, f); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Rows, whole.Rows) || !slices.Equal(f.Cols, whole.Cols) {
			t.Errorf("going on after %d half sweeps ends otherwise than without a break", k+1)
		}
	}
	broken := errors.New("disk full")
	c.Halves, c.Checkpoint = 0, func(int, *Factors) error { return broken }
	if err := Fit(context.Background(), m, c, Start(m, c)); err != broken {
		t.Errorf("Fit = %v where a checkpoint fails, want %v", err, broken)
	}
}

func TestFitStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m, c := twoTastes(), config()
	if err := Fit(ctx, m, c, Start(m, c)); err != context.Canceled {
		t.Errorf("Fit = %v, want %v", err, context.Canceled)
	}
}
