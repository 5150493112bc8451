package eval

import (
	"math"
	"testing"
)

func ranks(n int, at ...int) []bool {
	h := make([]bool, n)
	for _, r := range at {
		h[r-1] = true
	}
	return h
}

// The worked examples of the service's guide.
func TestWorkedExamples(t *testing.T) {
	mrr := (ReciprocalRank(ranks(25, 4, 9)) + ReciprocalRank(ranks(25, 2)) + ReciprocalRank(ranks(25, 6))) / 3
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"mean reciprocal rank, first hits at 4, 2 and 6", mrr, 0.3056},
		{"NDCG@5, both of two relevant at 2 and 5", NDCG(ranks(5, 2, 5), 2, 5), 0.6241},
		{"NDCG@5, two of three relevant at 2 and 5", NDCG(ranks(5, 2, 5), 3, 5), 0.4776},
		{"precision, 2 of 5", Precision(ranks(25, 1, 4, 6), 5), 0.4},
		{"precision, 3 of 10", Precision(ranks(25, 1, 4, 6, 11), 10), 0.3},
		{"precision of a list shorter than 10", Precision(ranks(3, 1, 2), 10), 0.2},
		{"recall, 2 of 4", Recall(ranks(25, 1, 4), 4, 10), 0.5},
		{"hit rate, first hit at 6, of 5", HitRate(ranks(25, 6, 9), 5), 0},
		{"hit rate, first hit at 6, of 10", HitRate(ranks(25, 6, 9), 10), 1},
		{"hit rate of a list shorter than 10", HitRate(ranks(3, 2), 10), 1},
		{"no truth", NDCG(ranks(5), 0, 5), 0},
	} {
		if math.Abs(c.got-c.want) > 5e-5 {
			t.Errorf("%s = %.4f, want %.4f", c.name, c.got, c.want)
		}
	}
}

