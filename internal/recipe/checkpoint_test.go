package recipe

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
)

// What was saved last comes back to who has its key, and only whole.
func TestCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "model.checkpoint")
	c := NewCheckpoint(path, 0)
	save := func(key string, step int, numbers ...int64) {
		t.Helper()
		if err := c.Save(key, step, func(w *artifact.Writer) error { return artifact.Put(w, "numbers", numbers) }); err != nil {
			t.Fatal(err)
		}
	}
	load := func(key string) (step int, numbers []int64, ok bool) {
		ok = c.Load(key, &step, func(f *artifact.File) error {
			found, err := artifact.Get[int64](f, "numbers")
			numbers = slices.Clone(found)
			return err
		})
		return step, numbers, ok
	}
	if _, _, ok := load("a"); ok {
		t.Error("Load before any Save found something")
	}
	save("a", 1, 7)
	save("a", 2, 8, 9)
	if step, numbers, ok := load("a"); !ok || step != 2 || !slices.Equal(numbers, []int64{8, 9}) {
		t.Errorf("Load = %d, %v, %v, want 2, [8 9], true", step, numbers, ok)
	}
	if _, _, ok := load("b"); ok {
		t.Error("Load found what belongs to another training")
	}
	broken := errors.New("no")
	if err := c.Save("a", 3, func(*artifact.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Save = %v, want %v", err, broken)
	}
	if step, _, ok := load("a"); !ok || step != 2 {
		t.Errorf("after a Save that failed Load = %d, %v, want 2, true", step, ok)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for k := range b { // every byte is under a checksum or is one
		if k%7 != 0 {
			continue
		}
		b[k] ^= 4
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if step, numbers, ok := load("a"); ok && (step != 2 || !slices.Equal(numbers, []int64{8, 9})) {
			t.Fatalf("with byte %d damaged Load = %d, %v", k, step, numbers)
		}
		b[k] ^= 4
	}
	for range 2 { // also where there is nothing
		if err := c.Remove(); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if _, _, ok := load("a"); ok {
		t.Error("Load found what was removed")
	}
}

// A checkpoint that is not due is not written, and none is no trouble.
func TestCheckpointIsRare(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.checkpoint")
	never := func(*artifact.Writer) error { t.Error("written before its time"); return nil }
	for _, c := range []*Checkpoint{NewCheckpoint(path, time.Hour), nil} {
		if err := c.Save("a", 1, never); err != nil {
			t.Errorf("Save: %v", err)
		}
		if c.Load("a", new(int), func(*artifact.File) error { return nil }) {
			t.Error("Load found something")
		}
		if err := c.Remove(); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
}
