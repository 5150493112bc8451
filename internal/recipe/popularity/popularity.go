// Package popularity is aws-popularity-count: the items with the most users, the same for everyone.
package popularity

import (
	"context"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is aws-popularity-count.
type Recipe struct{}

// Info describes the recipe.
func (Recipe) Info() recipe.Info {
	return recipe.Info{
		Name: "aws-popularity-count", Type: recipe.PopularItems, Asks: recipe.ByUser,
		Algorithm: "aws-popularity-count", Feature: "sims",
		Description: "Calculates popularity of items based on the number of users that interacted with them.",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC),
	}
}

// Train counts users per item. Its artifact is the item table and "order", int32 item indexes, most
// popular first.
func (Recipe) Train(ctx context.Context, t recipe.Training) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.Out.Strings("items", t.Data.Items.Len(), t.Data.Items.At); err != nil {
		return err
	}
	return artifact.Put(t.Out, "order", recipe.ByPopularity(recipe.UniqueUsers(t.Data)))
}

// Open makes a model of an artifact. The model refers to f's memory.
func (Recipe) Open(f *artifact.File) (recipe.Model, error) {
	items, err := f.Strings("items")
	if err != nil {
		return nil, err
	}
	order, err := artifact.Get[int32](f, "order")
	if err != nil {
		return nil, err
	}
	if len(order) != items.Len() {
		return nil, fmt.Errorf("open aws-popularity-count: order has %d entries for %d items", len(order), items.Len())
	}
	return model{items, order}, nil
}

type model struct {
	items recipe.Names
	order []int32
}

// Items is the model's item table.
func (m model) Items() recipe.Names { return m.items }

// Rank answers every query with the most popular allowed items.
func (m model) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
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
