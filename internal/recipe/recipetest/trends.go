package recipetest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// Trend is data of two days in which "steady" has the most users and the same share of every half hour, "falls"
// has fewer and fewer, and "rises" has had few until the last minutes; "sleeps" was popular long before.
// The newest event is at 1,000,000.
func Trend() *recipe.Data {
	const end = 1_000_000
	var events []Event
	add := func(item string, n int, from, to int64) {
		for k := range n {
			at := to - int64(k)*(to-from)/int64(n)
			events = append(events, Event{fmt.Sprintf("%s%03d", item, k), item, at})
		}
	}
	add("steady", 960, end-2*86400, end)
	add("falls", 80, end-2*86400, end-86400)
	add("rises", 3, end-86400-7200, end-86400)
	add("rises", 20, end-600, end)
	add("sleeps", 400, end-30*86400, end-20*86400)
	return Build(events, "never")
}

// trends checks that what rises comes before what is popular, and that where nothing does the list is by
// popularity.
func trends(t *testing.T, r recipe.Recipe) {
	d := Trend()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	var got []string
	for _, i := range rank(t, m, recipe.Query{Item: -1, Count: 10})[0].Items {
		got = append(got, d.Items.At(int(i)))
	}
	if want := []string{"rises", "steady", "sleeps", "falls", "never"}; !slices.Equal(got, want) {
		t.Errorf("the trend is %v, want %v", got, want)
	}
	calm := Build([]Event{{"u", "a", 1}, {"v", "b", 2}, {"w", "b", 3}, {"x", "c", 1 << 40}, {"x", "c", 1<<40 - 86400}}, "d")
	m = Train(t, r, calm, filepath.Join(t.TempDir(), "calm"), 1, 2)
	if a := rank(t, m, recipe.Query{Item: -1, Count: 10})[0]; !slices.Equal(a.Items, []int32{2, 1, 0, 3}) {
		t.Errorf("with one rising item the list is %v, want that and the others by popularity: [2 1 0 3]", a.Items)
	}
}
