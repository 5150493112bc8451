package train_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/synth"
	"github.com/kindredrec/kindred/internal/train"
)

// What the data lacks fails the version when it is trained, with what was found and what is needed.
func TestFailureReasons(t *testing.T) {
	for _, c := range []struct {
		change func(*world, *train.Order)
		want   string
	}{
		{func(w *world, _ *train.Order) { w.cfg.MinEvents = 100_000 }, "Dataset has fewer than 100000 interactions. Found 570."},
		{func(w *world, _ *train.Order) { w.cfg.MinUsers = 61 }, "Create failed. Dataset has fewer than 61 users with at least 2 interactions each. Found 60."},
		{func(_ *world, o *train.Order) { o.EventType = "rent" }, "Dataset has fewer than 10 interactions after filtering by event type: rent (found 0)"},
		{func(_ *world, o *train.Order) {
			o.Events = dataset.EventKinds{{Type: "rent", Weight: 1}, {Type: "lend", Weight: 1}}
		}, "Dataset has fewer than 10 interactions after filtering by event type: rent, lend (found 0)"},
		{func(w *world, _ *train.Order) { w.cfg.MaxKinds = 1 }, "The interactions have 1 event types and 1 metadata columns; expected at most 1 together."},
		{func(_ *world, o *train.Order) { o.Objective = "PRICE" }, "The objective's column PRICE must be a number of the Items dataset; there is no such column."},
	} {
		w := newWorld(t, toy{})
		o := train.Order{Params: answer("items")}
		c.change(w, &o)
		w.order(o)
		w.start()
		w.await("train failed")
		if doc, rec := w.get(); rec.Status != "CREATE FAILED" || doc.FailureReason != c.want {
			t.Errorf("the version is %s because %q, want %q", rec.Status, doc.FailureReason, c.want)
		}
	}
}

// bringItems puts a dataset of items into the catalog.
func (w *world) bringItems() {
	w.t.Helper()
	var csv bytes.Buffer
	if err := synth.New(synth.Shape{Users: 60, Items: 30, Events: 900, Seed: 1}).Items(&csv); err != nil {
		w.t.Fatal(err)
	}
	bucket := mem.New()
	if _, err := bucket.Put(w.t.Context(), "items.csv", &csv, blob.Options{}); err != nil {
		w.t.Fatal(err)
	}
	schema, err := dataset.ParseSchema(synth.ItemsSchema, "")
	if err != nil {
		w.t.Fatal(err)
	}
	im := dataset.Importer{Buckets: one{bucket}, Own: w.own}
	seg, err := im.Import(w.t.Context(), dataset.Order{Name: "items", Location: "s3://b/items.csv", Schema: schema, Key: "datasets/items"})
	if err != nil {
		w.t.Fatal(err)
	}
	schemaARN := arn.New(region, account, arn.Schema, "items")
	w.insert(schemaARN, arn.Schema, "", api.DatasetSchema{Schema: synth.ItemsSchema}, nil, nil)
	name := arn.New(region, account, arn.Dataset, group.Name()+"/"+dataset.Items)
	w.insert(name, arn.Dataset, "ACTIVE", api.Dataset{SchemaArn: schemaARN.String(), DatasetType: dataset.Items}, dataset.State{Segments: []dataset.Segment{seg}}, nil)
}

// A recipe sees the columns that the configuration leaves, in measuring and in learning, and the objective's column
// even if it is excluded.
func TestColumnsOfTraining(t *testing.T) {
	all := map[string]bool{}
	for _, c := range []struct {
		included, excluded map[string][]string
		gone, left         int
	}{
		{nil, nil, 0, 0},
		{nil, map[string][]string{"items": {"genres"}}, 1, 0},
		{map[string][]string{"Items": {"GENRES"}}, nil, 0, 1},
	} {
		var mu sync.Mutex
		var seen []string
		w := newWorld(t, toy{func(_ context.Context, o recipe.Training) error {
			mu.Lock()
			defer mu.Unlock()
			var names []string
			for _, col := range o.Data.Columns {
				names = append(names, col.Name())
			}
			seen = append(seen, strings.Join(names, " "))
			return nil
		}})
		w.bringItems()
		w.order(train.Order{Params: answer("items"), Included: c.included, Excluded: c.excluded})
		w.start()
		w.await("train done")
		if len(seen) != 2 || seen[0] != seen[1] {
			t.Fatalf("the two learnings saw %q, want the same columns twice", seen)
		}
		got := strings.Fields(seen[0])
		if c.included == nil && c.excluded == nil {
			for _, name := range got {
				all[name] = true
			}
		}
		want := maps.Clone(all)
		if c.gone == 1 {
			delete(want, "GENRES")
		}
		if c.left == 1 {
			want = map[string]bool{"GENRES": true}
		}
		slices.Sort(got)
		if fmt.Sprint(got) != fmt.Sprint(slices.Sorted(maps.Keys(want))) || len(all) < 2 || !all["GENRES"] {
			t.Errorf("with %v and without %v a recipe sees %v, want %v", c.included, c.excluded, got, slices.Sorted(maps.Keys(want)))
		}
	}
}
