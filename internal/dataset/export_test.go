package dataset

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/table"
)

// exported returns the CSV that a mode makes of segments, comparing most rows at a time.
func exported(t testing.TB, own blob.Driver, s *Schema, segments []Segment, mode string, most int) string {
	t.Helper()
	e, err := newExport(context.Background(), own, t.TempDir(), s, segments, mode)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	e.most = most
	if err := e.compare(context.Background()); err != nil {
		t.Fatal(err)
	}
	var out collected
	if err := e.write(context.Background(), &out, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

type collected struct{ bytes.Buffer }

func (c *collected) add(line []byte) error {
	c.Write(line)
	return nil
}

// put marks a segment as made record by record.
func put(g Segment) Segment {
	g.Origin = Put
	return g
}

func TestExportModes(t *testing.T) {
	own := disk{dir: t.TempDir()}
	films, events := mustParse(t, filmsText), mustParse(t, eventsText)
	items := []Segment{
		importText(t, own, "i/1", films, filmsHeader+"a,drama,1,,\nb,,2,,\na,comedy,3,,\nb,,2,,\n"),
		put(importText(t, own, "i/2", films, filmsHeader+"b,drama,4,,\nc,,5,,\nc,,5,,\n")),
		importText(t, own, "i/3", films, filmsHeader+"c,,6,,\n"),
	}
	actions := []Segment{
		importText(t, own, "e/1", events, eventsHeader+"u,a,1,view,,,\nu,b,2,view,,,\nu,a,1,view,,,\n"),
		put(importText(t, own, "e/2", events, eventsHeader+"u,a,1,view,,,\nu,a,1,buy,,,\n")),
	}
	for _, c := range []struct {
		mode     string
		schema   *Schema
		segments []Segment
		want     string
	}{
		{ExportBulk, films, items, filmsHeader + "a,drama,1,,\nb,,2,,\na,comedy,3,,\nc,,6,,\n"},
		{ExportPut, films, items, filmsHeader + "b,drama,4,,\nc,,5,,\n"},
		{ExportAll, films, items, filmsHeader + "a,comedy,3,,\nb,drama,4,,\nc,,6,,\n"},
		{ExportBulk, events, actions, eventsHeader + "u,a,1,view,,,\nu,b,2,view,,,\n"},
		{ExportPut, events, actions, eventsHeader + "u,a,1,view,,,\nu,a,1,buy,,,\n"},
		{ExportAll, events, actions, eventsHeader + "u,a,1,view,,,\nu,b,2,view,,,\nu,a,1,buy,,,\n"},
		{ExportPut, events, actions[:1], eventsHeader},
	} {
		for _, most := range []int{1, 2, 1000} {
			if got := exported(t, own, c.schema, c.segments, c.mode, most); got != c.want {
				t.Errorf("%s of %s, %d rows at a time, is\n%s\nwant\n%s", c.mode, c.schema.Type, most, got, c.want)
			}
		}
	}
}

// A column that came by replacing the schema is empty in records that are older.
func TestExportOfOlderRecords(t *testing.T) {
	own := disk{dir: t.TempDir()}
	old := mustParse(t, record("Items", itemID, genres))
	g := importText(t, own, "i/1", old, "ITEM_ID,GENRES\na,drama\n")
	if got, want := exported(t, own, mustParse(t, filmsText), []Segment{g}, ExportAll, 10), filmsHeader+"a,drama,,,\n"; got != want {
		t.Errorf("the export is %q, want %q", got, want)
	}
}

var everyType = record("Items", itemID, field("A", `["null","string"]`, ""), field("B", `["null","long"]`, ""), field("C", `["null","int"]`, ""),
	field("D", `["null","double"]`, ""), field("E", `["null","boolean"]`, ""), field("F", `"string"`, `,"textual":true`))

// TestExportIsImported: whatever values a segment holds, importing what was exported gives them again.
func TestExportIsImported(t *testing.T) {
	s := mustParse(t, everyType)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp("", "export-*")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		own := disk{dir: dir}
		// Cells are written into the segment as they are, not through an import, so that nothing that PutItems
		// could bring is left out.
		text := rapid.StringOf(rapid.SampledFrom([]rune("a,\"\\\r\n |é"))).Filter(func(s string) bool { return s != "" })
		clean := text.Filter(func(s string) bool { return string(cleanText([]byte(s), &Limits{Text: 100, CJKText: 100})) == s })
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []any {
			return []any{text.Draw(t, "id"), rapid.Ptr(text, true).Draw(t, "a"), rapid.Ptr(rapid.Int64(), true).Draw(t, "b"), rapid.Ptr(rapid.Int32(), true).Draw(t, "c"),
				rapid.Ptr(rapid.Float64(), true).Draw(t, "d"), rapid.Ptr(rapid.Bool(), true).Draw(t, "e"), rapid.Ptr(clean, true).Draw(t, "f")}
		}), 1, 20).Draw(rt, "rows")
		g, want := writeRows(rt, own, "seg/1", s, rows)
		csv := exported(t, own, s, []Segment{g}, ExportBulk, 3)
		im := &Importer{Buckets: newStore().set("f", csv), Own: own, Scratch: dir}
		again, err := im.Import(context.Background(), Order{Name: "x", Location: "s3://b/f", Schema: s, Key: "seg/2"})
		if err != nil {
			rt.Fatalf("import of %q: %v", csv, err)
		}
		got := dumpQuoted(t, own.Path(again.Key))
		if !slices.Equal(got, want) {
			rt.Errorf("%q is imported as\n%q\nwant\n%q", csv, got, want)
		}
	})
}

