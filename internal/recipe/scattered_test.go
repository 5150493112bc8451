package recipe

import (
	"slices"
	"testing"
)

func (s *timeline) add(items []int32, times []int64) {
	s.item, s.time = append(s.item, items...), append(s.time, times...)
	s.start = append(s.start, int64(len(s.item)))
}

// Times that number the events have holes where some were taken out; times that are times have none that can be seen.
func TestGapped(t *testing.T) {
	build := func(when func(u, k int64) (int64, bool)) *timeline {
		s := &timeline{start: []int64{0}}
		for u := range int64(20) {
			var items []int32
			var times []int64
			for k := range int64(30) {
				if at, kept := when(u, k); kept {
					items, times = append(items, int32(k)), append(times, at)
				}
			}
			s.add(items, times)
		}
		return s
	}
	for name, c := range map[string]struct {
		s    *timeline
		want bool
	}{
		"a fifth is missing":       {build(func(u, k int64) (int64, bool) { return 5000*u + 60*k, (u+k)%5 != 0 }), true},
		"nothing is missing":       {build(func(u, k int64) (int64, bool) { return 5000*u + 60*k, true }), false},
		"only the end is missing":  {build(func(u, k int64) (int64, bool) { return 5000*u + 60*k, k < 25 }), false},
		"times are as they happen": {build(func(u, k int64) (int64, bool) { return 5000*u + 60*k + (u*k*k)%37, (u+k)%5 != 0 }), false},
		"baskets":                  {build(func(u, k int64) (int64, bool) { return 5000*u + 60*(k/9), true }), false},
	} {
		if got := c.s.gapped(); got != c.want {
			t.Errorf("%s: gapped = %v", name, got)
		}
	}
}

func TestTimesThatSayNothing(t *testing.T) {
	made, real, turned := &timeline{start: []int64{0}}, &timeline{start: []int64{0}}, &timeline{start: []int64{0}}
	for u := range int64(20) {
		var items []int32
		var times, later []int64
		for k := range int64(10) {
			items, times, later = append(items, int32(u%4+k)), append(times, 100+k), append(later, 100+k+7*u)
		}
		made.add(items, times)
		real.add(items, later)
		if u%2 == 0 {
			items = slices.Clone(items)
			slices.Reverse(items)
		}
		turned.add(items, times)
	}
	for name, c := range map[string]struct {
		s                     *timeline
		simultaneous, uniform bool
	}{"made up": {made, true, true}, "a course": {real, false, true}, "order differs": {turned, true, false}} {
		if got := c.s.simultaneous(); got != c.simultaneous {
			t.Errorf("%s: simultaneous = %v", name, got)
		}
		if got := c.s.uniform(); got != c.uniform {
			t.Errorf("%s: uniform = %v", name, got)
		}
	}
}
