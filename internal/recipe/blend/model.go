package blend

import (
	"context"
	"math"
	"sync"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A model scores what a history's lists name, and the best-known items.
type model struct {
	*learned
	asks     recipe.Asks
	items    recipe.Names
	settings settings
	idle     sync.Pool // of *desk
}

// head is how many of the best-known items are scored for everybody.
const head = 1000

// A desk is what one query needs; it is reused.
type desk struct {
	*listener
	logit []float32 // alongside touched
}

// Items is the model's item table.
func (m *model) Items() recipe.Names { return m.items }

// Rank answers a block of queries. Each caller at a time takes 40 bytes an item.
func (m *model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	d, ok := m.idle.Get().(*desk)
	if !ok {
		d = &desk{listener: newListener(m.learned, m.settings.Recency)}
	}
	defer m.idle.Put(d)
	for k := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		q, a := &queries[k], &answers[k]
		a.Items, a.Scores = a.Items[:0], a.Scores[:0]
		d.listen(q.Items, q.Times)
		if m.asks == recipe.ByUserList {
			m.answer(d, q, a, q.List, len(q.List))
			continue
		}
		for _, i := range m.order[:min(head, len(m.order))] {
			d.touch(i)
		}
		m.answer(d, q, a, d.touched, q.Count)
		m.fill(d, q, a)
	}
	return nil
}

// answer ranks the candidates that are allowed; scores are their softmax.
func (m *model) answer(d *desk, q *recipe.Query, a *recipe.Answer, candidates []int32, count int) {
	d.best.Reset(count)
	d.logit = d.logit[:0]
	top := math.Inf(-1)
	for _, i := range candidates {
		if q.Allow != nil && !q.Allow.Has(int(i)) {
			continue
		}
		l := m.logit(d, i, len(q.Items) == 0)
		d.logit = append(d.logit, l)
		d.best.Push(topk.Make(l, i))
		top = max(top, float64(l))
	}
	var sum float64
	for _, l := range d.logit {
		sum += math.Exp(float64(l) - top)
	}
	for _, key := range d.best.Sorted() {
		a.Items = append(a.Items, key.Index())
		a.Scores = append(a.Scores, math.Exp(float64(key.Score())-top)/sum)
	}
}

// logit is what an item is worth to whom the desk has listened to. Strangers are shown what has most users.
func (m *model) logit(d *desk, i int32, stranger bool) float32 {
	if stranger {
		return m.popular[i]
	}
	var x [signals]float64
	d.signals(i, &m.settings.Level, &x)
	var l float64
	for k, w := range m.settings.Weights {
		l += w * x[k]
	}
	return float32(l)
}

// fill adds popular items that were not scored, where a filter has left too few; they have no score.
func (m *model) fill(d *desk, q *recipe.Query, a *recipe.Answer) {
	if len(a.Items) >= q.Count {
		return
	}
	for _, i := range m.order {
		if len(a.Items) >= q.Count {
			return
		}
		if !d.seen[i] && (q.Allow == nil || q.Allow.Has(int(i))) {
			a.Items = append(a.Items, i)
		}
	}
}