func TestMetrics(t *testing.T) {
	got := Metrics([]Result{
		{Listed: []int32{1, 2, 1, 3}, Truth: []int32{2}},
		{Listed: []int32{4}, Truth: []int32{9}},
		{Listed: []int32{7}}, // no truth: not counted
		{Truth: []int32{1}},  // nothing recommended: counts as 0
	}, 8)
	for name, want := range map[string]float64{
		"coverage":                   0.5,
		"mean_reciprocal_rank_at_25": 0.5 / 3,
		"precision_at_5":             0.2 / 3,
		"precision_at_10":            0.1 / 3,
		"precision_at_25":            0.04 / 3,
		"normalized_discounted_cumulative_gain_at_5":  1 / math.Log2(3) / 3,
		"normalized_discounted_cumulative_gain_at_10": 1 / math.Log2(3) / 3,
		"normalized_discounted_cumulative_gain_at_25": 1 / math.Log2(3) / 3,
	} {
		if math.Abs(got[name]-want) > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if len(got) != 8 {
		t.Errorf("%d metrics, want 8: %v", len(got), got)
	}
	if twice := Metrics([]Result{{Listed: []int32{2, 2}, Truth: []int32{2}}}, 1)["precision_at_5"]; twice != 0.2 {
		t.Errorf("precision of an item listed twice = %v, want 0.2", twice)
	}
	if r := Round(map[string]float64{"a": 0.12345})["a"]; r != 0.1235 {
		t.Errorf("Round = %v, want 0.1235", r)
	}
}

func TestNothingToMeasure(t *testing.T) {
	for name, v := range Metrics(nil, 0) {
		if v != 0 {
			t.Errorf("%s of nothing = %v, want 0", name, v)
		}
	}
}

func TestMeanOf(t *testing.T) {
	for _, c := range []struct {
		values       []float64
		mean, margin float64
	}{
		{nil, 0, 0},
		{[]float64{0.3}, 0.3, 0},
		{[]float64{2, 2, 2}, 2, 0},
		{[]float64{1, 2, 3, 4}, 2.5, 1.96 * math.Sqrt(5.0/3/4)}, // squares 5, variance 5/3
	} {
		got := MeanOf(c.values)
		if math.Abs(got.Mean-c.mean) > 1e-12 || math.Abs(got.Margin-c.margin) > 1e-12 {
			t.Errorf("MeanOf(%v) = %v, want %v with margin %v", c.values, got, c.mean, c.margin)
		}
	}
}

// Hits go as deep as they are asked to, and no item is a hit twice.
func TestHits(t *testing.T) {
	r := Result{Listed: []int32{5, 1, 5, 2, 3}, Truth: []int32{2, 3, 5}}
	for depth, want := range map[int]int{1: 1, 3: 1, 4: 2, 5: 3, 100: 3} {
		n := 0
		for _, hit := range Hits(r, depth) {
			if hit {
				n++
			}
		}
		if n != want {
			t.Errorf("Hits of %v in %v at depth %d are %d, want %d", r.Truth, r.Listed, depth, n, want)
		}
	}
}

// The worked example of training.md §10: a purchase weighs 0.3 and a click 0.1.
func TestWeightedNDCG(t *testing.T) {
	r := Result{Listed: []int32{9, 1, 8, 7, 2}, Truth: []int32{1, 2}, Gain: []float32{1.5, 0.5}}
	if got := WeightedNDCG(r, 5); math.Abs(got-0.6278) > 5e-5 {
		t.Errorf("WeightedNDCG = %.4f, want 0.6278", got)
	}
	scaled := Result{Listed: r.Listed, Truth: r.Truth, Gain: []float32{0.3, 0.1}}
	if got := WeightedNDCG(scaled, 5); math.Abs(got-WeightedNDCG(r, 5)) > 1e-6 {
		t.Errorf("gains of 0.3 and 0.1 give %v, 1.5 and 0.5 give %v; want the same", got, WeightedNDCG(r, 5))
	}
	alike := Result{Listed: r.Listed, Truth: r.Truth}
	if got, want := WeightedNDCG(alike, 5), NDCG(Hits(alike, 5), 2, 5); got != want {
		t.Errorf("without gains WeightedNDCG = %v, want the NDCG %v", got, want)
	}
	if got := WeightedNDCG(Result{Listed: []int32{1}, Truth: []int32{1}, Gain: []float32{0}}, 5); got != 0 {
		t.Errorf("what is worth nothing gives %v, want 0", got)
	}
	one := Metrics([]Result{alike, {Listed: []int32{3, 4}, Truth: []int32{3, 9}}}, 10)
	same := Metrics([]Result{{Listed: r.Listed, Truth: r.Truth, Gain: []float32{2, 2}}, {Listed: []int32{3, 4}, Truth: []int32{3, 9}, Gain: []float32{2, 2}}}, 10)
	if WeighedAlike(one); len(one) != 12 || len(same) != 12 {
		t.Errorf("metrics are %v and %v, want 12 of them", one, same)
	}
	for name, want := range same {
		if math.Abs(one[name]-want) > 1e-9 {
			t.Errorf("%s where all weigh alike is %v, want %v", name, one[name], want)
		}
	}
	m := Metrics([]Result{r, {Listed: []int32{3}, Truth: []int32{3}, Gain: []float32{1}}}, 10)
	for _, depth := range []string{"5", "10", "25", "k"} {
		if got := m["normalized_discounted_cumulative_gain_with_event_weights_at_"+depth]; math.Abs(got-(0.6278+1)/2) > 5e-5 {
			t.Errorf("at %s the mean is %.4f, want %.4f", depth, got, (0.6278+1)/2)
		}
	}
}

// The worked example of training.md §10: of clicked things worth 20, 10 and 5, the first two are among the 25
// dearest of what was listed.
func TestAverageRewards(t *testing.T) {
	reward, listed := make([]float64, 40), make([]int32, 40)
	for i := range reward {
		reward[i], listed[i] = 7, int32(i)
	}
	reward[3], reward[30], reward[1] = 20, 10, 5
	clicked := Result{Listed: listed, Truth: []int32{1, 3, 30}}
	if got := AverageRewards([]Result{clicked}, reward); math.Abs(got-0.8571) > 5e-5 {
		t.Errorf("AverageRewards = %.4f, want 0.8571", got)
	}
	if got := AverageRewards([]Result{clicked, {Listed: listed[:10], Truth: []int32{3}}, {Listed: listed, Truth: nil}}, reward); math.Abs(got-(30./35+1)/2) > 1e-9 {
		t.Errorf("with one more user whose reward is all among them it is %v, want %v; whoever has no hits is not counted", got, (30./35+1)/2)
	}
	if got := AverageRewards(nil, nil); got != 0 {
		t.Errorf("AverageRewards of nobody = %v, want 0", got)
	}
}
