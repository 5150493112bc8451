package blend

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

// A network that was trained, weighed and written is there when the model is opened, and tells what comes next by
// itself: here no list knows anything.
func TestNetwork(t *testing.T) {
	var events []recipetest.Event
	for u := range 150 {
		for k := range 12 {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%02d", (u*7+k)%40), Time: int64(1000*k + u)})
		}
	}
	d, ctx := recipetest.Build(events), context.Background()
	all := newSequences(d)
	part, tests := all.holdBack(1, false)
	none := lists{start: make([]int64, all.n+1)}
	l := &learned{families: [familyCount]lists{none, none, none}, order: recipe.ByPopularity(all.users()), popular: logs(all.users()), trending: logs(all.recent())}
	order := recipe.Training{Data: d, Seed: 1, Threads: 2, Log: slog.New(slog.DiscardHandler)}
	var err error
	if l.network, err = trainNetwork(ctx, &order, part, tests); err != nil {
		t.Fatal(err)
	}
	s := settings{Recipe: "aws-user-personalization-v2", Recency: true}
	if err := s.weigh(ctx, l, tests, usable(true), 2); err != nil {
		t.Fatal(err)
	}
	if s.Weights[networkSignal] < 0.1 {
		t.Errorf("the network weighs %v, want far more than 0", s.Weights[networkSignal])
	}
	if l.network, err = l.network.goOn(ctx, &order, all); err != nil {
		t.Fatal(err)
	}
	s.Network = l.network.shape()
	m := written(t, d, s, l)
	right := 0
	for u := range d.Users.Len() {
		q := recipe.Query{Count: 1, Known: true}
		q.Items, q.Times = d.History(u)
		q.Items, q.Times = q.Items[:8], q.Times[:8]
		a := make([]recipe.Answer, 1)
		if err := m.Rank(ctx, []recipe.Query{q}, a); err != nil {
			t.Fatal(err)
		}
		if a[0].Items[0] == d.Item[d.Start[u]+8] {
			right++
		}
	}
	if right < 135 {
		t.Errorf("%d of 150 users are told what comes next, want nine of ten", right)
	}
	h, _ := d.History(0)
	if a, b := encoded(l.network, h), encoded(m.network, h); !slices.Equal(a, b) {
		t.Errorf("the state is %v once the network was opened, %v before", b, a)
	}
}

func encoded(n *network, history []int32) []float32 {
	out := make([]float32, n.Shape().Width)
	n.Encode(history, out)
	return out
}

// written writes a model and opens it.
func written(t *testing.T, d *recipe.Data, s settings, l *learned) *model {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := write(recipe.Training{Data: d, Out: w}, s, l); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return recipetest.Open(t, Personalization(), path).(*model)
}
