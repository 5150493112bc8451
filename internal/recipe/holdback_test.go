package recipe_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// What is held back and what stays are the data, user by user; a moment is on one side; at least two events stay, and at most
// so many users are tested.
func TestHoldBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var events []recipetest.Event
		for u := range rapid.IntRange(1, 30).Draw(t, "users") {
			at := int64(u * 3)
			for range rapid.IntRange(1, 25).Draw(t, "events") {
				at += int64(rapid.IntRange(0, 3).Draw(t, "gap"))
				events = append(events, recipetest.Event{User: fmt.Sprintf("u%02d", u), Item: fmt.Sprintf("i%02d", rapid.IntRange(0, 19).Draw(t, "item")), Time: at})
			}
		}
		d := recipetest.Build(events)
		scattered := recipe.Scattered(d.Start, d.Item, d.Time)
		most := rapid.IntRange(1, 20).Draw(t, "most")
		part, tests := recipe.HoldBack(d, 7, most)
		if len(tests) > most || part.Users.Len() != d.Users.Len() || part.Items.Len() != d.Items.Len() {
			t.Fatalf("%d tests of at most %d, %d of %d users", len(tests), most, part.Users.Len(), d.Users.Len())
		}
		next := 0
		for u := range d.Users.Len() {
			items, times := d.History(u)
			stay, when := part.History(u)
			if len(stay) == len(items) {
				continue
			}
			test := tests[next]
			next++
			if len(stay) < 2 || !slices.Equal(test.Items, stay) || !slices.Equal(test.Times, when) {
				t.Fatalf("user %d keeps %v, the test knows %v", u, stay, test.Items)
			}
			both := append(slices.Clone(stay), test.Truth...)
			for _, i := range items {
				if !slices.Contains(both, i) {
					t.Fatalf("item %d of user %d is neither in %v nor in the truth %v", i, u, stay, test.Truth)
				}
			}
			if cut := len(stay); !scattered && (!slices.Equal(stay, items[:cut]) || times[cut-1] == times[cut]) {
				t.Fatalf("user %d with times %v is cut after %d events", u, times, cut)
			}
		}
		if next != len(tests) {
			t.Fatalf("%d users have something held back, there are %d tests", next, len(tests))
		}
	})
}

// Those who are tested were here last.
func TestHoldBackNewest(t *testing.T) {
	var events []recipetest.Event
	for u := range 100 {
		for k := range 12 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%02d", u), Item: fmt.Sprintf("i%02d", (u*u+k*7)%60), Time: int64(1000*u + 37*k*k)})
		}
	}
	_, tests := recipe.HoldBack(recipetest.Build(events), 1, 40)
	if len(tests) != 40 {
		t.Fatalf("%d tests, want 40", len(tests))
	}
	for _, one := range tests {
		if one.Times[0] < 50_000 {
			t.Errorf("a user who began at %d is tested; want those of the newer half, from 50000 on", one.Times[0])
		}
	}
}
