package dataset

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
)

var (
	eventsText = record("Interactions", userID, itemID, timestamp,
		field("EVENT_TYPE", optionalText, ""), field("EVENT_VALUE", `["null","float"]`, ""), field("SHELF", `["null","int"]`, ""), field("GIFT", `["null","boolean"]`, ""))
	filmsText = record("Items", itemID, genres, field("PRICE", `["null","float"]`, ""),
		field("SYNOPSIS", optionalText, `,"textual":true`), field("CREATION_TIMESTAMP", `["null","long"]`, ""))
)

// run imports a location of a store into a new folder and returns the segment's rows as text, in the
// order of the schema's fields and with "-" for null.
func run(t *testing.T, s *store, schema, location string, change func(*Order)) (Segment, []string, error) {
	t.Helper()
	own := disk{dir: t.TempDir()}
	im := &Importer{Buckets: s, Own: own, Scratch: t.TempDir()}
	o := Order{Name: "films", Location: location, Schema: mustParse(t, schema), Key: "seg/1"}
	if change != nil {
		change(&o)
	}
	seg, err := im.Import(context.Background(), o)
	if left, _ := os.ReadDir(im.Scratch); len(left) > 0 {
		t.Errorf("Import(%s) left %v in the scratch folder", location, left)
	}
	if err != nil {
		if _, serr := own.Stat(context.Background(), "seg/1"); !fault.Is(serr, fault.NotFound) {
			t.Errorf("Import(%s) failed and left a segment", location)
		}
		return seg, nil, err
	}
	return seg, dump(t, own.Path("seg/1")), nil
}

// dump prints the rows of a segment.
func dump(t *testing.T, path string) []string {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Verify(); err != nil {
		t.Fatal(err)
	}
	s, err := readSegment(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for b, rows := range s.meta.Blocks {
		cols := make([]values, len(s.meta.Fields))
		for i, fd := range s.meta.Fields {
			if cols[i], err = s.column(b, fd.Name); err != nil {
				t.Fatal(err)
			}
		}
		for row := range rows {
			cells := make([]string, len(cols))
			for i := range cols {
				cells[i] = "-"
				if v, ok := cols[i].text(row); ok {
					cells[i] = v
				}
			}
			out = append(out, strings.Join(cells, " "))
		}
	}
	return out
}

func TestImport(t *testing.T) {
	plain := "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SHELF,GIFT\nu1,i1,100,view,,,\nu2,i2,90,buy,2.5,-3,true\n"
	want := []string{"u1 i1 100 view - - -", "u2 i2 90 buy 2.5 -3 true"}
	mixed := "event_type,OTHER,gift,shelf,TIMESTAMP,Item_Id,event_value,USER_ID\r\nview,x,,,100,i1,,u1\r\nbuy,y,true,-3,90,i2,2.50,\"u2\"\r\n"
	half := strings.SplitAfter(plain, "\n")
	for _, c := range []struct {
		name, location string
		objects        map[string]string
	}{
		{"one object", "s3://b/in/e.csv", map[string]string{"in/e.csv": plain}},
		{"columns in any order and case", "s3://b/e", map[string]string{"e": mixed}},
		{"gzip by its first bytes", "s3://b/e.csv", map[string]string{"e.csv": packed(plain)}},
		{"gzip of two members", "s3://b/e.csv", map[string]string{"e.csv": packed(half[0]) + packed(half[1]+half[2])}},
		{"a folder", "s3://b/in/", map[string]string{"in/": "", "in/1.csv": half[0] + half[1], "in/2.csv.gz": packed(half[0] + half[2]), "in/deep/3.csv": "no", "in2": "no"}},
		{"the bucket itself", "s3://b/", map[string]string{"1": plain, "in/2": "no"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore()
			var total int64
			for k, text := range c.objects {
				s.set(k, text)
			}
			var last [3]int64
			seg, got, err := run(t, s, eventsText, c.location, func(o *Order) {
				o.MinRows = 2
				o.Progress = func(rows, done, all int64) { last, total = [3]int64{rows, done, all}, all }
			})
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("Import(%s) = %q, %v, want %q", c.location, got, err, want)
			}
			if seg.Rows != 2 || seg.MinTime != 90 || seg.MaxTime != 100 || seg.Origin != Bulk || seg.Key != "seg/1" || seg.Bytes == 0 || seg.Created == 0 {
				t.Errorf("Import(%s) = %+v, want 2 rows from 90 to 100", c.location, seg)
			}
			if last != [3]int64{2, total, total} || total == 0 {
				t.Errorf("last progress is %v, want 2 rows and all bytes", last)
			}
		})
	}
}

