package blend

import (
	"context"
	"testing"
)

// Of lists that tell what comes next and lists that tell something else, the former are worth more, and a place
// further down less than the first.
func TestTells(t *testing.T) {
	list := func(next ...neighbour) lists { return join([][]neighbour{next, nil, nil, nil}) }
	tests := []test{{before: []int32{0}, next: []int32{2}}}
	var got []float64
	for _, l := range []lists{
		list(neighbour{1, 1}, neighbour{2, 2}), list(neighbour{1, 2}, neighbour{2, 1}), list(neighbour{1, 1}), list(neighbour{0, 9}, neighbour{2, 1}),
	} {
		worth, err := (&learned{order: make([]int32, 4), families: [familyCount]lists{together: l}}).tells(context.Background(), tests, true, 2)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, worth)
	}
	if got[0] != 1 || got[1] <= 0 || got[1] >= 1 || got[2] != 0 || got[3] != 1 {
		t.Errorf("the lists are worth %v, want 1 for the first place, less for the second, nothing for none, and 1 past what the user had", got)
	}
}

// A ridge far too small for noisy data gives way to a greater one, and the lists that come with it are those of that ridge.
func TestChooseRidge(t *testing.T) {
	s := &sequences{n: 40, start: []int64{0}}
	for u := range uint64(60) {
		var items []int32
		var times []int64
		for k := range uint64(10) {
			items, times = append(items, int32(mix(u, k)%20+20*(u%2))), append(times, int64(u*100+k))
		}
		s.add(items, times, nil)
	}
	part, tests := s.holdBack(1, true)
	ctx, l := context.Background(), &learned{order: make([]int32, s.n)}
	var err error
	if l.families[together], err = trainTogether(ctx, part, ridges[usualRidge], 1); err != nil {
		t.Fatal(err)
	}
	before, err := l.tells(ctx, tests, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	ridge, err := l.chooseRidge(ctx, part, tests, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	after, err := l.tells(ctx, tests, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	of := &learned{order: l.order}
	if of.families[together], err = trainTogether(ctx, part, ridge, 1); err != nil {
		t.Fatal(err)
	}
	want, err := of.tells(ctx, tests, false, 1)
	if err != nil {
		t.Fatal(err)
	}
	if after < before || after != want {
		t.Errorf("with ridge %v the tests are told %v, before %v, and by lists of that ridge %v", ridge, after, before, want)
	}
}
