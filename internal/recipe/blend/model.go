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
	mixes    bool // recipe.Info's
	items    recipe.Names
	settings settings
	weigher  *weigher // of settings and learned
	explorer *recipe.Explorer
	reward   []float32 // standard rewards; nil without an objective
	tail     *tail     // nil where items beyond those scored have no scores
	idle     sync.Pool // of *desk
}

// head is how many of the best-known items are scored for everybody.
const head = 1000

// wellKnown are these.
func (l *learned) wellKnown() []int32 { return l.order[:min(head, len(l.order))] }

// A desk is what one query needs; it is reused.
type desk struct {
	*listener
	logit []float32 // of the candidates that are allowed
	scale [voices]float64
	lucky []int32    // scratch of explore
	keys  []topk.Key // likewise

	kin    []float32 // by item: what the query's record tells; nil as long as none told anything
	kinSet []int32   // items that it tells something of

	top, sum float64 // the highest logit, and the sum of e^(logit−top) over what has a score
	last     float32 // the lowest logit
}

func newDesk(m *model) *desk { return &desk{listener: newListener(m.learned, m.settings.Recency)} }

// Items is the model's item table.
func (m *model) Items() recipe.Names { return m.items }

// ahead is how many queries are looked at together: 16 KB each.
const ahead = 32

// Rank answers a block of queries. Each caller at a time takes a listener.
func (m *model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	d, ok := m.idle.Get().(*desk)
	if !ok {
		d = newDesk(m)
	}
	defer m.idle.Put(d)
	for k := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if k%ahead == 0 {
			if err := d.expect(ctx, queries[k:min(len(queries), k+ahead)]); err != nil {
				return err
			}
		}
		q, a := &queries[k], &answers[k]
		d.listen(q.Items, q.Times)
		d.hear(m.learned, q)
		if m.asks == recipe.ByUserList {
			d.vectorsOf(q.List)
			d.best.Reset(len(q.List))
			d.score(m, q, q.List)
			d.answer(a, len(q.List))
			continue
		}
		d.touchAll(m.wellKnown())
		d.best.Reset(max(q.Count, recipe.ExploredTo))
		d.score(m, q, d.touched)
		if m.tail != nil {
			d.sum += math.Exp(float64(d.last)-d.top) * m.tail.rest(q, d)
		}
		m.explore(d, q)
		d.answer(a, q.Count)
		m.fill(d, q, a)
	}
	return nil
}

func (d *desk) touchAll(items []int32) {
	for _, i := range items {
		d.touch(i)
	}
}

// score takes the candidates that are allowed.
func (d *desk) score(m *model, q *recipe.Query, candidates []int32) {
	d.logit, d.scale = d.logit[:0], d.by(&m.settings.Level)
	top, last := math.Inf(-1), float32(math.Inf(1))
	for _, i := range candidates {
		if q.Allow != nil && !q.Allow.Has(int(i)) {
			continue
		}
		l := m.logit(d, i, len(q.Items) == 0)
		d.logit = append(d.logit, l)
		d.best.Push(topk.Make(l, i))
		top, last = max(top, float64(l)), min(last, l)
	}
	if len(d.logit) == 0 {
		top, last = 0, 0
	}
	d.top, d.last, d.sum = top, last, 0
	for _, l := range d.logit {
		if l := float64(l) - top; l > -negligible {
			d.sum += math.Exp(l)
		}
	}
}

// negligible is how far below the best an item is worth nothing: so many of them as there can be do not change the sum.
const negligible = 60

// answer writes the best with their softmax.
func (d *desk) answer(a *recipe.Answer, count int) {
	a.Items, a.Scores = a.Items[:0], a.Scores[:0]
	keys := d.best.Sorted()
	for _, key := range keys[:min(count, len(keys))] {
		a.Items = append(a.Items, key.Index())
		a.Scores = append(a.Scores, math.Exp(float64(key.Score())-d.top)/d.sum)
	}
}

// logit is what an item is worth to whom the desk has listened to. Strangers are shown what has most users.
func (m *model) logit(d *desk, i int32, stranger bool) float32 {
	l := m.rewarded(i) + d.told(i)
	if stranger {
		return float32(l + float64(m.popular[i]))
	}
	return float32(l + m.weigher.logit(d, i))
}

// rewarded is what the objective adds to the logit of item i.
func (m *model) rewarded(i int32) float64 {
	if m.reward == nil {
		return 0
	}
	return m.settings.Reward * float64(m.reward[i])
}

// fill adds popular items that were not scored, where a filter has left too few. They have no score but what the tail gives
// them.
func (m *model) fill(d *desk, q *recipe.Query, a *recipe.Answer) {
	if len(a.Items) >= q.Count {
		return
	}
	last := math.Exp(float64(d.last)-d.top) / d.sum
	for _, i := range m.order {
		if len(a.Items) >= q.Count {
			return
		}
		if d.seen[i] || q.Allow != nil && !q.Allow.Has(int(i)) {
			continue
		}
		a.Items = append(a.Items, i)
		if m.tail != nil {
			a.Scores = append(a.Scores, last*m.tail.share(i))
		}
	}
}
