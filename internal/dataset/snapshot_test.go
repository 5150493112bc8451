package dataset

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

var peopleText = record("Users", userID, field("AGE", `["null","int"]`, ""), field("PLAN", optionalText, yes))

// importText imports CSV text as a segment of own.
func importText(t testing.TB, own blob.Driver, key string, s *Schema, csv string) Segment {
	t.Helper()
	im := &Importer{Buckets: newStore().set("f", csv), Own: own, Scratch: os.TempDir()}
	seg, err := im.Import(context.Background(), Order{Name: "x", Location: "s3://b/f", Schema: s, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	seg.Created = 0 // so that equal tests have equal keys
	return seg
}

// A world is one group's data as plain text, and what a slow and obvious builder makes of it.
type world struct {
	events, films, people []string // the segments' rows, "" for a dataset without data
}

const (
	eventsHeader = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SHELF,GIFT\n"
	filmsHeader  = "ITEM_ID,GENRES,PRICE,SYNOPSIS,CREATION_TIMESTAMP\n"
	peopleHeader = "USER_ID,AGE,PLAN\n"
)

func (w world) parts(t testing.TB, own blob.Driver) Parts {
	part := func(name, schema, header string, segments []string) Part {
		if segments == nil {
			return Part{}
		}
		p := Part{Schema: mustParse(t, schema)}
		for i, rows := range segments {
			p.Segments = append(p.Segments, importText(t, own, fmt.Sprintf("seg/%s%d", name, i), p.Schema, header+rows))
		}
		return p
	}
	return Parts{
		Interactions: part("events", eventsText, eventsHeader, w.events),
		Items:        part("films", filmsText, filmsHeader, w.films),
		Users:        part("people", peopleText, peopleHeader, w.people),
	}
}

// rowsOf cuts segments into rows of cells, in order.
func rowsOf(segments []string) (out [][]string) {
	for _, s := range segments {
		for line := range strings.Lines(s) {
			out = append(out, strings.Split(strings.TrimSuffix(line, "\n"), ","))
		}
	}
	return out
}

// mention makes id known, with no record if it has none.
func mention(m map[string][]string, id string) {
	if _, ok := m[id]; !ok {
		m[id] = nil
	}
}

// slow is the snapshot as text, made with maps and sorting.
func (w world) slow() string {
	users, items := map[string][]string{}, map[string][]string{}
	for _, r := range rowsOf(w.films) {
		items[r[0]] = r
	}
	for _, r := range rowsOf(w.people) {
		users[r[0]] = r
	}
	distinct := map[string][]string{}
	newest, oldest := int64(math.MinInt64), map[string]int64{}
	for _, r := range rowsOf(w.events) {
		distinct[strings.Join(r, ",")] = r
		mention(users, r[0])
		mention(items, r[1])
		t, _ := strconv.ParseInt(r[2], 10, 64)
		newest = max(newest, t)
		if old, ok := oldest[r[1]]; !ok || t < old {
			oldest[r[1]] = t
		}
	}
	if len(distinct) == 0 {
		newest = 0
	}
	var out strings.Builder
	for _, u := range slices.Sorted(maps.Keys(users)) {
		fmt.Fprintf(&out, "user %s %s\n", u, cells(users[u], 3))
		var of []string
		for _, r := range distinct {
			if r[0] == u {
				t, _ := strconv.ParseInt(r[2], 10, 64)
				of = append(of, fmt.Sprintf("%020d %s %s %s", t, r[1], null(r[3]), null(r[4])))
			}
		}
		slices.Sort(of)
		for _, e := range of {
			fmt.Fprintf(&out, "  %s\n", e)
		}
	}
	for _, i := range slices.Sorted(maps.Keys(items)) {
		created := newest
		if old, ok := oldest[i]; ok {
			created = old
		}
		if r := items[i]; r != nil && r[4] != "" {
			created, _ = strconv.ParseInt(r[4], 10, 64)
		}
		fmt.Fprintf(&out, "item %s %s created %d\n", i, cells(items[i], 5), created)
	}
	return out.String()
}

func null(s string) string { return cmp.Or(s, "-") }

// cells prints the cells of a record behind its id.
func cells(r []string, n int) string {
	out := make([]string, n-1)
	for i := range out {
		out[i] = "-"
		if r != nil {
			out[i] = null(r[i+1])
		}
	}
	return strings.Join(out, " ")
}

// show prints a snapshot in the form of slow. Events that differ only in what is not kept are sorted by
// what is.
func showSnapshot(c *content) string {
	var out strings.Builder
	attributes := func(all []attribute, names []string, i int) string {
		r := make([]string, len(names))
		for k, n := range names {
			r[k] = "-"
			if a := find(all, n); a != nil {
				if v, ok := a.Text(i); ok {
					r[k] = v
				}
			}
		}
		return strings.Join(r, " ")
	}
	for u := range c.users.Len() {
		fmt.Fprintf(&out, "user %s %s\n", c.users.At(u), attributes(c.userColumns, []string{"AGE", "PLAN"}, u))
		from, to := c.eventsOf(u)
		var of []string
		for i := from; i < to; i++ {
			value := "-"
			if c.value != nil && c.value[i] == c.value[i] {
				value = strconv.FormatFloat(float64(c.value[i]), 'f', -1, 64)
			}
			of = append(of, fmt.Sprintf("%020d %s %s %s", c.time[i], c.items.At(int(c.item[i])), null(c.events[c.event[i]]), value))
		}
		slices.Sort(of)
		for _, e := range of {
			fmt.Fprintf(&out, "  %s\n", e)
		}
	}
	for i := range c.items.Len() {
		fmt.Fprintf(&out, "item %s %s created %d\n", c.items.At(i), attributes(c.itemColumns, []string{"GENRES", "PRICE", "SYNOPSIS", "CREATION_TIMESTAMP"}, i), c.created[i])
	}
	return out.String()
}

// worlds draws small data with many collisions: few ids, few times, nulls everywhere.
func worlds() *rapid.Generator[world] {
	pick := func(t *rapid.T, of ...string) string { return rapid.SampledFrom(of).Draw(t, "cell") }
	segments := func(t *rapid.T, row func() string) []string {
		out := make([]string, rapid.IntRange(1, 3).Draw(t, "segments"))
		for i := range out {
			for range rapid.IntRange(1, 12).Draw(t, "rows") {
				out[i] += row() + "\n"
			}
		}
		return out
	}
	user := []string{"u", "u1", "u10", "u2", "a-user-with-a-long-name", "a-user-with-a-long-name-too", "é"}
	item := []string{"i", "i1", "10", "9", "an-item-with-a-long-name", "Ω"}
	return rapid.Custom(func(t *rapid.T) world {
		var w world
		w.events = segments(t, func() string {
			return strings.Join([]string{pick(t, user...), pick(t, item...), pick(t, "0", "100", "101"), pick(t, "", "view", "buy"),
				pick(t, "", "0", "0.5", "2"), pick(t, "", "7"), pick(t, "", "true", "false")}, ",")
		})
		if rapid.Bool().Draw(t, "items") {
			w.films = segments(t, func() string {
				return strings.Join([]string{pick(t, append(item, "only-a-record")...), pick(t, "", "Drama", "Action|Drama"),
					pick(t, "", "1.5", "20"), pick(t, "", "A story", "Another"), pick(t, "", "-5", "50")}, ",")
			})
		}
		if rapid.Bool().Draw(t, "users") {
			w.people = segments(t, func() string {
				return strings.Join([]string{pick(t, append(user, "idle")...), pick(t, "", "17"), pick(t, "", "free", "paid")}, ",")
			})
		}
		return w
	})
}

// TestSnapshotTwin compares the builder with its slow twin, with all users at once and user by user, and
// checks that the bytes are the same.
func TestSnapshotTwin(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worlds().Draw(rt, "world")
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		own := disk{dir: dir}
		p := w.parts(t, own)
		var files [2][]byte
		for i, most := range []int64{rangeEvents, 1} {
			b := newBuilder(context.Background(), p, t.TempDir())
			b.most = most
			if err := b.openAll(own, t.TempDir()); err != nil {
				rt.Fatal(err)
			}
			err := b.write(own.Path("snap"))
			b.close()
			if err != nil {
				rt.Fatal(err)
			}
			if files[i], err = os.ReadFile(own.Path("snap")); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(files[0], files[1]) {
			rt.Fatalf("the snapshot depends on how many interactions are sorted at a time")
		}
		c := openContent(t, own.Path("snap"))
		if got, want := showSnapshot(c), w.slow(); got != want {
			rt.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		checkOrder(rt, c)
	})
}

// checkOrder checks that a user's events ascend by time and item.
func checkOrder(t *rapid.T, c *content) {
	for u := range c.users.Len() {
		from, to := c.eventsOf(u)
		for i := from + 1; i < to; i++ {
			if c.time[i] < c.time[i-1] || c.time[i] == c.time[i-1] && c.item[i] < c.item[i-1] {
				t.Fatalf("events %d and %d of user %d are out of order", i-1, i, u)
			}
		}
	}
}

func TestSnapshotsAreShared(t *testing.T) {
	w := world{events: []string{"u,i,1,view,,,\n"}}
	for _, own := range []blob.Driver{disk{dir: t.TempDir()}, newStore()} {
		s := &Snapshots{Own: own, Cache: t.TempDir()}
		p := w.parts(t, own)
		var all [8]*Snapshot
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				var err error
				if all[i], err = s.Open(context.Background(), p); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		for _, snap := range all[1:] {
			if snap.content != all[0].content {
				t.Errorf("two openings of one snapshot do not share it")
			}
			snap.Close()
			snap.Close() // the second time counts for nothing
		}
		if got := all[0].users.At(0); got != "u" {
			t.Errorf("the last user of the snapshot sees %q, want u", got)
		}
		all[0].Close()
		if len(s.opened) != 0 {
			t.Errorf("%d snapshots are open after Close, want none", len(s.opened))
		}
		again, err := s.Open(context.Background(), p)
		if err != nil {
			t.Fatalf("opening it again: %v", err)
		}
		again.Close()
	}
}

// TestSnapshotOpenFails fails each call to the store once; opening again then succeeds.
func TestSnapshotOpenFails(t *testing.T) {
	own := newStore()
	p := world{events: []string{"u,i,1,view,,,\n"}, films: []string{"i,Drama,1,,\n"}}.parts(t, own)
	down := errors.New("store is down")
	for at := 1; ; at++ {
		s, calls := &Snapshots{Own: own, Cache: t.TempDir()}, 0
		own.fail = func() error {
			if calls++; calls == at {
				return down
			}
			return nil
		}
		own.remove(SnapshotKey(p))
		snap, err := s.Open(context.Background(), p)
		if err == nil {
			if snap.Close(); at < 4 {
				t.Errorf("opening makes %d calls, want at least 4", at-1)
			}
			return
		}
		if !errors.Is(err, down) {
			t.Errorf("failing call %d gives %v, want %v", at, err, down)
		}
		if snap, err = s.Open(context.Background(), p); err != nil {
			t.Fatalf("opening again after failing call %d gives %v", at, err)
		}
		snap.Close()
	}
}

// TestSnapshotWaiterOutlivesBuilder: whoever waits for a build that is called off does it himself.
func TestSnapshotWaiterOutlivesBuilder(t *testing.T) {
	own := newStore()
	p := world{events: []string{"u,i,1,view,,,\n"}}.parts(t, own)
	s := &Snapshots{Own: own, Cache: t.TempDir()}
	ctx, cancel := context.WithCancel(context.Background())
	inside, goOn := make(chan struct{}), make(chan struct{})
	own.fail = func() error {
		own.fail = nil
		close(inside)
		<-goOn
		return ctx.Err()
	}
	failed := make(chan error)
	go func() {
		_, err := s.Open(ctx, p)
		failed <- err
	}()
	<-inside
	cancel()
	done := make(chan error)
	go func() {
		snap, err := s.Open(context.Background(), p)
		if err == nil {
			err = snap.Close()
		}
		done <- err
	}()
	for waiting := 0; waiting < 2; runtime.Gosched() {
		s.mu.Lock()
		waiting = s.opened[SnapshotKey(p)].refs
		s.mu.Unlock()
	}
	close(goOn)
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled builder gets %v, want %v", err, context.Canceled)
	}
	if err := <-done; err != nil {
		t.Errorf("the one who waited gets %v", err)
	}
}

func openWorld(t *testing.T, w world) *Snapshot {
	t.Helper()
	own := disk{dir: t.TempDir()}
	s := &Snapshots{Own: own, Cache: t.TempDir()}
	snap, err := s.Open(context.Background(), w.parts(t, own))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { snap.Close() })
	return snap
}

