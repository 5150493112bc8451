package factors

import (
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// explore lifts the logits of fresh items as [recipe.Explorer.Lift] has it.
func (m *model) explore(q *recipe.Query, weight float64, fresh []int32, s *state, j *topk.Job) {
	keys := append(s.keys[:0], j.Best.Sorted()...)
	s.keys = keys
	lift := m.explorer.Lift(q, weight, fresh, s.lucky)
	s.lucky = lift.Items
	j.Best.Reset(max(q.Count, recipe.ExploredTo))
	if len(keys) > 0 {
		lift.Measure(func(i int32) float32 { return m.logit(j, s, i) })
		top := keys[min(recipe.ExploredRank(m.matrix.N), len(keys))-1].Score()
		for _, i := range lift.Items {
			logit := m.logit(j, s, i)
			up := lift.Up(i, logit, top)
			j.Sum += math.Exp(float64(up)-j.Shift) - math.Exp(float64(logit)-j.Shift)
			j.Best.Push(topk.Make(up, i))
		}
	}
	for _, k := range keys {
		if !lift.Has(k.Index()) {
			j.Best.Push(k)
		}
	}
}

// logit is the score of an allowed item before it is lifted.
func (m *model) logit(j *topk.Job, s *state, i int32) float32 {
	x := m.matrix.Score(j, int(i))
	if slices.Contains(s.history.items, i) {
		x += float32(m.settings.Repeat)
	}
	return x
}
