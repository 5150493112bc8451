package dataset

import (
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// A snapshot holds actions and what became of them, whatever event types are spelled like; duplicates count once.
// Users without interactions come behind the others.
func TestActions(t *testing.T) {
	own := disk{dir: t.TempDir()}
	snaps := &Snapshots{Own: own, Cache: t.TempDir()}
	part := func(key, schema, text string) Part {
		s := mustParse(t, schema)
		return Part{Schema: s, Segments: []Segment{importText(t, own, key, s, text)}}
	}
	p := Parts{
		Interactions: part("e", record("Interactions", userID, itemID, timestamp), "USER_ID,ITEM_ID,TIMESTAMP\nbob,x,5\ndan,x,6\n"),
		Actions: part("a", record("Actions", field("ACTION_ID", `"string"`, ""), field("VALUE", `["null","long"]`, ""), field("EXPIRATION_TIMESTAMP", `["null","long"]`, ""),
			field("REPEAT_FREQUENCY", `["null","long"]`, ""), field("TYPE", `"string"`, ""), field("AREA", `["null","string"]`, `,"categorical":true`), field("COST", `["null","float"]`, "")),
			"ACTION_ID,VALUE,EXPIRATION_TIMESTAMP,REPEAT_FREQUENCY,TYPE,AREA,COST\nenrol,9,,7,club,north,2\ncall,,1700000000,,phone,,\n"),
		ActionInteractions: part("i", record("ActionInteractions", userID, field("ACTION_ID", `"string"`, ""), field("EVENT_TYPE", `"string"`, ""), timestamp), "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n"+
			"dan,enrol,Taken,30\ndan,call,Not taken,20\ndan,call,NOT_TAKEN,20\nann,vote,viewed,10\nbob,call,VIEWED,40\ncyd,call,TAKEN,1\n"),
	}
	snap, err := snaps.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	d, _, err := snap.Data(Selection{})
	if err != nil {
		t.Fatal(err)
	}
	a := d.Actions
	if a == nil || a.Names.Len() != 3 || a.Names.At(0) != "call" || a.Names.At(1) != "enrol" || a.Names.At(2) != "vote" {
		t.Fatalf("actions are %+v, want call, enrol and vote", a)
	}
	if !slices.Equal(a.Value, []float64{0, 9, 0}) || !slices.Equal(a.Expires, []int64{1700000000, 0, 0}) || !slices.Equal(a.Repeat, []int64{0, 7, 0}) {
		t.Errorf("value %v, expires %v, repeat %v", a.Value, a.Expires, a.Repeat)
	}
	for exclude, want := range map[string]string{"": "TYPE=phone|club| AREA=|north| ", "area": "TYPE=phone|club| "} {
		d, _, err := snap.Data(Selection{Excluded: map[string][]string{"Actions": {exclude, "COST"}}})
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, c := range d.Actions.Columns {
			got += c.Name() + "="
			for i := range 2 {
				text, _ := c.Text(i)
				got += text + "|"
			}
			if got += " "; !c.Categorical() {
				t.Errorf("%s is no category", c.Name())
			}
		}
		if got != want {
			t.Errorf("without COST and %q training sees %q of the actions, want %q", exclude, got, want)
		}
	}
	// bob and dan are users 0 and 1; ann and cyd, who have no interactions, 2 and 3.
	event := func(user, action int32, at int64, kind recipe.ActionKind) recipe.ActionEvent {
		return recipe.ActionEvent{User: user, Action: action, Time: at, Kind: kind}
	}
	want := []recipe.ActionEvent{event(2, 2, 10, recipe.ActionViewed), event(0, 0, 40, recipe.ActionViewed), event(3, 0, 1, recipe.ActionTaken),
		event(1, 0, 20, recipe.ActionNotTaken), event(1, 1, 30, recipe.ActionTaken)}
	if !slices.Equal(a.Events, want) {
		t.Errorf("events are %v, want %v", a.Events, want)
	}
	p.Actions, p.ActionInteractions = Part{}, Part{}
	plain, err := snaps.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if d, _, err := plain.Data(Selection{}); err != nil || d.Actions != nil {
		t.Errorf("a group without actions has %+v, %v", d.Actions, err)
	}
}