// writeRows makes a segment of rows without an import, and returns its different rows as dumpQuoted does.
func writeRows(t *rapid.T, own disk, key string, s *Schema, rows [][]any) (Segment, []string) {
	w, err := newSegmentWriter(own.Path(key), s)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range rows {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = addCell(&w.block.cols[i], w.block.rows, cell)
		}
		w.block.end(0)
		if line := strings.Join(cells, " "); !slices.Contains(want, line) {
			want = append(want, line)
		}
	}
	if err := w.commit(); err != nil {
		t.Fatal(err)
	}
	return Segment{Key: key, Origin: Bulk, Rows: int64(len(rows))}, want
}

func addCell(c *column, row int, cell any) string {
	switch v := cell.(type) {
	case string:
		c.codes = append(c.codes, c.dict.CodeOf(v))
		return fmt.Sprintf("%q", v)
	case *string:
		if v != nil {
			return addCell(c, row, *v)
		}
	case *bool:
		if v != nil {
			c.codes = append(c.codes, c.dict.CodeOf(fmt.Sprint(*v)))
			return fmt.Sprintf("%q", fmt.Sprint(*v))
		}
	case *int64:
		if v != nil {
			c.ints = append(c.ints, *v)
			return fmt.Sprintf(`"%d"`, *v)
		}
	case *int32:
		if v != nil {
			c.ints = append(c.ints, int64(*v))
			return fmt.Sprintf(`"%d"`, *v)
		}
	case *float64:
		if v != nil {
			c.floats = append(c.floats, *v)
			return fmt.Sprintf("%q", string(fmt.Appendf(nil, "%v", *v)))
		}
	}
	c.addNull(row)
	return "-"
}

// dumpQuoted is dump with every value in quotes.
func dumpQuoted(t testing.TB, path string) []string {
	var out []string
	for _, cells := range cellsOf(t, path) {
		for i, c := range cells {
			switch v := c.(type) {
			case nil:
				cells[i] = "-"
			case float64:
				cells[i] = fmt.Sprintf("%q", fmt.Sprint(v))
			default:
				cells[i] = fmt.Sprintf("%q", fmt.Sprint(v))
			}
		}
		line := make([]string, len(cells))
		for i := range cells {
			line[i] = cells[i].(string)
		}
		out = append(out, strings.Join(line, " "))
	}
	return out
}