func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

func TestTextIsCleaned(t *testing.T) {
	for _, c := range []struct{ cell, want string }{
		{`"<p>Two&nbsp;men,<br/>one  boat</p>"`, "Two men, one boat"},
		{`"Tom & Jerry; a < b > c"`, "Tom & Jerry; a < b > c"},
		{"\"a\n\tb\"", "a b"},
		{`"&#39;x&#x27;y"`, "x y"},
		{`"<b></b>"`, "-"},
		{`"say \"hi\""`, `say "hi"`},
		{strings.Repeat("ä", 45), strings.Repeat("ä", 40)},
		{strings.Repeat("映", 25), strings.Repeat("映", 7)},
	} {
		s := newStore().set("f", "ITEM_ID,GENRES,PRICE,SYNOPSIS,CREATION_TIMESTAMP\n1,,,"+c.cell+",\n")
		_, got, err := run(t, s, filmsText, "s3://b/f", func(o *Order) { o.Limits = Limits{Text: 40, CJKText: 7} })
		if want := "1 - - " + c.want + " -"; err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("SYNOPSIS %s is stored as %q, %v, want %q", c.cell, got, err, want)
		}
	}
}

func TestActionEventsAreSpelledOneWay(t *testing.T) {
	schema := record("ActionInteractions", userID, field("ACTION_ID", `"string"`, ""), field("EVENT_TYPE", `"string"`, ""), timestamp)
	text := "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nu,a,Taken,1\nu,a,Not taken,2\nu,a,not_taken,3\nu,a,VIEWED,4\n"
	_, got, err := run(t, newStore().set("f", text), schema, "s3://b/f", nil)
	if want := []string{"u a TAKEN 1", "u a NOT_TAKEN 2", "u a NOT_TAKEN 3", "u a VIEWED 4"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Import = %q, %v, want %q", got, err, want)
	}
	_, _, err = run(t, newStore().set("f", text+"u,a,click,5\n"), schema, "s3://b/f", nil)
	if want := `Failed to create a data import job for ActionInteractions dataset films. f, line 6: EVENT_TYPE "click" is not an action's event type; expected Taken, Not Taken or Viewed.`; sentence(err) != want {
		t.Errorf("Import = %q, want %q", sentence(err), want)
	}
}

