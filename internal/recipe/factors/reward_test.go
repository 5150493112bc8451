package factors_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/factors"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// priced is data of 300 users with two tastes, each of 100 items, whose prices have nothing to do with taste.
func priced() *recipe.Data {
	r := rand.New(rand.NewPCG(1, 2))
	var events []recipetest.Event
	for u := range 300 {
		for k := range 15 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%03d", 2*r.IntN(100)+u%2), Time: int64(1000*k + u)})
		}
	}
	d := recipetest.Build(events, "free")
	d.Reward = make([]float64, d.Items.Len())
	for i := range d.Reward {
		d.Reward[i] = math.Exp(r.NormFloat64())
	}
	d.Reward[d.Items.Len()-1] = math.NaN()
	return d
}

// fit trains a recipe for an objective and returns the file of its model.
func fit(t *testing.T, r factors.Recipe, d *recipe.Data, sensitivity string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	params, err := recipe.Resolve(r.Info(), map[string]string{"hidden_dimension": "32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	reward, ok := recipe.Balance(sensitivity)
	if !ok {
		t.Fatalf("no sensitivity %s", sensitivity)
	}
	if err := r.Train(context.Background(), recipe.Training{Data: d, Params: params, Reward: reward, Seed: 1, Threads: 2, Out: w, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

// offered returns the mean price of the ten items that users are offered first, and which share is to their taste. Half
// of the catalogue is allowed, or in the list.
func offered(t *testing.T, r factors.Recipe, d *recipe.Data, path string) (price, taste float64) {
	t.Helper()
	m := recipetest.Open(t, r, path)
	const users = 60
	for u := range users {
		q := recipe.Query{Known: true, Count: 10}
		q.Items, q.Times = d.History(u)
		had := map[int32]bool{}
		for _, i := range q.Items {
			had[i] = true
		}
		for i := range int32(d.Items.Len() - 1) {
			if !had[i] {
				q.List = append(q.List, i)
			}
		}
		a := make([]recipe.Answer, 1)
		if err := m.Rank(context.Background(), []recipe.Query{q}, a); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, i := range a[0].Items {
			if n < 10 && !had[i] && !math.IsNaN(d.Reward[i]) {
				n++
				price += d.Reward[i] / (10 * users)
				taste += float64(1-(int(d.Items.At(int(i))[3]-'0')+u)%2) / (10 * users)
			}
		}
	}
	return price, taste
}

// The more an objective counts, the dearer is what is offered and the less it is to the taste; OFF is the model
// without any.
func TestObjective(t *testing.T) {
	d := priced()
	plain := *d
	plain.Reward = nil
	for _, r := range []factors.Recipe{factors.Personalization(), factors.Ranking()} {
		without, off := fit(t, r, &plain, "HIGH"), fit(t, r, d, "OFF")
		if !bytes.Equal(read(t, without), read(t, off)) {
			t.Errorf("%s: OFF writes another model than no objective", r.Info().Name)
		}
		last, lastTaste := offered(t, r, d, off)
		if lastTaste < 0.95 {
			t.Errorf("%s: %.2f of what is offered is to the taste, want nearly all", r.Info().Name, lastTaste)
		}
		for _, sensitivity := range []string{"LOW", "MEDIUM", "HIGH"} {
			price, taste := offered(t, r, d, fit(t, r, d, sensitivity))
			t.Logf("%s %s: mean price %.2f, to the taste %.2f; before %.2f, %.2f", r.Info().Name, sensitivity, price, taste, last, lastTaste)
			if price < 1.05*last || taste > lastTaste {
				t.Errorf("%s %s: mean price %.2f after %.2f, to the taste %.2f after %.2f", r.Info().Name, sensitivity, price, last, taste, lastTaste)
			}
			last, lastTaste = price, taste
		}
	}
}

// An update keeps how much the objective counts and knows the rewards of new items.
func TestObjectiveUpdate(t *testing.T) {
	d, r := priced(), factors.Personalization()
	base, err := artifact.Open(fit(t, r, d, "HIGH"))
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	params, err := recipe.Resolve(r.Info(), map[string]string{"hidden_dimension": "32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := *d
	now.Reward = make([]float64, len(d.Reward))
	for i := range now.Reward {
		now.Reward[i] = -d.Reward[i] // from one training to the next what was dear became cheap
	}
	if err := r.Update(context.Background(), recipe.Training{Data: &now, Params: params, Reward: 3, Seed: 1, Threads: 2, Out: w, Log: slog.New(slog.DiscardHandler)}, base); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	before, _ := offered(t, r, d, fit(t, r, d, "OFF"))
	after, _ := offered(t, r, d, path)
	if after > 0.8*before {
		t.Errorf("with rewards turned round, the mean price is %.2f, without an objective %.2f; want far less", after, before)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
