package blend

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// drawnSequences are random histories; the weight of an event is by of its item, if by is not nil.
func drawnSequences(users, n int, by func(i int32) float32) *sequences {
	r := rand.New(rand.NewPCG(1, 2))
	s := &sequences{n: n, start: []int64{0}}
	for range users {
		items, times := make([]int32, 8), make([]int64, 8)
		var weights []float32
		for k := range items {
			items[k], times[k] = int32(r.IntN(n)), int64(k)
			if by != nil {
				weights = append(weights, by(items[k]))
			}
		}
		s.add(items, times, weights)
	}
	return s
}

// An item whose events weigh c is told c times as strongly, by every family. The weights are powers of two, so that
// for sums it holds to the last bit; linear models are solved another way with weights.
func TestWeightScales(t *testing.T) {
	const n = 30
	by := func(i int32) float32 { return [...]float32{0.25, 1, 4}[i%3] }
	plain, weighted := drawnSequences(400, n, nil), drawnSequences(400, n, by)
	for name, train := range map[string]trainer{
		"transitions": trainTransitions, "far": trainFarTransitions, "walks": trainWalks, "forward": trainForward, "together": families(1, 250)[together],
	} {
		a, err := train(context.Background(), plain, 2)
		if err != nil {
			t.Fatal(err)
		}
		b, err := train(context.Background(), weighted, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(a.item) != len(b.item) || len(a.item) == 0 {
			t.Fatalf("%s: %d neighbours without weights and %d with", name, len(a.item), len(b.item))
		}
		for k, j := range a.item {
			if want, got := a.weight[k]*by(j), b.weight[k]; b.item[k] != j || math.Abs(float64(got-want)) > 1e-4*float64(by(j)) {
				t.Fatalf("%s: neighbour %d is item %d at %v, want item %d at %v", name, k, b.item[k], got, j, want)
			}
		}
	}
	// walks hold popular items back by their users, whatever these weigh
	a, b := plain.users(), weighted.users()
	for i := range a {
		if want := a[i] * float64(by(int32(i))); b[i] != want {
			t.Errorf("item %d counts for %v users, want %v", i, b[i], want)
		}
	}
}

// Neighbours speak for what weighs c times as much c times as loudly.
func TestWeightsOfNeighbours(t *testing.T) {
	by := func(i int32) float32 { return [...]float32{0.25, 1, 4}[i%3] }
	said := func(s *sequences) map[int32]float32 {
		loud := map[int32]float32{}
		newFinder(newSessions(s)).find([]int32{3, 4, 5}, func(i int32, by float32, _ bool) { loud[i] += by })
		return loud
	}
	plain, weighted := said(drawnSequences(400, 30, nil)), said(drawnSequences(400, 30, by))
	if len(plain) != 30 || len(weighted) != 30 {
		t.Fatalf("neighbours speak for %d and %d items, want all 30", len(plain), len(weighted))
	}
	for i, v := range plain {
		if got, want := weighted[i], v*by(i); math.Abs(float64(got-want)) > 1e-4*float64(want) {
			t.Errorf("for item %d they speak at %v, want %v", i, got, want)
		}
	}
}

// What weighs most of a user's events with an item is what the user counts for.
func TestWeightsOfRepeats(t *testing.T) {
	s := &sequences{n: 3, start: []int64{0}}
	s.add([]int32{0, 1, 0, 2, 0}, []int64{1, 2, 3, 4, 5}, []float32{1, 0.5, 3, 0, 2})
	if got := fmt.Sprint(s.users()); got != "[3 0.5 0]" {
		t.Errorf("users = %s, want [3 0.5 0]", got)
	}
	if d := s.distinct(); fmt.Sprint(d.item, d.weight) != "[1 2 0] [0.5 0 3]" {
		t.Errorf("distinct = %v %v, want [1 2 0] [0.5 0 3]", d.item, d.weight)
	}
}

// shop is data of two tastes: views of many things and, every fourth event, a purchase; views weigh view times as
// much as purchases do.
func shop(n int, view float32) *recipe.Data {
	r := rand.New(rand.NewPCG(3, 4))
	var events []recipetest.Event
	for u := range 600 {
		for k := range 20 {
			kind, of, skew := "view", n/2, 4.
			if k%4 == 3 {
				kind, of, skew = "buy", 8, 1.5
			}
			events = append(events, recipetest.Event{
				User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("%s%d-%04d", kind, u%2, int(float64(of)*math.Pow(r.Float64(), skew))), Time: int64(100*k + r.IntN(50)),
			})
		}
	}
	var extra []string
	for i := range n {
		extra = append(extra, fmt.Sprintf("view%d-%04d", i%2, i/2))
	}
	d := recipetest.Build(events, extra...)
	if view == 1 {
		return d
	}
	for _, i := range d.Item {
		w := float32(1)
		if d.Items.At(int(i))[0] == 'v' {
			w = view
		}
		d.Weight = append(d.Weight, w/(0.25+0.75*view))
	}
	return d
}

// Where purchases weigh far more than views, things that are bought come first, those of the user's taste; where
// they weigh the same, what is viewed most does. Nothing of that depends on how many items there are.
func TestWeightsDecide(t *testing.T) {
	if testing.Short() {
		t.Skip("short: trainings with a network one after another")
	}
	for _, n := range []int{100, 20_100} {
		bought := map[float32]int{}
		for _, view := range []float32{1, 0.02} {
			d := shop(n, view)
			m := trained(t, d)
			for u := range 40 {
				q := recipe.Query{Count: 4, Known: true}
				q.Items, q.Times = d.History(u)
				a := make([]recipe.Answer, 1)
				if err := m.Rank(context.Background(), []recipe.Query{q}, a); err != nil {
					t.Fatal(err)
				}
				for _, i := range a[0].Items {
					if id := d.Items.At(int(i)); id[:4] == fmt.Sprintf("buy%d", u%2) {
						bought[view]++
					}
				}
			}
		}
		if bought[1] > bought[0.02]-20 || bought[0.02] < 150 {
			t.Errorf("%d items: of 160 answers %d are bought things of the user's taste with equal weights, %d where views weigh 0.02; want 20 more at least, and 150",
				n, bought[1], bought[0.02])
		}
	}
}

func trained(t *testing.T, d *recipe.Data) recipe.Model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	order := recipe.Training{Data: d, Params: map[string]string{"apply_recency_bias": "true"}, Seed: 3, Threads: 2, Out: w, Log: slog.New(slog.DiscardHandler)}
	if err := Personalization().Train(context.Background(), order); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return recipetest.Open(t, Personalization(), path)
}
