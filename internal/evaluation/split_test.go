package evaluation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestParseSplit(t *testing.T) {
	for _, text := range []string{"service", "leave-one-out", "last-fraction=0.1", "last-fraction=0.25", "truth=t.csv"} {
		if s, err := ParseSplit(text); err != nil || s.String() != text {
			t.Errorf("ParseSplit(%q) = %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "services", "service=1", "leave-one-out=2", "last-fraction", "last-fraction=0", "last-fraction=1", "last-fraction=NaN", "last-fraction=x", "truth", "truth="} {
		if s, err := ParseSplit(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseSplit(%q) = %v, %v, want fault.Invalid", text, s, err)
		}
	}
}

// user is a data set of one user with n events on n items, the newest last.
func user(n int) *recipe.Data {
	var events []recipetest.Event
	for e := range n {
		events = append(events, recipetest.Event{User: "u", Item: fmt.Sprintf("i%04d", e), Time: int64(e)})
	}
	return recipetest.Build(events)
}

// A tenth is rounded up, a whole product stays whole, and one event always remains.
func TestHoldNewest(t *testing.T) {
	for _, c := range []struct {
		split   string
		n, held int
	}{
		{"last-fraction=0.1", 1, 0}, {"last-fraction=0.1", 2, 1}, {"last-fraction=0.1", 10, 1}, {"last-fraction=0.1", 11, 2},
		{"last-fraction=0.1", 30, 3}, {"last-fraction=0.1", 70, 7}, {"last-fraction=0.07", 100, 7}, {"last-fraction=0.9", 3, 2},
		{"last-fraction=0.99", 5, 4}, {"leave-one-out", 1, 0}, {"leave-one-out", 9, 1},
	} {
		d := user(c.n)
		train, tests, err := mustSplit(t, c.split).cut(d, nil, 1)
		if c.n == 1 {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s of a single event: %v, want fault.Invalid", c.split, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		items, _ := d.History(0)
		kept, _ := train.History(0)
		if len(tests) != 1 || !slices.Equal(tests[0].Truth, items[c.n-c.held:]) || !slices.Equal(tests[0].Items, items[:c.n-c.held]) || !slices.Equal(kept, tests[0].Items) {
			t.Errorf("%s of %d events: tests %v, trained on %v; want %d held out", c.split, c.n, tests, kept, c.held)
		}
	}
}

// The columns beside the items stay with them, and an item held out twice is one to find.
func TestHoldNewestColumns(t *testing.T) {
	d := recipetest.Build([]recipetest.Event{
		{User: "a", Item: "x", Time: 1}, {User: "a", Item: "y", Time: 2}, {User: "a", Item: "z", Time: 3}, {User: "a", Item: "z", Time: 4},
		{User: "b", Item: "z", Time: 7},
	})
	d.Event = []uint16{1, 2, 3, 4, 5}
	d.Value = []float32{1, 2, 3, 4, 5}
	train, tests, err := mustSplit(t, "last-fraction=0.5").cut(d, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(train.Time, []int64{1, 2, 7}) || !slices.Equal(train.Event, []uint16{1, 2, 5}) || !slices.Equal(train.Value, []float32{1, 2, 5}) {
		t.Errorf("trained on times %v, events %v, values %v; want those of 1, 2 and 7", train.Time, train.Event, train.Value)
	}
	if len(tests) != 1 || !slices.Equal(tests[0].Truth, []int32{2}) || train.Users.Len() != 2 {
		t.Errorf("tests %v with %d users in training, want z of a, and both users", tests, train.Users.Len())
	}
}
