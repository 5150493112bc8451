package blend

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// circles are sequences of users who each had some items of their own circle and none of another's.
func circles(circles, size int, had func(user, item int) bool) *sequences {
	s := &sequences{n: circles * size, start: []int64{0}}
	for u := range circles * size {
		var items []int32
		for k := range size {
			if had(u%size, k) {
				items = append(items, int32(u/size*size+k))
			}
		}
		s.add(items, make([]int64, len(items)), nil)
	}
	return s
}

// Circles whose users have everything vary in nothing else, so an item speaks for all of its circle alike and for
// nothing beyond.
func TestSpectrumOfCircles(t *testing.T) {
	const count, size = 32, 32
	s := circles(count, size, func(int, int) bool { return true })
	p, err := trainSpectrum(t.Context(), s, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if p == nil || p.width != count {
		t.Fatalf("the spectrum of %d items is %+v, want a width of %d", s.n, p, count)
	}
	for i := range int32(s.n) {
		for j := range int32(s.n) {
			got, want := p.share[i]*f32.Dot(p.of(i), p.of(j)), float32(0)
			if i/size == j/size {
				want = 1.0 / size
			}
			if math.Abs(float64(got-want)) > 1e-5 {
				t.Fatalf("item %d speaks for %d with %g, want %g", i, j, got, want)
			}
		}
	}
}

func TestSpectrumIsTheSameForAnyThreads(t *testing.T) {
	s := circles(32, 40, func(u, k int) bool { return mix(uint64(u), uint64(k))%3 == 0 })
	one, err := trainSpectrum(t.Context(), s, 7, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{2, 5} {
		many, err := trainSpectrum(t.Context(), s, 7, threads)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.vector, many.vector) || !slices.Equal(one.share, many.share) {
			t.Errorf("the spectrum by %d threads differs from that by one", threads)
		}
	}
}

// A spectrum that was written is there when the model is opened, to the bit, and ranks a listed circle's items before
// those of others, which are as popular.
func TestSpectrumIsWritten(t *testing.T) {
	const count, size = 32, 32
	var events []recipetest.Event
	for u := range count * size {
		for k := range size / 2 {
			item := u/size*size + (u+2*k+int(mix(1, uint64(u*size+k))%2))%size
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%04d", u), Item: fmt.Sprintf("i%04d", item), Time: int64(k)})
		}
	}
	d := recipetest.Build(events)
	all := newSequences(d)
	none := lists{start: make([]int64, all.n+1)}
	l := &learned{families: [familyCount]lists{none, none, none}, order: recipe.ByPopularity(all.users()), popular: logs(all.users()), trending: logs(all.recent())}
	var err error
	if l.spectrum, err = trainSpectrum(t.Context(), all, 1, 2); err != nil {
		t.Fatal(err)
	}
	s := settings{Recipe: "aws-user-personalization-v2", Spectrum: l.spectrum.width}
	for v := range s.Level {
		s.Level[v] = 1
	}
	s.Weights[2*spectrumVoice] = 1
	m := written(t, d, s, l)
	if !slices.Equal(m.spectrum.vector, l.spectrum.vector) || !slices.Equal(m.spectrum.share, l.spectrum.share) {
		t.Error("the spectrum of the opened model differs from that which was written")
	}
	a := make([]recipe.Answer, 1)
	q := recipe.Query{Known: true, Count: size / 2, Items: []int32{64, 66, 68}, Times: []int64{1, 2, 3}}
	if err := m.Rank(t.Context(), []recipe.Query{q}, a); err != nil {
		t.Fatal(err)
	}
	for _, i := range a[0].Items {
		if i/size != 2 {
			t.Errorf("item %d of circle %d is recommended to a user of circle 2", i, i/size)
		}
	}
}

// An item that nobody had weighs nothing and does no harm to the others.
func TestSpectrumOfUnknownItem(t *testing.T) {
	s := circles(32, 32, func(u, k int) bool { return k != 5 })
	p, err := trainSpectrum(t.Context(), s, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := f32.Dot(p.of(5), p.of(5)); p.share[5] != 0 || got != 0 {
		t.Errorf("an item without users has share %g and norm %g, want 0", p.share[5], got)
	}
	if got := f32.Dot(p.of(6), p.of(6)); !(got > 0) || math.IsInf(float64(got), 0) {
		t.Errorf("an item with users has norm %g, want more than 0", got)
	}
}

func TestOrthonormalise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 24).Draw(t, "width")
		n := rapid.IntRange(2*width+8, 5000).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		lost := rapid.IntRange(0, width).Draw(t, "column that is 0; none if it is the width")
		x := make([]float32, n*width)
		for k := range x {
			if k%width != lost {
				x[k] = float32(mix(seed, uint64(k))>>40)/(1<<23) - 1
			}
		}
		orthonormalise(x, n, width, 2)
		for a := range width {
			for b := range width {
				var got float64
				for i := range n {
					got += float64(x[i*width+a]) * float64(x[i*width+b])
				}
				want := 0.0
				if a == b && a != lost {
					want = 1
				}
				if math.Abs(got-want) > 1e-3 {
					t.Fatalf("columns %d and %d have the product %g, want %g", a, b, got, want)
				}
			}
		}
	})
}
