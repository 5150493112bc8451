package recipe

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/artifact"
)

// WriteOrder writes a model that answers everybody with the same items: the item table, and "order", int32
// item indexes with the best first. order holds every item once.
func WriteOrder(w *artifact.Writer, items Names, order []int32) error {
	if err := w.Names("items", items.Len(), items.At); err != nil {
		return err
	}
	return artifact.Put(w, "order", order)
}

// OpenOrder opens what WriteOrder wrote. The model refers to f's memory.
func OpenOrder(f *artifact.File) (Model, error) {
	items, err := f.Strings("items")
	if err != nil {
		return nil, err
	}
	order, err := artifact.Get[int32](f, "order")
	if err != nil {
		return nil, err
	}
	if len(order) != items.Len() {
		return nil, fmt.Errorf("order has %d entries for %d items", len(order), items.Len())
	}
	return ordered{items, order}, nil
}

type ordered struct {
	items Names
	order []int32
}

// Items is the model's item table.
func (m ordered) Items() Names { return m.items }

// Rank answers every query with the first allowed items.
func (m ordered) Rank(ctx context.Context, queries []Query, answers []Answer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for k := range queries {
		q, a := &queries[k], &answers[k]
		a.Items, a.Scores = a.Items[:0], nil
		for _, i := range m.order {
			if len(a.Items) == q.Count {
				break
			}
			if q.Allow == nil || q.Allow.Has(int(i)) {
				a.Items = append(a.Items, i)
			}
		}
	}
	return nil
}