// cellsOf returns the rows of a segment: text, int64, float64 or nil.
func cellsOf(t testing.TB, path string) [][]any {
	t.Helper()
	s, err := openSegment(context.Background(), disk{dir: "/"}, "", strings.TrimPrefix(path, "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var out [][]any
	for b, rows := range s.meta.Blocks {
		for row := range rows {
			cells := make([]any, len(s.meta.Fields))
			for i, f := range s.meta.Fields {
				v, err := s.column(b, f.Name)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case v.null(row):
				case v.codes != nil:
					cells[i] = strings.Clone(v.dict.At(int(v.codes[row])))
				case v.ints != nil:
					cells[i] = v.ints[row]
				default:
					cells[i] = v.floats[row]
				}
			}
			out = append(out, cells)
		}
	}
	return out
}

// FuzzCell: what is written as a cell is read as the same value.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"a", `"`, `\"`, "\r\n", "\r\r\n", "a,b\\", "\\\\\"\r", "x\n\"y\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" || strings.ToValidUTF8(s, "") != s {
			return
		}
		line := append(appendCell([]byte("id,"), s), '\n')
		r := table.NewReader(bytes.NewReader(line))
		rec, err := r.Read()
		if err != nil || len(rec) != 2 || string(rec[1]) != s {
			t.Fatalf("%q is written as %q and read as %q, %v", s, line, rec, err)
		}
		if _, err := r.Read(); err != io.EOF {
			t.Fatalf("%q is written as %q, which is more than one record", s, line)
		}
	})
}

// Large exports are uploaded in parts that grow, small ones are put; both appear under the name only whole.
func TestPartWriter(t *testing.T) {
	bucket := mem.New()
	for _, c := range []struct{ lines, uploads int }{{0, 0}, {3, 0}, {4, 1}, {9, 1}} {
		begun := 0
		w := &partWriter{ctx: t.Context(), out: bucket, key: "k", first: 8, begin: func() (string, error) {
			begun++
			return bucket.Begin(t.Context(), "k", blob.Options{})
		}}
		want := strings.Repeat("a\n", c.lines)
		for range c.lines {
			if err := w.add([]byte("a\n")); err != nil {
				t.Fatal(err)
			}
		}
		if c.lines > 0 {
			_, err := bucket.Stat(t.Context(), "k")
			if err == nil {
				t.Errorf("after %d lines the object is there before it is finished", c.lines)
			}
		}
		if err := w.finish(); err != nil || begun != c.uploads {
			t.Errorf("%d lines: %v, %d uploads, want %d", c.lines, err, begun, c.uploads)
		}
		if got := read(t, bucket, "k"); got != want {
			t.Errorf("%d lines are %q", c.lines, got)
		}
		if err := bucket.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
	}
	w := &partWriter{first: 8, parts: make([]blob.Part, 4100)}
	if w.partSize() != 32 {
		t.Errorf("part 4,101 is %d times the first, want 4", w.partSize()/8)
	}
}

// read returns an object as text.
func read(t testing.TB, d blob.Driver, key string) string {
	t.Helper()
	r, err := d.Open(context.Background(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// keysOf lists what a store holds.
func keysOf(t testing.TB, d blob.Driver) []string {
	t.Helper()
	keys := map[string]bool{}
	for info, err := range d.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys[info.Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// TestExportMemory exports half a million rows that are all different and watches the heap.
func TestExportMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("short: 45 MB of output")
	}
	const rows, most = 500_000, 48 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that the heap is little more than what lives
	schema, own := mustParse(t, record("Interactions", userID, itemID, timestamp)), disk{dir: t.TempDir()}
	s := newStore()
	s.objects["f"] = func() io.Reader { return &numbered{rows: rows, pad: strings.Repeat("x", 30)} }
	s.size["f"] = 1
	im := &Importer{Buckets: s, Own: own, Scratch: t.TempDir()}
	seg, err := im.Import(context.Background(), Order{Name: "x", Location: "s3://b/f", Schema: schema, Key: "seg"})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	e, err := newExport(t.Context(), own, "", schema, []Segment{seg}, ExportAll)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	e.most = 50_000 // ten passes
	var out counting
	peak, stop := watchHeap()
	if err = e.compare(t.Context()); err == nil {
		err = e.write(t.Context(), &out, func(int64) {})
	}
	stop()
	if err != nil || out.lines != rows+1 {
		t.Errorf("the export has %d lines, %v; want %d", out.lines, err, rows+1)
	}
	t.Logf("peak heap %d MiB for %d MiB", peak.Load()>>20, out.bytes>>20)
	if peak.Load() > most {
		t.Errorf("peak heap is %d MiB, want at most %d", peak.Load()>>20, most>>20)
	}
}

type counting struct{ lines, bytes int }

func (c *counting) add(line []byte) error {
	c.lines++
	c.bytes += len(line)
	return nil
}
