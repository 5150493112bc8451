package recipe_test

import (
	"math"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

func TestStandardRewards(t *testing.T) {
	got := recipe.StandardRewards([]float64{1, math.NaN(), 3, 2})
	want := []float32{-float32(math.Sqrt(1.5)), 0, float32(math.Sqrt(1.5)), 0}
	if !slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 }) {
		t.Errorf("StandardRewards = %v, want %v", got, want)
	}
	one := make([]float64, 1000)
	one[7] = 1e9
	if got := recipe.StandardRewards(one); got[7] != 3 || got[8] > 0 || got[8] < -0.1 {
		t.Errorf("of one fortune among nothing, it is %v and the others %v, want 3 and about 0", got[7], got[8])
	}
	for _, same := range [][]float64{{}, {5, 5}, {math.NaN()}} {
		if got := recipe.StandardRewards(same); slices.ContainsFunc(got, func(x float32) bool { return x != 0 }) {
			t.Errorf("StandardRewards(%v) = %v, want zeros", same, got)
		}
	}
}

func TestBalance(t *testing.T) {
	last := -1.0
	for _, name := range []string{"OFF", "LOW", "MEDIUM", "HIGH"} {
		b, ok := recipe.Balance(name)
		if !ok || b <= last {
			t.Errorf("Balance(%s) = %v, %v; want more than %v", name, b, ok, last)
		}
		last = b
	}
	if _, ok := recipe.Balance("low"); ok {
		t.Error("Balance takes low")
	}
}
