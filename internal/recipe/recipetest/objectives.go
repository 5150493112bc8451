package recipetest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Priced is data of 300 users with two tastes, each of 100 items, whose rewards have nothing to do with taste. Nobody has
// met the last item, and its reward is not known.
func Priced() *recipe.Data {
	r := rand.New(rand.NewPCG(1, 2))
	var events []Event
	for u := range 300 {
		for k := range 15 {
			events = append(events, Event{fmt.Sprintf("u%03d", u), fmt.Sprintf("i%03d", 2*r.IntN(100)+u%2), int64(1000*k + u)})
		}
	}
	d := Build(events, "ifree")
	d.Columns, d.Texts = nil, nil
	d.Reward = make([]float64, d.Items.Len())
	for i := range d.Reward {
		d.Reward[i] = math.Exp(r.NormFloat64())
	}
	d.Reward[d.Items.Len()-1] = math.NaN()
	return d
}

// smallParameters are those that make a training short, where a recipe has them.
func smallParameters(t testing.TB, info recipe.Info) map[string]string {
	t.Helper()
	params, err := recipe.Resolve(info, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := params["hidden_dimension"]; ok {
		params["hidden_dimension"] = "32"
	}
	return params
}

// trainFor trains a recipe for an objective and returns the file of its model.
func trainFor(t *testing.T, r recipe.Recipe, d *recipe.Data, sensitivity string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	reward, ok := recipe.Balance(sensitivity)
	if !ok {
		t.Fatalf("no sensitivity %s", sensitivity)
	}
	err = r.Train(context.Background(), recipe.Training{Data: d, Params: smallParameters(t, r.Info()), Reward: reward, Seed: 1, Threads: 2, Out: w, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

// offered returns the mean reward of the ten items that users are offered first, and which share is to their taste. What they
// had is not counted.
func offered(t *testing.T, r recipe.Recipe, d *recipe.Data, path string) (reward, taste float64) {
	t.Helper()
	m := Open(t, r, path)
	const users = 60
	for u := range users {
		q := recipe.Query{Known: true, Item: -1, Count: 30}
		q.Items, q.Times = d.History(u)
		had := map[int32]bool{}
		for _, i := range q.Items {
			had[i] = true
		}
		if r.Info().Asks == recipe.ByUserList {
			for i := range int32(d.Items.Len() - 1) {
				if !had[i] {
					q.List = append(q.List, i)
				}
			}
		}
		n := 0
		for _, i := range rank(t, m, q)[0].Items {
			if n < 10 && !had[i] && !math.IsNaN(d.Reward[i]) {
				n++
				reward += d.Reward[i] / (10 * users)
				taste += float64(1-(int(d.Items.At(int(i))[3]-'0')+u)%2) / (10 * users)
			}
		}
		if n < 10 {
			t.Fatalf("user %d is offered %d items with a reward, want ten", u, n)
		}
	}
	return reward, taste
}

// objectives checks that the more an objective counts, the dearer is what is offered and the less it is to the taste, and
// that OFF is the model without any. An update keeps how much it counts and takes the rewards of its data.
func objectives(t *testing.T, r recipe.Recipe) {
	d := Priced()
	plain := *d
	plain.Reward = nil
	without, off := trainFor(t, r, &plain, "HIGH"), trainFor(t, r, d, "OFF")
	if !bytes.Equal(read(t, without), read(t, off)) {
		t.Error("OFF writes another model than no objective")
	}
	first, taste := offered(t, r, d, off)
	if taste < 0.95 {
		t.Errorf("%.2f of what is offered is to the taste, want nearly all", taste)
	}
	last, lastTaste, path := first, taste, ""
	for _, sensitivity := range []string{"LOW", "MEDIUM", "HIGH"} {
		path = trainFor(t, r, d, sensitivity)
		reward, taste := offered(t, r, d, path)
		t.Logf("%s: mean reward %.2f, to the taste %.2f; before %.2f, %.2f", sensitivity, reward, taste, last, lastTaste)
		if reward < 1.05*last || taste > lastTaste {
			t.Errorf("%s: mean reward %.2f after %.2f, to the taste %.2f after %.2f", sensitivity, reward, last, taste, lastTaste)
		}
		last, lastTaste = reward, taste
	}
	if u, ok := r.(recipe.Updater); ok && r.Info().Updates {
		turned := *d
		turned.Reward = make([]float64, len(d.Reward))
		for i := range turned.Reward {
			turned.Reward[i] = -d.Reward[i] // from one training to the next what was dear became cheap
		}
		next := filepath.Join(t.TempDir(), "m")
		Update(t, u, &turned, path, next, 2)
		if reward, _ := offered(t, r, d, next); reward > 0.8*first {
			t.Errorf("an update with rewards turned round offers a mean of %.2f, without an objective %.2f; want far less", reward, first)
		}
	}
}
