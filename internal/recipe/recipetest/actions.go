package recipetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// RunActions checks what every recipe of actions promises.
func RunActions(t *testing.T, r recipe.Advisor) {
	t.Run("SameBytes", func(t *testing.T) { sameBytesOf(t, r, Offers()) })
	t.Run("Cancel", func(t *testing.T) { actionsCancelled(t, r) })
	t.Run("Sound", func(t *testing.T) { adviceIsSound(t, r) })
	t.Run("Advises", func(t *testing.T) { advises(t, r) })
	t.Run("Withheld", func(t *testing.T) { withheld(t, r) })
	t.Run("Fields", func(t *testing.T) { heedsFields(t, r) })
	t.Run("Explores", func(t *testing.T) { exploresActions(t, r) })
	t.Run("Small", func(t *testing.T) { smallActions(t, r) })
}

// TrainActions is Train for a recipe of actions.
func TrainActions(t testing.TB, r recipe.Advisor, d *recipe.Data, path string, seed uint64, threads int) recipe.ActionModel {
	t.Helper()
	learn(t, r, d, path, seed, threads)
	m, err := r.OpenActions(open(t, path))
	if err != nil {
		t.Fatalf("OpenActions: %v", err)
	}
	return m
}

// The actions of Offers, and how many there are.
const (
	bake  = iota // taken by half of those of the even taste who see it, and by a twentieth of the others
	hike         // likewise of the odd taste
	often        // taken by four fifths of everybody
	rare         // one too few were seen and one too few taken
	Offered
)

// OffersEnd is after everything in Offers.
const OffersEnd = 1_000_000_000 + 60*86400

// Offers is data of 400 users of two tastes, who have all been offered three actions and taken them as they like.
func Offers() *recipe.Data {
	var events []Event
	for u := range 400 {
		for k := range 12 {
			i := (u/2*3+k*k)%20*2 + u%2
			events = append(events, Event{fmt.Sprintf("u%03d", u), fmt.Sprintf("i%02d", i), int64(1_000_000_000 + 86400*k + u)})
		}
	}
	d := Build(events)
	n := Offered
	a := &recipe.Actions{Names: List(Offered), Value: make([]float64, n), Expires: make([]int64, n), Repeat: make([]int64, n)}
	r := rand.New(rand.NewPCG(1, 1))
	for u := range int32(400) {
		for action, chance := range [][2]float64{bake: {0.5, 0.05}, hike: {0.05, 0.5}, often: {0.8, 0.8}, rare: {1, 0}} {
			if action == rare && u >= 98 { // 49 took it and 49 did not
				continue
			}
			kind := recipe.ActionKind(recipe.ActionNotTaken)
			if u%3 == 0 {
				kind = recipe.ActionViewed
			}
			if r.Float64() < chance[u%2] {
				kind = recipe.ActionTaken
			}
			a.Events = append(a.Events, recipe.ActionEvent{User: u, Action: int32(action), Time: 1_000_000_000 + 86400*(15+int64(action)*5) + int64(u), Kind: kind})
		}
	}
	d.Actions = a
	return d
}

// List makes n ids of actions.
func List(n int) recipe.List {
	var ids recipe.List
	for k := range n {
		ids = append(ids, fmt.Sprintf("a%d", k))
	}
	return ids
}

func advise(t testing.TB, m recipe.ActionModel, queries ...recipe.ActionQuery) []recipe.Answer {
	t.Helper()
	answers := make([]recipe.Answer, len(queries))
	if err := m.Advise(context.Background(), queries, answers); err != nil {
		t.Fatalf("Advise: %v", err)
	}
	return answers
}

// ActionQuery asks for user u of d at the end of Offers, as if nothing had been offered yet.
func ActionQuery(d *recipe.Data, u int) recipe.ActionQuery {
	q := recipe.ActionQuery{Moment: OffersEnd, Count: Offered}
	q.Items, q.Times = d.History(u)
	return q
}

// OfferQuery asks at the moment of event k of Offers, with all that came before it.
func OfferQuery(d *recipe.Data, k int) recipe.ActionQuery {
	e, from := d.Actions.Events[k], k
	for from > 0 && d.Actions.Events[from-1].User == e.User {
		from--
	}
	q := ActionQuery(d, int(e.User))
	q.Moment, q.Past = e.Time, d.Actions.Events[from:k]
	return q
}

