package affinity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/num/f32"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

const (
	// userBlock is how many users are scored for all queries before the next: their vectors stay in cache.
	userBlock = 256
	// mostItems bounds the items of a query whose vectors are looked at: those with most users.
	mostItems = 64
	// The expectation for several items is half what the model says of those to come and half what the
	// share of them in the user's past says, smoothed by prior pairs of an average user. The model alone
	// takes those who like a genre best for done with it, where nobody repeats; the past alone does not
	// tell who is.
	past, prior = 0.5, 3
)

// A model ranks users.
type model struct {
	settings        settings
	items, users    recipe.Names
	stride          int
	vectors, people []float32 // of items; of users, times Scale
	bias            []float32
	popularity      []float32 // of items: log(users + 1)
	start           []int64
	had             []int32
	attributes      []index
}

// OpenSegments makes a model of an artifact. The model refers to f's memory.
func (r Recipe) OpenSegments(f *artifact.File) (recipe.SegmentModel, error) {
	m := &model{}
	if err := f.Meta(&m.settings); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
	}
	m.stride = als.Stride(m.settings.Dim)
	items, err := f.Strings("items")
	gets := []func() error{
		func() error { return err },
		func() error {
			users, err := f.Strings("users")
			m.items, m.users = items, users
			return err
		},
		func() (err error) { m.vectors, err = artifact.Get[float32](f, "vectors"); return },
		func() (err error) { m.people, err = artifact.Get[float32](f, "people"); return },
		func() (err error) { m.bias, err = artifact.Get[float32](f, "bias"); return },
		func() (err error) { m.popularity, err = artifact.Get[float32](f, "popularity"); return },
		func() (err error) { m.start, err = artifact.Get[int64](f, "start"); return },
		func() (err error) { m.had, err = artifact.Get[int32](f, "had"); return },
	}
	for _, a := range m.settings.Columns {
		gets = append(gets, func() error {
			x, err := openIndex(f, a)
			m.attributes = append(m.attributes, x)
			return err
		})
	}
	for _, get := range gets {
		if err := get(); err != nil {
			return nil, fmt.Errorf("open %s: %w", r.info.Name, err)
		}
	}
	n, u := m.items.Len(), m.users.Len()
	if len(m.vectors) != n*m.stride || len(m.people) != u*m.stride || len(m.bias) != u || len(m.popularity) != n || len(m.start) != u+1 {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d users and %d items of dimension %d", r.info.Name, u, n, m.settings.Dim)
	}
	return m, nil
}

// Items is the model's table of items.
func (m *model) Items() recipe.Names { return m.items }

// Users is the model's table of users.
func (m *model) Users() recipe.Names { return m.users }

// A target is the items of a query.
type target struct {
	known []int32     // those with most users, ascending
	all   *bitset.Set // of several items; nil for one
	share float64     // of all pairs of user and item
}

func (m *model) target(items []int32) target {
	t := target{known: m.mostKnown(items)}
	if len(items) < 2 {
		return t
	}
	t.all = bitset.New(m.items.Len())
	for _, i := range items {
		t.all.Add(int(i))
		t.share += math.Exp(float64(m.popularity[i])) - 1
	}
	t.share /= float64(max(1, len(m.had)))
	return t
}

// Segment answers a block of queries in one pass over the users. Beside the heaps it takes one bit for each item
// and query.
func (m *model) Segment(ctx context.Context, queries []recipe.SegmentQuery, answers [][]int32) error {
	best := make([]topk.Heap, len(queries))
	targets := make([]target, len(queries))
	for k, q := range queries {
		best[k].Reset(min(q.Count, m.users.Len()))
		targets[k] = m.target(q.Items)
	}
	for from := 0; from < m.users.Len(); from += userBlock {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+userBlock, m.users.Len())
		for k := range queries {
			m.scan(&queries[k], &targets[k], from, to, &best[k])
		}
	}
	for k := range best {
		answers[k] = answers[k][:0]
		for _, key := range best[k].Sorted() {
			answers[k] = append(answers[k], key.Index())
		}
		best[k] = topk.Heap{} // its memory, before the next is sorted
	}
	return ctx.Err()
}

// mostKnown returns the mostItems items with most users, ties by index, in ascending order.
func (m *model) mostKnown(items []int32) []int32 {
	if len(items) <= mostItems {
		return items
	}
	order := slices.Clone(items)
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(m.popularity[b], m.popularity[a]), cmp.Compare(a, b)) })
	order = order[:mostItems]
	slices.Sort(order)
	return order
}

// scan offers the users from..to-1 that the query allows. Nobody is likely to interact with no item.
func (m *model) scan(q *recipe.SegmentQuery, t *target, from, to int, best *topk.Heap) {
	if len(t.known) == 0 {
		return
	}
	for u := from; u < to; u++ {
		if q.Allow == nil || q.Allow.Has(u) {
			best.Push(topk.Make(m.score(u, t), int32(u)))
		}
	}
}

// score is the log of the interactions that are expected of a user with the items, up to a constant.
func (m *model) score(u int, t *target) float32 {
	x := m.people[u*m.stride : (u+1)*m.stride]
	had := m.had[m.start[u]:m.start[u+1]]
	if t.all == nil {
		s := m.logit(x, t.known[0])
		if _, ok := slices.BinarySearch(had, t.known[0]); ok {
			s += m.settings.Repeat
		}
		return float32(s) + m.bias[u]
	}
	sum := m.sum(x, had, t.known) * math.Exp(float64(m.bias[u]))
	n, count := float64(len(had)), 0.0
	for _, i := range had {
		if t.all.Has(int(i)) {
			count++
		}
	}
	share := (count + prior*t.share) / (n + prior)
	return float32(math.Log(past*max(1, n)*share + (1-past)*sum + math.SmallestNonzeroFloat64))
}

// sum is the sum of exp(logit) of the items. Both lists ascend.
func (m *model) sum(x []float32, had, items []int32) (sum float64) {
	for _, i := range items {
		for len(had) > 0 && had[0] < i {
			had = had[1:]
		}
		s := m.logit(x, i)
		if len(had) > 0 && had[0] == i {
			s += m.settings.Repeat
		}
		sum += math.Exp(s)
	}
	return sum
}

func (m *model) logit(x []float32, i int32) float64 {
	return m.settings.of(f32.Dot(x, m.vectors[int(i)*m.stride:(int(i)+1)*m.stride]), m.popularity[i])
}
