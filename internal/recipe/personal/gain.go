package personal

import (
	"context"

	"github.com/kindredrec/kindred/internal/eval"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// depth is the length of the lists that are compared.
const depth = 20

// A question is one list to ask for, with what ought to be in it.
type question struct {
	query recipe.Query
	truth []int32
}

// questions are two where a test allows it: everything may be listed and all that came next is the truth; and what the user
// has not had may be, and is. So it counts whether a model knows what is taken again, and whether it knows anything
// else.
func questions(t recipe.Test, items int) []question {
	all := recipe.Query{Known: true, Items: t.Items, Times: t.Times, User: t.User, Item: -1, Count: depth, Explore: &recipe.Exploration{}}
	unmet := bitset.Full(items)
	for _, i := range t.Items {
		unmet.Remove(int(i))
	}
	out := []question{{all, t.Truth}}
	next := question{query: all}
	next.query.Allow = unmet
	for _, i := range t.Truth {
		if unmet.Has(int(i)) {
			next.truth = append(next.truth, i)
		}
	}
	if len(next.truth) > 0 {
		out = append(out, next)
	}
	return out
}

// meanGain is the mean ndcg of what the model answers, each test counting as much as any other. It takes a bit for
// each item and each of the tests that are asked about at a time, 64 by each thread.
func meanGain(ctx context.Context, m recipe.Model, tests []recipe.Test, threads int) (float64, error) {
	gains, errs := make([]float64, len(tests)), make([]error, len(tests))
	err := als.Spread(ctx, threads, len(tests), 64, func(lo, hi int) { errs[lo] = setGains(ctx, m, tests[lo:hi], gains[lo:hi]) })
	var sum float64
	for k, g := range gains {
		if err == nil {
			err = errs[k]
		}
		sum += g
	}
	return sum / float64(len(tests)), err
}

// setGains asks about a block of tests.
func setGains(ctx context.Context, m recipe.Model, tests []recipe.Test, gains []float64) error {
	var queries []recipe.Query
	asked := make([][]question, len(tests))
	for k, t := range tests {
		asked[k] = questions(t, m.Items().Len())
		for _, q := range asked[k] {
			queries = append(queries, q.query)
		}
	}
	answers := make([]recipe.Answer, len(queries))
	if err := m.Rank(ctx, queries, answers); err != nil {
		return err
	}
	for k := range tests {
		for _, q := range asked[k] {
			hits := eval.Hits(eval.Result{Listed: answers[0].Items, Truth: q.truth}, depth)
			gains[k] += eval.NDCG(hits, len(q.truth), depth) / float64(len(asked[k]))
			answers = answers[1:]
		}
	}
	return nil
}