func actionsCancelled(t *testing.T, r recipe.Advisor) {
	d := Offers()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w, err := artifact.Create(filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	params, _ := recipe.Resolve(r.Info(), nil, nil)
	if err := r.Train(ctx, recipe.Training{Data: d, Params: params, Threads: 2, Out: w}); !errors.Is(err, context.Canceled) {
		t.Errorf("Train after cancelling = %v, want %v", err, context.Canceled)
	}
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	if err := m.Advise(ctx, []recipe.ActionQuery{ActionQuery(d, 0)}, make([]recipe.Answer, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Advise after cancelling = %v, want %v", err, context.Canceled)
	}
}

// adviceIsSound checks counts, filters, distinctness, order, that scores are probabilities, that an answer does not
// depend on its block, and that a shorter list is the head of a longer one.
func adviceIsSound(t *testing.T, r recipe.Advisor) {
	d := Offers()
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	some := bitset.New(Offered)
	some.Add(hike)
	some.Add(rare)
	var queries []recipe.ActionQuery
	for u := range 50 {
		q := ActionQuery(d, u)
		if u%2 == 1 {
			q.Allow = some
		}
		queries = append(queries, q)
	}
	for u, a := range advise(t, m, queries...) {
		want := Offered
		if u%2 == 1 {
			want = 2
		}
		if len(a.Items) != want || len(a.Scores) != want || len(slices.Compact(slices.Sorted(slices.Values(a.Items)))) != want {
			t.Fatalf("user %d: %v with scores %v, want %d different actions", u, a.Items, a.Scores, want)
		}
		for k, s := range a.Scores {
			if !(s >= 0 && s <= 1) || k > 0 && s > a.Scores[k-1] || queries[u].Allow != nil && !some.Has(int(a.Items[k])) {
				t.Fatalf("user %d: %v with scores %v, want allowed actions with descending probabilities", u, a.Items, a.Scores)
			}
		}
		short := queries[u]
		short.Count = 1
		if head := advise(t, m, short)[0]; !slices.Equal(head.Items, a.Items[:1]) || !slices.Equal(head.Scores, a.Scores[:1]) {
			t.Fatalf("user %d: alone and short %v, want the head of %v", u, head, a)
		}
	}
}

// advises checks that taste decides which action is likelier, that the mean of the scores is how often an action was
// taken, and that an action of which too little is known has score 0 and comes last.
func advises(t *testing.T, r recipe.Advisor) {
	d := Offers()
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	right := 0
	for u := range 400 {
		a := advise(t, m, ActionQuery(d, u))[0]
		at := func(action int32) float64 { return a.Scores[slices.Index(a.Items, action)] }
		if (at(bake) > at(hike)) == (u%2 == 0) {
			right++
		}
		if a.Items[Offered-1] != rare || at(rare) != 0 {
			t.Fatalf("user %d: %v with scores %v, want the rare action last with 0", u, a.Items, a.Scores)
		}
	}
	if right < 380 {
		t.Errorf("of 400 users %d get the action of their taste before the other's, want nearly all", right)
	}
	var sum [Offered]float64
	for k, e := range d.Actions.Events {
		a := advise(t, m, OfferQuery(d, k))[0]
		sum[e.Action] += a.Scores[slices.Index(a.Items, e.Action)]
	}
	for action, want := range []float64{bake: 0.275, hike: 0.275, often: 0.8} {
		if got := sum[action] / 400; got < want-0.1 || got > want+0.1 {
			t.Errorf("action %d has the mean score %.3f, want about %.3f", action, got, want)
		}
	}
}

// withheld checks that what has expired is not advised, nor what was offered lately, and that value decides between
// equals.
func withheld(t *testing.T, r recipe.Advisor) {
	d := Offers()
	d.Actions.Expires[often], d.Actions.Repeat[bake] = OffersEnd-1, 10
	d.Actions.Value[rare] = 1
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for _, c := range []struct {
		moment, seen int64
		want         []int32
	}{
		{OffersEnd, OffersEnd - 11*86400, []int32{bake, hike, rare}},
		{OffersEnd, OffersEnd - 9*86400, []int32{hike, rare}},
		{OffersEnd - 2, OffersEnd - 11*86400, []int32{bake, hike, often, rare}},
	} {
		q := ActionQuery(d, 0)
		q.Moment, q.Past = c.moment, []recipe.ActionEvent{{Action: bake, Time: c.seen, Kind: recipe.ActionViewed}}
		got := slices.Sorted(slices.Values(advise(t, m, q)[0].Items))
		if !slices.Equal(got, c.want) {
			t.Errorf("at the end%+d, having seen the repeated action %d days ago: %v, want %v", c.moment-OffersEnd, (OffersEnd-c.seen)/86400, got, c.want)
		}
	}
	d.Actions.Events = nil // so that all have score 0
	d.Actions.Expires[often] = 0
	m = TrainActions(t, r, d, filepath.Join(t.TempDir(), "equal"), 1, 2)
	if a := advise(t, m, ActionQuery(d, 0))[0]; !slices.Equal(a.Items, []int32{rare, bake, hike, often}) || slices.Max(a.Scores) != 0 {
		t.Errorf("without events the order is %v with %v, want the valuable one first and all of score 0", a.Items, a.Scores)
	}
}

// smallActions trains on next to nothing.
func smallActions(t *testing.T, r recipe.Advisor) {
	for _, events := range [][]Event{nil, {{"u", "a", 1}}} {
		d := Build(events, "b")
		d.Actions = &recipe.Actions{Names: List(2), Value: make([]float64, 2), Expires: make([]int64, 2), Repeat: make([]int64, 2),
			Events: []recipe.ActionEvent{{User: int32(d.Users.Len()), Action: 1, Time: 5, Kind: recipe.ActionTaken}}}
		m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
		if a := advise(t, m, recipe.ActionQuery{Moment: 10, Count: 5})[0]; !slices.Equal(a.Items, []int32{1, 0}) {
			t.Errorf("a stranger gets %v, want both actions, the taken one first", a.Items)
		}
	}
}

// A Category is a categorical column: a value of each record, "" for null.
type Category struct {
	Field  string
	Values []string
}

// Name returns the column's name.
func (c Category) Name() string { return c.Field }

// Categorical is true.
func (c Category) Categorical() bool { return true }

// Text returns the value of record i.
func (c Category) Text(i int) (string, bool) { return c.Values[i], c.Values[i] != "" }

// Number is false: the values are texts.
func (c Category) Number(int) (float64, bool) { return 0, false }

// heedsFields checks that what a field of Users says decides which action is likelier, for somebody who has done nothing
// yet.
func heedsFields(t *testing.T, r recipe.Advisor) {
	d := Offers()
	segment := Category{Field: "SEGMENT"}
	for u := range 400 {
		segment.Values = append(segment.Values, [...]string{"cooks", "hikers"}[u/2%2]) // which is not their taste
	}
	d.UserColumns = []recipe.Column{segment}
	g := rand.New(rand.NewPCG(2, 2))
	for k := range d.Actions.Events {
		e := &d.Actions.Events[k]
		if e.Action != bake && e.Action != hike {
			continue
		}
		e.Kind = recipe.ActionViewed
		if wants := int32(e.User / 2 % 2); g.Float64() < 0.05 || e.Action == wants && g.Float64() < 0.5 {
			e.Kind = recipe.ActionTaken
		}
	}
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for u := range 4 {
		q := recipe.ActionQuery{Moment: OffersEnd, Count: Offered, User: recipe.RecordOf(d.UserColumns, u)}
		a := advise(t, m, q)[0]
		at := func(action int32) float64 { return a.Scores[slices.Index(a.Items, action)] }
		if wants := int32(u / 2 % 2); at(wants) < 2*at(1-wants) {
			t.Errorf("one of %s gets actions %v with %v, want action %d to be much likelier than %d", segment.Values[u], a.Items, a.Scores, wants, 1-wants)
		}
	}
}

// exploresActions checks that actions of which too little is known come among the others where that is asked for: now and then,
// never first, with score 0, the same for the same seed, those that nobody has seen more often than others, and of these those
// more that are of a kind the user likes.
func exploresActions(t *testing.T, r recipe.Advisor) {
	const baking, hiking, all = Offered, Offered + 1, Offered + 2 // new ones of the kind of bake, and of hike
	d := Offers()
	grow := func(x []int64) []int64 { return append(x, 0, 0) }
	d.Actions.Names, d.Actions.Value = List(all), append(d.Actions.Value, 0, 0)
	d.Actions.Expires, d.Actions.Repeat = grow(d.Actions.Expires), grow(d.Actions.Repeat)
	kinds := Category{"TYPE", make([]string, all)}
	kinds.Values[bake], kinds.Values[baking], kinds.Values[hike], kinds.Values[hiking] = "kitchen", "kitchen", "outdoors", "outdoors"
	d.Actions.Columns = []recipe.Column{kinds}
	m := TrainActions(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	some, right, wrong := 0, 0, 0
	tried := map[int32]int{}
	for u := range 400 {
		for seed := range uint64(10) {
			q := ActionQuery(d, u)
			q.Count = all
			plain := advise(t, m, q)[0]
			q.Explore, q.Seed = true, seed*1000+uint64(u)
			a := advise(t, m, q)[0]
			if again := advise(t, m, q)[0]; !slices.Equal(a.Items, again.Items) || !slices.Equal(a.Scores, again.Scores) {
				t.Fatalf("user %d: %v and then %v for the same seed", u, a, again)
			}
			known := func(i int32) bool { return i <= often }
			if got := keep(a.Items, known); !slices.Equal(got, plain.Items[:often+1]) || a.Items[0] != plain.Items[0] {
				t.Fatalf("user %d: %v explored, want %v in the same order and the same first", u, a.Items, plain.Items[:often+1])
			}
			early := keep(a.Items[:often+1], func(i int32) bool { return !known(i) })
			if len(early) > 0 {
				some++
			}
			for _, i := range early {
				tried[i]++
				if i == baking || i == hiking {
					if likes := int32(baking + u%2); i == likes {
						right++
					} else {
						wrong++
					}
				}
				if s := a.Scores[slices.Index(a.Items, i)]; s != 0 {
					t.Fatalf("user %d: action %d is explored with score %v, want 0", u, i, s)
				}
			}
		}
	}
	if some < 200 || some > 2000 {
		t.Errorf("%d of 4000 lists explore, want some and less than half", some)
	}
	if right < 2*wrong || tried[rare]*2 > tried[baking] || tried[rare]*2 > tried[hiking] {
		t.Errorf("explored are %v; of the new ones %d are of a kind the user likes and %d not; want the rare one least, and more that are", tried, right, wrong)
	}
}

// keep returns those items that are wanted.
func keep(items []int32, wanted func(int32) bool) (out []int32) {
	for _, i := range items {
		if wanted(i) {
			out = append(out, i)
		}
	}
	return out
}
