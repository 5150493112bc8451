package factors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// eager is a recipe that learns a network from little data.
func eager(r Recipe) Recipe {
	r.eager = true
	return r
}

// walks is data in which an item is followed by one of two that have nothing else in common with it. Users take 16 steps
// from anywhere through 40 items, none twice.
func walks(users int) *recipe.Data {
	var events []recipetest.Event
	for u := range users {
		at, had := u*17%walkItems, map[int]bool{}
		for k := range 16 {
			had[at] = true
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%02d", at), Time: int64(1e6 + 9973*u + 3600*k + u*k*k%97)})
			next := follows(at)
			at = next[mix(uint64(u), uint64(k))%2]
			if had[at] {
				at = next[0] + next[1] - at
			}
			for had[at] {
				at = (at + 1) % walkItems
			}
		}
	}
	return recipetest.Build(events)
}

const walkItems = 40

// follows are the two items that come after one.
func follows(i int) [2]int { return [2]int{(7*i + 3) % walkItems, (11*i + 20) % walkItems} }

// shuffled is walks without their order: the same items for the same users, by a hash.
func shuffled(users int) *recipe.Data {
	d := walks(users)
	for u := range users {
		items, _ := d.History(u)
		for k := len(items) - 1; k > 0; k-- {
			j := int(mix(uint64(u), uint64(k)) % uint64(k+1))
			items[k], items[j] = items[j], items[k]
		}
	}
	return d
}

// hits is the share of users to whom the first of the items they have not had that may come next is among the first two.
func hits(t *testing.T, m recipe.Model, d *recipe.Data) float64 {
	t.Helper()
	hit, all := 0, 0
	for u := range d.Users.Len() {
		items, times := d.History(u)
		seen := min(8, len(items)-1)
		next := items[seen]
		if next != must(d, follows(number(d, items[seen-1]))[0]) && next != must(d, follows(number(d, items[seen-1]))[1]) {
			continue
		}
		all++
		a := make([]recipe.Answer, 1)
		if err := m.Rank(context.Background(), []recipe.Query{{Known: true, Items: items[:seen], Times: times[:seen], Item: -1, Count: 2}}, a); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(a[0].Items, next) {
			hit++
		}
	}
	return float64(hit) / float64(all)
}

func number(d *recipe.Data, i int32) (n int) {
	fmt.Sscanf(d.Items.At(int(i)), "i%d", &n)
	return n
}

func must(d *recipe.Data, n int) int32 {
	i, _ := d.Items.Find(fmt.Sprintf("i%02d", n))
	return int32(i)
}

// Where order tells what comes next, the network is kept and tells it, the same for any number of threads.
func TestOrderIsLearned(t *testing.T) {
	d, r, dir := walks(80), eager(Personalization()), t.TempDir()
	two, one := filepath.Join(dir, "two"), filepath.Join(dir, "one")
	o := order(t, d)
	if err := learnAt(t.Context(), t, r, o, two); err != nil {
		t.Fatal(err)
	}
	o.Threads = 1
	if err := learnAt(t.Context(), t, r, o, one); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytesOf(t, two), bytesOf(t, one)) {
		t.Error("one thread writes other bytes than two")
	}
	if !has(t, two, "network.vectors") {
		t.Fatal("the network was left out")
	}
	m := recipetest.Open(t, r, two)
	if got := hits(t, m, d); got < 0.8 {
		t.Errorf("%.2f of the users are told the next item, want 0.8", got)
	}
	sameTogether(t, m, d)
	sameTogether(t, recipetest.Open(t, Ranking(), two), d)
}

// sameTogether asks every user's question alone and with all others.
func sameTogether(t *testing.T, m recipe.Model, d *recipe.Data) {
	t.Helper()
	n := d.Users.Len()
	queries, together := make([]recipe.Query, n), make([]recipe.Answer, n)
	list := []int32{7, 3, 5, 1, 12, 30}
	for u := range queries {
		items, times := d.History(u)
		queries[u] = recipe.Query{Known: true, Items: items[:u%len(items)], Times: times[:u%len(items)], Item: -1, List: list, Count: 5}
	}
	if err := m.Rank(t.Context(), queries, together); err != nil {
		t.Fatal(err)
	}
	for u := range queries {
		alone := make([]recipe.Answer, 1)
		if err := m.Rank(t.Context(), queries[u:u+1], alone); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(alone[0].Items, together[u].Items) || !slices.Equal(alone[0].Scores, together[u].Scores) {
			t.Errorf("user %d alone gets %v, with others %v", u, alone[0], together[u])
		}
	}
}

