package trending_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/recipe/trending"
)

func TestTrending(t *testing.T) { recipetest.Run(t, trending.Recipe{}, recipetest.Trends) }

// Each frequency looks at a window of its own: of items that each rise within a window of one length and not
// within a shorter one, the right ones come first.
func TestFrequencies(t *testing.T) {
	const end = 10_000_000
	var events []recipetest.Event
	user := 0
	add := func(item string, n int, age int64) {
		for range n {
			user++
			events = append(events, recipetest.Event{User: string(rune('a'+user/26%26)) + string(rune('a'+user%26)) + item, Item: item, Time: end - age})
		}
	}
	add("popular", 1, 0)
	add("popular", 60, 40*86400)
	for k, age := range []int64{600, 2400, 5400, 9000, 50_000} { // in 30 minutes, 1 hour, 2 hours, 3 hours, 1 day
		add("rose"+string(rune('1'+k)), 10+k, age)
	}
	d := recipetest.Build(events)
	for frequency, want := range map[string][]string{
		"30 minutes": {"rose1", "popular"}, // the second lies in the window before
		"1 hour":     {"rose2", "rose1", "popular"},
		"2 hours":    {"rose3", "rose2", "rose1", "popular"},
		"3 hours":    {"rose4", "rose3", "rose2", "rose1", "popular"},
		"1 day":      {"rose5", "rose4", "rose3", "rose2", "rose1", "popular"},
	} {
		m := recipetest.TrainWith(t, trending.Recipe{}, d, map[string]string{"trend_discovery_frequency": frequency})
		answers := make([]recipe.Answer, 1)
		if err := m.Rank(context.Background(), []recipe.Query{{Item: -1, Count: len(want)}}, answers); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range answers[0].Items {
			got = append(got, d.Items.At(int(i)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", frequency, got, want)
		}
	}
}

func measure(t testing.TB, d *recipe.Data) map[string]float64 {
	t.Helper()
	params, err := recipe.Resolve(trending.Recipe{}.Info(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	order := recipe.Training{Data: d, Params: params, Threads: 1}
	metrics, err := trending.Recipe{}.Measure(context.Background(), order, func(ctx context.Context, o recipe.Training, use func(*artifact.File) error) error {
		path := filepath.Join(dir, "m")
		w, err := artifact.Create(path)
		if err != nil {
			return err
		}
		defer w.Discard()
		o.Out = w
		if err := (trending.Recipe{}).Train(ctx, o); err != nil {
			return err
		}
		if err := w.Commit(); err != nil {
			return err
		}
		f, err := artifact.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return use(f)
	})
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

// Where what rose before goes on rising, the prediction is right; where another item rises in its place, among
// more than a list holds, it is wrong.
func TestTrendPrediction(t *testing.T) {
	const end, window = 1_000_000, 7200
	for _, c := range []struct {
		later string
		want  float64
	}{{"a00", 1}, {"z", 0}} {
		var events []recipetest.Event
		for k := range 30 { // popular, so that "z" does not fill up the list
			events = append(events, recipetest.Event{User: "u", Item: "a" + string(rune('0'+k/10)) + string(rune('0'+k%10)), Time: 1000})
		}
		for k := range 30 {
			user := string(rune('A' + k))
			if k < 10 {
				events = append(events, recipetest.Event{User: user, Item: "a00", Time: end - window - 100})
			}
			events = append(events, recipetest.Event{User: user, Item: c.later, Time: end - int64(k)})
		}
		m := measure(t, recipetest.Build(events, "z"))
		if got := m["trend_prediction_accuracy"]; got != c.want {
			t.Errorf("%s rises in the newest window: accuracy %v, want %v", c.later, got, c.want)
		}
		if len(m) != 9 {
			t.Errorf("metrics are %v, want those of recipes that rank items and one more", m)
		}
	}
	if m := measure(t, recipetest.Build(nil, "a")); m["trend_prediction_accuracy"] != 0 {
		t.Errorf("without events the metrics are %v, want accuracy 0", m)
	}
}

// The accuracy is a share, whatever the data.
func TestTrendPredictionIsAShare(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var events []recipetest.Event
		for range rapid.IntRange(0, 60).Draw(r, "events") {
			events = append(events, recipetest.Event{
				User: rapid.SampledFrom([]string{"u", "v", "w"}).Draw(r, "user"), Item: rapid.StringMatching("[a-f]").Draw(r, "item"),
				Time: rapid.Int64Range(0, 30_000).Draw(r, "time"),
			})
		}
		if a := measure(t, recipetest.Build(events, "g"))["trend_prediction_accuracy"]; a < 0 || a > 1 {
			r.Fatalf("accuracy %v", a)
		}
	})
}
