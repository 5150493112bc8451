package evaluation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// measures are the metrics of one list, by the names they are reported under.
var measures = []struct {
	name string
	of   func(hits []bool, truth, k int) float64
}{
	{"precision", func(hits []bool, _, k int) float64 { return eval.Precision(hits, k) }},
	{"recall", eval.Recall},
	{"ndcg", eval.NDCG},
	{"mrr", func(hits []bool, _, k int) float64 { return eval.ReciprocalRank(hits[:min(k, len(hits))]) }},
	{"hr", func(hits []bool, _, k int) float64 { return eval.HitRate(hits, k) }},
}

// metricNames lists precision@5 and so on: by metric, then by length.
func metricNames(ks []int) []string {
	var names []string
	for _, m := range measures {
		for _, k := range ks {
			names = append(names, fmt.Sprintf("%s@%d", m.name, k))
		}
	}
	return names
}

// scores are the metrics of every test.
type scores struct {
	columns [][]float64 // by metric as metricNames lists them, then by test
	listed  int         // different items in all lists
}

// A block of queries is ranked at once. Recipes that rank a list are given all items in it, 4 bytes each.
const (
	block     = 128
	listBlock = 16
)

// measure asks the model about every test. Each thread takes the next block; a test's metrics stand in its
// place, whoever came to it.
func (r *run) measure(ctx context.Context, model recipe.Model, asks recipe.Asks) (*scores, error) {
	n := r.train.Items.Len()
	if model.Items().Len() != n {
		return nil, fmt.Errorf("the model knows %d items, the data have %d", model.Items().Len(), n)
	}
	s := &scores{columns: make([][]float64, len(measures)*len(r.order.K))}
	for m := range s.columns {
		s.columns[m] = make([]float64, len(r.tests))
	}
	size := block
	if asks == recipe.ByUserList {
		size = listBlock
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	shown := make([]*bitset.Set, r.order.Threads)
	errs := make([]error, r.order.Threads)
	for t := range r.order.Threads {
		shown[t] = bitset.New(n)
		wg.Go(func() {
			for errs[t] == nil {
				from := int(next.Add(int64(size))) - size
				if from >= len(r.tests) {
					return
				}
				errs[t] = r.rank(ctx, model, asks, from, min(from+size, len(r.tests)), s, shown[t])
			}
		})
	}
	wg.Wait()
	for _, other := range shown[1:] {
		shown[0].Or(other)
	}
	s.listed = shown[0].Count()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// rank asks about the tests of a block and writes down how the answers are.
func (r *run) rank(ctx context.Context, model recipe.Model, asks recipe.Asks, from, to int, s *scores, shown *bitset.Set) error {
	queries := make([]recipe.Query, to-from)
	for k := range queries {
		queries[k] = r.query(r.tests[from+k], asks)
	}
	answers := make([]recipe.Answer, len(queries))
	if err := model.Rank(ctx, queries, answers); err != nil {
		return err
	}
	depth := slices.Max(r.order.K)
	for k, a := range answers {
		listed := a.Items[:min(depth, len(a.Items))]
		for _, i := range listed {
			shown.Add(int(i))
		}
		s.judge(from+k, eval.Hits(eval.Result{Listed: listed, Truth: r.tests[from+k].Truth}, depth), len(r.tests[from+k].Truth), r.order.K)
	}
	return nil
}

func (s *scores) judge(test int, hits []bool, truth int, ks []int) {
	at := 0
	for _, m := range measures {
		for _, k := range ks {
			s.columns[at][test] = m.of(hits, truth, k)
			at++
		}
	}
}

// query asks about a test in the recipe's way: for the user, for the newest item of the history, or for an
// order of all items that may be recommended. It asks for no exploration: what is new is not what was held out.
func (r *run) query(t recipe.Test, asks recipe.Asks) recipe.Query {
	q := recipe.Query{Known: len(t.Items) > 0, Items: t.Items, Times: t.Times, User: t.User, Context: t.Context, Item: -1, Count: slices.Max(r.order.K), Explore: &recipe.Exploration{}}
	if !r.order.KeepSeen {
		q.Allow = bitset.Full(r.train.Items.Len())
		for _, i := range t.Items {
			q.Allow.Remove(int(i))
		}
	}
	switch {
	case asks == recipe.ByItem && len(t.Items) > 0:
		q.Item = t.Items[len(t.Items)-1]
	case asks == recipe.ByUserList:
		for i := range r.train.Items.Len() {
			if q.Allow == nil || q.Allow.Has(i) {
				q.List = append(q.List, int32(i))
			}
		}
	}
	return q
}
