package blend

import (
	"math"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// What a recipe that mixes new items in by itself does without being asked: about one in a thousand recommended items came
// in the last thirty days and was put there. (recipes.md §5)
const (
	mixOneIn = 1000 // places
	mixAge   = 30   // days before the newest interaction
)

// explore lifts new items among those that the desk has scored.
func (m *model) explore(d *desk, q *recipe.Query) {
	switch {
	case m.asks != recipe.ByUser:
	case q.Explore == nil && m.mixes:
		m.mix(d, q)
	case q.Explore != nil && q.Explore.Weight > 0:
		m.lift(d, q)
	}
}

// lift lifts new items as [recipe.Explorer.Lift] has it. Those that nothing speaks of rise from the tail.
func (m *model) lift(d *desk, q *recipe.Query) {
	keys := d.sorted()
	lift := m.explorer.Lift(q, q.Explore.Weight, m.explorer.Fresh(q.Explore.MaxAge), d.lucky)
	d.lucky = lift.Items
	if len(keys) == 0 {
		return
	}
	lift.Measure(func(i int32) float32 { return d.before(m, q, i) })
	top := keys[min(recipe.ExploredRank(m.items.Len()), len(keys))-1].Score()
	d.best.Reset(len(keys) + len(lift.Items))
	for _, i := range lift.Items {
		d.raise(m, q, i, lift.Up(i, d.before(m, q, i), top))
	}
	for _, k := range keys {
		if !lift.Has(k.Index()) {
			d.best.Push(k)
		}
	}
}

// mix puts new items into some places of the list. Which places, and which items, depends on the query's seed alone and not
// on how long the list is to be, so that a short list is the head of a longer one. The first place is never taken, and of
// items that are worth the same all come before what is put among them.
func (m *model) mix(d *desk, q *recipe.Query) {
	keys := d.sorted()
	var taken []topk.Key
	for place := 1; place < min(q.Count, len(keys)); place++ {
		if recipe.Mix(q.Seed, ^uint64(place))%mixOneIn != 0 {
			continue
		}
		logit := math.Nextafter32(keys[place-1].Score(), float32(math.Inf(-1)))
		if i := m.pick(d, q, keys[:place], taken, logit); i >= 0 {
			taken = append(taken, topk.Make(logit, i))
		}
	}
	if len(taken) == 0 {
		return
	}
	d.best.Reset(len(keys) + len(taken))
	for _, t := range taken {
		d.raise(m, q, t.Index(), t.Score())
	}
	for _, k := range keys {
		if !has(taken, k.Index()) {
			d.best.Push(k)
		}
	}
}

// pick returns the new item that would rise most, of those that are not in the list: -1 for none.
func (m *model) pick(d *desk, q *recipe.Query, list, taken []topk.Key, top float32) int32 {
	lift := m.explorer.Lift(q, 1, m.explorer.Fresh(mixAge), d.lucky)
	d.lucky = lift.Items
	lift.Measure(func(i int32) float32 { return d.before(m, q, i) })
	best, most := int32(-1), float32(math.Inf(-1))
	for _, i := range lift.Items {
		if up := lift.Up(i, d.before(m, q, i), top); up > most && !has(list, i) && !has(taken, i) {
			best, most = i, up
		}
	}
	return best
}

func has(keys []topk.Key, i int32) bool {
	for _, k := range keys {
		if k.Index() == i {
			return true
		}
	}
	return false
}

// sorted returns the best of the desk, which may then be filled anew.
func (d *desk) sorted() []topk.Key {
	d.keys = append(d.keys[:0], d.best.Sorted()...)
	return d.keys
}

// before is the logit of an allowed item before it is lifted.
func (d *desk) before(m *model, q *recipe.Query, i int32) float32 {
	if d.seen[i] {
		return m.logit(d, i, len(q.Items) == 0)
	}
	known := math.Exp(float64(m.popular[i] - m.popular[m.order[0]]))
	return d.last + float32(math.Log(known/2))
}

// raise offers an item for a higher logit than its own, as if it had been scored.
func (d *desk) raise(m *model, q *recipe.Query, i int32, up float32) {
	d.sum += math.Exp(float64(up) - d.top)
	if d.seen[i] || m.tail != nil {
		d.sum -= math.Exp(float64(d.before(m, q, i)) - d.top)
	}
	d.touch(i)
	d.best.Push(topk.Make(up, i))
}
