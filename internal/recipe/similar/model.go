package similar

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A model answers with neighbours, then popular items.
type model struct {
	items      recipe.Names
	order      []int32
	start      []int64
	neighbours []int32
}

// Open makes a model of an artifact. The model refers to f's memory.
func (r Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m := &model{}
	items, err := f.Strings("items")
	if err != nil {
		return nil, err
	}
	m.items = items
	if m.order, err = artifact.Get[int32](f, "order"); err != nil {
		return nil, err
	}
	if m.start, err = artifact.Get[int64](f, "start"); err != nil {
		return nil, err
	}
	if m.neighbours, err = artifact.Get[int32](f, "neighbours"); err != nil {
		return nil, err
	}
	n := items.Len()
	if len(m.order) != n || len(m.start) != n+1 || m.start[n] != int64(len(m.neighbours)) {
		return nil, fmt.Errorf("open %s: the arrays' lengths do not fit %d items", r.info.Name, n)
	}
	return m, nil
}

// Items is the model's item table.
func (m *model) Items() recipe.Names { return m.items }

// Rank answers a block of queries. An item is never like itself; an unknown item gets popular ones.
func (m *model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	given := bitset.New(m.items.Len())
	for k := range queries {
		if err := ctx.Err(); err != nil {
			return err
		}
		q, a := &queries[k], &answers[k]
		a.Items, a.Scores = a.Items[:0], nil
		if q.Item >= 0 {
			given.Add(int(q.Item))
			m.add(q, a, given, m.neighbours[m.start[q.Item]:m.start[q.Item+1]])
		}
		m.add(q, a, given, m.order)
		for _, i := range a.Items {
			given.Remove(int(i))
		}
		if q.Item >= 0 {
			given.Remove(int(q.Item))
		}
	}
	return nil
}

// add appends the items that are allowed and not given yet, up to the query's count.
func (m *model) add(q *recipe.Query, a *recipe.Answer, given *bitset.Set, items []int32) {
	for _, i := range items {
		if len(a.Items) >= q.Count {
			return
		}
		if (q.Allow == nil || q.Allow.Has(int(i))) && !given.Has(int(i)) {
			given.Add(int(i))
			a.Items = append(a.Items, i)
		}
	}
}