// small is data one can read.
var small = world{
	events: []string{"u1,i2,30,buy,2,,\nu1,i1,10,view,,,\nu1,i1,10,view,,,\nu1,i1,10,view,,7,\n", "u2,i9,20,View,0.5,,\nu2,i1,40,,5,,\n"},
	films:  []string{"i1,Drama,1.5,Old,\n", "i1,Comedy|Drama,,New,5\ni3,,3,,\n"},
	people: []string{"idle,17,paid\n"},
}

// history prints a user's events in training data.
func history(d *recipe.Data, u int) string {
	var out []string
	items, times := d.History(u)
	for i := range items {
		at := d.Start[u] + int64(i)
		out = append(out, fmt.Sprintf("%s@%d:%s=%v", d.Items.At(int(items[i])), times[i], d.Events[d.Event[at]], d.Value[at]))
	}
	return d.Users.At(u) + " " + strings.Join(out, " ")
}

func TestData(t *testing.T) {
	snap := openWorld(t, small)
	half, two := 0.5, 2.0
	for _, c := range []struct {
		sel    Selection
		want   string
		counts Counts
	}{
		// The third row of u1 repeats the second; the fourth differs from it in SHELF.
		{Selection{}, "u1 i1@10:view=NaN i1@10:view=NaN i2@30:buy=2, u2 i9@20:View=0.5 i1@40:=5", Counts{5, 2, 2, 4, 3}},
		{Selection{EventType: "VIEW"}, "u1 i1@10:view=NaN i1@10:view=NaN, u2 i9@20:View=0.5", Counts{3, 2, 1, 4, 2}},
		{Selection{EventType: "buy"}, "u1 i2@30:buy=2", Counts{1, 1, 0, 4, 1}},
		{Selection{Threshold: &half}, "u1 i2@30:buy=2, u2 i9@20:View=0.5 i1@40:=5", Counts{3, 2, 1, 4, 3}},
		{Selection{EventType: "view", Threshold: &two}, "", Counts{0, 0, 0, 4, 0}},
	} {
		d, n, err := snap.Data(c.sel)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for u := range d.Users.Len() {
			got = append(got, history(d, u))
			if at, ok := d.Users.Find(d.Users.At(u)); !ok || at != u {
				t.Errorf("Find(At(%d)) = %d, %v", u, at, ok)
			}
		}
		if s := strings.Join(got, ", "); s != c.want || n != c.counts {
			t.Errorf("Data(%+v)\n got %s, %+v\nwant %s, %+v", c.sel, s, n, c.want, c.counts)
		}
		if _, ok := d.Users.Find("idle"); ok {
			t.Errorf("Data(%+v) has a user without events", c.sel)
		}
		if _, ok := d.Users.Find("nobody"); ok {
			t.Errorf("Data(%+v) finds a user nobody knows", c.sel)
		}
		if want := []int64{5, 30, 40, 20}; !slices.Equal(d.Created, want) {
			t.Errorf("Created = %v, want %v", d.Created, want)
		}
	}
}

