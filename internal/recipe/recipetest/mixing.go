package recipetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// mixes checks that a recipe which mixes new items in by itself puts about one in a thousand into its lists, among them items
// that nobody has met; that nobody gets one who asks for none; that the same question has the same answer; and that a
// short list is the head of a longer one.
func mixes(t *testing.T, r recipe.Recipe) {
	chance := rand.New(rand.NewPCG(3, 4))
	d := amongNew(func(_, _ int) (int, bool) { return chance.IntN(1e6), chance.IntN(5) != 0 })
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	const lists, length = 4000, 25
	found, which := 0, map[int32]bool{}
	for k := range lists {
		q := query(r, d, k%d.Users.Len())
		q.Seed, q.Count = recipe.Mix(7, uint64(k)), length
		a := rank(t, m, q)[0]
		sound(t, r, q, a)
		for _, i := range a.Items {
			if i >= old {
				found++
				which[i] = true
			}
		}
		if k%50 != 0 {
			continue
		}
		if again := rank(t, m, q)[0]; !same(a, again) {
			t.Fatalf("list %d: the same question has two answers, %v and %v", k, a, again)
		}
		q.Count = length / 3
		if head := rank(t, m, q)[0]; !slices.Equal(head.Items, a.Items[:q.Count]) {
			t.Fatalf("list %d: the first %d are %v, of the long list %v", k, q.Count, head.Items, a.Items)
		}
		q.Count, q.Explore = length, &recipe.Exploration{MaxAge: 30}
		if none := rank(t, m, q)[0]; slices.ContainsFunc(none.Items, func(i int32) bool { return i >= old }) {
			t.Fatalf("list %d has new items in spite of weight 0: %v", k, none.Items)
		}
	}
	want, tolerance := 0.001*lists*length, 4*math.Sqrt(0.001*lists*length)
	if math.Abs(float64(found)-want) > tolerance {
		t.Errorf("%d new items in %d lists of %d, want %v ± %.0f", found, lists, length, want, tolerance)
	}
	if len(which) < 10 {
		t.Errorf("the new items in all lists are %d different ones of 20, want half of them", len(which))
	}
}

// old is how many items of amongNew people have met.
const old = 30

// amongNew is data of 80 users who have met some of thirty old items each, and of twenty new ones that nobody has met. It
// asks which and when.
func amongNew(met func(u, i int) (int, bool)) *recipe.Data {
	var events []Event
	for u := range 80 {
		for i := range old {
			if when, ok := met(u, i); ok {
				events = append(events, Event{fmt.Sprintf("u%02d", u), fmt.Sprintf("i%02d", i), int64(1e9 + when)})
			}
		}
	}
	var fresh []string
	for k := range 20 {
		fresh = append(fresh, fmt.Sprintf("n%02d", k))
	}
	d := Build(events, fresh...)
	for i := range old {
		d.Created[i] = 1 // only n… are young
	}
	return d
}
