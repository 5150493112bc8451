package evaluation

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// three is three users whose last items are i3, i5 and i2. Before that, three had i1, two i2 and one i4.
const three = `USER_ID,ITEM_ID,TIMESTAMP
u1,i1,1
u1,i2,2
u1,i3,3
u2,i1,1
u2,i2,2
u2,i5,3
u3,i1,1
u3,i4,2
u3,i2,3
`

func order(t *testing.T, split string) Order {
	return Order{Interactions: write(t, "three.csv", three), Recipe: "backwards", Split: mustSplit(t, split), K: []int{1, 2}, Seed: 1, Threads: 1}
}

func run3(t *testing.T, asks recipe.Asks, o Order) *Report {
	t.Helper()
	rep, err := config(t, asks).Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func wantMeans(t *testing.T, title string, got Outcome, want map[string]float64) {
	t.Helper()
	for name, w := range want {
		if g := got.Metrics[name].Mean; math.Abs(g-w) > 1e-12 {
			t.Errorf("%s: %s = %v, want %v", title, name, g, w)
		}
	}
}

// Worked by hand. Without seen items, popular ones are i4 i3 i5 for u1 and u2, and i2 i3 i5 for u3: the held-out
// items are at 2, 3 and 1. Backwards they are at 3, 1 and 3.
func TestWorkedExample(t *testing.T) {
	rep := run3(t, recipe.ByUser, order(t, "leave-one-out"))
	second := 1 / math.Log2(3)
	wantMeans(t, "popular", rep.Baseline, map[string]float64{
		"precision@1": 1. / 3, "precision@2": 1. / 3, "recall@1": 1. / 3, "recall@2": 2. / 3, "ndcg@1": 1. / 3,
		"ndcg@2": (second + 1) / 3, "mrr@1": 1. / 3, "mrr@2": 0.5, "hr@1": 1. / 3, "hr@2": 2. / 3,
	})
	wantMeans(t, "backwards", rep.Model, map[string]float64{
		"precision@1": 1. / 3, "precision@2": 1. / 6, "recall@2": 1. / 3, "ndcg@2": 1. / 3, "mrr@2": 1. / 3, "hr@2": 1. / 3,
	})
	if len(rep.Model.Metrics) != 10 {
		t.Errorf("%d metrics, want 5 at each of 2 lengths: %v", len(rep.Model.Metrics), rep.Model.Metrics)
	}
	// Backwards shows i5 and i4 to u1 and u2, i5 and i3 to u3; popular is i4 i3 and i2 i3.
	if rep.Model.Coverage != 0.6 || rep.Baseline.Coverage != 0.6 {
		t.Errorf("coverage is %v and %v, want 0.6 twice", rep.Model.Coverage, rep.Baseline.Coverage)
	}
	// At 1 the one wins with u2 and the other with u3: the differences are 0, 1 and -1.
	if d := rep.Difference["precision@1"]; d.Mean != 0 || math.Abs(d.Margin-1.96*math.Sqrt(1./3)) > 1e-12 {
		t.Errorf("difference at precision@1 is %v, want 0 with margin 1.96·√⅓", d)
	}
	if rep.Interactions != 6 || rep.Users != 3 || rep.Items != 5 || rep.Tested != 3 {
		t.Errorf("learned from %d, %d, %d, tested %d; want 6 interactions, 3 users, 5 items, 3 tested", rep.Interactions, rep.Users, rep.Items, rep.Tested)
	}
}

// With seen items kept, popular items are i1 i2 for all, and backwards i5 i4.
func TestKeepSeen(t *testing.T) {
	o := order(t, "leave-one-out")
	o.KeepSeen = true
	rep := run3(t, recipe.ByUser, o)
	wantMeans(t, "popular", rep.Baseline, map[string]float64{"precision@1": 0, "recall@2": 1. / 3, "mrr@2": 0.5 / 3})
	wantMeans(t, "backwards", rep.Model, map[string]float64{"precision@1": 1. / 3, "recall@2": 1. / 3})
	if rep.Baseline.Coverage != 0.4 || rep.Seen != "keep" {
		t.Errorf("coverage %v with seen items %s, want 0.4 with keep", rep.Baseline.Coverage, rep.Seen)
	}
}

// A recipe for lists orders all items that may be shown, so it does as well as one for users. One for items is
// asked about the newest: below i2 there is only i1, which is seen; below i4 the best unseen is i3, then i2.
func TestAsks(t *testing.T) {
	byUser := run3(t, recipe.ByUser, order(t, "leave-one-out")).Model
	byList := run3(t, recipe.ByUserList, order(t, "leave-one-out")).Model
	if !maps.Equal(byUser.Metrics, byList.Metrics) {
		t.Errorf("as a list %v, want as for the user %v", byList.Metrics, byUser.Metrics)
	}
	byItem := run3(t, recipe.ByItem, order(t, "leave-one-out")).Model
	wantMeans(t, "by item", byItem, map[string]float64{"recall@1": 0, "recall@2": 1. / 3, "mrr@2": 0.5 / 3})
}

// The truth may speak of users and items that training does not know. They count, as nothing that can be hit.
func TestTruthFile(t *testing.T) {
	o := order(t, "truth="+write(t, "truth.csv.gz", "item_id,x,USER_ID\ni5,,u1\ni5,,u1\nnew,,u1\ni5,,stranger\nold,,u2\n"))
	rep := run3(t, recipe.ByUser, o)
	// u1 has i1, i2 and i3, gets i5 first, and one of two is i5; the stranger gets i5; u2 nothing.
	wantMeans(t, "backwards", rep.Model, map[string]float64{"precision@1": 2. / 3, "recall@1": (0.5 + 1) / 3, "hr@2": 2. / 3})
	if rep.Interactions != 9 || rep.Tested != 3 || rep.Split != "truth=truth.csv.gz" {
		t.Errorf("learned from %d, tested %d by %s; want all 9, 3, truth=truth.csv.gz", rep.Interactions, rep.Tested, rep.Split)
	}
}

// people is n users with 3 to 12 events over a few items, in no particular order.
func people(n int) string {
	var b strings.Builder
	b.WriteString("USER_ID,ITEM_ID,TIMESTAMP\n")
	for u := range n {
		for e := range 3 + u%10 {
			fmt.Fprintf(&b, "u%d,i%02d,%d\n", u, (u*7+e*e*3)%40, 100+e)
		}
	}
	return b.String()
}

// The number of threads changes nothing, and the same seed gives the same report.
func TestSameAgain(t *testing.T) {
	path := write(t, "people.csv", people(400))
	var first []byte
	for _, threads := range []int{1, 1, 3} {
		o := Order{Interactions: path, Recipe: "aws-user-personalization", Split: mustSplit(t, "last-fraction=0.2"), K: []int{5, 10}, Seed: 3, Threads: threads}
		rep := run3(t, recipe.ByUser, o)
		rep.PeakMemory = 0
		for _, side := range []*Outcome{&rep.Model, &rep.Baseline} {
			side.Training, side.Ranking = 0, 0
		}
		got, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if string(got) != string(first) {
			t.Errorf("with %d threads:\n%s\nwant\n%s", threads, got, first)
		}
	}
}

// With the service's split and seen items kept, the metrics are those that GetSolutionMetrics would give.
func TestLikeTheService(t *testing.T) {
	o := Order{Interactions: write(t, "people.csv", people(300)), Recipe: Baseline, KeepSeen: true, K: []int{5, 10, 25}, Seed: 4, Threads: 2}
	d, _, done, err := config(t, recipe.ByUser).load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	train, tests := recipe.Holdout(d, o.Seed)
	model := recipetest.Train(t, popularity.Recipe{}, train, filepath.Join(t.TempDir(), "model"), o.Seed, 1)
	want, err := recipe.Evaluate(t.Context(), model, recipe.ByUser, tests)
	if err != nil {
		t.Fatal(err)
	}
	rep := run3(t, recipe.ByUser, o)
	got := map[string]float64{"coverage": rep.Model.Coverage, "mean_reciprocal_rank_at_25": rep.Model.Metrics["mrr@25"].Mean}
	for _, k := range []string{"5", "10", "25"} {
		got["precision_at_"+k] = rep.Model.Metrics["precision@"+k].Mean
		got["normalized_discounted_cumulative_gain_at_"+k] = rep.Model.Metrics["ndcg@"+k].Mean
	}
	if eval.Round(got); !maps.Equal(got, want) || want["precision_at_5"] == 0 {
		t.Errorf("metrics %v, want the service's %v", got, want)
	}
}

// Users are grouped by the length of their histories, and the groups together are everybody.
func TestGroups(t *testing.T) {
	o := Order{Interactions: write(t, "people.csv", people(300)), Recipe: "backwards", Split: mustSplit(t, "leave-one-out"), K: []int{10}, Seed: 1, Threads: 2}
	rep := run3(t, recipe.ByUser, o)
	var sizes [][3]int
	sum := 0.0
	for _, g := range rep.Groups {
		sizes = append(sizes, [3]int{g.Users, g.Fewest, g.Most})
		sum += float64(g.Users) * g.Model["recall@10"].Mean
	}
	// Histories are 2 to 11 long, thirty users each.
	if want := [][3]int{{120, 2, 5}, {90, 6, 8}, {90, 9, 11}}; !reflect.DeepEqual(sizes, want) {
		t.Errorf("groups of users, fewest and most events: %v, want %v", sizes, want)
	}
	if all := rep.Model.Metrics["recall@10"].Mean; math.Abs(sum/300-all) > 1e-9 || all == 0 {
		t.Errorf("recall@10 over the groups is %v, of everybody %v", sum/300, all)
	}
}

// Parameters go to the stage that has them.
func TestParams(t *testing.T) {
	o := order(t, "leave-one-out")
	o.Params = map[string]string{"share": "0.25"}
	if got := run3(t, recipe.ByUser, o).Params; !maps.Equal(got, map[string]string{"size": "7", "share": "0.25"}) {
		t.Errorf("Params = %v, want size at its default and share as given", got)
	}
}

// What is wrong is told in a sentence that names it.
func TestWrong(t *testing.T) {
	with := func(change func(o *Order)) Order {
		o := order(t, "leave-one-out")
		change(&o)
		return o
	}
	csv := func(text string) Order {
		return with(func(o *Order) { o.Interactions = write(t, "bad.csv", text) })
	}
	truth := func(text string) Order {
		return with(func(o *Order) { o.Split = mustSplit(t, "truth="+write(t, "bad.csv", text)) })
	}
	for _, c := range []struct {
		order Order
		want  string
	}{
		{with(func(o *Order) { o.Recipe = "nobody" }), "There is no recipe nobody that ranks items."},
		{with(func(o *Order) { o.K = []int{5, 501} }), "The lengths of list are [5 501]; expected one or more from 1 to 500."},
		{with(func(o *Order) { o.Params = map[string]string{"size": "10"} }), `Parameter size is "10"; expected a whole number from 0 to 9.`},
		{with(func(o *Order) { o.Params = map[string]string{"sise": "1"} }), `Recipe backwards has no parameter "sise" in algorithmHyperParameters; it has size.`},
		{with(func(o *Order) { o.Interactions = "/no/such.csv" }), "There is no file /no/such.csv."},
		{with(func(o *Order) { o.Split = mustSplit(t, "truth=/no/such.csv") }), "There is no file /no/such.csv."},
		{with(func(o *Order) { o.Schema = "{}" }), `The schema's type is missing: expected "record".`},
		{csv("USER_ID,ITEM_ID\nu,i\n"), "missing the following columns:[TIMESTAMP]"},
		{csv("USER_ID,ITEM_ID,TIMESTAMP\nu,i,today\n"), "bad.csv, line 2: TIMESTAMP"},
		{csv("USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\n"), "None of the 1 users has two interactions or more; there is nothing to hold out."},
		{truth("USER,ITEM\nu,i\n"), "bad.csv, line 1: expected the columns USER_ID and ITEM_ID."},
		{truth("USER_ID,ITEM_ID\nu1,i1\nu\n"), "bad.csv, line 3: there are 1 values; the header has 2 columns."},
		{truth("USER_ID,ITEM_ID\n"), "bad.csv has no rows below a header; expected the columns USER_ID and ITEM_ID."},
	} {
		_, err := config(t, recipe.ByUser).Run(t.Context(), c.order)
		if err == nil || fault.KindOf(err) == fault.Internal || !strings.Contains(fault.Sentence(err), c.want) {
			t.Errorf("Run = %v, want a sentence with %s", err, c.want)
		}
	}
	lone := csv("USER_ID,ITEM_ID,TIMESTAMP\nu,i,1\nu,j,2\n")
	lone.Split = mustSplit(t, "service")
	if _, err := config(t, recipe.ByUser).Run(t.Context(), lone); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "nothing is left to learn from") {
		t.Errorf("Run with one user = %v, want that nothing is left to learn from", err)
	}
}

