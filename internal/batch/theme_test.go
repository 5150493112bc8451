package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/text"
)

// A themed is an output line of a job in theme mode.
type themed struct {
	Input  struct{ ItemID string }
	Output *struct {
		RecommendedItems          []string
		Theme                     string
		ItemsThemeRelevanceScores []json.Number
	}
	Error *string
}

// converseWith answers lines in blocks of a size.
func converseWith(t testing.TB, w *world, o Order, block int, lines []string) []byte {
	t.Helper()
	b, _ := w.Open(context.Background(), "")
	or, err := newOracle(&o, b)
	if err != nil {
		t.Fatal(err)
	}
	or.block = block
	d := newDesk(or)
	var out []byte
	var tally Tally
	keep := func(b []byte) ([]byte, error) { return b, nil }
	for k, line := range lines {
		if d.put([]byte(line)); d.full() || k == len(lines)-1 {
			if out, err = d.answer(context.Background(), out, &tally, keep); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// TestThemedLists is what holds for every job in theme mode, whatever the recipe and the texts:
//
//   - each line has the items that the same line of a job without themes has, in the order of their relevance, ties as they
//     were there, and beside each its relevance, from 0 to 1 with 4 decimals at most;
//   - the theme consists of words of the listed items, and "and"; where these have no word, it is empty;
//   - a line that cannot be answered says why, as in other jobs;
//   - what else is in a block changes nothing.
func TestThemedLists(t *testing.T) {
	word := rapid.SampledFrom([]string{"boots", "winter", "beach", "sandals", "tent", "for", "two", "7"})
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld("item")
		w.items = manyItems(rapid.IntRange(1, 12).Draw(r, "items"))
		for _, field := range []string{"TITLE", "ABOUT"} {
			for range w.items {
				w.columns[field] = append(w.columns[field], strings.Join(rapid.SliceOfN(word, 0, 4).Draw(r, field), " "))
			}
		}
		lines := []string{`{"itemId":"nobody"}`, `{"itemId":""}`}
		for _, id := range w.items {
			lines = append(lines, fmt.Sprintf(`{"itemId":%q}`, id))
		}
		plain := Order{NumResults: rapid.IntRange(1, 8).Draw(r, "results")}
		o := plain
		o.Theme = &Theme{Name: "TITLE", Text: "ABOUT"}
		got := converseWith(t, w, o, len(lines), lines)
		if some := converseWith(t, w, o, rapid.IntRange(1, 5).Draw(r, "block"), lines); !bytes.Equal(some, got) {
			r.Fatalf("in other blocks the answers are\n%swant\n%s", some, got)
		}
		want := strings.Split(string(converseWith(t, w, plain, len(lines), lines)), "\n")
		for k, line := range strings.Split(strings.TrimSuffix(string(got), "\n"), "\n") {
			var a, b themed
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				r.Fatalf("%v: %s", err, line)
			}
			if err := json.Unmarshal([]byte(want[k]), &b); err != nil {
				r.Fatalf("%v: %s", err, want[k])
			}
			if b.Output == nil {
				if line != want[k] {
					r.Fatalf("a line that cannot be answered is %s, want %s", line, want[k])
				}
				continue
			}
			w.checkTheme(r, a, b.Output.RecommendedItems)
		}
	})
}

// checkTheme checks one line against the list of a job without themes.
func (w *world) checkTheme(t *rapid.T, line themed, plain []string) {
	if line.Error != nil || line.Output == nil {
		t.Fatalf("%+v has an error, want a list", line)
	}
	items, scores := line.Output.RecommendedItems, line.Output.ItemsThemeRelevanceScores
	if len(scores) != len(items) {
		t.Fatalf("%d items with %d scores", len(items), len(scores))
	}
	relevance := map[string]float64{}
	for k, s := range scores {
		v, err := s.Float64()
		if _, decimals, _ := strings.Cut(s.String(), "."); err != nil || v < 0 || v > 1 || len(decimals) > 4 {
			t.Fatalf("relevance %s, want 0 to 1 with 4 decimals at most", s)
		}
		relevance[items[k]] = v
	}
	want := slices.Clone(plain)
	slices.SortStableFunc(want, func(a, b string) int {
		switch x, y := relevance[a], relevance[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	if !slices.Equal(items, want) {
		t.Fatalf("the list %v with relevance %v, want %v", items, scores, want)
	}
	var known []string
	for _, id := range items {
		i, _ := w.items.Find(id)
		known = append(known, text.Words(w.columns["TITLE"][i]+" "+w.columns["ABOUT"][i])...)
	}
	for _, label := range text.Words(line.Output.Theme) {
		if label != "and" && !slices.Contains(known, label) {
			t.Fatalf("the theme %q has the word %q, which none of %v has", line.Output.Theme, label, items)
		}
	}
}

// Items that have a planted word in common get it as their theme, and the one that does not belong comes last.
func TestPlantedThemes(t *testing.T) {
	w := newWorld("item")
	w.items = manyItems(24)
	for i := range w.items {
		w.columns["TITLE"] = append(w.columns["TITLE"], fmt.Sprintf("Volume %d", i))
		about := [...]string{"sourdough", "lighthouse", "orchid"}[i/8] + fmt.Sprintf(" of kind %d", i)
		if i == 4 {
			about = "nothing that others have"
		}
		w.columns["ABOUT"] = append(w.columns["ABOUT"], about)
	}
	lines := []string{`{"itemId":"i000003"}`, `{"itemId":"i000012"}`, `{"itemId":"i000020"}`}
	out := converseWith(t, w, Order{NumResults: 5, Theme: &Theme{Name: "TITLE", Text: "ABOUT"}}, 2, lines)
	for k, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		var a themed
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if want := [...]string{"Sourdough", "Lighthouse", "Orchid"}[k]; !strings.HasPrefix(a.Output.Theme, want) {
			t.Errorf("line %d has the theme %q, want %q", k+1, a.Output.Theme, want)
		}
		if k == 0 && a.Output.RecommendedItems[4] != "i000004" {
			t.Errorf("the list is %v with %v, want what does not belong last", a.Output.RecommendedItems, a.Output.ItemsThemeRelevanceScores)
		}
	}
}

// Without the fields there are no themes, and the job says so.
func TestThemesNeedTheirFields(t *testing.T) {
	w := newWorld("item")
	b, _ := w.Open(context.Background(), "")
	if _, err := newOracle(&Order{NumResults: 1, Theme: &Theme{Name: "GENRES", Text: "ABOUT"}}, b); err == nil || !strings.Contains(err.Error(), "ABOUT") {
		t.Errorf("without the field ABOUT: %v, want a sentence about it", err)
	}
}
