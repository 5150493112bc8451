package factors

import (
	"context"
	"testing"

	"pgregory.net/rapid"
)

// judged draws cases whose scores are small numbers; those of the network tell truth if helpful.
func judged(t *rapid.T, helpful float32) []trial {
	number := rapid.Float32Range(-1, 1)
	cases := make([]trial, 40)
	for k := range cases {
		c := &cases[k]
		c.step = 1.5
		draw := func(n int) []float32 { return rapid.SliceOfN(number, n, n).Draw(t, "scores") }
		c.truth = []int32{0, 1}
		c.factors, c.network = scores{draw(9), nil, draw(2)}, scores{draw(9), nil, draw(2)}
		for j := range c.network.found {
			c.network.found[j] += helpful
		}
		c.gain = c.rank(&c.factors)
	}
	return cases
}

// No weights near those that are found make the truth likelier.
func TestLikeliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cases := judged(t, 0)
		w, err := likeliest(context.Background(), cases, [2]float64{10, 0}, 2)
		if err != nil {
			t.Fatal(err)
		}
		best, _ := fitAt(t.Context(), cases, w, 1)
		for _, by := range [][2]float64{{0.1, 0}, {-0.1, 0}, {0, 0.1}, {0, -0.1}, {0.1, 0.1}, {-0.1, 0.1}} {
			near, _ := fitAt(t.Context(), cases, [2]float64{w[0] + by[0], w[1] + by[1]}, 1)
			if near.value > best.value+1e-4 {
				t.Fatalf("%v is as likely as %v; %v, which is found, as %v", w, best.value, by, near.value)
			}
		}
	})
}

// What tells truth improves upon factors that do not, and what says the same of all items does not.
func TestImproves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for helpful, want := range map[float32]bool{3: true, 0: false} {
			cases := judged(t, helpful)
			if helpful == 0 {
				for k := range cases {
					clear(cases[k].network.others)
					clear(cases[k].network.found)
				}
			}
			got, err := improves(t.Context(), cases, [2]float64{1, 2}, 2)
			if err != nil || got != want {
				t.Fatalf("improves by a network that adds %v to the truth: %v, %v; want %v", helpful, got, err, want)
			}
		}
	})
}