// What came after the training is told to the model but not learned from: the stranger has i5 and i4 by then, so
// backwards the best is i3, and u2 is left with i4. A history goes on where training ended.
func TestContext(t *testing.T) {
	o := order(t, "truth="+write(t, "truth.csv", "USER_ID,ITEM_ID\nstranger,i3\nu2,i4\n"))
	var err error
	if o.Split, err = o.Split.WithContext(write(t, "since.csv", "timestamp,USER_ID,ITEM_ID\n8,stranger,i4\n7,stranger,i5\n9,stranger,unknown\n9,u2,i3\n")); err != nil {
		t.Fatal(err)
	}
	rep := run3(t, recipe.ByUser, o)
	wantMeans(t, "backwards", rep.Model, map[string]float64{"hr@1": 1})
	// A recipe for items is asked about the newest: below i4, and not i4 itself; below i3 there is nothing new.
	wantMeans(t, "by item", run3(t, recipe.ByItem, o).Model, map[string]float64{"hr@1": 0.5})
	if rep.Interactions != 9 || rep.Users != 3 {
		t.Errorf("learned from %d interactions of %d users, want the 9 of 3 in the file", rep.Interactions, rep.Users)
	}
}

func TestContextWrong(t *testing.T) {
	if _, err := mustSplit(t, "leave-one-out").WithContext("since.csv"); !fault.Is(err, fault.Invalid) {
		t.Errorf("context with leave-one-out: %v, want fault.Invalid", err)
	}
	for text, want := range map[string]string{
		"USER_ID,ITEM_ID\nu1,i1\n":                "since.csv, line 1: expected the columns USER_ID, ITEM_ID and TIMESTAMP.",
		"USER_ID,ITEM_ID,TIMESTAMP\nu1,i1,noon\n": `since.csv, line 2: TIMESTAMP is "noon"; expected Unix seconds.`,
		"USER_ID,ITEM_ID,TIMESTAMP\nu1,i1,3,4\n":  "since.csv, line 2: there are 4 values; the header has 3 columns.",
	} {
		o := order(t, "truth="+write(t, "truth.csv", "USER_ID,ITEM_ID\nu1,i3\n"))
		var err error
		if o.Split, err = o.Split.WithContext(write(t, "since.csv", text)); err != nil {
			t.Fatal(err)
		}
		if _, err = config(t, recipe.ByUser).Run(t.Context(), o); !fault.Is(err, fault.Invalid) || fault.Sentence(err) != want {
			t.Errorf("%q: %v, want fault.Invalid with %q", text, err, want)
		}
	}
}
