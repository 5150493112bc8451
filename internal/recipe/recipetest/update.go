package recipetest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// late is the item that comes after the training: index 7 of Tastes, an odd one.
const late = "i07"

// updates checks that an update takes an item in that came after the training: the two users who lack it
// get it before everything else they have not had, and nobody of the other taste does.
func updates(t *testing.T, r recipe.Recipe) {
	u, ok := r.(recipe.Updater)
	if !ok {
		t.Fatalf("Info().Updates is set, but %T is no recipe.Updater", r)
	}
	whole, missing := Tastes()
	dir := t.TempDir()
	base := filepath.Join(dir, "base")
	if m := Train(t, r, without(whole, late), base, 1, 2); known(m, late) {
		t.Fatalf("the model knows %s before it came", late)
	}
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	Update(t, u, whole, base, one, 1)
	m := Update(t, u, whole, base, two, 2)
	if a, b := read(t, one), read(t, two); !bytes.Equal(a, b) {
		t.Error("Update with 1 thread and with 2 differ")
	}
	item, _ := whole.Items.Find(late)
	lack := 0
	for user := range whole.Users.Len() {
		had := map[int32]bool{}
		items, times := whole.History(user)
		for _, i := range items {
			had[i] = true
		}
		a := rank(t, m, recipe.Query{Known: true, Items: items, Times: times, Count: whole.Items.Len()})[0]
		first := int32(-1)
		for _, i := range a.Items {
			if !had[i] {
				first = i
				break
			}
		}
		if wants := missing[user] == int32(item); wants != (first == int32(item)) {
			t.Errorf("user %d gets item %d first among the new, lacking item %d of their taste; %s is %d", user, first, missing[user], late, item)
		} else if wants {
			lack++
		}
	}
	if lack == 0 {
		t.Error("nobody lacks the late item: the data is not what this test needs")
	}
}

// Update brings the model at base up to date with d, writes the artifact at path and opens it.
func Update(t testing.TB, r recipe.Updater, d *recipe.Data, base, path string, threads int) recipe.Model {
	t.Helper()
	params, err := recipe.Resolve(r.Info(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := artifact.Open(base)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Update(context.Background(), recipe.Training{Data: d, Params: params, Seed: 1, Threads: threads, Out: w, Log: slog.New(slog.DiscardHandler)}, f)
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return Open(t, r, path)
}

// without returns the data as it was before an item came.
func without(d *recipe.Data, item string) *recipe.Data {
	var events []Event
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k, i := range items {
			if id := d.Items.At(int(i)); id != item {
				events = append(events, Event{d.Users.At(u), id, times[k]})
			}
		}
	}
	return Build(events, "new")
}

func known(m recipe.Model, item string) bool {
	_, ok := m.Items().Find(item)
	return ok
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