func TestImportFaults(t *testing.T) {
	const header = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SHELF,GIFT\n"
	const good = "u,i,100,view,1,1,true\n"
	const prefix = "Failed to create a data import job for Interactions dataset films. "
	long := strings.Repeat("x", 1001)
	for _, c := range []struct{ name, text, want string }{
		{"empty object", "", "f.csv is empty: expected a header line with the names of the columns."},
		{"only a header", header, "The data has no rows below the header."},
		{"missing columns", "USER_ID,TIMESTAMP,EVENT_TYPE,SHELF,GIFT\nu,1,view,1,true\n", "Input CSV is missing the following columns:[ITEM_ID, EVENT_VALUE]."},
		{"column twice", "USER_ID,USER_ID\n", "f.csv, line 1: the column USER_ID stands in the header twice."},
		{"no id", header + good + ",i,100,,,,\n", "f.csv, line 3: USER_ID is empty, and the column must not be null."},
		{"null time", header + "u,i,,,,,\n", "f.csv, line 2: TIMESTAMP is empty, and the column must not be null."},
		{"long id", header + long + ",i,1,,,,\n", "f.csv, line 2: USER_ID is 1001 characters long; expected 1 to 256."},
		{"word for time", header + "u,i,yesterday,,,,\n", `f.csv, line 2: TIMESTAMP "yesterday" is not a whole number of 64 bits.`},
		{"milliseconds", header + "u,i,1700000100000,,,,\n", "f.csv, line 2: TIMESTAMP 1700000100000 is in milliseconds; expected Unix epoch seconds."},
		{"microseconds", header + "u,i,1700000100000000,,,,\n", "f.csv, line 2: TIMESTAMP 1700000100000000 is in microseconds; expected Unix epoch seconds."},
		{"nanoseconds", header + "u,i,1700000100000000000,,,,\n", "f.csv, line 2: TIMESTAMP 1700000100000000000 is in nanoseconds; expected Unix epoch seconds."},
		{"bad float", header + "u,i,1,,NaN,,\n", `f.csv, line 2: EVENT_VALUE "NaN" is not a number.`},
		{"big int", header + "u,i,1,,,3000000000,\n", `f.csv, line 2: SHELF "3000000000" is outside the range of the type int.`},
		{"bad bool", header + "u,i,1,,,,True\n", `f.csv, line 2: GIFT "True" is not a boolean; expected true or false.`},
		{"long value", header + "\n\"u\nv\",i,1,,,,\nu,i,1," + long + ",,,\n", "Length cannot be more than 1000 characters for EVENT_TYPE. If no values exceed the character limit, make sure your data follows the formatting guidelines listed in https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html. (f.csv, line 5)"},
		{"few values", header + good + "u,i,1\n", "f.csv, line 3: there are 3 values; the header has 7 columns."},
		{"broken quote", header + good + "u,\"i\"x,1,,,,\n", `f.csv, line 3, column ITEM_ID: there is text behind a closing double quote; write a quote inside quotes as \" or "".`},
		{"no UTF-8", header + "u\xff,i,1,,,,\n", "f.csv, line 2: the text is not UTF-8."},
		{"gzip cut short", packed(header + good)[:30], "f.csv is no whole gzip file: it is damaged or cut short."},
		{"gzip damaged", "\x1f\x8bxxxxxxxxxxxxxxxxxxxx", "f.csv is no whole gzip file: it is damaged or cut short."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := run(t, newStore().set("in/f.csv", c.text), eventsText, "s3://b/in/f.csv", nil)
			if s := sentence(err); s != prefix+c.want {
				t.Errorf("Import\n got %q, rows %v\nwant %q", s, got, prefix+c.want)
			}
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("kind is %v, want %v", fault.KindOf(err), fault.Invalid)
			}
		})
	}
	for _, c := range []struct {
		name, location, want string
		kind                 fault.Kind
		change               func(*Order)
	}{
		{"too few rows", "s3://b/in/f.csv", "The data has 1 rows; expected at least 1000.", fault.Invalid, func(o *Order) { o.MinRows = 1000 }},
		{"too many bytes", "s3://b/in/f.csv", fmt.Sprintf("The data is %d bytes; expected at most 10.", len(header+good)), fault.Invalid, func(o *Order) { o.Limits.MaxBytes = 10 }},
		{"no such bucket", "s3://nope/f", "Invalid Data location. The bucket nope does not exist.", fault.Invalid, nil},
		{"no such object", "s3://b/nope", "Invalid Data location. There is no object s3://b/nope.", fault.Invalid, nil},
		{"no such folder", "s3://b/nope/", "Invalid Data location. There is no object directly in the folder s3://b/nope/.", fault.Invalid, nil},
		{"folder without slash", "s3://b/in", "Invalid Data location. s3://b/in is a folder: write it with a slash at the end.", fault.Invalid, nil},
		{"other scheme", "https://b/in", `Invalid Data location. "https://b/in" is not an S3 location: expected s3://bucket/key.`, fault.Invalid, nil},
		{"no access", "s3://b/secret", "Insufficient privileges for accessing data in Amazon S3. Access to s3://b/secret was denied.", fault.Denied, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStore().set("in/f.csv", header+good)
			s.deny = "secret"
			_, _, err := run(t, s, eventsText, c.location, c.change)
			if got := sentence(err); got != prefix+c.want || !fault.Is(err, c.kind) {
				t.Errorf("Import(%s)\n got %q, %v\nwant %q, %v", c.location, got, fault.KindOf(err), prefix+c.want, c.kind)
			}
		})
	}
}

