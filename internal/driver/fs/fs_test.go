package fs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/blob/blobtest"
	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/fault"
)

func open(t *testing.T, dir string) *fs.Bucket {
	t.Helper()
	b, err := fs.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDriver(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Driver { return open(t, t.TempDir()) })
}

// No key leads out of the folder or into what the driver keeps for itself.
func TestKeysStayInside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bucket")
	b := open(t, dir)
	for _, key := range []string{"", "/", "/etc/passwd", "../out", "a/../../out", "a//b", "a/", ".", "a/./b", ".kindred/x", "a\x00b"} {
		if _, err := b.Put(t.Context(), key, strings.NewReader("x"), blob.Options{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Put(%q) = %v, want invalid", key, err)
		}
		if _, err := b.Open(t.Context(), key, 0, -1); !fault.Is(err, fault.Invalid) {
			t.Errorf("Open(%q) = %v, want invalid", key, err)
		}
		if err := b.Delete(t.Context(), key); !fault.Is(err, fault.Invalid) {
			t.Errorf("Delete(%q) = %v, want invalid", key, err)
		}
	}
	if _, err := b.Upload(t.Context(), "k", "../uploads", 1, nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("Upload to a path = %v, want not found", err)
	}
}

// Uploads go on after a restart; what a crash left of a write long ago goes away.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	up, err := b.Begin(t.Context(), "k", blob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := b.Upload(t.Context(), "k", up, 1, []byte("kept"))
	if err != nil {
		t.Fatal(err)
	}
	left, fresh := filepath.Join(dir, ".kindred", "write-1"), filepath.Join(dir, ".kindred", "write-2")
	for file, age := range map[string]time.Duration{left: 25 * time.Hour, fresh: time.Hour} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	b = open(t, dir)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a crash left a day ago is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a file that may be being written is gone: %v", err)
	}
	if err := b.Complete(t.Context(), "k", up, []blob.Part{part}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(b.Path("k")); err != nil || string(got) != "kept" {
		t.Errorf("object after a restart = %q, %v; want %q", got, err, "kept")
	}
}
