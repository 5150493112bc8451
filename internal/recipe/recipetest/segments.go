package recipetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// RunSegments checks what every recipe of user segments promises. The columns of the data it trains on are
// those of TastesWithGenres.
func RunSegments(t *testing.T, r recipe.Segmenter) {
	t.Run("SameBytes", func(t *testing.T) {
		d, _ := TastesWithGenres()
		sameBytesOf(t, r, d)
	})
	t.Run("Cancel", func(t *testing.T) { segmentsCancelled(t, r) })
	t.Run("Blocks", func(t *testing.T) { segmentBlocks(t, r) })
	t.Run("Sound", func(t *testing.T) { segmentsAreSound(t, r) })
	t.Run("FindsUsers", func(t *testing.T) { findsUsers(t, r) })
	t.Run("Small", func(t *testing.T) { smallSegments(t, r) })
	if r.Info().Asks == recipe.UsersByAttributes {
		t.Run("FindsFans", func(t *testing.T) { findsFans(t, r) })
	}
}

// TrainSegments is Train for a recipe of user segments.
func TrainSegments(t testing.TB, r recipe.Segmenter, d *recipe.Data, path string, seed uint64, threads int) recipe.SegmentModel {
	t.Helper()
	learn(t, r, d, path, seed, threads)
	m, err := r.OpenSegments(open(t, path))
	if err != nil {
		t.Fatalf("OpenSegments: %v", err)
	}
	return m
}

// TastesWithGenres is Tastes with a column: even items are "even", odd ones "odd", and every third is "third"
// as well.
func TastesWithGenres() (d *recipe.Data, missing []int32) {
	d, missing = Tastes()
	g := make(Genres, d.Items.Len())
	for i := range 40 {
		g[i] = [...]string{"even", "odd"}[i%2]
		if i%3 == 0 {
			g[i] += "|third"
		}
	}
	d.Columns = []recipe.Column{g}
	return d, missing
}

func segment(t testing.TB, m recipe.SegmentModel, queries ...recipe.SegmentQuery) [][]int32 {
	t.Helper()
	answers := make([][]int32, len(queries))
	if err := m.Segment(context.Background(), queries, answers); err != nil {
		t.Fatalf("Segment: %v", err)
	}
	return answers
}

// segmentQueries are one for each item, one for all even ones and one for no item.
func segmentQueries(d *recipe.Data) []recipe.SegmentQuery {
	qs := []recipe.SegmentQuery{{Count: 5}}
	var even []int32
	for i := range int32(d.Items.Len()) {
		qs = append(qs, recipe.SegmentQuery{Items: []int32{i}, Count: 1 + int(i)%70})
		if i%2 == 0 {
			even = append(even, i)
		}
	}
	return append(qs, recipe.SegmentQuery{Items: even, Count: 60})
}

