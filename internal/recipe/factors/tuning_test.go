package factors

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// groups is data of 600 users who take 14 items each: of the 16 of their own group, or, by chance, of all 160.
func groups(chance float64) *recipe.Data {
	r := rand.New(rand.NewPCG(1, 2))
	var events []recipetest.Event
	for u := range 600 {
		for k := range 14 {
			i := 16*(u%10) + r.IntN(16)
			if r.Float64() < chance {
				i = r.IntN(160)
			}
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%03d", i), Time: int64(1e6 + 7919*u + 5000*k + r.IntN(4000))})
		}
	}
	return recipetest.Build(events)
}

// tuned is what a search finds for data.
func tuned(t *testing.T, d *recipe.Data, threads int) *stage {
	t.Helper()
	o := order(t, d)
	o.Threads = threads
	hs := distinctHistories(d, recipe.UsersWithin(d, 0, 1))
	held := holdBack(hs, o.Seed, false)
	at := &stage{t: o, Settings: settings{Dim: 32, Exponent: exponent}}
	full := matrix(hs, d.Items.Len())
	at.Settings.tune(start, density(full))
	f := als.Start(full, at.Settings.als())
	if err := look(t.Context(), at, hs, held, f, density(full), candidates(true, 32)); err != nil {
		t.Fatal(err)
	}
	return at
}

// What is learned from noise is held back by more than what is learned from clean data, however many threads look.
func TestNoiseIsHeldBack(t *testing.T) {
	penalty := func(s settings, d *recipe.Data) float64 {
		share := s.Unobserved / density(matrix(distinctHistories(d, recipe.UsersWithin(d, 0, 1)), d.Items.Len()))
		return s.Regularization * (1 + share)
	}
	clean, noisy := groups(0.02), groups(0.7)
	low, high := tuned(t, clean, 2).Settings, tuned(t, noisy, 2).Settings
	if a, b := penalty(low, clean), penalty(high, noisy); a >= b {
		t.Errorf("the penalty is %.3f for clean data and %.3f for noise, want more for noise", a, b)
	}
	if one := tuned(t, noisy, 1).Settings; one != high {
		t.Errorf("one thread finds %+v, two find %+v", one, high)
	}
}

// Where times are made up, recent events weigh what others do, and what is held back is not the newest.
func TestScatteredEventsHaveNoRecency(t *testing.T) {
	encoderOf := func(d *recipe.Data) encoder {
		r, err := Personalization().Draft(t.Context(), order(t, d), d)
		if err != nil {
			t.Fatal(err)
		}
		return r.at.Settings.Encoder
	}
	if e := encoderOf(walks(80)); e.Recent == 0 {
		t.Errorf("walks are encoded by %+v, want the newest steps to weigh more", e)
	}
	if e := encoderOf(sameMoment(walks(80))); e.Recent != 0 {
		t.Errorf("scattered events are encoded by %+v, want no recency", e)
	}
	hs := distinctHistories(walks(80), recipe.UsersWithin(walks(80), 0, 1))
	before, newest := slices.Clone(hs), 0
	held := holdBack(hs, 1, true)
	for k, n := range held {
		items := before[k].items
		a, b := slices.Sorted(slices.Values(items)), slices.Sorted(slices.Values(hs[k].items))
		if !slices.Equal(a, b) {
			t.Fatalf("history %v became %v", items, hs[k].items)
		}
		if slices.Equal(items[len(items)-n:], hs[k].items[len(items)-n:]) {
			newest++
		}
	}
	if 4*newest > len(held) {
		t.Errorf("the newest are held back of %d of %d users, want some sixteenth", newest, len(held))
	}
}

// Gains are those of a count over all items, one by one.
func TestGainsAreCounts(t *testing.T) {
	const n, dim = 5000, 32
	r := rand.New(rand.NewPCG(3, 4))
	vectors := make([]float32, n*dim)
	for k := range vectors {
		vectors[k] = float32(r.NormFloat64() / 8)
	}
	var cases []trial
	for range 70 {
		h := history{}
		for _, i := range r.Perm(n)[:2+r.IntN(30)] {
			h.items, h.times = append(h.items, int32(i)), append(h.times, 1)
		}
		held := 1 + r.IntN(len(h.items)-1)
		c := trial{input: h.without(held), truth: h.items[len(h.items)-held:]}
		for d := range dim { // so that some of them are near the top
			vectors[int(c.truth[0])*dim+d] += 2 * vectors[int(c.input.items[0])*dim+d]
		}
		cases = append(cases, c)
	}
	s := settings{Dim: dim, Unobserved: 0.01, Regularization: 0.1, Exponent: 1, Encoder: encoder{Base: 1, Half: 1, Window: 32}}
	got, err := gainsOf(t.Context(), cases, vectors, n, s, 2)
	if err != nil {
		t.Fatal(err)
	}
	some := 0
	for k := range cases {
		want := gainByCount(t, &cases[k], vectors, n, s)
		if math.Abs(got[k]-want) > 1e-12 {
			t.Errorf("the gain of case %d is %v, want %v", k, got[k], want)
		}
		if want > 0 {
			some++
		}
	}
	if some < 10 {
		t.Fatalf("%d of %d cases have a gain", some, len(cases))
	}
}

func gainByCount(t *testing.T, c *trial, vectors []float32, n int, s settings) (gain float64) {
	solver := als.NewSolver(vectors, n, s.als())
	if _, err := solver.Prepare(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	x := encode(solver, solver.Workspace(), s.Encoder, c.input)
	score := func(i int32) (sum float64) {
		for d, v := range x {
			sum += float64(v) * float64(vectors[int(i)*len(x)+d])
		}
		return sum
	}
	for _, i := range c.truth {
		above := 0
		for j := range int32(n) {
			if !slices.Contains(c.input.items, j) && !slices.Contains(c.truth, j) && score(j) > score(i) {
				above++
			}
		}
		if above < gainDepth {
			gain += 1 / math.Log2(float64(above)+2) / float64(len(c.truth))
		}
	}
	return gain
}

// Steps go both ways and end at the bounds of what unobserved pairs may weigh.
func TestLegs(t *testing.T) {
	for _, l := range legs {
		there := l.move(start, false)
		back := l.move(there, true)
		if there == start || math.Abs(back.Share/start.Share-1) > 1e-12 || math.Abs(back.Penalty/start.Penalty-1) > 1e-12 {
			t.Errorf("%+v leads from %+v to %+v and back to %+v", l, start, there, back)
		}
		at := start
		for range 20 {
			at = l.move(at, true)
		}
		if at.Share < leastUnobserved || at.Penalty <= 0 {
			t.Errorf("%+v leads to %+v", l, at)
		}
	}
}
