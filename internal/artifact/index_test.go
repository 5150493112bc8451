package artifact

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// named returns names as an artifact's table, written with an index or without.
func named(t testing.TB, names []string, indexed bool) Strings {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	put := w.Strings
	if indexed {
		put = w.Names
	}
	if err := put("n", len(names), func(i int) string { return names[i] }); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s, err := f.Strings("n")
	if err != nil {
		t.Fatal(err)
	}
	if has := s.index != nil; has != indexed {
		t.Fatalf("the table has an index: %v, want %v", has, indexed)
	}
	return s
}

// searched checks every way to find wanted in a table.
func searched(t interface{ Errorf(string, ...any) }, s Strings, names, wanted []string) {
	all := make([]int32, len(wanted))
	s.FindAll(wanted, all)
	for k, v := range wanted {
		want, ok := slices.BinarySearch(names, v)
		if !ok {
			want = -1
		}
		if got, found := s.Find(v); found != ok || ok && got != want {
			t.Errorf("Find(%q) = %d, %v, want %d", v, got, found, want)
		}
		if int(all[k]) != want {
			t.Errorf("FindAll(%q) = %d, want %d", v, all[k], want)
		}
	}
}

// A name is found where it is and no other is found, with an index and without.
func TestNamesAreFound(t *testing.T) {
	for _, indexed := range []bool{true, false} {
		rapid.Check(t, func(r *rapid.T) {
			text := rapid.OneOf(rapid.StringN(0, 40, 40), rapid.StringMatching(`u[0-9]{0,3}`))
			names := rapid.SliceOfNDistinct(text, 0, 300, rapid.ID[string]).Draw(r, "names")
			slices.Sort(names)
			wanted := append(rapid.SliceOfN(text, 0, 50).Draw(r, "others"), names...)
			searched(r, named(t, names, indexed), names, wanted)
		})
	}
}

// Names that occur: numbered in a row, with a common beginning, long.
func TestUsualNames(t *testing.T) {
	for _, format := range []string{"%d", "u%07d", "user-%012d-of-many", "%d" + strings.Repeat("x", 200)} {
		var names, others []string
		for i := range 20_000 {
			names = append(names, fmt.Sprintf(format, 2*i))
			others = append(others, fmt.Sprintf(format, 2*i+1))
		}
		slices.Sort(names)
		s := named(t, names, true)
		searched(t, s, names, slices.Concat(names, others))
		if far := furthest(s); far > 250 {
			t.Errorf("%s: a name is %d slots from its place", format, far)
		}
	}
}

// furthest is how many slots a name is at most from its place.
func furthest(s Strings) (far int) {
	slots := len(s.index) - 1
	width := bits.Len(uint(s.Len()))
	for slot, v := range s.index[1:] {
		if v != 0 {
			name := s.At(int(v&(1<<width-1)) - 1)
			far = max(far, (slot+1-s.index.home(s.index.hash(name))+slots)%slots)
		}
	}
	return far
}

// Names whose hashes are alike whatever the seed get no index: to find them is a search then.
func TestNamesOfOneHash(t *testing.T) {
	same := func(int) string { return "a" }
	if x := newIndex(200, same, 100); x != nil {
		t.Errorf("200 names at one place made an index, want none with at most 100 steps")
	}
	if x := newIndex(90, same, 100); x == nil {
		t.Errorf("90 names at one place made no index, want one with at most 100 steps")
	}
}

// The hash stands in files.
func TestHashStays(t *testing.T) {
	x := index{0, 0}
	for text, want := range map[string]uint64{
		"": 0xf5b46a00aa283ecf, "a": 0xddb6597f5783ce4f, "abc": 0xb2740d897647a84f, "u000001": 0x740a01db09de4ce4,
		"u0000001": 0x7056b95bc013d903, "user-12345": 0xa65a6a0a57f3cf90, strings.Repeat("long", 10): 0x39ddb5df4729a050,
	} {
		if got := x.hash(text); got != want {
			t.Errorf("hash(%q) = %#x, want %#x", text, got, want)
		}
	}
}

// BenchmarkFind looks up names in no order, among more than fit any cache.
func BenchmarkFind(b *testing.B) {
	const n = 2_000_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("u%07d", i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	wanted := make([]string, 1<<16)
	for k := range wanted {
		wanted[k] = names[r.IntN(n)]
	}
	found := make([]int32, 256)
	for _, c := range []struct {
		name    string
		indexed bool
		find    func(s Strings, v []string)
	}{
		{"search", false, func(s Strings, v []string) { s.FindAll(v, found) }},
		{"index, one by one", true, func(s Strings, v []string) {
			for _, text := range v {
				s.Find(text)
			}
		}},
		{"index, 256 together", true, func(s Strings, v []string) { s.FindAll(v, found) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := named(b, names, c.indexed)
			at := 0
			for b.Loop() {
				c.find(s, wanted[at:at+256])
				at = (at + 256) % len(wanted)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/name")
		})
	}
}
