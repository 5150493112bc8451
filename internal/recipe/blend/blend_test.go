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

func TestPersonalization(t *testing.T) {
	recipetest.Run(t, blend.Personalization(), recipetest.Fresher)
}

func TestRanking(t *testing.T) { recipetest.Run(t, blend.Ranking()) }

// chains is data where order is everything: everybody goes from item k to k+1, and so on in a circle of n,
// from a place of their own; each circle has as many users of each item as any other. Items that nobody
// comes by are there as well.
func chains(users, n, length int) *recipe.Data {
	var events []recipetest.Event
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("i%05d", i)
	}
	for u := range users {
		for k := range length {
			events = append(events, recipetest.Event{User: fmt.Sprintf("u%05d", u), Item: fmt.Sprintf("i%05d", (u*7+k)%n), Time: int64(1000*k + u)})
		}
	}
	return recipetest.Build(events, all...)
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
	if testing.Short() {
		t.Skip("short: a large catalogue asked by a hundred users")
	}
	for _, n := range []int{50, 21000} {
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

// Where a click and a view of one thing are logged at one moment, the second of them is foretold after the first.
func TestAgain(t *testing.T) {
	d := chains(100, 50, 12)
	var events []recipetest.Event
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k := range items {
			events = append(events, recipetest.Event{User: d.Users.At(u), Item: d.Items.At(int(items[k])), Time: 10 * times[k]})
			if k < len(items)-1 || u%2 == 0 { // a view has not come yet
				events = append(events, recipetest.Event{User: d.Users.At(u), Item: d.Items.At(int(items[k])), Time: 10*times[k] + 1})
			}
		}
	}
	twice := recipetest.Build(events)
	for k := range twice.Time {
		twice.Time[k] -= twice.Time[k] % 10
	}
	m, _ := train(t, twice, "true", 2)
	q := recipe.Query{Count: 1, Known: true}
	q.Items, q.Times = twice.History(7)
	q.Items, q.Times = q.Items[:9], q.Times[:9] // the first of two
	if got := ask(t, m, q).Items[0]; got != q.Items[8] {
		t.Errorf("after a single %d comes %d, want the same again", q.Items[8], got)
	}
	q.Items, q.Times = twice.History(7)
	q.Items, q.Times = q.Items[:10], q.Times[:10]
	if got, next := ask(t, m, q).Items[0], twice.Item[twice.Start[7]+10]; got != next {
		t.Errorf("after two of %d comes %d, want %d", q.Items[9], got, next)
	}
}

// Where a filter leaves less than is asked for of what is scored, popular items follow, without scores.
func TestFill(t *testing.T) {
	const n = 21000
	d := chains(1000, n, 3)
	m, _ := train(t, d, "true", 2)
	q := recipe.Query{Count: 20, Known: true, Allow: bitset.New(d.Items.Len())}
	q.Items, q.Times = d.History(0)
	for i := 20000; i < 20050; i++ { // far from user 0 and from the thousand best-known
		q.Allow.Add(i)
	}
	q.Allow.Add(1)
	a := ask(t, m, q)
	if len(a.Items) != 20 || len(a.Scores) != 1 || a.Items[0] != 1 || a.Items[1] != 20000 || a.Scores[0] != 1 {
		t.Errorf("%v with scores %v, want item 1 with all of the score, then 19 without from 20000 on", a.Items, a.Scores)
	}
}

func TestThreadsOnManyItems(t *testing.T) {
	for _, n := range []int{300, 21000} {
		d := chains(800, n, 12)
		_, one := train(t, d, "true", 1)
		if _, three := train(t, d, "true", 3); !bytes.Equal(one, three) {
			t.Errorf("%d items: 3 threads write other bytes than 1", n)
		}
	}
}
