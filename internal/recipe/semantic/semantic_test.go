package semantic_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

func TestSemantic(t *testing.T) { recipetest.Run(t, semantic.Recipe{}) }

// prose is a textual column, "" for null.
type prose []string

func (prose) Name() string                { return "TEXT" }
func (prose) Categorical() bool           { return false }
func (p prose) Text(i int) (string, bool) { return p[i], p[i] != "" }
func (prose) Number(int) (float64, bool)  { return 0, false }

// library makes data of items with titles and texts, and no interactions but those given.
func library(titles, texts []string, events ...recipetest.Event) *recipe.Data {
	ids := make([]string, len(titles))
	for i := range ids {
		ids[i] = fmt.Sprintf("i%04d", i)
	}
	d := recipetest.Build(events, ids...)
	d.Title, d.Texts = prose(titles), []recipe.Column{prose(texts)}
	return d
}

func neighbours(t *testing.T, m recipe.Model, item int32, count int, influence *recipe.Influence) []int32 {
	t.Helper()
	answers := make([]recipe.Answer, 1)
	if err := m.Rank(context.Background(), []recipe.Query{{Item: item, Count: count, Influence: influence}}, answers); err != nil {
		t.Fatal(err)
	}
	return answers[0].Items
}

// Texts that share no word are near if other texts use their words alike: of each of a hundred subjects half of the
// texts have one name for it and half another, never both, and who asks with nothing but one name gets texts with the
// other before those of any other subject.
func TestMeaningIsMoreThanWords(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() string { // without letters that many share
		b := make([]byte, 8)
		for k := range b {
			b[k] = byte('a' + rng.IntN(26))
		}
		return string(b)
	}
	const subjects, each = 100, 10
	var titles, texts []string
	for range subjects {
		names, around := [2]string{word(), word()}, [4]string{word(), word(), word(), word()}
		for k := range each {
			titles, texts = append(titles, names[k%2]), append(texts, strings.Join(slices.Delete(slices.Clone(around[:]), k/2%4, k/2%4+1), " "))
		}
		titles, texts = append(titles, names[0]), append(texts, "")
	}
	m := recipetest.TrainWith(t, semantic.Recipe{}, library(titles, texts), nil)
	found := 0
	for s := range int32(subjects) {
		asked := s*(each+1) + each
		for _, i := range neighbours(t, m, asked, each, nil) {
			if i/(each+1) == s && titles[i] != titles[asked] {
				found++
			}
		}
	}
	if share := float64(found) / (subjects * each / 2); share < 0.6 {
		t.Errorf("%.0f %% of the texts with another name for the same thing are found, want most", 100*share)
	} else {
		t.Logf("%.0f %% of the texts with another name for the same thing are found", 100*share)
	}
}

// Other forms of a word are near it.
func TestFormsOfWords(t *testing.T) {
	titles := []string{"running shoes", "runner shoe", "gardening", "gardener", "swims", "swimmer"}
	m := recipetest.TrainWith(t, semantic.Recipe{}, library(titles, slices.Repeat([]string{""}, 6)), nil)
	for i := range int32(6) {
		if got := neighbours(t, m, i, 1, nil)[0]; got != i^1 {
			t.Errorf("nearest to %q is %q, want %q", titles[i], titles[got], titles[i^1])
		}
	}
}

// Influence lifts what is popular and what is fresh, the more the heavier it weighs, and 0 is none.
func TestInfluence(t *testing.T) {
	titles := slices.Repeat([]string{"a winter tale"}, 10)
	titles[7] = "a winter song of snow"
	var events []recipetest.Event
	for u := range 20 {
		events = append(events, recipetest.Event{User: fmt.Sprint(u), Item: "i0007", Time: 1000})
	}
	d := library(titles, slices.Repeat([]string{""}, 10), events...)
	for i := range d.Created {
		d.Created[i] = int64(1000 * (10 - i))
	}
	d.Created[4] = 50_000
	m := recipetest.TrainWith(t, semantic.Recipe{}, d, nil)
	plain := neighbours(t, m, 0, 9, nil)
	if plain[0] != 1 || plain[8] != 7 {
		t.Errorf("without influence the order is %v, want those of the same title by index and then 7", plain)
	}
	if got := neighbours(t, m, 0, 9, &recipe.Influence{}); !slices.Equal(got, plain) {
		t.Errorf("with influence 0 the order is %v, want %v", got, plain)
	}
	if got := neighbours(t, m, 0, 9, &recipe.Influence{Popularity: 1}); got[0] != 7 {
		t.Errorf("with popularity the order is %v, want 7 first", got)
	}
	if got := neighbours(t, m, 0, 9, &recipe.Influence{Freshness: 1}); got[0] != 4 {
		t.Errorf("with freshness the order is %v, want 4 first", got)
	}
	if got := neighbours(t, m, 0, 9, &recipe.Influence{Freshness: 0.01}); got[0] != 4 || got[8] != 7 {
		t.Errorf("with a little freshness the order is %v, want 4 first and 7 last", got)
	}
}

// An item without text gets what is popular, but not itself.
func TestWithoutText(t *testing.T) {
	d := library([]string{"", "a tale", "a tale", ""}, slices.Repeat([]string{""}, 4),
		recipetest.Event{User: "u", Item: "i0003", Time: 1}, recipetest.Event{User: "u", Item: "i0002", Time: 2}, recipetest.Event{User: "v", Item: "i0003", Time: 1})
	m := recipetest.TrainWith(t, semantic.Recipe{}, d, nil)
	for item, want := range map[int32][]int32{0: {3, 2, 1}, 3: {2, 0, 1}, 1: {2, 0, 3}, -1: {3, 2, 0, 1}} {
		if got := neighbours(t, m, item, 10, nil); !slices.Equal(got, want) {
			t.Errorf("item %d gets %v, want %v", item, got, want)
		}
	}
}

// What is missing of the texts is said.
func TestMissingTexts(t *testing.T) {
	none := library([]string{"", ""}, []string{"", ""})
	untitled := library([]string{"a", "b"}, []string{"a", "b"})
	untitled.Title = nil
	terse := library([]string{"a", "b"}, []string{"a", "b"})
	terse.Texts = nil
	for want, d := range map[string]*recipe.Data{"itemName true; found none": untitled, "at least 1 textual field that training may use; found 0": terse, "all 2 items have none": none} {
		w, err := artifact.Create(filepath.Join(t.TempDir(), "m"))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Discard()
		err = semantic.Recipe{}.Train(t.Context(), recipe.Training{Data: d, Threads: 1, Out: w, Log: slog.New(slog.DiscardHandler)})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), want) {
			t.Errorf("Train = %v, want fault.Invalid with %q", err, want)
		}
	}
}