func TestDataColumns(t *testing.T) {
	snap := openWorld(t, small)
	for _, c := range []struct {
		in, out map[string][]string
		want    string
	}{
		{nil, nil, "GENRES PRICE SYNOPSIS"},
		{nil, map[string][]string{"Items": {"price"}}, "GENRES SYNOPSIS"},
		{map[string][]string{"ITEMS": {"PRICE"}, "USERS": {}}, nil, "PRICE"},
		{map[string][]string{"USERS": {"AGE"}}, nil, "GENRES PRICE SYNOPSIS"},
	} {
		d, _, err := snap.Data(Selection{Included: c.in, Excluded: c.out, SparseTexts: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, col := range d.Columns {
			got = append(got, col.Name())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("columns with %v without %v are %s, want %s", c.in, c.out, s, c.want)
		}
	}
}

// Free text counts if 85 in 100 items have some.
func TestSparseTexts(t *testing.T) {
	for filled, want := range map[int]int{20: 1, 17: 1, 16: 0, 0: 0} {
		own := disk{dir: t.TempDir()}
		s := mustParse(t, record("Items", itemID, genres, field("SYNOPSIS", optionalText, `,"textual":true`)))
		table := "ITEM_ID,GENRES,SYNOPSIS\n"
		for i := range 20 {
			text := ""
			if i < filled {
				text = "a text"
			}
			table += fmt.Sprintf("i%d,,%s\n", i, text)
		}
		events := mustParse(t, record("Interactions", userID, itemID, timestamp))
		p := Parts{
			Interactions: Part{Schema: events, Segments: []Segment{importText(t, own, "e", events, "USER_ID,ITEM_ID,TIMESTAMP\nu,i1,5\n")}},
			Items:        Part{Schema: s, Segments: []Segment{importText(t, own, "i", s, table)}},
		}
		snap, err := (&Snapshots{Own: own, Cache: t.TempDir()}).Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := snap.Data(Selection{})
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Texts) != want || len(d.Columns) != 1+want {
			t.Errorf("with %d of 20 texts training sees %d texts among %d columns, want %d", filled, len(d.Texts), len(d.Columns), want)
		}
		if d, _, err = snap.Data(Selection{SparseTexts: true}); err != nil || len(d.Texts) != 1 {
			t.Errorf("with %d of 20 texts and SparseTexts training sees %d texts, %v, want 1", filled, len(d.Texts), err)
		}
		if err := snap.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTooLittleData(t *testing.T) {
	snap := openWorld(t, small)
	for _, c := range []struct {
		sel  Selection
		want string
	}{
		{Selection{MinInteractions: 5, MinUsers: 2}, ""},
		{Selection{MinInteractions: 6}, "Dataset has fewer than 6 interactions. Found 5."},
		{Selection{EventType: "buy", MinInteractions: 1000}, "Dataset has fewer than 1000 interactions after filtering by event type: buy (found 1)"},
		{Selection{MinUsers: 3}, "Create failed. Dataset has fewer than 3 users with at least 2 interactions each. Found 2."},
		{Selection{EventType: "view", Moments: true}, ""},
	} {
		_, _, err := snap.Data(c.sel)
		if got := sentence(err); got != c.want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("Data(%+v) = %q, want %q", c.sel, got, c.want)
		}
	}
	typeless := openWorld(t, world{events: []string{"u,i,1,,,,\nu,i,2,USER_ID,,,\n"}})
	if _, _, err := typeless.Data(Selection{}); sentence(err) != "All values in the event_type column are either reserved keywords or null" {
		t.Errorf("without event types Data = %v", err)
	}
}

// Every event type and every metadata column counts, selected or not; who, what, when and the other reserved
// columns do not.
func TestTooManyKinds(t *testing.T) {
	own := disk{dir: t.TempDir()}
	s := mustParse(t, record("Interactions", userID, itemID, timestamp, field("EVENT_TYPE", optionalText, ""), field("EVENT_VALUE", `["null","float"]`, ""),
		field("IMPRESSION", optionalText, ""), field("DEVICE", optionalText, yes)))
	csv := "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,IMPRESSION,DEVICE\n"
	for i := range 8 {
		csv += fmt.Sprintf("u,i,%d,type%d,,,\n", i, i)
	}
	csv += "u,i,9,,,,\n"
	snaps := &Snapshots{Own: own, Cache: t.TempDir()}
	snap, err := snaps.Open(t.Context(), Parts{Interactions: Part{Schema: s, Segments: []Segment{importText(t, own, "seg/1", s, csv)}}})
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	for _, c := range []struct {
		most int
		want string
	}{
		{0, ""}, {11, ""},
		{10, "The interactions have 8 event types and 3 metadata columns; expected at most 10 together."},
	} {
		if _, _, err := snap.Data(Selection{MaxKinds: c.most, EventType: "type1"}); sentence(err) != c.want {
			t.Errorf("with at most %d: %q, want %q", c.most, sentence(err), c.want)
		}
	}
}

// A solution does not learn from columns that are younger than itself.
func TestColumnsThatCameLater(t *testing.T) {
	part := Part{Added: map[string]int64{"PRICE": 200, "SYNOPSIS": 100, "GENRES": 300}}
	if got, want := part.AddedAfter(100), []string{"GENRES", "PRICE"}; !slices.Equal(got, want) {
		t.Errorf("AddedAfter(100) = %v, want %v", got, want)
	}
	own := disk{dir: t.TempDir()}
	w := world{events: []string{"u,a,1,,,,\n"}, films: []string{"a,drama,1,text,\n"}}
	snaps := &Snapshots{Own: own, Cache: t.TempDir()}
	snap, err := snaps.Open(t.Context(), w.parts(t, own))
	if err == nil {
		t.Cleanup(func() { snap.Close() })
	}
	if sentence(err) != "" {
		t.Fatal(err)
	}
	names := func(sel Selection) (out []string) {
		for _, c := range snap.columns(sel) {
			out = append(out, c.Name())
		}
		return out
	}
	if got, want := names(Selection{Without: []string{"PRICE"}, Included: map[string][]string{"ITEMS": {"GENRES", "PRICE"}}}), []string{"GENRES"}; !slices.Equal(got, want) {
		t.Errorf("columns are %v, want %v", got, want)
	}
	if got, want := names(Selection{}), []string{"GENRES", "PRICE", "SYNOPSIS"}; !slices.Equal(got, want) {
		t.Errorf("columns are %v, want %v", got, want)
	}
}

func TestView(t *testing.T) {
	snap := openWorld(t, small)
	all := recipe.List{"i1", "i2", "i3", "i9"}
	some := recipe.List{"i0", "i1", "i9", "j"}
	for _, c := range []struct {
		items recipe.List
		sel   Selection
		user  string
		want  string
	}{
		{all, Selection{}, "u1", "[0 0 1] [10 10 30] true"},
		{all, Selection{}, "u2", "[3 0] [20 40] true"},
		{all, Selection{EventType: "view"}, "u2", "[3] [20] true"},
		{some, Selection{}, "u2", "[2 1] [20 40] true"},
		{some, Selection{EventType: "buy"}, "u1", "[] [] true"},
		{some, Selection{EventType: "buy"}, "u2", "[] [] false"},
		{all, Selection{}, "idle", "[] [] false"},
		{some, Selection{}, "idle", "[] [] false"},
		{all, Selection{}, "nobody", "[] [] false"},
	} {
		items, times, known := snap.View(c.items, c.sel).History(c.user)
		if got := fmt.Sprint(items, times, known); got != c.want {
			t.Errorf("History(%s) over %v with %+v = %s, want %s", c.user, c.items, c.sel, got, c.want)
		}
		snap.View(c.items, c.sel).Histories([]string{"nobody", c.user}, func(k int, items []int32, times []int64, known bool) {
			want := []string{"[] [] false", c.want}[k]
			if got := fmt.Sprint(items, times, known); got != want {
				t.Errorf("Histories(nobody, %s)[%d] over %v with %+v = %s, want %s", c.user, k, c.items, c.sel, got, want)
			}
		})
	}
	if got := snap.View(all, Selection{}).MaxTime(); got != 40 {
		t.Errorf("MaxTime() = %d, want 40", got)
	}
}

func TestViewForFilters(t *testing.T) {
	v := openWorld(t, small).View(recipe.List{"i0", "i1", "i9", "j"}, Selection{EventType: "buy"})
	d := v.FilterData()
	if d.Len() != 4 {
		t.Errorf("Len() = %d, want 4", d.Len())
	}
	texts, ok := d.Column("items", "genres")
	if !ok {
		t.Fatal("there is no column genres")
	}
	for i, want := range []string{"", "Comedy|Drama", "", ""} {
		if got, ok := texts.Text(i); got != want || ok != (want != "") {
			t.Errorf("GENRES of item %d = %q, %v, want %q", i, got, ok, want)
		}
	}
	created, _ := d.Column("Items", "CREATION_TIMESTAMP")
	if got, ok := created.Number(1); got != 5 || !ok {
		t.Errorf("CREATION_TIMESTAMP of i1 = %v, %v, want 5", got, ok)
	}
	if got, ok := created.Number(2); ok {
		t.Errorf("CREATION_TIMESTAMP of i9 = %v, want null", got)
	}
	if _, ok := created.Text(1); ok {
		t.Errorf("a number has a text")
	}
	if _, ok := d.Column("Items", "NOPE"); ok {
		t.Errorf("there is a column NOPE")
	}
	if _, ok := d.Column("Users", "AGE"); ok {
		t.Errorf("users' fields are among the items'")
	}
	var got []string
	v.FilterUser("u2").Events(func(item int32, eventType string) bool {
		got = append(got, fmt.Sprintf("%d %s", item, eventType))
		return true
	})
	if s := strings.Join(got, ", "); s != "1 , 2 View" {
		t.Errorf("u2's events are %s, want item 1 without a type, then item 2 seen", s)
	}
	idle, nobody := v.FilterUser("idle"), v.FilterUser("nobody")
	if _, n, ok := idle.Attribute("age"); n != 17 || !ok {
		t.Errorf("AGE of idle = %v, %v, want 17", n, ok)
	}
	if s, _, ok := idle.Attribute("Plan"); s != "paid" || !ok {
		t.Errorf("PLAN of idle = %q, %v, want paid", s, ok)
	}
	if _, _, ok := nobody.Attribute("AGE"); ok {
		t.Errorf("a user nobody knows has an AGE")
	}
	nobody.Events(func(int32, string) bool { t.Errorf("a user nobody knows has events"); return false })
}

func TestFilterSchemas(t *testing.T) {
	s := FilterSchemas{Items: mustParse(t, filmsText)}
	if !s.Has("Items") || s.Has("Users") {
		t.Errorf("Has(Items), Has(Users) = %v, %v, want true, false", s.Has("Items"), s.Has("Users"))
	}
	if f, ok := s.Field("items", "price"); !ok || f.Name != "PRICE" || f.Kind == kindForFilter(String) {
		t.Errorf("Field(items, price) = %+v, %v, want the number PRICE", f, ok)
	}
	if f, ok := s.Field("Items", "SYNOPSIS"); !ok || !f.Textual {
		t.Errorf("Field(Items, SYNOPSIS) = %+v, %v, want a text", f, ok)
	}
	if _, ok := s.Field("Users", "AGE"); ok {
		t.Error("a dataset that is not there has fields")
	}
}

// TestEmptyGroup: a group without any data has a snapshot too, and too little to learn from.
func TestEmptyGroup(t *testing.T) {
	snap := openWorld(t, world{})
	d, n, err := snap.Data(Selection{})
	if err != nil || n != (Counts{}) || d.Users.Len() != 0 || d.Items.Len() != 0 {
		t.Errorf("Data = %+v, %v, want nothing", n, err)
	}
	if _, _, err := snap.Data(Selection{MinInteractions: 1}); !fault.Is(err, fault.Invalid) {
		t.Errorf("Data = %v, want a refusal", err)
	}
	if _, _, known := snap.View(recipe.List{"i"}, Selection{}).History("u"); known {
		t.Error("a user is known")
	}
}

// TestSnapshotMemory sorts a million and a half interactions, 100,000 at a time.
func TestSnapshotMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("short: a million and a half interactions")
	}
	const rows, most = 1_500_000, 24 << 20 // all interactions at once would be 48 MB
	own := disk{dir: t.TempDir()}
	schema := mustParse(t, record("Interactions", userID, itemID, timestamp))
	s := newStore()
	s.objects["f"] = func() io.Reader { return &rotating{rows: rows} }
	s.size["f"] = 1
	im := &Importer{Buckets: s, Own: own, Scratch: t.TempDir()}
	seg, err := im.Import(context.Background(), Order{Name: "x", Location: "s3://b/f", Schema: schema, Key: "seg"})
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that the heap is little more than what lives
	runtime.GC()
	b := newBuilder(context.Background(), Parts{Interactions: Part{Schema: schema, Segments: []Segment{seg}}}, t.TempDir())
	b.most = 100_000
	defer b.close()
	peak, stop := watchHeap()
	if err = b.openAll(own, t.TempDir()); err == nil {
		err = b.write(own.Path("snap"))
	}
	stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak heap %d MiB for %d interactions", peak.Load()>>20, rows)
	if peak.Load() > most {
		t.Errorf("peak heap is %d MiB, want at most %d", peak.Load()>>20, most>>20)
	}
	if c := openContent(t, own.Path("snap")); len(c.item) != rows || c.users.Len() != 5000 {
		t.Errorf("the snapshot has %d interactions of %d users, want %d of 5000", len(c.item), c.users.Len(), rows)
	}
}