// The network is left out of the file, and no row is longer for it, where there is too little to learn it from, where the order
// is not to count or tells nothing, and where times are made up.
func TestNoNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		r     Recipe
		d     *recipe.Data
		given map[string]string
	}{
		"too little data":          {Personalization(), walks(80), nil},
		"no recency":               {eager(Personalization()), walks(80), map[string]string{"recency_mask": "false"}},
		"no order":                 {eager(Personalization()), shuffled(120), nil},
		"every moment is the same": {eager(Personalization()), sameMoment(walks(80)), nil},
	} {
		o := order(t, c.d)
		for k, v := range c.given {
			o.Params[k] = v
		}
		path := filepath.Join(t.TempDir(), "m")
		if err := learnAt(context.Background(), t, c.r, o, path); err != nil {
			t.Fatal(err)
		}
		for _, array := range []string{"network.params", "network.vectors", "ranked"} {
			if has(t, path, array) {
				t.Errorf("%s: the model has %s", name, array)
			}
		}
	}
}

// sameMoment has the same first moment for everybody and the items in the catalogue's order.
func sameMoment(d *recipe.Data) *recipe.Data {
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k := range times {
			items[k], times[k] = int32(u%16+k), int64(1e6+60*k)
		}
	}
	return d
}

// A training that is cut off after any sweep goes on to the same bytes, a network among them.
func TestNetworkGoesOn(t *testing.T) {
	d := walks(80)
	train := func(c *recipe.Checkpoint, cut int) ([]byte, error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		o := order(t, d)
		o.Checkpoint = c
		o.Progress = func(stage string, done, _ int) {
			if stage == "factors" && done == cut {
				cancel()
			}
		}
		path := filepath.Join(t.TempDir(), "m")
		if err := learnAt(ctx, t, eager(Personalization()), o, path); err != nil {
			return nil, err
		}
		if !has(t, path, "network.vectors") {
			t.Fatal("the network was left out")
		}
		return bytesOf(t, path), nil
	}
	whole, err := train(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{sweeps, sweeps + 1, sweeps + finalSweeps} {
		path := filepath.Join(t.TempDir(), "checkpoint")
		if _, err := train(recipe.NewCheckpoint(path, 0), cut); !errors.Is(err, context.Canceled) {
			t.Fatalf("cut off after sweep %d: %v", cut, err)
		}
		again, err := train(recipe.NewCheckpoint(path, 0), 0)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, whole) {
			t.Errorf("the model of a training that was cut off after sweep %d differs", cut)
		}
	}
}

// A training stops while its network learns.
func TestNetworkStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := order(t, walks(80))
	told := false
	o.Progress = func(stage string, _, _ int) {
		if stage == "network" {
			told = true
			cancel()
		}
	}
	err := learnAt(ctx, t, eager(Personalization()), o, filepath.Join(t.TempDir(), "m"))
	if !told || !errors.Is(err, context.Canceled) {
		t.Errorf("network begun %v, Train = %v; want %v", told, err, context.Canceled)
	}
}

// An update keeps the network, gives a new item what others have in the mean, and still tells what comes next.
func TestUpdateKeepsNetwork(t *testing.T) {
	d, r, dir := walks(80), eager(Personalization()), t.TempDir()
	base, next := filepath.Join(dir, "base"), filepath.Join(dir, "next")
	if err := learnAt(t.Context(), t, r, order(t, d), base); err != nil {
		t.Fatal(err)
	}
	var events []recipetest.Event
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k, i := range items {
			events = append(events, recipetest.Event{User: d.Users.At(u), Item: d.Items.At(int(i)), Time: times[k]})
		}
	}
	events = append(events, recipetest.Event{User: "u000", Item: "a new one", Time: 9e6})
	more := recipetest.Build(events)
	m := recipetest.Update(t, r, more, base, next, 2)
	if got := hits(t, m, more); got < 0.8 {
		t.Errorf("%.2f of the users are told the next item, want 0.8", got)
	}
	old, now := vectorsOf(t, base), vectorsOf(t, next)
	mean := make([]float64, 32)
	for k, v := range old {
		mean[k%32] += float64(v) * 32 / float64(len(old))
	}
	at, _ := more.Items.Find("a new one")
	for k, v := range now {
		i := k / 32
		want := float32(mean[k%32])
		if i != at {
			before, _ := d.Items.Find(more.Items.At(i))
			want = old[before*32+k%32]
		}
		if math.Abs(float64(v-want)) > 1e-6 || i != at && v != want {
			t.Fatalf("number %d of item %s is %v, want %v", k%32, more.Items.At(i), v, want)
		}
	}
}

func learnAt(ctx context.Context, t *testing.T, r Recipe, o recipe.Training, path string) error {
	t.Helper()
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	o.Out = w
	if err := r.Train(ctx, o); err != nil {
		return err
	}
	return w.Commit()
}

func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func has(t *testing.T, path, array string) bool {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Has(array)
}

func vectorsOf(t *testing.T, path string) []float32 {
	t.Helper()
	f, err := artifact.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	v, err := artifact.Get[float32](f, "network.vectors")
	if err != nil {
		t.Fatal(err)
	}
	return v
}
