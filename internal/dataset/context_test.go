package dataset

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// Contextual columns stay with their events, whatever the order of the rows, in ranges of few users and many, where a selection
// leaves events out, and in parts of the data; and solutions can leave them out.
func TestContext(t *testing.T) {
	own := disk{dir: t.TempDir()}
	s := mustParse(t, record("Interactions", userID, itemID, timestamp, field("EVENT_TYPE", optionalText, ""),
		field("DEVICE", optionalText, yes), field("RAIN", `["null","float"]`, ""), field("NOTE", optionalText, "")))
	var rows []string
	for k := range 60 {
		device, rain := fmt.Sprintf("d%d", k%7), fmt.Sprint(k)
		if k%5 == 0 {
			device, rain = "", ""
		}
		rows = append(rows, fmt.Sprintf("u%d,i%d,%d,%s,%s,%s,x\n", k*7%9, k%11, 1000-k, []string{"view", "buy"}[k%2], device, rain))
	}
	csv := "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,DEVICE,RAIN,NOTE\n"
	p := Parts{Interactions: Part{Schema: s, Segments: []Segment{
		importText(t, own, "seg/1", s, csv+strings.Join(rows[:25], "")+rows[3]), importText(t, own, "seg/2", s, csv+strings.Join(rows[25:], "")),
	}}}
	snaps := &Snapshots{Own: own, Cache: t.TempDir()}
	snap, err := snaps.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	right := func(what string, d *recipe.Data, n int) {
		t.Helper()
		if len(d.Item) != n {
			t.Errorf("%s: %d events, want %d", what, len(d.Item), n)
		}
		for e, when := range d.Time {
			k := 1000 - int(when)
			c := d.ContextOf(int64(e))
			device, _, ok := c.Attribute("device")
			_, rain, wet := c.Attribute("RAIN")
			if null := k%5 == 0; ok == null || wet == null || !null && (device != fmt.Sprintf("d%d", k%7) || math.Abs(rain-float64(k)) > 1e-6) {
				t.Errorf("%s: event %d has the device %q (%v) and rain %v (%v)", what, k, device, ok, rain, wet)
			}
		}
	}
	d, _, err := snap.Data(Selection{})
	if err != nil {
		t.Fatal(err)
	}
	right("all", d, 60)
	if len(d.Context) != 2 {
		t.Errorf("%d contextual columns, want DEVICE and RAIN", len(d.Context))
	}
	bought, _, err := snap.Data(Selection{EventType: "buy"})
	if err != nil {
		t.Fatal(err)
	}
	right("bought", bought, 30)
	some := bought.Subset(func(u int) bool { return u%2 == 0 })
	right("some users", some, len(some.Item))
	early := some.Before(970)
	right("early", early, len(early.Item))
	if len(early.Item) == 0 || len(early.Item) == len(some.Item) {
		t.Errorf("%d of %d events are early, want some", len(early.Item), len(some.Item))
	}
	without, _, err := snap.Data(Selection{Excluded: map[string][]string{"INTERACTIONS": {"DEVICE"}}})
	if err != nil || len(without.Context) != 1 || without.Context[0].Name() != "RAIN" {
		t.Errorf("without DEVICE there are %d contextual columns (%v), want RAIN", len(without.Context), err)
	}
	b := newBuilder(t.Context(), p, t.TempDir())
	defer b.close()
	b.most = 7
	if err := b.openAll(own, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/ranges"
	if err := b.write(path); err != nil {
		t.Fatal(err)
	}
	c := openContent(t, path)
	ranged, _, err := (&Snapshot{content: c}).Data(Selection{})
	if err != nil {
		t.Fatal(err)
	}
	right("in ranges", ranged, 60)
}
