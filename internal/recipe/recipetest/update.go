package recipetest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// late is the item that comes after the training: index 7 of Tastes, an odd one.
const late = "i07"

// updates checks that an update takes an item in that came after the training: the two users who lack it
// get it before everything else they have not had, and nobody of the other taste does.
func updates(t *testing.T, r recipe.Recipe) {
	whole, missing := Tastes()
	_, m := beforeAndAfter(t, r, whole)
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

// increments checks that an update takes an item in that came after the training: it gets items of its taste, these get it
// before any of the other, and what they get beside it is what they got, in the same order.
func increments(t *testing.T, r recipe.Recipe) {
	whole, _ := Tastes()
	before, after := beforeAndAfter(t, r, whole)
	item, _ := whole.Items.Find(late)
	for i := range int32(40) {
		got := rank(t, after, recipe.Query{Item: i, Count: whole.Items.Len()})[0].Items
		for k, j := range got[:19] {
			if j%2 != i%2 {
				t.Errorf("item %d: rank %d is %d, want all of the same taste first: %v", i, k+1, j, got)
				break
			}
		}
		if i == int32(item) {
			continue
		}
		old, _ := before.Items().Find(whole.Items.At(int(i)))
		want := ids(before, rank(t, before, recipe.Query{Item: int32(old), Count: whole.Items.Len()})[0].Items)
		if rest := slices.DeleteFunc(ids(after, got), func(id string) bool { return id == late }); !slices.Equal(rest, want) {
			t.Errorf("item %d gets %v beside %s, want %v as before", i, rest, late, want)
		}
	}
}

func ids(m recipe.Model, items []int32) (out []string) {
	for _, i := range items {
		out = append(out, m.Items().At(int(i)))
	}
	return out
}

// beforeAndAfter trains a model without the late item and updates it with all, with one thread and with two.
func beforeAndAfter(t *testing.T, r recipe.Recipe, whole *recipe.Data) (before, after recipe.Model) {
	t.Helper()
	u, ok := r.(recipe.Updater)
	if !ok {
		t.Fatalf("Info says that the recipe updates models, but %T is no recipe.Updater", r)
	}
	dir := t.TempDir()
	base, one, two := filepath.Join(dir, "base"), filepath.Join(dir, "one"), filepath.Join(dir, "two")
	if before = Train(t, r, without(whole, late), base, 1, 2); known(before, late) {
		t.Fatalf("the model knows %s before it came", late)
	}
	Update(t, u, whole, base, one, 1)
	after = Update(t, u, whole, base, two, 2)
	if a, b := read(t, one), read(t, two); !bytes.Equal(a, b) {
		t.Error("Update with 1 thread and with 2 differ")
	}
	return before, after
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