// TestImportStoreFails fails each call to the store once: every time the import reports the failure and
// leaves nothing, and done again it succeeds.
func TestImportStoreFails(t *testing.T) {
	text := "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SHELF,GIFT\nu,i,100,view,1,1,true\n"
	down := errors.New("store is down")
	for at := 1; ; at++ {
		s, calls := newStore().set("in/f", text), 0
		s.fail = func() error {
			if calls++; calls == at {
				return down
			}
			return nil
		}
		_, _, err := run(t, s, eventsText, "s3://b/in/", nil)
		if err == nil {
			if at < 3 {
				t.Errorf("the import makes %d calls, want at least 3", at-1)
			}
			return
		}
		if !errors.Is(err, down) {
			t.Errorf("failing call %d gives %v, want %v", at, err, down)
		}
		if _, _, err := run(t, s, eventsText, "s3://b/in/", nil); err != nil {
			t.Errorf("doing it again after failing call %d gives %v", at, err)
		}
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := newStore()
	s.objects["f"] = func() io.Reader { return &numbered{rows: 1 << 40} } // never ends by itself
	s.size["f"] = 1 << 40
	im := &Importer{Buckets: s, Own: s, Scratch: t.TempDir()}
	o := Order{Name: "x", Location: "s3://b/f", Schema: mustParse(t, record("Interactions", userID, itemID, timestamp)), Key: "k"}
	o.Progress = func(rows, done, total int64) { cancel() }
	if _, err := im.Import(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v, want %v", err, context.Canceled)
	}
}

// numbered is a CSV of rows whose ids are all different.
type numbered struct {
	rows, at int64
	rest     []byte
	pad      string
}

func (n *numbered) Read(p []byte) (int, error) {
	if len(n.rest) == 0 {
		if n.at > n.rows {
			return 0, io.EOF
		}
		n.rest = n.rest[:0]
		if n.at == 0 {
			n.rest = append(n.rest, "USER_ID,ITEM_ID,TIMESTAMP\n"...)
			n.at++
		}
		for ; n.at <= n.rows && len(n.rest) < 32<<10; n.at++ {
			n.rest = append(n.rest, 'u')
			n.rest = append(n.rest, n.pad...)
			n.rest = strconv.AppendInt(n.rest, n.at, 10)
			n.rest = append(n.rest, ",i"...)
			n.rest = append(n.rest, n.pad...)
			n.rest = strconv.AppendInt(n.rest, n.at*7, 10)
			n.rest = append(n.rest, ",1700000000\n"...)
		}
	}
	c := copy(p, n.rest)
	n.rest = n.rest[c:]
	return c, nil
}

// TestImportMemory imports 350 MB of which every id is different, into a folder, and watches the heap.
func TestImportMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("short: 350 MB of input")
	}
	const rows, most = 1_500_000, 200 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(25)) // so that the heap is little more than what lives
	s := newStore()
	s.objects["f"] = func() io.Reader { return &numbered{rows: rows, pad: strings.Repeat("x", 95)} }
	s.size["f"] = 1
	im := &Importer{Buckets: s, Own: disk{dir: t.TempDir()}, Scratch: t.TempDir()}
	peak, stop := watchHeap()
	seg, err := im.Import(context.Background(), Order{Name: "x", Location: "s3://b/f", Schema: mustParse(t, record("Interactions", userID, itemID, timestamp)), Key: "k"})
	stop()
	if err != nil || seg.Rows != rows {
		t.Fatalf("Import = %+v, %v, want %d rows", seg, err, rows)
	}
	t.Logf("peak heap %d MiB for %d MiB", peak.Load()>>20, seg.Bytes>>20)
	if peak.Load() > most {
		t.Errorf("peak heap is %d MiB, want at most %d", peak.Load()>>20, most>>20)
	}
}

// watchHeap keeps the largest heap seen until stop.
func watchHeap() (peak *atomic.Uint64, stop func()) {
	peak = new(atomic.Uint64)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return peak, func() { close(done); <-ended }
}

// BenchmarkImport imports a million rows as MovieLens' are: 6,040 users, 3,706 items.
func BenchmarkImport(b *testing.B) {
	var text bytes.Buffer
	text.WriteString("USER_ID,ITEM_ID,TIMESTAMP\n")
	const rows = 1_000_000
	for i := range rows {
		fmt.Fprintf(&text, "%d,%d,%d\n", i/166, i*7919%3706, 956700000+i)
	}
	for _, packing := range []string{"plain", "gzip"} {
		b.Run(packing, func(b *testing.B) {
			s := newStore().set("f", text.String())
			if packing == "gzip" {
				s.set("f", packed(text.String()))
			}
			im := &Importer{Buckets: s, Own: disk{dir: b.TempDir()}, Scratch: b.TempDir()}
			o := Order{Name: "x", Location: "s3://b/f", Schema: mustParse(b, record("Interactions", userID, itemID, timestamp)), Key: "k"}
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				if _, err := im.Import(context.Background(), o); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
