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
type Recipe struct {
	Events bool // counts interactions instead of users, as some use cases of domains do
}

// Info describes the recipe.
func (Recipe) Info() recipe.Info {
	return recipe.Info{
		Name: "aws-popularity-count", Type: recipe.PopularItems, Asks: recipe.ByUser,
		Algorithm: "aws-popularity-count", Feature: "sims",
		Description: "Calculates popularity of items based on the number of users that interacted with them.",
		Created:     time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC),
	}
}

// Train counts users, or interactions, per item. Its artifact is that of [recipe.WriteOrder], most popular first.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	count := recipe.UniqueUsers(t.Data)
	if r.Events {
		clear(count)
		for _, i := range t.Data.Item {
			count[i]++
		}
	}
	return recipe.WriteOrder(t.Out, t.Data.Items, recipe.ByPopularity(count))
}

// Open makes a model of an artifact. The model refers to f's memory.
func (Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m, err := recipe.OpenOrder(f)
	if err != nil {
		return nil, fmt.Errorf("open aws-popularity-count: %w", err)
	}
	return m, nil
}
