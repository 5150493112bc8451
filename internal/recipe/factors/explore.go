package factors

import (
	"cmp"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// reference is the rank whose logit a lucky new item is lifted to: the default length of a list, but
// never more than a tenth of the catalogue.
const reference = 25

// The bounds of what is explored, which a query's time grows with.
const (
	mostFresh = 1000 // items that are considered
	mostLucky = 64   // items that are lifted, of those
)

// A fresh list is the items of a model that are new enough to be explored, in ascending order.
type fresh struct {
	oldest float64 // Unix seconds
	items  []int32
}

// fresh returns the items that are at most maxAge days older than the newest interaction; if there are more
// than mostFresh, those that the fewest users have met. Ties go to the lower index.
func (m *model) fresh(maxAge float64) []int32 {
	oldest := float64(m.settings.Newest) - maxAge*86400
	if f := m.explored.Load(); f != nil && f.oldest == oldest {
		return f.items
	}
	f := &fresh{oldest: oldest}
	for i, created := range m.created {
		if float64(created) >= oldest {
			f.items = append(f.items, int32(i))
		}
	}
	f.items = m.leastMet(f.items)
	m.explored.Store(f) // jobs of another age may come between; they find the same
	return f.items
}

// leastMet returns items or, if there are more than mostFresh, those that the fewest users have met. Items ascend,
// before and after; they are reordered on the way.
func (m *model) leastMet(items []int32) []int32 {
	if len(items) <= mostFresh {
		return items
	}
	slices.SortFunc(items, func(a, b int32) int {
		return cmp.Or(cmp.Compare(m.count[a], m.count[b]), cmp.Compare(a, b))
	})
	items = slices.Clone(items[:mostFresh])
	slices.Sort(items)
	return items
}

// explore lifts the logit s of fresh items by
//
//	2.5 · weight · max(0, logit at the reference rank − s) · luck / ln(1+n) / √(1+count)
//
// where luck is exponential with mean 1, drawn from the query's seed and the item, and n is how many fresh
// items are allowed. The luckiest of n has luck of about ln n. So with tens of unseen items a weight of 0.3
// brings one into every third list and a weight of 1 fills half of it, hundreds do not flood it, and
// an item that many users have met gets little. As items are only lifted, the best of the scan and the
// lifted ones together hold the best of all.
//
// Of more than mostLucky items, mostLucky have any luck: see [draw].
func (m *model) explore(q *recipe.Query, weight float64, fresh []int32, s *state, j *topk.Job) {
	s.lucky = s.lucky[:0]
	for _, i := range fresh {
		if q.Allow == nil || q.Allow.Has(int(i)) {
			s.lucky = append(s.lucky, i)
		}
	}
	keys := append(s.keys[:0], j.Best.Sorted()...)
	s.keys = keys
	n := len(s.lucky)
	lucky, least := draw(q.Seed, s.lucky)
	j.Best.Reset(max(q.Count, reference))
	if n > 0 && len(keys) > 0 {
		top := keys[min(reference, max(1, m.matrix.N/10), len(keys))-1].Score()
		unit := 2.5 * weight / math.Log(1+float64(n))
		for _, i := range lucky {
			logit := m.logit(j, s, i)
			share := unit * (least + luck(q.Seed, i)) / math.Sqrt(1+float64(m.count[i]))
			up := logit + float32(share*float64(max(0, top-logit)))
			j.Sum += math.Exp(float64(up)-j.Shift) - math.Exp(float64(logit)-j.Shift)
			j.Best.Push(topk.Make(up, i))
		}
	}
	for _, k := range keys {
		if _, lifted := slices.BinarySearch(lucky, k.Index()); !lifted {
			j.Best.Push(k)
		}
	}
}

// draw chooses at most mostLucky of items, which it reorders, and returns them in ascending order with the luck
// that they have at least.
//
// An exponential draw that exceeds x exceeds it by an exponential draw, and of n draws n·e⁻ˣ exceed x. To draw
// for a few and add ln(n/few) is therefore to draw for all and keep the luckiest.
func draw(seed uint64, items []int32) (lucky []int32, least float64) {
	n := len(items)
	if n <= mostLucky {
		return items, 0
	}
	for k := range mostLucky {
		other := k + int(mix(^seed, uint64(k))%uint64(n-k))
		items[k], items[other] = items[other], items[k]
	}
	lucky = items[:mostLucky]
	slices.Sort(lucky)
	return lucky, math.Log(float64(n) / mostLucky)
}

// logit is the score of an allowed item before it is lifted.
func (m *model) logit(j *topk.Job, s *state, i int32) float32 {
	x := m.matrix.Score(j, int(i))
	if slices.Contains(s.history.items, i) {
		x += float32(m.settings.Repeat)
	}
	return x
}

// luck is an exponential draw of mean 1 that belongs to seed and item.
func luck(seed uint64, i int32) float64 {
	u := (float64(mix(seed, uint64(i))>>11) + 0.5) / (1 << 53)
	return -math.Log(u)
}
