package semantic_test

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/recipe/semantic"
)

// A new item with the text of a known one lies where that lies, also where texts are reduced; what is popular and
// fresh is measured as at the training.
func TestUpdate(t *testing.T) {
	all := shelf(600)
	titles, texts := all.Title.(prose), all.Texts[0].(prose)
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	event := recipetest.Event{User: "u", Item: "i0003", Time: 100}
	recipetest.Train(t, semantic.Recipe{}, library(titles[:590], texts[:590], event), base, 1, 2)

	copied := []int{5, 17, 400, 450, 500}
	for k, i := range copied {
		titles[590+k], texts[590+k] = titles[i], texts[i]
	}
	titles[599], texts[599] = "", ""
	d := library(titles, texts, event, recipetest.Event{User: "v", Item: "i0590", Time: 200})
	m := recipetest.Update(t, semantic.Recipe{}, d, base, filepath.Join(dir, "m"), 2)
	for k, i := range copied {
		if got := neighbours(t, m, int32(i), 1, nil)[0]; got != int32(590+k) {
			t.Errorf("item %d gets %d first, want %d, which has the same text", i, got, 590+k)
		}
		if got := neighbours(t, m, int32(590+k), 1, nil)[0]; got != int32(i) {
			t.Errorf("new item %d gets %d first, want %d, which has the same text", 590+k, got, i)
		}
	}
	if got := neighbours(t, m, 599, 1, nil)[0]; got != 3 && got != 590 {
		t.Errorf("a new item without text gets %d first, want a popular one", got)
	}
	if got := neighbours(t, m, 40, 2, &recipe.Influence{Popularity: 1})[:2]; !slices.Contains(got, 3) || !slices.Contains(got, 590) {
		t.Errorf("with popularity item 40 gets %v first, want the two that are popular", got)
	}
}

// A model that keeps no words cannot take new items in, and says what to do.
func TestUpdateOfOld(t *testing.T) {
	dir := t.TempDir()
	w, err := artifact.Create(filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	d := library([]string{"a", "b"}, []string{"a", "b"})
	if err := recipe.WriteOrder(w, d.Items, []int32{0, 1}); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{artifact.Put(w, "vectors", make([]float32, 32)), w.Meta(map[string]int{"Dimensions": 0}), w.Commit()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	old, err := artifact.Open(filepath.Join(dir, "old"))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	out, err := artifact.Create(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Discard()
	err = semantic.Recipe{}.Update(t.Context(), recipe.Training{Data: d, Threads: 1, Out: out, Log: slog.New(slog.DiscardHandler)}, old)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), "FULL") {
		t.Errorf("Update = %v, want fault.Invalid and advice", err)
	}
}
