package eval

import (
	"math"
	"testing"
)

func upTo(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

// The worked examples of training.md §10.
func TestSegmentMetrics(t *testing.T) {
	shifted := func(n, by int) []int32 {
		s := upTo(n)
		for i := range s {
			s[i] += int32(by)
		}
		return s
	}
	hits := SegmentMetrics([]Segment{
		{upTo(2262), shifted(40, 2242)}, {upTo(2262), shifted(40, 5000)}, {upTo(2262), shifted(40, 2252)},
		{upTo(2262), nil}, // nobody did: not counted
	}, 226_200)["hits_at_1_percent"]
	if hits != 10 {
		t.Errorf("hits of 20, 0 and 10 are %v, want 10", hits)
	}
	m := SegmentMetrics([]Segment{{upTo(100), shifted(50, 80)}, {upTo(100), shifted(400, 70)}}, 10_000)
	if r := m["recall_at_1_percent"]; math.Abs(r-0.35) > 1e-12 {
		t.Errorf("recall of 20 of 50 and 30 of 400 is %v, want 0.35", r)
	}
	if c := m["coverage"]; c != 0.01 {
		t.Errorf("coverage of 100 of 10,000 users is %v, want 0.01", c)
	}
	if m := SegmentMetrics(nil, 0); len(m) != 3 || m["coverage"] != 0 {
		t.Errorf("nothing measured is %v, want three zeros", m)
	}
	for users, want := range map[int]int{0: 1, 99: 1, 149: 1, 150: 2, 943: 9, 226_200: 2262} {
		if k := OnePercent(users); k != want {
			t.Errorf("OnePercent(%d) = %d, want %d", users, k, want)
		}
	}
}
