package actions

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/recipe"
)

// A model is what Train wrote.
type model struct {
	settings       settings
	items, actions recipe.Names
	taste          []float32
	weights        weights
	scored         []uint8
	taken, seen    []int32
	value          []float64
	expires        []int64
	repeat         []int64
}

// Actions and Items are the model's tables.
func (m *model) Actions() recipe.Names { return m.actions }

// Items is the table that queries' items refer to.
func (m *model) Items() recipe.Names { return m.items }

// Advise answers a block of queries. Actions are in order of their score; equal ones of VALUE, then of how often they
// were taken, then of index; where the query explores, [model.explore] has the last word. What has expired is not among them, nor what the user had to do with less than its
// REPEAT_FREQUENCY ago.
func (m *model) Advise(ctx context.Context, queries []recipe.ActionQuery, answers []recipe.Answer) error {
	for k := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.advise(&queries[k], &answers[k])
	}
	return nil
}

func (m *model) advise(q *recipe.ActionQuery, a *recipe.Answer) {
	s, fields := newState(q.Items, q.Times, q.Past, q.Moment, m.taste), m.settings.Users.of(q.User)
	last := map[int32]int64{}
	for _, e := range q.Past {
		if e.Time < q.Moment {
			last[e.Action] = e.Time
		}
	}
	a.Items = a.Items[:0]
	score := make([]float64, m.actions.Len())
	for i := range int32(m.actions.Len()) {
		at, had := last[i]
		switch {
		case q.Allow != nil && !q.Allow.Has(int(i)),
			m.expires[i] != 0 && q.Moment > m.expires[i],
			had && q.Moment < at+m.repeat[i]*day:
			continue
		}
		if m.scored[i] != 0 { // 0 if too little is known
			score[i] = m.propensity(s, fields, i)
		}
		a.Items = append(a.Items, i)
	}
	slices.SortFunc(a.Items, func(x, y int32) int {
		return cmp.Or(cmp.Compare(score[y], score[x]), cmp.Compare(m.value[y], m.value[x]), cmp.Compare(m.taken[y], m.taken[x]), cmp.Compare(x, y))
	})
	if q.Explore {
		a.Items = m.explore(q.Seed, a.Items, func(i int32) float64 { return m.propensity(s, fields, i) })
	}
	a.Items = a.Items[:min(q.Count, len(a.Items))]
	a.Scores = a.Scores[:0]
	for _, i := range a.Items {
		a.Scores = append(a.Scores, score[i])
	}
}

// propensity is how likely an action is taken, with the 7 decimals that are shown, so that what looks equal is.
func (m *model) propensity(s *state, fields row, action int32) float64 {
	x := s.of(action, fields)
	return math.Round(1e7*sigmoid(m.settings.Slope*m.weights.logit(action, &x)+m.settings.Offset)) / 1e7
}
