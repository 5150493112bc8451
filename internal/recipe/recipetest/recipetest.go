package recipetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Feature is something a recipe promises beyond what its Info says.
type Feature int

// The features.
const (
	Trends  Feature = iota // what rises comes first, then what is popular
	Fresher                // mixes new items in by itself, so that what is known of lists holds without them only
)

// Run checks what every recipe promises, what its kind promises on data with a known answer, and the features; in
// -short mode, what every recipe promises.
func Run(t *testing.T, r recipe.Recipe, features ...Feature) {
	t.Run("SameBytes", func(t *testing.T) { sameBytes(t, r) })
	t.Run("Cancel", func(t *testing.T) { cancelled(t, r) })
	t.Run("Blocks", func(t *testing.T) { blocks(t, r) })
	t.Run("Answers", func(t *testing.T) { answersAreSound(t, r) })
	t.Run("NothingAllowed", func(t *testing.T) { nothingAllowed(t, r) })
	t.Run("Small", func(t *testing.T) { small(t, r) })
	info, fresher := r.Info(), false
	if info.Updates {
		t.Run("Updates", func(t *testing.T) { updates(t, r) })
	}
	if testing.Short() { // the rest is about what is learned: the race detector has seen all goroutines by now
		return
	}
	if info.Scores {
		t.Run("ScoresSumToOne", func(t *testing.T) { sumToOne(t, r) })
	}
	if info.Explores {
		t.Run("Explores", func(t *testing.T) { explores(t, r) })
		t.Run("ExploresWhatIsIgnoredLess", func(t *testing.T) { exploresWhatIsIgnoredLess(t, r) })
	}
	if info.Mixes {
		t.Run("Mixes", func(t *testing.T) { mixes(t, r) })
	}
	if info.Objectives {
		t.Run("Objectives", func(t *testing.T) { objectives(t, r) })
	}
	if info.Increments {
		t.Run("Increments", func(t *testing.T) { increments(t, r) })
	}
	if info.ItemMetadata {
		metadata(t, r, slices.Contains(features, Fresher))
	}
	if info.Contexts {
		t.Run("Contexts", func(t *testing.T) { contexts(t, r) })
	}
	if info.UserMetadata {
		t.Run("Kin", func(t *testing.T) { answersKin(t, r) })
		t.Run("MuteUsers", func(t *testing.T) { muteUsers(t, r) })
	}
	for _, f := range features {
		switch f {
		case Trends:
			t.Run("Trends", func(t *testing.T) { trends(t, r) })
		case Fresher:
			fresher = true
		}
	}
	switch info.Asks {
	case recipe.ByUser:
		t.Run("Stranger", func(t *testing.T) { stranger(t, r, fresher) })
		if info.Scores || info.Explores {
			t.Run("Personalizes", func(t *testing.T) { personalizes(t, r, fresher) })
		}
	case recipe.ByItem:
		t.Run("Related", func(t *testing.T) { related(t, r) })
		t.Run("UnknownItem", func(t *testing.T) { stranger(t, r, false) })
	case recipe.ByUserList:
		t.Run("RanksLists", func(t *testing.T) { ranksLists(t, r) })
	}
}

// Train trains a recipe with default parameters, writes the artifact at path and opens it.
func Train(t testing.TB, r recipe.Recipe, d *recipe.Data, path string, seed uint64, threads int) recipe.Model {
	t.Helper()
	learn(t, r, d, path, seed, threads)
	return Open(t, r, path)
}

// TrainWith trains a recipe with some parameters of its own, by name.
func TrainWith(t testing.TB, r recipe.Recipe, d *recipe.Data, params map[string]string) recipe.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	learnWith(t, r, d, path, params, 1, 2)
	return Open(t, r, path)
}

func learn(t testing.TB, r recipe.Trainer, d *recipe.Data, path string, seed uint64, threads int) {
	t.Helper()
	learnWith(t, r, d, path, nil, seed, threads)
}

