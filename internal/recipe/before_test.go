package recipe_test

import (
	"testing"

	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// What came before a moment is kept, of the users who had anything by then, and nothing else.
func TestBefore(t *testing.T) {
	d := recipetest.Build(events(60, 10))
	for _, moment := range []int64{-1, 0, 30, 500, 930, 2000} {
		b := d.Before(moment)
		want, at := 0, 0
		for u := range d.Users.Len() {
			items, times := d.History(u)
			n := 0
			for n < len(times) && times[n] < moment {
				n++
			}
			if n == 0 {
				continue
			}
			if b.Users.At(at) != d.Users.At(u) {
				t.Fatalf("before %d: user %d is %s, want %s", moment, at, b.Users.At(at), d.Users.At(u))
			}
			kept, when := b.History(at)
			if len(kept) != n || kept[n-1] != items[n-1] || when[n-1] != times[n-1] {
				t.Fatalf("before %d: user %s has %v at %v, want the first %d of %v", moment, b.Users.At(at), kept, when, n, items)
			}
			want += n
			at++
		}
		if b.Users.Len() != at || len(b.Item) != want || len(b.Event) != want || b.Items.Len() != d.Items.Len() {
			t.Errorf("before %d: %d users with %d events, want %d with %d", moment, b.Users.Len(), len(b.Item), at, want)
		}
	}
}
