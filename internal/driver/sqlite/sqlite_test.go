package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/catalog"
)

func TestSmoke(t *testing.T) {
	for _, p := range []string{Memory, filepath.Join(t.TempDir(), "a dir?%41", "k.db")} {
		d, err := Open(t.Context(), p, Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = catalog.Insert(t.Context(), d, catalog.Record{ARN: "arn:a", Account: "1", Kind: "k"}, map[string]int{"a": 1}, &catalog.Work{Owner: "arn:a", Kind: "x"})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(d.Get(t.Context(), "arn:a"))
		t.Log(d.Claim(t.Context(), "w", []string{"x"}, 1000, nil))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
