package blend

import (
	"slices"
	"testing"
)

func sequencesOf(n int, users ...[][2]int64) *sequences {
	s := &sequences{n: n, start: []int64{0}}
	for _, events := range users {
		var items []int32
		var times []int64
		for _, e := range events {
			items, times = append(items, int32(e[0])), append(times, e[1])
		}
		s.add(items, times, nil)
	}
	return s
}

// What happened at one moment is held back whole, and none of it is nearer than the rest.
func TestHoldBackBaskets(t *testing.T) {
	s := sequencesOf(9, [][2]int64{{1, 10}, {2, 20}, {3, 30}, {4, 30}, {5, 30}})
	part, tests := s.holdBack(1, false)
	if got := part.of(0); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("%v stays in training, want what came before the last basket", got)
	}
	if got := tests[0]; !slices.Equal(got.next, []int32{3, 4, 5}) || !slices.Equal(got.late, []int{0, 0, 0}) {
		t.Errorf("%v comes next, at %v; want the basket of 3, 4 and 5, at once", got.next, got.late)
	}
}

// Whatever is held back, the rest stays in order, and nothing is lost.
func TestScatter(t *testing.T) {
	var events [][2]int64
	for k := range int64(30) {
		events = append(events, [2]int64{k, 5}) // one moment: the newest cannot be told
	}
	s := sequencesOf(30, events)
	_, tests := s.holdBack(1, false)
	got := tests[0]
	if len(got.next) != 3 || len(got.before) != 27 || !slices.IsSorted(got.before) || slices.Max(got.next) < 3 {
		t.Fatalf("%v and then %v", got.before, got.next)
	}
	all := slices.Concat(got.before, got.next)
	if slices.Sort(all); len(slices.Compact(all)) != 30 {
		t.Errorf("%v is left of 30 items", all)
	}
}

// The users that events are held back from are of the half that was here last, unless times say nothing.
func TestChoose(t *testing.T) {
	s := &sequences{n: 3, start: []int64{0}}
	const users = 4 * leastTests
	for u := range int64(users) {
		s.add([]int32{0, 1, 2}, []int64{u, u + 1, u + 2}, nil)
	}
	for _, scattered := range []bool{false, true} {
		early := 0
		for u, chosen := range s.choose(1, scattered) {
			if chosen && u < users/2 {
				early++
			}
		}
		if want := map[bool]int{false: 0, true: users / 2}[scattered]; early != want {
			t.Errorf("scattered %v: %d of the earlier half are chosen, want %d", scattered, early, want)
		}
	}
}

// A test of one event cuts where that is, though it is within a moment.
func TestAtEvent(t *testing.T) {
	s := sequencesOf(9, [][2]int64{{1, 10}, {2, 20}, {3, 30}, {3, 30}})
	_, tests := s.holdBack(1, false)
	got := tests[0].atEvent()
	if !slices.Equal(got.before, []int32{1, 2, 3}) || !slices.Equal(got.times, []int64{10, 20, 30}) || !slices.Equal(got.next, []int32{3}) {
		t.Errorf("before %v at %v comes %v, want 1, 2, 3 and then 3", got.before, got.times, got.next)
	}
}
