package recipe_test

import (
	"math"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func events(users, each int) []recipetest.Event {
	var es []recipetest.Event
	for u := range users {
		for k := range each {
			es = append(es, recipetest.Event{User: string(rune('A'+u/26)) + string(rune('a'+u%26)), Item: string(rune('a' + (u+k)%26)), Time: int64(100*k + u)})
		}
	}
	return es
}

func TestHoldout(t *testing.T) {
	d := recipetest.Build(events(500, 20))
	train, tests := recipe.Holdout(d, 1)
	if len(tests) < 30 || len(tests) > 75 {
		t.Errorf("%d of 500 users are tests, want about a tenth", len(tests))
	}
	if train.Users.Len()+len(tests) != 500 || len(train.Item)+20*len(tests) != len(d.Item) {
		t.Errorf("%d users with %d events remain beside %d tests of 20", train.Users.Len(), len(train.Item), len(tests))
	}
	for _, c := range tests {
		if len(c.Items) != 18 || len(c.Times) != 18 || len(c.Truth) != 2 {
			t.Fatalf("a test has %d events as input and %d as truth, want 18 and 2", len(c.Items), len(c.Truth))
		}
	}
	for u := range train.Users.Len() {
		old, ok := d.Users.Find(train.Users.At(u))
		if !ok {
			t.Fatalf("user %q is new", train.Users.At(u))
		}
		a, _ := train.History(u)
		b, _ := d.History(old)
		if !slices.Equal(a, b) {
			t.Fatalf("user %q lost events", train.Users.At(u))
		}
		if again, ok := train.Users.Find(train.Users.At(u)); !ok || again != u {
			t.Fatalf("Find(%q) = %d, %v, want %d", train.Users.At(u), again, ok, u)
		}
	}
	_, same := recipe.Holdout(d, 1)
	_, other := recipe.Holdout(d, 2)
	first := func(ts []recipe.Test) (s []int32) {
		for _, c := range ts {
			s = append(s, c.Items[0])
		}
		return s
	}
	if !slices.Equal(first(tests), first(same)) || slices.Equal(first(tests), first(other)) {
		t.Error("the same seed must choose the same users, another seed others")
	}
}

func TestHoldoutOfFew(t *testing.T) {
	train, tests := recipe.Holdout(recipetest.Build(events(1, 2)), 1)
	if len(tests) != 1 || train.Users.Len() != 0 || len(tests[0].Items) != 1 || len(tests[0].Truth) != 1 {
		t.Errorf("one user with two events: %d to train on, tests %+v", train.Users.Len(), tests)
	}
	train, tests = recipe.Holdout(recipetest.Build(events(3, 1)), 1)
	if len(tests) != 0 || train.Users.Len() != 3 {
		t.Errorf("users with one event each: %d to train on, tests %+v", train.Users.Len(), tests)
	}
}

var info = recipe.Info{Name: "r", Parameters: []recipe.Parameter{
	{Name: "dim", Kind: recipe.Integer, Default: "50", Min: 32, Max: 256},
	{Name: "mask", Kind: recipe.Boolean, Default: "true", Values: []string{"true", "false"}},
	{Name: "high", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.99", Max: 1},
}}

func TestResolve(t *testing.T) {
	got, err := recipe.Resolve(info, map[string]string{"dim": "32"}, map[string]string{"high": "1"})
	if err != nil || len(got) != 3 || got["dim"] != "32" || got["mask"] != "true" || got["high"] != "1" {
		t.Errorf("Resolve = %v, %v", got, err)
	}
	for _, c := range []struct {
		algorithm, feature map[string]string
		want               string
	}{
		{map[string]string{"dim": "31"}, nil, `Parameter dim is "31"; expected a whole number from 32 to 256.`},
		{map[string]string{"dim": "50.5"}, nil, `Parameter dim is "50.5"; expected a whole number from 32 to 256.`},
		{map[string]string{"mask": "True"}, nil, `Parameter mask is "True"; expected one of true, false.`},
		{nil, map[string]string{"high": "NaN"}, `Parameter high is "NaN"; expected a number from 0 to 1.`},
		{nil, map[string]string{"high": "1.1"}, `Parameter high is "1.1"; expected a number from 0 to 1.`},
		{map[string]string{"high": "1"}, nil, `Recipe r has no parameter "high" in algorithmHyperParameters; it has dim, mask.`},
		{nil, map[string]string{"dim": "50"}, `Recipe r has no parameter "dim" in featureTransformationParameters; it has high.`},
	} {
		_, err := recipe.Resolve(info, c.algorithm, c.feature)
		if !fault.Is(err, fault.Invalid) || fault.Sentence(err) != c.want {
			t.Errorf("Resolve(%v, %v) = %v, want %s", c.algorithm, c.feature, err, c.want)
		}
	}
}

func TestPercentiles(t *testing.T) {
	v := []int64{5, 1, 3, 2, 4}
	if lo, hi := recipe.Percentiles(v, 0, 1); lo != 1 || hi != 5 {
		t.Errorf("Percentiles(0, 1) = %d, %d, want 1, 5", lo, hi)
	}
	if lo, hi := recipe.Percentiles(v, 0.25, 0.75); lo != 2 || hi != 4 {
		t.Errorf("Percentiles(0.25, 0.75) = %d, %d, want 2, 4", lo, hi)
	}
	if lo, hi := recipe.Percentiles(nil, 0, 1); lo != math.MinInt64 || hi != math.MaxInt64 {
		t.Errorf("Percentiles of nothing = %d, %d, want no limits", lo, hi)
	}
}

// Attributes stay with their users when others are taken away.
func TestAttributesFollowUsers(t *testing.T) {
	d := recipetest.Build(events(40, 5))
	ids := make(recipetest.Genres, d.Users.Len())
	for u := range ids {
		ids[u] = d.Users.At(u)
	}
	d.UserColumns = []recipe.Column{ids}
	part, tests := recipe.Holdout(d, 3)
	for u := range part.Users.Len() {
		if got, _, ok := part.Attributes(u).Attribute("genres"); !ok || got != part.Users.At(u) {
			t.Errorf("user %s has the attributes of %q (%v)", part.Users.At(u), got, ok)
		}
	}
	for _, c := range tests {
		id, _, _ := c.User.Attribute("GENRES")
		u, ok := d.Users.Find(id)
		if items, _ := d.History(u); !ok || !slices.Equal(c.Items, items[:len(c.Items)]) {
			t.Errorf("a test has the history %v and the attributes of %q", c.Items, id)
		}
	}
	early := d.Before(150)
	for u := range early.Users.Len() {
		if got, _, _ := early.Attributes(u).Attribute("GENRES"); got != early.Users.At(u) {
			t.Errorf("before a moment, user %s has the attributes of %q", early.Users.At(u), got)
		}
	}
	if a := recipetest.Build(nil).Attributes(0); a != nil {
		t.Errorf("without columns there are attributes %v", a)
	}
}
