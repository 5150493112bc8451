package builtin

import (
	"context"
	"flag"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

var (
	train   = flag.String("train", "", "CSV file of interactions to train on, for TestAccuracy")
	truth   = flag.String("truth", "", "CSV file of the interactions held out")
	atLeast = flag.Float64("at-least", 1.5, "how many times the popularity baseline the accuracy has to be")
	every   = flag.Int("every", 1, "measure every n-th user of the truth")
	which   = flag.String("recipe", "aws-user-personalization", "recipe that TestAccuracy measures")
	repeats = flag.Bool("repeats", false, "leave items in that a user had in training")
	explore = flag.Float64("explore", 0, "exploration weight")
)

// TestAccuracy measures a recipe with default parameters on a public split, against popular items. Items
// that a user had in training are left out unless -repeats is given, and everything else is ranked.
func TestAccuracy(t *testing.T) {
	if *train == "" {
		t.Skip("needs -train and -truth, the files of a public data set (docs/measurements/accuracy.md)")
	}
	d, held := readSplit(t)
	base := measure(t, "aws-popularity-count", d, held)
	got := measure(t, *which, d, held)
	for _, name := range []string{"precision@10", "ndcg@10"} {
		if got[name] < *atLeast*base[name] {
			t.Errorf("%s = %.4f, want at least %.2f times the baseline's %.4f", name, got[name], *atLeast, base[name])
		}
	}
}

// TestServiceMetrics prints what GetSolutionMetrics would say of each recipe on a data set: mean of 3 seeds.
func TestServiceMetrics(t *testing.T) {
	if *train == "" {
		t.Skip("needs -train, a file of a public data set (docs/measurements/accuracy.md)")
	}
	events, err := recipetest.ReadEvents(*train)
	if err != nil {
		t.Fatal(err)
	}
	d := recipetest.Build(events)
	const seeds = 3
	for _, r := range All() {
		mean := map[string]float64{}
		for seed := range uint64(seeds) {
			part, tests := recipe.Holdout(d, seed)
			m := recipetest.Train(t, r, part, filepath.Join(t.TempDir(), "model"), seed, 2)
			got, err := recipe.Evaluate(context.Background(), m, r.Info().Asks, tests)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range got {
				mean[name] += v / seeds
			}
		}
		t.Logf("| %s | %.4f | %.4f | %.4f | %.4f |", r.Info().Name, mean["coverage"], mean["mean_reciprocal_rank_at_25"],
			mean["normalized_discounted_cumulative_gain_at_10"], mean["precision_at_10"])
	}
}

func readSplit(t *testing.T) (*recipe.Data, [][]int32) {
	events, err := recipetest.ReadEvents(*train)
	if err != nil {
		t.Fatal(err)
	}
	d := recipetest.Build(events)
	out, err := recipetest.ReadEvents(*truth)
	if err != nil {
		t.Fatal(err)
	}
	held := make([][]int32, d.Users.Len())
	for _, e := range out {
		u, known := d.Users.Find(e.User)
		if !known {
			t.Fatalf("%s: user %s is not in training", *truth, e.User)
		}
		i, known := d.Items.Find(e.Item)
		if !known {
			i = d.Items.Len() + len(held[u]) // can never be recommended
		}
		if !slices.Contains(held[u], int32(i)) {
			held[u] = append(held[u], int32(i))
		}
	}
	return d, held
}

func measure(t *testing.T, name string, d *recipe.Data, held [][]int32) map[string]float64 {
	r, ok := Find(name)
	if !ok {
		t.Fatalf("no recipe %s", name)
	}
	began := time.Now()
	m := recipetest.Train(t, r, d, filepath.Join(t.TempDir(), "model"), 1, 2)
	trained := time.Since(began)
	began = time.Now()
	var users, precision, ndcg, recall20, ndcg20, mrr float64
	shown := map[int32]bool{}
	for u, want := range held {
		if len(want) == 0 || u%*every != 0 {
			continue
		}
		users++
		hits, listed := recommend(t, m, d, u, want)
		for _, i := range listed {
			shown[i] = true
		}
		precision += eval.Precision(hits, 10)
		ndcg += eval.NDCG(hits, len(want), 10)
		recall20 += eval.Recall(hits, len(want), 20)
		ndcg20 += eval.NDCG(hits, len(want), 20)
		mrr += eval.ReciprocalRank(hits)
	}
	got := map[string]float64{"recall@20": recall20 / users, "ndcg@20": ndcg20 / users, "precision@10": precision / users, "ndcg@10": ndcg / users}
	t.Logf("| %s | %.4f | %.4f | %.4f | %.4f | %.4f | %.2f | %.1f s | %.2f ms |", name, got["recall@20"], got["ndcg@20"], got["precision@10"], got["ndcg@10"],
		mrr/users, float64(len(shown))/float64(d.Items.Len()), trained.Seconds(), time.Since(began).Seconds()*1e3/users)
	return got
}

func recommend(t *testing.T, m recipe.Model, d *recipe.Data, u int, want []int32) (hits []bool, listed []int32) {
	q := recipe.Query{Known: true, Item: -1, Count: eval.Depth, Allow: bitset.Full(d.Items.Len()), Seed: uint64(u)}
	if *explore > 0 {
		q.Explore = &recipe.Exploration{Weight: *explore, MaxAge: 30}
	}
	q.Items, q.Times = d.History(u)
	if !*repeats {
		for _, i := range q.Items {
			q.Allow.Remove(int(i))
		}
	}
	answers := make([]recipe.Answer, 1)
	if err := m.Rank(context.Background(), []recipe.Query{q}, answers); err != nil {
		t.Fatal(err)
	}
	for _, i := range answers[0].Items {
		hits = append(hits, slices.Contains(want, i))
	}
	return hits, answers[0].Items
}
