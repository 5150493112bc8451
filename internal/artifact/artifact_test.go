package artifact

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func write(t *testing.T, path string) {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"a", "", "long enough to matter", "z"}
	for _, err := range []error{
		Put(w, "f", []float32{1, -2.5, 3}),
		Put(w, "empty", []int64(nil)),
		w.Strings("ids", len(ids), func(i int) string { return ids[i] }),
		w.Meta(map[string]int{"dim": 3}),
		w.Commit(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsPutComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "model")
	write(t, path)
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Verify(); err != nil {
		t.Fatal(err)
	}
	if got, err := Get[float32](f, "f"); err != nil || !slices.Equal(got, []float32{1, -2.5, 3}) {
		t.Errorf("f = %v, %v", got, err)
	}
	if got, err := Get[int64](f, "empty"); err != nil || len(got) != 0 {
		t.Errorf("empty = %v, %v", got, err)
	}
	if _, err := Get[int32](f, "f"); err == nil {
		t.Error("float32 array read as int32: want an error")
	}
	ids, err := f.Strings("ids")
	if err != nil || ids.Len() != 4 || ids.At(2) != "long enough to matter" || ids.At(1) != "" {
		t.Errorf("ids: %v %v", ids, err)
	}
	var meta struct{ Dim int }
	if err := f.Meta(&meta); err != nil || meta.Dim != 3 {
		t.Errorf("meta = %+v, %v", meta, err)
	}
}

// Nothing is visible before Commit, and a discarded artifact leaves no file behind.
func TestVisibleMeansComplete(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "m"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Put(w, "a", []int8{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "m")); !os.IsNotExist(err) {
		t.Errorf("before Commit: %v, want no such file", err)
	}
	w.Discard()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("after Discard: %v, %v; want an empty folder", left, err)
	}
}

// Any single damaged byte is found by Open or Verify, unless it is padding that nobody reads.
func TestDamageIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	write(t, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	covered := make([]bool, len(good))
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 32 {
		covered[i] = true
	}
	for _, e := range f.table.Arrays {
		n, _ := e.bytes()
		for i := e.Offset; i < e.Offset+n; i++ {
			covered[i] = true
		}
	}
	f.Close()
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(good)-1).Draw(t, "at")
		if !covered[at] {
			return
		}
		bad := slices.Clone(good)
		bad[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if err := os.WriteFile(path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		if f.Verify() == nil {
			t.Fatalf("byte %d damaged and nobody noticed", at)
		}
	})
}

func TestFindInAscendingTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{"a", "b", "ba", "é"}
	if err := w.Strings("ids", len(ids), func(i int) string { return ids[i] }); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := f.Strings("ids")
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if got, ok := s.Find(id); !ok || got != i {
			t.Errorf("Find(%q) = %d, %v, want %d, true", id, got, ok, i)
		}
	}
	if _, ok := s.Find("aa"); ok {
		t.Error("Find(aa) found something")
	}
}
