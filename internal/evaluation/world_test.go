package evaluation

import (
	"compress/gzip"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
)

// backwards is a recipe whose lists are known: the allowed items by descending id.
type backwards struct{ asks recipe.Asks }

func (b backwards) Info() recipe.Info {
	return recipe.Info{Name: "backwards", Asks: b.asks, Parameters: []recipe.Parameter{
		{Name: "size", Kind: recipe.Integer, Default: "7", Max: 9},
		{Name: "share", Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "0.5", Max: 1},
	}}
}

func (backwards) Train(_ context.Context, t recipe.Training) error {
	return t.Out.Strings("items", t.Data.Items.Len(), t.Data.Items.At)
}

func (b backwards) Open(f *artifact.File) (recipe.Model, error) {
	items, err := f.Strings("items")
	return backwardsModel{items}, err
}

type backwardsModel struct{ items recipe.Names }

func (m backwardsModel) Items() recipe.Names { return m.items }

// Rank answers a list with its order, everything else with Count items. For an item, only those below it.
func (m backwardsModel) Rank(_ context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	for k, q := range queries {
		a := &answers[k]
		a.Items = nil
		if q.List != nil {
			a.Items = slices.Sorted(slices.Values(q.List))
			slices.Reverse(a.Items)
			continue
		}
		for i := m.items.Len() - 1; i >= 0 && len(a.Items) < q.Count; i-- {
			if (q.Allow == nil || q.Allow.Has(i)) && (q.Item < 0 || i < int(q.Item)) {
				a.Items = append(a.Items, int32(i))
			}
		}
	}
	return nil
}

// config knows backwards and the real recipes.
func config(t *testing.T, asks recipe.Asks) Config {
	t.Helper()
	dir := t.TempDir()
	own, err := fs.New(filepath.Join(dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) (recipe.Recipe, bool) {
		if name == "backwards" {
			return backwards{asks}, true
		}
		return builtin.Find(name)
	}
	return Config{Recipe: find, Own: own, Scratch: dir, Log: slog.New(slog.DiscardHandler)}
}

// write makes a file and returns its path. A name that ends in .gz is packed.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !strings.HasSuffix(name, ".gz") {
		_, err = f.WriteString(text)
	} else {
		z := gzip.NewWriter(f)
		if _, err = z.Write([]byte(text)); err == nil {
			err = z.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func mustSplit(t *testing.T, text string) Split {
	t.Helper()
	s, err := ParseSplit(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
