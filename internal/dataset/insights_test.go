package dataset

import (
	"fmt"
	"strings"
	"testing"
)

// Each finding is there for data that has it, and clean data has none.
func TestInsights(t *testing.T) {
	rows := func(users, each int, row func(u, k int) string) (text string) {
		for u := range users {
			for k := range each {
				text += row(u, k)
			}
		}
		return text
	}
	clean := world{events: []string{rows(50, 4, func(u, k int) string { return fmt.Sprintf("u%02d,i%d,%d,view,1,,\n", u, (u+k)%9, 100*u+k) })}}
	var films string
	for i := range 40 {
		price, text := "1", "text"
		if i == 7 {
			price = "5000"
		}
		if i%2 == 0 {
			text = ""
		}
		films += fmt.Sprintf("i%d,Genre%d,%s.%d,%s,\n", i, i, price, i%8, text)
	}
	dirty := world{films: []string{films}, events: []string{"u00,i1,5,view,1,,\n" + rows(200, 1, func(u, _ int) string { return fmt.Sprintf("u%02d,i%d,5,buy,1,,\n", u, u%9) })}}
	for _, c := range []struct {
		w    world
		sel  Selection
		want []string // prefix F for fatal
	}{
		{clean, Selection{MinInteractions: 200, MinUsers: 50}, nil},
		{clean, Selection{MinInteractions: 201, MinUsers: 51, MaxKinds: 1}, []string{"F There are 200 interactions; a training needs 201.",
			"F There are 50 users with at least 2 interactions; a training needs 51.", "F There are 1 event types and"}},
		{clean, Selection{Kinds: EventKinds{{Type: "view", Weight: 1}, {Type: "buy", Weight: 0.5}}}, []string{"  Of 2 event types that are to be weighed, only view"}},
		{dirty, Selection{}, []string{"  All interactions have one timestamp", "  Only 1 of 200 users have two", "  31 of 40 items have no interactions.",
			"  1 users have more than 1 interactions", "  ITEMS.GENRES has 40 categories", "  ITEMS.PRICE has 1 numbers far from", "  ITEMS.SYNOPSIS is filled for 50 %"}},
	} {
		in, err := openWorld(t, c.w).Insights(c.sel)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range in.Findings {
			mark := "  "
			if f.Fatal {
				mark = "F "
			}
			got = append(got, mark+f.Text)
		}
		ok := len(got) >= len(c.want) && (c.want != nil || got == nil)
		for _, want := range c.want {
			found := false
			for _, g := range got {
				found = found || strings.HasPrefix(g, want)
			}
			ok = ok && found
		}
		if !ok {
			t.Errorf("Insights(%+v) finds\n%s\nwant\n%s", c.sel, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	in, err := openWorld(t, dirty).Insights(Selection{EventType: "VIEW", Moments: true})
	if err != nil {
		t.Fatal(err)
	}
	if in.Interactions != 1 || in.Users != 1 || in.Longest != 1 || in.Percent != 1 || in.Oldest != 5 || len(in.Types) != 1 || in.Types[0] != (TypeCount{"view", 1}) {
		t.Errorf("of the one view the insights are %+v", in)
	}
}
