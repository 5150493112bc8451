package dataset

import (
	"fmt"
	"testing"

	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Filters on users see the users of the model with what the snapshot knows of them now.
func TestUserView(t *testing.T) {
	users := recipe.List{"gone", "idle", "u0", "u1", "u2"}
	v := openWorld(t, small).UserView(users)
	for expr, want := range map[string]string{
		`INCLUDE UserID WHERE Users.AGE > 16`:                               "[idle]",
		`EXCLUDE UserID WHERE Users.plan IN ("paid")`:                       "[gone u0 u1 u2]",
		`INCLUDE UserID WHERE Users.USER_ID IN ("u1", "gone")`:              "[u1]",
		`INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("BUY")`:           "[u1]",
		`INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")`:          "[u1 u2]",
		`EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")`:             "[gone idle u0]",
		`INCLUDE UserID WHERE Interactions.EVENT_TYPE NOT IN ("view, buy")`: "[gone idle u0 u1 u2]",
	} {
		f, err := filter.Parse(expr)
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Compile(v)
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		out := bitset.New(v.Len())
		if err := p.Apply(filter.Request{Item: -1}, out); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
		got := []string{}
		for u := range out.All {
			got = append(got, users[u])
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s lets %v pass, want %s", expr, got, want)
		}
	}
	if _, ok := v.Column("Items", "GENRES"); ok {
		t.Error("items' fields are among the users'")
	}
	if _, ok := v.Column("Users", "NOPE"); ok {
		t.Error("there is a column NOPE")
	}
}
