package dataset

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
)

// Kinds choose types in any letter case, each from its own threshold on, and weigh what is left with a mean of 1.
func TestEventKinds(t *testing.T) {
	snap := openWorld(t, small)
	one, five := 1.0, 5.0
	for _, c := range []struct {
		kinds   EventKinds
		want    string
		weights []float32
	}{
		{EventKinds{{Type: "BUY", Weight: 1}, {Type: "view", Weight: 0.25}}, "u1 i1@10:view=NaN i1@10:view=NaN i2@30:buy=2, u2 i9@20:View=0.5", []float32{0.25 / 0.4375, 0.25 / 0.4375, 1 / 0.4375, 0.25 / 0.4375}},
		{EventKinds{{Type: "buy", Weight: 0.2}, {Type: "view", Weight: 0.2}}, "u1 i1@10:view=NaN i1@10:view=NaN i2@30:buy=2, u2 i9@20:View=0.5", nil},
		{EventKinds{{Type: "buy", Threshold: &one, Weight: 1}, {Type: "view", Threshold: &one, Weight: 0.5}}, "u1 i2@30:buy=2", nil},
		{EventKinds{{Type: "buy", Threshold: &five, Weight: 1}, {Type: "view", Weight: 0.5}}, "u1 i1@10:view=NaN i1@10:view=NaN, u2 i9@20:View=0.5", nil},
		{EventKinds{{Type: "buy", Weight: 0}, {Type: "view", Weight: 1}}, "u1 i1@10:view=NaN i1@10:view=NaN i2@30:buy=2, u2 i9@20:View=0.5", []float32{4. / 3, 4. / 3, 0, 4. / 3}},
	} {
		d, _, err := snap.Data(Selection{Kinds: c.kinds})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for u := range d.Users.Len() {
			got = append(got, history(d, u))
		}
		if s := strings.Join(got, ", "); s != c.want || !slices.Equal(d.Weight, c.weights) {
			t.Errorf("Data(%+v)\n got %s, weights %v\nwant %s, weights %v", c.kinds, s, d.Weight, c.want, c.weights)
		}
		// Whoever asks the model has the same history.
		v := snap.View(snap.items, Selection{Kinds: c.kinds})
		for u := range d.Users.Len() {
			want, _ := d.History(u)
			if items, _, _ := v.History(d.Users.At(u)); !slices.Equal(items, want) {
				t.Errorf("History(%s) with %+v = %v, want %v", d.Users.At(u), c.kinds, items, want)
			}
		}
	}
}

func TestEventKindsTooFew(t *testing.T) {
	snap := openWorld(t, small)
	for _, c := range []struct {
		sel  Selection
		want string
	}{
		{Selection{Kinds: EventKinds{{Type: "buy", Weight: 1}, {Type: "rent", Weight: 1}}, MinInteractions: 2}, "Dataset has fewer than 2 interactions after filtering by event type: buy, rent (found 1)"},
		{Selection{Kinds: EventKinds{{Type: "buy", Weight: 0}, {Type: "rent", Weight: 1}}}, "All 1 interactions of the event types buy, rent have weight 0; at least one type that occurs needs a weight above 0."},
	} {
		if _, _, err := snap.Data(c.sel); !fault.Is(err, fault.Invalid) || sentence(err) != c.want {
			t.Errorf("Data(%s) = %v, want %s", fmt.Sprint(c.sel.Kinds), err, c.want)
		}
	}
}

// Interactions of one moment are refused where moments matter, whatever else was left out.
func TestOneMoment(t *testing.T) {
	snap := openWorld(t, world{events: []string{"u1,i1,10,view,,,\nu1,i2,10,view,,,\nu2,i1,10,view,,,\nu2,i2,11,buy,,,\n"}})
	if _, _, err := snap.Data(Selection{Moments: true}); err != nil {
		t.Errorf("two moments are refused: %v", err)
	}
	if _, _, err := snap.Data(Selection{EventType: "view"}); err != nil {
		t.Errorf("one moment is refused where it does not matter: %v", err)
	}
	want := "All 3 interactions have the timestamp 10; expected at least two different ones."
	if _, _, err := snap.Data(Selection{EventType: "view", Moments: true}); !fault.Is(err, fault.Invalid) || sentence(err) != want {
		t.Errorf("Data = %v, want %s", err, want)
	}
}

// Columns of users are those of the users that have events, and can be left out as those of items can.
func TestUserColumns(t *testing.T) {
	snap := openWorld(t, small)
	d, _, err := snap.Data(Selection{})
	if err != nil {
		t.Fatal(err)
	}
	names := func(sel Selection) (names []string) {
		d, _, err := snap.Data(sel)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.UserColumns {
			names = append(names, c.Name())
		}
		return names
	}
	all := names(Selection{})
	if len(all) < 2 {
		t.Fatalf("columns of users %v, want two at least", all)
	}
	if got := names(Selection{Excluded: map[string][]string{"users": {strings.ToLower(all[0])}}}); !slices.Equal(got, all[1:]) {
		t.Errorf("without %s: %v, want %v", all[0], got, all[1:])
	}
	if got := names(Selection{Included: map[string][]string{"USERS": all[:1], "ITEMS": {"GENRES"}}}); !slices.Equal(got, all[:1]) {
		t.Errorf("only %s: %v, want that", all[0], got)
	}
	v := snap.View(snap.items, Selection{})
	for u := range d.Users.Len() {
		told := v.FilterUser(d.Users.At(u))
		for _, c := range all {
			gt, gn, gk := d.Attributes(u).Attribute(strings.ToLower(c))
			if wt, wn, wk := told.Attribute(c); gk != wk || gk && (gt != wt || gn != wn) {
				t.Errorf("%s of user %s is %q, %v, %v; filters see %q, %v, %v", c, d.Users.At(u), gt, gn, gk, wt, wn, wk)
			}
		}
	}
}
