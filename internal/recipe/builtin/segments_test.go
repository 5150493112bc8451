package builtin

import (
	"cmp"
	"context"
	"encoding/csv"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"compress/gzip"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

var itemsFile = flag.String("items", "", "CSV file of items with GENRES and YEAR, for TestSegments")

// TestSegments measures user segments as GetSolutionMetrics does, against the users in an order of chance
// and those who do most. Both baselines leave out nobody.
func TestSegments(t *testing.T) {
	if *train == "" || *itemsFile == "" {
		t.Skip("needs -train and -items, files of a public data set (docs/measurements/segments.md)")
	}
	events, err := recipetest.ReadEvents(*train)
	if err != nil {
		t.Fatal(err)
	}
	d := recipetest.Build(events)
	d.Columns = readColumns(t, d)
	part, later := recipe.HoldoutEvents(d)
	for _, r := range Segmenters() {
		measured := map[string]map[string]float64{}
		m := recipetest.TrainSegments(t, r, part, filepath.Join(t.TempDir(), "model"), 1, 2)
		for name, model := range map[string]recipe.SegmentModel{
			r.Info().Name: m,
			"chance":      ordered{m, func(u int, _ map[int32]bool) int { return u * 7919 % 104729 }},
			"activity":    ordered{m, func(u int, _ map[int32]bool) int { return int(part.Start[u+1] - part.Start[u]) }},
			"history":     ordered{m, func(u int, items map[int32]bool) int { return count(part, u, items) }},
		} {
			got, err := recipe.EvaluateSegments(context.Background(), model, r.Info().Asks, d, later, 1)
			if err != nil {
				t.Fatal(err)
			}
			measured[name] = got
			t.Logf("| %s | %s | %.4f | %.4f | %.4f |", r.Info().Name, name, got["coverage"], got["hits_at_1_percent"], got["recall_at_1_percent"])
		}
		for _, name := range []string{"hits_at_1_percent", "recall_at_1_percent"} {
			got := measured[r.Info().Name][name]
			if chance, activity := measured["chance"][name], measured["activity"][name]; got < 1.5*chance || got < activity {
				t.Errorf("%s: %s is %.4f, by chance %.4f, of the most active %.4f", r.Info().Name, name, got, chance, activity)
			}
		}
	}
}

// ordered ranks users by a number.
type ordered struct {
	recipe.SegmentModel
	by func(u int, items map[int32]bool) int
}

func (o ordered) Segment(_ context.Context, queries []recipe.SegmentQuery, answers [][]int32) error {
	for k, q := range queries {
		items := map[int32]bool{}
		for _, i := range q.Items {
			items[i] = true
		}
		all, number := make([]int32, o.Users().Len()), make([]int, o.Users().Len())
		for u := range all {
			all[u], number[u] = int32(u), o.by(u, items)
		}
		slices.SortFunc(all, func(a, b int32) int { return cmp.Or(cmp.Compare(number[b], number[a]), cmp.Compare(a, b)) })
		answers[k] = all[:min(q.Count, len(all))]
	}
	return nil
}

// count is how often user u had the items.
func count(d *recipe.Data, u int, items map[int32]bool) (n int) {
	had, _ := d.History(u)
	for _, i := range had {
		if items[i] {
			n++
		}
	}
	return n
}

// years is a column of numbers by item.
type years []string

func (y years) Name() string            { return "YEAR" }
func (y years) Categorical() bool       { return false }
func (y years) Text(int) (string, bool) { return "", false }
func (y years) Number(i int) (float64, bool) {
	v, err := strconv.ParseFloat(y[i], 64)
	return v, err == nil
}

func readColumns(t *testing.T, d *recipe.Data) []recipe.Column {
	f, err := os.Open(*itemsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	id, genre, year := slices.Index(rows[0], "ITEM_ID"), slices.Index(rows[0], "GENRES"), slices.Index(rows[0], "YEAR")
	g, y := make(recipetest.Genres, d.Items.Len()), make(years, d.Items.Len())
	for _, row := range rows[1:] {
		if i, ok := d.Items.Find(row[id]); ok {
			g[i], y[i] = row[genre], row[year]
		}
	}
	return []recipe.Column{g, y}
}
