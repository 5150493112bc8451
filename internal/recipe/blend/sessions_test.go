package blend

import (
	"math"
	"math/rand/v2"
	"testing"
)

// heardOf is what finder.find says of each item: all that is said, and what is said of it as coming after.
func heardOf(n *sessions, items int, history []int32) (around, after []float64) {
	around, after = make([]float64, items), make([]float64, items)
	newFinder(n).find(history, func(i int32, by float32, later bool) {
		around[i] += float64(by)
		if later {
			after[i] += float64(by)
		}
	})
	return around, after
}

// With fewer sequences than bounds, all that share something speak, as the definition says.
func TestSessionsAreDefined(t *testing.T) {
	const items = 12
	r := rand.New(rand.NewPCG(1, 9))
	s := &sequences{n: items, start: []int64{0}}
	for u := range 60 {
		var is []int32
		var times []int64
		for k := range 2 + r.IntN(25) {
			is, times = append(is, int32(r.IntN(items))), append(times, int64(10*u+k))
		}
		s.add(is, times, nil)
	}
	history := []int32{3, 5, 3, 8, 1}
	wantAround, wantAfter := make([]float64, items), make([]float64, items)
	for u := range s.len() {
		said := s.of(u)
		var like float64
		match := -1
		for age, i := range []int32{1, 8, 3, 5} { // the first 3 is asked about already
			last := -1
			for k, other := range said {
				if other == i {
					last = k
				}
			}
			if last >= 0 {
				like += math.Exp(-float64(age) / 4)
			}
			if match < 0 {
				match = last
			}
		}
		for p, i := range said {
			if d := max(p-match, match-p); match >= 0 && d < nearby {
				wantAround[i] += like * math.Exp(-float64(d)/5)
				if p > match {
					wantAfter[i] += like * math.Exp(-float64(d)/5)
				}
			}
		}
	}
	around, after := heardOf(newSessions(s), items, history)
	for i := range items {
		if math.Abs(around[i]-wantAround[i]) > 1e-4 || math.Abs(after[i]-wantAfter[i]) > 1e-4 {
			t.Errorf("item %d: %v around and %v after, want %v and %v", i, around[i], after[i], wantAround[i], wantAfter[i])
		}
	}
}

// The sequence that a history begins with is the user's own: it says nothing, though no other is as alike.
func TestSessionsLeaveOutOwn(t *testing.T) {
	s := sequencesOf(6, [][2]int64{{1, 10}, {2, 20}}, [][2]int64{{1, 10}, {2, 20}, {4, 30}})
	around, _ := heardOf(newSessions(s), 6, []int32{1, 2, 5})
	if around[4] == 0 {
		t.Error("the other user's sequence says nothing of item 4")
	}
	alone, _ := heardOf(newSessions(s), 6, []int32{1, 2, 4})
	for i, a := range alone {
		if a != 0 {
			t.Errorf("item %d is heard %v, want nothing: both sequences are how the history begins", i, a)
		}
	}
}

// An item that is in more sequences than are kept is found in the newest of them.
func TestSessionsKeepNewest(t *testing.T) {
	s := &sequences{n: 2, start: []int64{0}}
	for u := range int64(postings + 10) {
		s.add([]int32{0, 1}, []int64{u, u + 1}, nil)
	}
	n := newSessions(s)
	seq := n.seq[n.from[0]:n.from[1]]
	if len(seq) != postings || seq[0] != 0 || seq[postings-1] != postings-1 {
		t.Errorf("item 0 is in %d sequences from %d to %d, want the first %d", len(seq), seq[0], seq[len(seq)-1], postings)
	}
	if n.len() != postings+10 {
		t.Errorf("%d sequences, want all %d", n.len(), postings+10)
	}
}