func learnWith(t testing.TB, r recipe.Trainer, d *recipe.Data, path string, given map[string]string, seed uint64, threads int) {
	t.Helper()
	params, err := recipe.Resolve(r.Info(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range given {
		if _, ok := params[name]; !ok {
			t.Fatalf("%s has no parameter %s", r.Info().Name, name)
		}
		params[name] = v
	}
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Train(context.Background(), recipe.Training{Data: d, Params: params, Seed: seed, Threads: threads, Out: w, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("Train: %v", err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Open opens what Train wrote; the file is closed when the test ends.
func Open(t testing.TB, r recipe.Recipe, path string) recipe.Model {
	t.Helper()
	m, err := r.Open(open(t, path))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return m
}

func open(t testing.TB, path string) *artifact.File {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func rank(t testing.TB, m recipe.Model, queries ...recipe.Query) []recipe.Answer {
	t.Helper()
	answers := make([]recipe.Answer, len(queries))
	if err := m.Rank(context.Background(), queries, answers); err != nil {
		t.Fatalf("Rank: %v", err)
	}
	return answers
}

// Tastes is data with one right answer for everybody.
//
// Even users like even items and odd users odd ones, 20 of each for 60 users; each user lacks one item of
// their taste, in turn. Item 39 is the newest of the catalogue, and "new" has no events at all.
func Tastes() (d *recipe.Data, missing []int32) {
	const users, items = 60, 40
	var events []Event
	lacks := func(u int) int { return (u/2*2)%items + u%2 }
	for u := range users {
		for i := u % 2; i < items; i += 2 {
			if i != lacks(u) {
				// Everybody meets the items in another order, or recency would be the same as identity.
				events = append(events, Event{fmt.Sprintf("u%02d", u), fmt.Sprintf("i%02d", i), int64(1e9 + 86400*((i*7+u*11)%items))})
			}
		}
	}
	d = Build(events, "new")
	for u := range users {
		i, _ := d.Items.Find(fmt.Sprintf("i%02d", lacks(u)))
		missing = append(missing, int32(i))
	}
	return d, missing
}

// query asks for user u, for item u or for the order of some items, as the recipe's kind has it.
func query(r recipe.Recipe, d *recipe.Data, u int) recipe.Query {
	n := d.Items.Len()
	q := recipe.Query{Known: true, Seed: uint64(u), Item: -1, Count: n}
	q.Items, q.Times = d.History(u)
	switch r.Info().Asks {
	case recipe.ByItem:
		q = recipe.Query{Item: int32(u % n), Count: n}
	case recipe.ByUserList:
		for k := range int32(n) {
			if k%3 != int32(u%3) {
				q.List = append(q.List, k)
			}
		}
	}
	return q
}

func queries(r recipe.Recipe, d *recipe.Data) []recipe.Query {
	var qs []recipe.Query
	for u := range d.Users.Len() {
		qs = append(qs, query(r, d, u))
	}
	return qs
}

func sameBytes(t *testing.T, r recipe.Trainer) {
	d, _ := Tastes()
	sameBytesOf(t, r, d)
}

func sameBytesOf(t *testing.T, r recipe.Trainer, d *recipe.Data) {
	dir := t.TempDir()
	var want []byte
	for k, threads := range []int{1, 1, 2, 5} {
		path := filepath.Join(dir, fmt.Sprint(k))
		learn(t, r, d, path, 7, threads)
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if k > 0 && !bytes.Equal(got, want) {
			t.Errorf("run %d with %d threads wrote other bytes than the first with 1", k, threads)
		}
		want = got
	}
}

func cancelled(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w, err := artifact.Create(filepath.Join(t.TempDir(), "m"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	params, _ := recipe.Resolve(r.Info(), nil, nil)
	err = r.Train(ctx, recipe.Training{Data: d, Params: params, Threads: 2, Out: w})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Train after cancelling = %v, want %v", err, context.Canceled)
	}
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	err = m.Rank(ctx, []recipe.Query{query(r, d, 0)}, make([]recipe.Answer, 1))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Rank after cancelling = %v, want %v", err, context.Canceled)
	}
}

// blocks asks the same queries together, alone, in another order, into used answers, and after reopening.
func blocks(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	path := filepath.Join(t.TempDir(), "m")
	m := Train(t, r, d, path, 1, 2)
	qs := queries(r, d)
	want := rank(t, m, qs...)
	reopened := Open(t, r, path)
	for k, q := range qs {
		if got := rank(t, reopened, q)[0]; !same(got, want[k]) {
			t.Fatalf("query %d alone = %v, in a block = %v", k, got, want[k])
		}
	}
	slices.Reverse(qs)
	got := rank(t, m, append(qs, qs...)...)
	slices.Reverse(got)
	for k := range want {
		if !same(got[k], want[k]) || !same(got[len(want)+k], want[k]) {
			t.Fatalf("query %d in a reversed block = %v, want %v", k, got[k], want[k])
		}
	}
}

func same(a, b recipe.Answer) bool {
	return slices.Equal(a.Items, b.Items) && slices.Equal(a.Scores, b.Scores)
}

// answersAreSound checks counts, filters, distinctness, order, and that a shorter list is the head of a
// longer one.
func answersAreSound(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	if m.Items().Len() != d.Items.Len() {
		t.Fatalf("the model has %d items, want all %d", m.Items().Len(), d.Items.Len())
	}
	allow := bitset.New(d.Items.Len())
	for i := range d.Items.Len() {
		if i%3 != 0 {
			allow.Add(i)
		}
	}
	for u := range d.Users.Len() {
		for _, set := range []*bitset.Set{nil, allow} {
			q := query(r, d, u)
			q.Allow = set
			a := rank(t, m, q)[0]
			if want := candidates(r, d, q); len(a.Items) != want {
				t.Fatalf("query %d: %d items, want %d", u, len(a.Items), want)
			}
			sound(t, r, q, a)
			if q.Count = 3; r.Info().Asks != recipe.ByUserList {
				if head := rank(t, m, q)[0]; !slices.Equal(head.Items, a.Items[:3]) {
					t.Fatalf("query %d: the first 3 are %v, of the long list %v", u, head.Items, a.Items[:3])
				}
			}
		}
	}
}

// candidates is how many items can be returned.
func candidates(r recipe.Recipe, d *recipe.Data, q recipe.Query) int {
	can := bitset.Full(d.Items.Len())
	if q.List != nil {
		can.Clear()
		for _, i := range q.List {
			can.Add(int(i))
		}
	}
	if q.Allow != nil {
		can.And(q.Allow)
	}
	if r.Info().Asks == recipe.ByItem && q.Item >= 0 {
		can.Remove(int(q.Item))
	}
	return can.Count()
}

func sound(t *testing.T, r recipe.Recipe, q recipe.Query, a recipe.Answer) {
	t.Helper()
	seen := map[int32]bool{}
	for k, i := range a.Items {
		if seen[i] || q.Allow != nil && !q.Allow.Has(int(i)) {
			t.Fatalf("item %d at rank %d is repeated or not allowed: %v", i, k+1, a.Items)
		}
		seen[i] = true
	}
	if !r.Info().Scores {
		if a.Scores != nil {
			t.Fatalf("scores %v from a recipe without", a.Scores)
		}
		return
	}
	if len(a.Scores) != len(a.Items) {
		t.Fatalf("%d scores for %d items", len(a.Scores), len(a.Items))
	}
	for k := 1; k < len(a.Scores); k++ {
		if a.Scores[k] > a.Scores[k-1] || a.Scores[k] == a.Scores[k-1] && a.Items[k] < a.Items[k-1] {
			t.Fatalf("rank %d: item %d with %v after item %d with %v", k+1, a.Items[k], a.Scores[k], a.Items[k-1], a.Scores[k-1])
		}
	}
}

func nothingAllowed(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	q := query(r, d, 0)
	q.Allow = bitset.New(d.Items.Len())
	q.Explore = &recipe.Exploration{Weight: 0.5, MaxAge: 1e6}
	used := []recipe.Answer{{Items: []int32{1, 2, 3}, Scores: []float64{1, 2, 3}}}
	if err := m.Rank(context.Background(), []recipe.Query{q}, used); err != nil {
		t.Fatal(err)
	}
	if len(used[0].Items) != 0 || len(used[0].Scores) != 0 {
		t.Errorf("with nothing allowed: %v", used[0])
	}
}

// small trains on next to nothing: no users, and one event.
func small(t *testing.T, r recipe.Recipe) {
	for _, d := range []*recipe.Data{Build(nil), Build(nil, "a"), Build([]Event{{"u", "a", 1}}, "b", "c")} {
		m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
		q := recipe.Query{Item: -1, Count: 5}
		if r.Info().Asks == recipe.ByUserList {
			for i := range d.Items.Len() {
				q.List = append(q.List, int32(i))
			}
		}
		a := rank(t, m, q)[0]
		if len(a.Items) != d.Items.Len() {
			t.Errorf("%d items of %d for a stranger", len(a.Items), d.Items.Len())
		}
		sound(t, r, q, a)
	}
}

func sumToOne(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	some := bitset.New(d.Items.Len())
	for i := range d.Items.Len() / 2 {
		some.Add(i)
	}
	asked := query(r, d, 3)
	few := asked
	few.Items, few.Times = few.Items[:1], few.Times[:1]
	unknown := asked
	unknown.Known, unknown.Items, unknown.Times = false, nil, nil
	explored := asked
	if r.Info().Explores {
		explored.Explore = &recipe.Exploration{Weight: 0.7, MaxAge: 30}
	}
	for name, q := range map[string]recipe.Query{"known": asked, "one event": few, "stranger": unknown, "exploring": explored} {
		for _, allow := range []*bitset.Set{nil, some} {
			q.Allow = allow
			a := rank(t, m, q)[0]
			var sum float64
			for _, s := range a.Scores {
				if s <= 0 || s > 1 {
					t.Fatalf("%s: score %v", name, s)
				}
				sum += s
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%s: the scores of everything allowed sum to %v, want 1", name, sum)
			}
		}
	}
}

// stranger checks that whoever is unknown gets popular items: in Tastes all even items have 29 or 28 users
// (odd ones alike), so the data here has a clear order of its own.
func stranger(t *testing.T, r recipe.Recipe, fresher bool) {
	var events []Event
	for u := range 30 {
		for i := range 8 {
			if u%(i+1) == 0 {
				events = append(events, Event{fmt.Sprintf("u%02d", u), fmt.Sprintf("i%d", (i*5)%8), int64(1000 + u + i*37%11)})
			}
		}
	}
	d := Build(events, "never")
	if fresher {
		for i := range met(d).All {
			d.Created[i] = -1 << 40 // nothing but "never" is new
		}
	}
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 1)
	want := recipe.ByPopularity(recipe.UniqueUsers(d))
	q := recipe.Query{Item: -1, Count: len(want)}
	if fresher {
		q.Allow, want = met(d), want[:len(want)-1]
	}
	a := rank(t, m, q)[0]
	if !slices.Equal(a.Items, want) {
		t.Errorf("a stranger gets %v, want by number of users %v", a.Items, want)
	}
}

// met returns the items that have events.
func met(d *recipe.Data) *bitset.Set {
	s := bitset.New(d.Items.Len())
	for _, i := range d.Item {
		s.Add(int(i))
	}
	return s
}

// personalizes checks that the recipe tells two tastes apart, and takes account of history that a user
// unknown to training has.
func personalizes(t *testing.T, r recipe.Recipe, fresher bool) {
	d, missing := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for u := range d.Users.Len() {
		for _, known := range []bool{true, false} {
			q := query(r, d, u)
			q.Known, q.Count, q.Allow = known, 1, bitset.Full(d.Items.Len())
			if fresher {
				q.Allow = met(d)
			}
			for _, i := range q.Items {
				q.Allow.Remove(int(i))
			}
			if got := rank(t, m, q)[0].Items[0]; got != missing[u] {
				t.Errorf("user %d (known: %v) gets %s, want %s", u, known, d.Items.At(int(got)), d.Items.At(int(missing[u])))
			}
		}
	}
}

// ranksLists checks that every list begins with the items of the user's taste.
func ranksLists(t *testing.T, r recipe.Recipe) {
	d, missing := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for u := range d.Users.Len() {
		q := query(r, d, u)
		q.List = []int32{missing[u], missing[u] ^ 1, (missing[u] + 3) % 40} // the others are of the other taste
		slices.Sort(q.List)
		a := rank(t, m, q)[0]
		if len(a.Items) != 3 || a.Items[0] != missing[u] {
			t.Errorf("user %d: %v is ranked %v, want %d first", u, q.List, a.Items, missing[u])
		}
	}
}

// related checks that an item's neighbours are of its taste, all of them before any other.
func related(t *testing.T, r recipe.Recipe) {
	d, _ := Tastes()
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	for i := range int32(40) {
		a := rank(t, m, recipe.Query{Item: i, Count: 15})[0]
		for k, j := range a.Items {
			if j%2 != i%2 {
				t.Errorf("item %d: rank %d is %d, want an item of the same taste: %v", i, k+1, j, a.Items)
				break
			}
		}
	}
}

// explores checks that weight 0 is no exploration, that the same seed gives the same list, and that more
// weight brings more of what is new and unseen.
func explores(t *testing.T, r recipe.Recipe) {
	d := amongNew(func(u, i int) (int, bool) { return 1000*i + u, (i*7+u*3)%5 != 0 })
	m := Train(t, r, d, filepath.Join(t.TempDir(), "m"), 1, 2)
	found := map[float64]int{}
	for u := range 60 {
		q := query(r, d, u)
		q.Count = 5
		plain := rank(t, m, q)[0]
		for _, weight := range []float64{0, 0.3, 1} {
			q.Explore = &recipe.Exploration{Weight: weight, MaxAge: 30}
			a, again := rank(t, m, q)[0], rank(t, m, q)[0]
			if !same(a, again) {
				t.Fatalf("user %d: the same question has two answers, %v and %v", u, a, again)
			}
			if weight == 0 && !same(a, plain) {
				t.Fatalf("user %d: weight 0 gives %v, want %v as without exploration", u, a, plain)
			}
			sound(t, r, q, a)
			for _, i := range a.Items {
				if i >= old {
					found[weight]++
				}
			}
		}
	}
	if found[0] != 0 || found[0.3] > found[1] || found[1] < 60 {
		t.Errorf("new items in 60 lists of 5 by weight: %v; want none at 0, more than one a list at 1", found)
	}
}