// rotating is a CSV of 5,000 users who take turns.
type rotating struct {
	rows, at int64
	rest     []byte
}

func (r *rotating) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.at == r.rows {
			return 0, io.EOF
		}
		r.rest = r.rest[:0]
		if r.at == 0 {
			r.rest = append(r.rest, "USER_ID,ITEM_ID,TIMESTAMP\n"...)
		}
		for end := min(r.rows, r.at+1000); r.at < end; r.at++ {
			r.rest = fmt.Appendf(r.rest, "%d,%d,%d\n", r.at%5000, r.at*7919%3706, r.at)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// BenchmarkSnapshot builds a snapshot of a million interactions as MovieLens' are.
func BenchmarkSnapshot(b *testing.B) {
	own := disk{dir: b.TempDir()}
	schema := mustParse(b, record("Interactions", userID, itemID, timestamp))
	var text strings.Builder
	text.WriteString("USER_ID,ITEM_ID,TIMESTAMP\n")
	const rows = 1_000_000
	for i := range rows {
		fmt.Fprintf(&text, "%d,%d,%d\n", i/166, i*7919%3706, 956700000+i*7919%1000003)
	}
	p := Parts{Interactions: Part{Schema: schema, Segments: []Segment{importText(b, own, "seg/1", schema, text.String())}}}
	for b.Loop() {
		s := &Snapshots{Own: own, Cache: b.TempDir()}
		if err := s.build(context.Background(), "snap", p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
