package dataset

import (
	"slices"
	"testing"
)

// Items count as shown as often as they are listed with an event about another item, once in a list, whichever segment it is
// of; what nothing else speaks of is no item.
func TestShown(t *testing.T) {
	own := disk{dir: t.TempDir()}
	s := mustParse(t, record("Interactions", userID, itemID, timestamp, field("IMPRESSION", optionalText, "")))
	head := "USER_ID,ITEM_ID,TIMESTAMP,IMPRESSION\n"
	segments := []Segment{
		importText(t, own, "seg/1", s, head+"u,b,1,b|a|c|a\nu,a,2,\nv,a,3,c|b\nu,b,4,b|a|c|a\n"),
		importText(t, own, "seg/2", s, head+"w,c,5,b|nobody\nw,a,6,c\n"),
	}
	data := func(p Part) []int32 {
		snaps := &Snapshots{Own: own, Cache: t.TempDir()}
		snap, err := snaps.Open(t.Context(), Parts{Interactions: p})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { snap.Close() })
		d, _, err := snap.Data(Selection{})
		if err != nil {
			t.Fatal(err)
		}
		return d.Shown
	}
	if got, want := data(Part{Schema: s, Segments: segments}), []int32{2, 2, 4}; !slices.Equal(got, want) { // a, b and c
		t.Errorf("shown and not taken are %v, want %v", got, want)
	}
	plain := mustParse(t, record("Interactions", userID, itemID, timestamp))
	segment := importText(t, own, "seg/3", plain, "USER_ID,ITEM_ID,TIMESTAMP\nu,a,1\n")
	if got := data(Part{Schema: plain, Segments: []Segment{segment}}); got != nil {
		t.Errorf("without impressions %v are shown, want nothing known", got)
	}
}
