package recipe

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"
)

// ExploredTo is the rank whose logit a lucky new item is lifted to: the default length of a list, but never more than a
// tenth of the catalogue.
const ExploredTo = 25

// ExploredRank is that rank in a catalogue of n items.
func ExploredRank(n int) int { return min(ExploredTo, max(1, n/10)) }

// The bounds of what is explored, which a query's time grows with.
const (
	mostFresh = 1000 // items that are considered
	mostLucky = 64   // items that are lifted, of those
)

// DefaultExploration is that of a recipe that explores where nothing is said about it.
func DefaultExploration() *Exploration { return &Exploration{Weight: 0.3, MaxAge: 30} }

// An Explorer knows which items of a catalogue are new, and by how much these are lifted. It is safe for concurrent use.
type Explorer struct {
	newest  int64 // Unix seconds
	created []int64
	count   []int32
	last    atomic.Pointer[freshItems] // what the last query asked for, or nil
}

// A freshItems is what is new enough, in ascending order.
type freshItems struct {
	oldest float64 // Unix seconds
	items  []int32
}

// NewExplorer makes an explorer of the time of the newest interaction, and of the time each item came and the number of
// users who have met it. It keeps both slices.
func NewExplorer(newest int64, created []int64, count []int32) *Explorer {
	return &Explorer{newest: newest, created: created, count: count}
}

// Fresh returns the items that are at most maxAge days older than the newest interaction; if there are more
// than a thousand, those that the fewest users have met. Ties go to the lower index.
func (e *Explorer) Fresh(maxAge float64) []int32 {
	oldest := float64(e.newest) - maxAge*86400
	if f := e.last.Load(); f != nil && f.oldest == oldest {
		return f.items
	}
	f := &freshItems{oldest: oldest}
	for i, created := range e.created {
		if float64(created) >= oldest {
			f.items = append(f.items, int32(i))
		}
	}
	f.items = e.LeastMet(f.items)
	e.last.Store(f) // queries of another age may come between; they find the same
	return f.items
}

// LeastMet returns items or, if there are more than a thousand, those that the fewest users have met. Items ascend,
// before and after; they are reordered on the way.
func (e *Explorer) LeastMet(items []int32) []int32 {
	if len(items) <= mostFresh {
		return items
	}
	slices.SortFunc(items, func(a, b int32) int {
		return cmp.Or(cmp.Compare(e.count[a], e.count[b]), cmp.Compare(a, b))
	})
	items = slices.Clone(items[:mostFresh])
	slices.Sort(items)
	return items
}

// A Lift is by how much the logits of some items rise for one query.
type Lift struct {
	Items []int32 // ascending

	seed        uint64
	count       []int32
	unit, least float64
	ground      float64 // see Measure; NaN before that
}

// Lift draws for a query which of the fresh items that it allows are lifted. It uses scratch, which may be nil, and whose
// memory the lift keeps.
//
// The logit s of an item rises by
//
//	2.5 · weight · (logit at the explored rank − ground) · luck / ln(1+n) / √(1+count)
//
// if s is below that rank, where ground is the mean logit of those that are lifted (see Measure), or s without that;
// luck is exponential with mean 1, drawn from the query's seed and the item, and n is how many fresh
// items are allowed. The luckiest of n has luck of about ln n. So with tens of unseen items a weight of 0.3
// brings one into every third list and a weight of 1 fills half of it, hundreds do not flood it, and
// an item that many users have met gets little. As items are only lifted, the best of the others and the
// lifted ones together hold the best of all.
//
// Of more than mostLucky items, mostLucky have any luck: see [draw].
func (e *Explorer) Lift(q *Query, weight float64, fresh, scratch []int32) Lift {
	scratch = scratch[:0]
	for _, i := range fresh {
		if q.Allow == nil || q.Allow.Has(int(i)) {
			scratch = append(scratch, i)
		}
	}
	l := Lift{seed: q.Seed, count: e.count, ground: math.NaN(), unit: 2.5 * weight / math.Log(1+float64(len(scratch)))}
	l.Items, l.least = draw(q.Seed, scratch)
	return l
}

// Has reports whether an item is lifted.
func (l *Lift) Has(i int32) bool {
	_, ok := slices.BinarySearch(l.Items, i)
	return ok
}

// Measure tells the lift what the logits of its items are, so that the same luck lifts all of them by as much: which of
// them come among the others is then decided by luck and by how well they fit. Without it, they come by luck alone.
func (l *Lift) Measure(logit func(i int32) float32) {
	var sum float64
	for _, i := range l.Items {
		sum += float64(logit(i))
	}
	l.ground = sum / float64(len(l.Items)) // NaN for none
}

// Up returns the logit of one of the items when it is lifted towards top, the logit at the explored rank.
func (l *Lift) Up(i int32, logit, top float32) float32 {
	if logit >= top {
		return logit
	}
	gap := float64(top) - l.ground
	if math.IsNaN(gap) {
		gap = float64(top - logit)
	}
	return logit + float32(l.share(i)*max(0, gap))
}

// share is how much of the way up an item is lifted.
func (l *Lift) share(i int32) float64 {
	return l.unit * (l.least + luck(l.seed, i)) / math.Sqrt(1+float64(l.count[i]))
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
		other := k + int(Mix(^seed, uint64(k))%uint64(n-k))
		items[k], items[other] = items[other], items[k]
	}
	lucky = items[:mostLucky]
	slices.Sort(lucky)
	return lucky, math.Log(float64(n) / mostLucky)
}

// luck is an exponential draw of mean 1 that belongs to seed and item.
func luck(seed uint64, i int32) float64 {
	u := (float64(Mix(seed, uint64(i))>>11) + 0.5) / (1 << 53)
	return -math.Log(u)
}

// Mix hashes two numbers. (The finaliser of SplitMix64; Steele, Lea and Flood, 2014.)
func Mix(a, b uint64) uint64 {
	z := a + (b+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
