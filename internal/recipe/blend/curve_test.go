package blend

import (
	"context"
	"flag"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/num/seqnet"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
)

var (
	curveTrain = flag.String("train", "", "CSV file of interactions, for TestNetworkCurve")
	curveKind  = flag.String("kind", "transformer", "kind of network")
	curveSeen  = flag.Bool("repeats", false, "leave items in that a user had")
)

// TestNetworkCurve prints how well a network by itself tells the first event that the inner split holds back of
// each of its users, over time.
func TestNetworkCurve(t *testing.T) {
	if *curveTrain == "" {
		t.Skip("needs -train, the training file of a public data set (docs/measurements/networks.md)")
	}
	events, err := recipetest.ReadEvents(*curveTrain)
	if err != nil {
		t.Fatal(err)
	}
	d := recipetest.Build(events)
	part, tests := newSequences(d).holdBack(1, false)
	order := &recipe.Training{Data: d, Seed: 1, Threads: 2, Log: slog.New(slog.DiscardHandler)}
	o := netOptions(order, part, netRounds, netRate)
	o.Kind, o.Tests = seqnet.Kind(*curveKind), netTestsOf(tests)
	began := time.Now()
	o.Progress = func(r seqnet.Report) {
		n, err := newNetwork(r.State)
		if err != nil {
			t.Fatal(err)
		}
		hits, gain := n.quality(t, tests)
		t.Logf("%5.0f s, %5.1f rounds: %.3f nats an event, %.3f a test; hr@10 %.4f ndcg@10 %.4f", time.Since(began).Seconds(),
			float64(r.Step)*float64(o.Batch)/float64(len(part.item)), r.Loss, r.Held, hits, gain)
	}
	if _, err := seqnet.Train(context.Background(), part.forNetwork(), o, nil); err != nil {
		t.Fatal(err)
	}
}

// quality is hr@10 and ndcg@10 over the tests' first events.
func (n *network) quality(t *testing.T, tests []test) (hits, gain float64) {
	state, jobs := make([]float32, n.Shape().Width), make([]topk.Job, 1)
	for _, one := range tests {
		n.Encode(one.before, state)
		if err := jobs[0].Set(state, 0); err != nil {
			t.Fatal(err)
		}
		jobs[0].Allow = bitset.Full(n.Items())
		if !*curveSeen {
			for _, i := range one.before {
				jobs[0].Allow.Remove(int(i))
			}
		}
		jobs[0].Best.Reset(10)
		if err := topk.Best(context.Background(), n.matrix, jobs); err != nil {
			t.Fatal(err)
		}
		for rank, key := range jobs[0].Best.Sorted() {
			if key.Index() == one.first() {
				hits++
				gain += 1 / math.Log2(float64(rank)+2)
			}
		}
	}
	return hits / float64(len(tests)), gain / float64(len(tests))
}
