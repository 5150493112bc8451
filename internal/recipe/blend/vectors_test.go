package blend

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// halfHad are circles whose users had half of their circle's items each, chosen by a hash.
func halfHad() *sequences {
	return circles(32, 32, func(u, k int) bool { return mix(uint64(u), uint64(k))%2 == 0 })
}

// A circle's vectors speak for its own items before any other's, whoever asks.
func TestVectorsOfCircles(t *testing.T) {
	s := halfHad()
	v, err := trainVectors(t.Context(), s, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if v == nil {
		t.Fatalf("no vectors of %d items", s.n)
	}
	w := newTeller(v)
	for circle := range int32(32) {
		if err := w.expect(t.Context(), []int32{circle*32 + 3, circle*32 + 8, circle*32 + 3, circle*32 + 21}); err != nil {
			t.Fatal(err)
		}
		w.next()
		for place, key := range w.loud()[:32] {
			if key.Index()/32 != circle {
				t.Errorf("item %d, of circle %d, is in place %d for circle %d", key.Index(), key.Index()/32, place, circle)
			}
			if got := w.product(key.Index()); got != key.Score() {
				t.Errorf("item %d is told %v alone, and %v among the loudest", key.Index(), got, key.Score())
			}
		}
	}
}

func TestVectorsAreTheSameForAnyThreads(t *testing.T) {
	s := halfHad()
	one, err := trainVectors(t.Context(), s, 7, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{2, 5} {
		many, err := trainVectors(t.Context(), s, 7, threads)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.row, many.row) || !slices.Equal(one.gram, many.gram) {
			t.Errorf("the vectors by %d threads differ from those by one", threads)
		}
	}
}

func TestVectorsStopWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trainVectors(ctx, halfHad(), 1, 2); err != context.Canceled {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
}

func TestVectorWidthIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, users := rapid.IntRange(0, 50<<20).Draw(t, "items"), rapid.IntRange(0, 500<<20).Draw(t, "users")
		w := vectorWidth(n, users)
		if w != 0 && (w < vectorLeast || w > vectorMost || w%16 != 0 || w*(n+users) > vectorCells) {
			t.Errorf("%d items and %d users have vectors of %d", n, users, w)
		}
	})
}

// Vectors that were written are there when the model is opened, to the bit, and rank a listed circle's items before others.
func TestVectorsAreWritten(t *testing.T) {
	s := halfHad()
	var events []recipetest.Event
	for u := range s.len() {
		for k, i := range s.of(u) {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%04d", u), Item: fmt.Sprintf("i%04d", i), Time: int64(k)})
		}
	}
	d := recipetest.Build(events)
	all := newSequences(d)
	none := lists{start: make([]int64, all.n+1)}
	l := &learned{families: [familyCount]lists{none, none, none}, order: recipe.ByPopularity(all.users()), popular: logs(all.users()), trending: logs(all.recent())}
	var err error
	if l.vectors, err = trainVectors(t.Context(), all, 1, 2); err != nil {
		t.Fatal(err)
	}
	set := settings{Recipe: "aws-user-personalization-v2", Vectors: &l.vectors.shape}
	for v := range set.Level {
		set.Level[v] = 1
	}
	set.Weights[2*vectorVoice] = 1
	m := written(t, d, set, l)
	if !slices.Equal(m.vectors.row, l.vectors.row) || !slices.Equal(m.vectors.gram, l.vectors.gram) {
		t.Error("the vectors of the opened model differ from those that were written")
	}
	a := make([]recipe.Answer, 1)
	q := recipe.Query{Known: true, Count: 16, Items: []int32{64, 66, 68}, Times: []int64{1, 2, 3}}
	if err := m.Rank(t.Context(), []recipe.Query{q}, a); err != nil {
		t.Fatal(err)
	}
	for _, i := range a[0].Items {
		if i/32 != 2 {
			t.Errorf("item %d of circle %d is recommended to a user of circle 2", i, i/32)
		}
	}
}

// Histories that are told together are told what each is told alone.
func TestVectorsTellTogether(t *testing.T) {
	v, err := trainVectors(t.Context(), halfHad(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	histories := [][]int32{{1, 2, 40}, nil, {900}, {5, 5, 6, 7, 300}, {1, 2, 40}}
	all, one := newTeller(v), newTeller(v)
	if err := all.expect(t.Context(), histories...); err != nil {
		t.Fatal(err)
	}
	for _, items := range histories {
		if err := one.expect(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		if !all.next() || !one.next() {
			t.Fatal("nothing is next")
		}
		if !slices.Equal(all.loud(), one.loud()) {
			t.Errorf("%v is told something else together with others", items)
		}
	}
	if all.next() {
		t.Error("there is more than was asked for")
	}
}
