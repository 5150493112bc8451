package blend_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/blend"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

func TestPersonalization(t *testing.T) { recipetest.Run(t, blend.Personalization()) }

func TestRanking(t *testing.T) { recipetest.Run(t, blend.Ranking()) }

// chains is data where order is everything: everybody goes from item k to k+1, and so on in a circle of n,
// from a place of their own; each circle has as many users of each item as any other.
func chains(users, n, length int) *recipe.Data {
	var events []recipetest.Event
	for u := range users {
		for k := range length {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%05d", (u*7+k)%n), Time: int64(1000*k + u)})
		}
	}
	return recipetest.Build(events)
}

func ask(t *testing.T, m recipe.Model, q recipe.Query) recipe.Answer {
	t.Helper()
	answers := make([]recipe.Answer, 1)
	if err := m.Rank(context.Background(), []recipe.Query{q}, answers); err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

func train(t *testing.T, d *recipe.Data, recency string, threads int) (recipe.Model, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m")
	w, err := artifact.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	r := blend.Personalization()
	err = r.Train(context.Background(), recipe.Training{Data: d, Params: map[string]string{"apply_recency_bias": recency},
		Seed: 3, Threads: threads, Out: w, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return recipetest.Open(t, r, path), written
}

// A small catalogue has dense models and a large one has lists; both tell what comes next, whoever asks.
func TestNext(t *testing.T) {
	for _, n := range []int{50, 5000} {
		d := chains(10*min(n, 100), n, 12)
		m, _ := train(t, d, "true", 2)
		right := 0
		for u := range d.Users.Len() {
			q := recipe.Query{Count: 1, Known: true}
			q.Items, q.Times = d.History(u)
			q.Items, q.Times = q.Items[:8], q.Times[:8]
			next := d.Item[d.Start[u]+8]
			if ask(t, m, q).Items[0] == next {
				right++
			}
		}
		if right < d.Users.Len()*9/10 {
			t.Errorf("%d items: %d of %d users are told what comes next, want nine of ten", n, right, d.Users.Len())
		}
	}
}

// Without recency bias the order of a history changes nothing; with it, it does.
func TestRecency(t *testing.T) {
	d := chains(200, 50, 12)
	for _, recency := range []string{"true", "false"} {
		m, _ := train(t, d, recency, 2)
		q := recipe.Query{Count: 20, Known: true}
		q.Items, q.Times = d.History(5)
		forth := ask(t, m, q).Items
		q.Items = slices.Clone(q.Items)
		slices.Reverse(q.Items)
		if back := ask(t, m, q).Items; slices.Equal(forth, back) != (recency == "false") {
			t.Errorf("apply_recency_bias %s: %v, and of the history reversed %v", recency, forth, back)
		}
	}
}

// Where people come back to what they had, it is offered first; where nobody does, it is not.
func TestRepeats(t *testing.T) {
	again := func(times int) int {
		var events []recipetest.Event
		for u := range 100 {
			kinds := 12 / times
			for k := range 12 - u%3 {
				own := (u*u + (k*5+k/kinds*u)%kinds*23 + u%7) % 60
				events = append(events, recipetest.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%02d", own), Time: int64(1000*k + u)})
			}
		}
		d := recipetest.Build(events)
		m, _ := train(t, d, "true", 2)
		had := 0
		for u := range d.Users.Len() {
			q := recipe.Query{Count: 1, Known: true}
			q.Items, q.Times = d.History(u)
			if slices.Contains(q.Items, ask(t, m, q).Items[0]) {
				had++
			}
		}
		return had
	}
	if got := again(4); got < 90 {
		t.Errorf("%d of 100 who buy the same three items again and again are offered one of them", got)
	}
	if got := again(1); got > 10 {
		t.Errorf("%d of 100 who never come back are offered what they had", got)
	}
}

// Where a filter leaves less than is asked for of what is scored, popular items follow, without scores.
func TestFill(t *testing.T) {
	const n = 5000
	d := chains(n, n, 3)
	m, _ := train(t, d, "true", 2)
	q := recipe.Query{Count: 20, Known: true, Allow: bitset.New(d.Items.Len())}
	q.Items, q.Times = d.History(0)
	for i := 3000; i < 3050; i++ { // far from user 0 and from the thousand best-known
		q.Allow.Add(i)
	}
	q.Allow.Add(1)
	a := ask(t, m, q)
	if len(a.Items) != 20 || len(a.Scores) != 1 || a.Items[0] != 1 || a.Items[1] != 3000 || a.Scores[0] != 1 {
		t.Errorf("%v with scores %v, want item 1 with all of the score, then 19 without from 3000 on", a.Items, a.Scores)
	}
}

func TestThreadsOnManyItems(t *testing.T) {
	for _, n := range []int{300, 5000} {
		d := chains(800, n, 12)
		_, one := train(t, d, "true", 1)
		if _, three := train(t, d, "true", 3); !bytes.Equal(one, three) {
			t.Errorf("%d items: 3 threads write other bytes than 1", n)
		}
	}
}
