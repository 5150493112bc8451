package evaluation

import (
	"context"
	"fmt"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/recipe"
)

// exploredTests is how many tests, evenly by place, the share of what is explored is counted on.
const exploredTests = 2000

// Explored is how much of what a recipe recommends is there because it explores: items that are not in the list of the
// same length without exploration. The other measures are of lists without.
type Explored struct {
	Weight float64 `json:"weight"` // 0 for a recipe that mixes new items in by itself
	MaxAge float64 `json:"maxAgeDays"`
	K      int     `json:"k"`      // length of the lists
	Listed int     `json:"listed"` // items in all of them
	Share  float64 `json:"share"`  // of these that are explored
}

// explored counts by asking twice; nil for a recipe that does not explore. Each user explores in a way of their own.
func (r *run) explored(ctx context.Context, model recipe.Model, info recipe.Info) (*Explored, error) {
	if info.Asks != recipe.ByUser || !info.Explores && !info.Mixes {
		return nil, nil
	}
	e := &Explored{K: slices.Max(r.order.K)}
	var how *recipe.Exploration
	if info.Explores {
		how = recipe.DefaultExploration()
		e.Weight, e.MaxAge = how.Weight, how.MaxAge
	}
	step := max(1, len(r.tests)/exploredTests)
	n := (len(r.tests) + step - 1) / step
	listed, found, errs := make([]int, n), make([]int, n), make([]error, n)
	err := als.Spread(ctx, r.order.Threads, n, block/2, func(lo, hi int) {
		queries := make([]recipe.Query, 0, 2*(hi-lo))
		for k := lo; k < hi; k++ {
			q := r.query(r.tests[k*step], recipe.ByUser)
			q.Seed = recipe.Mix(r.order.Seed, uint64(k))
			plain := q
			q.Explore = how
			queries = append(queries, plain, q)
		}
		answers := make([]recipe.Answer, len(queries))
		errs[lo] = model.Rank(ctx, queries, answers)
		for k := lo; k < hi; k++ {
			without, with := answers[2*(k-lo)].Items, answers[2*(k-lo)+1].Items
			listed[k] = len(with)
			for _, i := range with {
				if !slices.Contains(without, i) {
					found[k]++
				}
			}
		}
	})
	all := 0
	for k := range listed {
		if err == nil {
			err = errs[k]
		}
		e.Listed += listed[k]
		all += found[k]
	}
	e.Share = float64(all) / float64(max(1, e.Listed))
	return e, err
}

// String says it in a line of the table.
func (e *Explored) String() string {
	if e.Weight == 0 {
		return fmt.Sprintf("%.2f %% of lists of %d, mixed in unasked", 100*e.Share, e.K)
	}
	return fmt.Sprintf("%.2f %% of lists of %d, at weight %v and %v days", 100*e.Share, e.K, e.Weight, e.MaxAge)
}