func segmentsCancelled(t *testing.T, r recipe.Segmenter) {
	d, _ := TastesWithGenres()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w, err := artifact.Create(filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	params, _ := recipe.Resolve(r.Info(), nil, nil)
	if err := r.Train(ctx, recipe.Training{Data: d, Params: params, Threads: 2, Out: w}); !errors.Is(err, context.Canceled) {
		t.Errorf("Train after cancelling = %v, want %v", err, context.Canceled)
	}
	m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	if err := m.Segment(ctx, segmentQueries(d), make([][]int32, len(segmentQueries(d)))); !errors.Is(err, context.Canceled) {
		t.Errorf("Segment after cancelling = %v, want %v", err, context.Canceled)
	}
}

// segmentBlocks asks the same together, alone, in another order and into used answers.
func segmentBlocks(t *testing.T, r recipe.Segmenter) {
	d, _ := TastesWithGenres()
	m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	qs := segmentQueries(d)
	want := segment(t, m, qs...)
	used := make([][]int32, len(qs))
	for k := range used {
		used[k] = []int32{7, 7, 7}
	}
	slices.Reverse(qs)
	if err := m.Segment(context.Background(), qs, used); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(qs)
	slices.Reverse(used)
	for k, q := range qs {
		if alone := segment(t, m, q)[0]; !slices.Equal(alone, want[k]) || !slices.Equal(used[k], want[k]) {
			t.Fatalf("query %d: %v in a block, %v alone, %v in reverse", k, want[k], alone, used[k])
		}
	}
}

// segmentsAreSound checks counts, filters, that nobody is listed twice, and that a shorter list is the head
// of a longer one.
func segmentsAreSound(t *testing.T, r recipe.Segmenter) {
	d, _ := TastesWithGenres()
	m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	if m.Users().Len() != d.Users.Len() || m.Items().Len() != d.Items.Len() {
		t.Fatalf("the model has %d users and %d items, want all %d and %d", m.Users().Len(), m.Items().Len(), d.Users.Len(), d.Items.Len())
	}
	some := bitset.New(d.Users.Len())
	for u := 0; u < d.Users.Len(); u += 3 {
		some.Add(u)
	}
	for k, q := range segmentQueries(d) {
		for _, allow := range []*bitset.Set{nil, some, bitset.New(d.Users.Len())} {
			q.Allow, q.Count = allow, 1_000_000
			all := segment(t, m, q)[0]
			want := d.Users.Len()
			if allow != nil {
				want = allow.Count()
			}
			if len(q.Items) == 0 {
				want = 0
			}
			if len(all) != want || len(slices.Compact(slices.Sorted(slices.Values(all)))) != want {
				t.Fatalf("query %d: %d users, want %d different ones: %v", k, len(all), want, all)
			}
			for _, u := range all {
				if allow != nil && !allow.Has(int(u)) {
					t.Fatalf("query %d: user %d is not allowed", k, u)
				}
			}
			if q.Count = 3; want >= 3 {
				if head := segment(t, m, q)[0]; !slices.Equal(head, all[:3]) {
					t.Fatalf("query %d: the first 3 are %v, of the long list %v", k, head, all[:3])
				}
			}
		}
	}
}

// findsUsers checks that where nobody repeats, those who lack an item of their taste are its segment.
func findsUsers(t *testing.T, r recipe.Segmenter) {
	d, missing := TastesWithGenres()
	m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for i := range int32(40) {
		list := segment(t, m, recipe.SegmentQuery{Items: []int32{i}, Count: 60})[0]
		lack := 0
		for u, lacks := range missing {
			if lacks == i {
				lack++
				if at := slices.Index(list, int32(u)); at > 1 { // two at most lack the same item
					t.Errorf("item %d: user %d, who lacks it, is at rank %d: %v", i, u, at+1, list)
				}
			}
		}
		if lack == 0 {
			t.Fatalf("nobody lacks item %d", i)
		}
	}
}

// findsFans checks that the segment of a genre is those who like it, on data where everybody has most of their
// taste before them.
func findsFans(t *testing.T, r recipe.Segmenter) {
	var events []Event
	for u := range 60 {
		for k := range 7 {
			i := ((u/2+k*k)%20)*2 + u%2
			events = append(events, Event{fmt.Sprintf("u%02d", u), fmt.Sprintf("i%02d", i), int64(1e9 + 86400*k + u)})
		}
	}
	d := Build(events)
	g := make(Genres, d.Items.Len())
	for i := range g {
		g[i] = "all|" + [...]string{"even", "odd"}[i%2]
	}
	d.Columns = []recipe.Column{g}
	m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for parity, genre := range []string{"even", "odd"} {
		items, err := m.Select([]recipe.Condition{{Column: "genres", Text: "all"}, {Column: "GENRES", Text: genre}})
		if err != nil || len(items) != 20 {
			t.Fatalf("%s: items %v, %v; want 20", genre, items, err)
		}
		for k, u := range segment(t, m, recipe.SegmentQuery{Items: items, Count: 30})[0] {
			if int(u)%2 != parity {
				t.Errorf("genre %s: user %d of the other taste is at rank %d", genre, u, k+1)
			}
		}
	}
	for _, c := range []recipe.Condition{
		{Column: "PRICE", Text: "1", Number: true}, {Column: "GENRES", Text: "1", Number: true}, {Column: "GENRES", Text: "Even"},
	} {
		if items, err := m.Select([]recipe.Condition{c}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Select(%+v) = %v, %v; want fault.Invalid", c, items, err)
		}
	}
	if items, err := m.Select([]recipe.Condition{{Column: "GENRES", Text: "even"}, {Column: "GENRES", Text: "odd"}}); len(items) != 0 || err != nil {
		t.Errorf("Select of two genres that no item has both = %v, %v; want nothing", items, err)
	}
}

// smallSegments trains on next to nothing.
func smallSegments(t *testing.T, r recipe.Segmenter) {
	for _, events := range [][]Event{nil, {{"u", "a", 1}, {"u", "b", 2}}, {{"u", "a", 1}, {"v", "a", 2}}} {
		d := Build(events, "a", "z")
		d.Columns = []recipe.Column{slices.Repeat(Genres{"x"}, d.Items.Len())}
		m := TrainSegments(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
		for i := range int32(d.Items.Len()) {
			if got := segment(t, m, recipe.SegmentQuery{Items: []int32{i}, Count: 5})[0]; len(got) != d.Users.Len() {
				t.Errorf("%s: %v for item %d, want all %d users", fmt.Sprint(events), got, i, d.Users.Len())
			}
		}
	}
}
