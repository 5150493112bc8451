// Package semantic is aws-semantic-similarity: the items whose texts are nearest in meaning to that of an item.
//
// Nothing is downloaded. A text is the weights of its words, pairs of words and pieces of words (text.go), and
// meaning is what a truncated singular value decomposition makes of all texts (svd.go): words that occur in like
// texts come to lie in like directions, so that texts can be near without sharing a word. (Latent semantic analysis:
// Deerwester, Dumais, Furnas, Landauer and Harshman, 1990.) docs/recipes/semantic-similarity.md tells what this is
// good for and what not.
package semantic

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// Recipe is aws-semantic-similarity.
type Recipe struct{}

const name = "aws-semantic-similarity"

// Info describes the recipe.
func (Recipe) Info() recipe.Info {
	return recipe.Info{
		Name: name, Type: recipe.RelatedItems, Asks: recipe.ByItem, WithoutEvents: true, Influenced: true, Increments: true, Algorithm: name, Feature: name,
		Description: "Finds items whose texts mean something similar.",
		Created:     time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// dimensions is the most that a vector has of meaning. Behind them it has two numbers, see prominence.
const dimensions = 128

// A settings is the artifact's meta document.
type settings struct {
	Dimensions int // of meaning
	// What an item's prominence is measured by.
	Most           int32 // interactions of one item
	Oldest, Newest int64 // when items came, Unix seconds
}

// Train turns every item's texts into a vector.
//
// Memory: 2 KB for each item's weights and as much for turning them round, 0.5 KB for each vector, twice, and 1 KB for each
// of at most 262,144 different words and pieces.
func (Recipe) Train(ctx context.Context, t recipe.Training) error {
	if err := check(t.Data); err != nil {
		return err
	}
	m, words, err := vectorise(ctx, t)
	if err != nil {
		return err
	}
	s := newSettings(t.Data, min(dimensions, m.cols))
	basis, err := reduce(ctx, t, m, s.Dimensions, s.stride())
	if err != nil {
		return err
	}
	vectors, err := m.project(ctx, t.Threads, basis, s.Dimensions, s.stride())
	if err != nil {
		return err
	}
	count := events(t.Data)
	for i := range t.Data.Items.Len() {
		s.prominence(t.Data, count, i, vectors)
	}
	return write(t, s, vectors, words, basis)
}

// write puts the model's arrays:
//
//	(order)  see recipe.WriteOrder
//	vectors  float32, stride apart: meaning and prominence of each item
//	terms    int32, ascending: hashes of the terms that count
//	rarity   float64, parallel to terms
//	basis    float32, stride apart: what each term means; empty where each has a dimension of its own
func write(t recipe.Training, s settings, vectors []float32, words vocabulary, basis []float32) error {
	if err := recipe.WriteOrder(t.Out, t.Data.Items, recipe.ByPopularity(recipe.UniqueUsers(t.Data))); err != nil {
		return err
	}
	for _, put := range []func() error{
		func() error { return artifact.Put(t.Out, "vectors", vectors) },
		func() error { return artifact.Put(t.Out, "terms", words.hash) },
		func() error { return artifact.Put(t.Out, "rarity", words.rarity) },
		func() error { return artifact.Put(t.Out, "basis", basis) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return t.Out.Meta(s)
}

// check says what is missing of the texts.
func check(d *recipe.Data) error {
	switch {
	case d.Title == nil:
		return fault.Newf(fault.Invalid, "The recipe %s needs an Items dataset whose schema has a string field with itemName true; found none.", name)
	case len(d.Texts) == 0:
		return fault.Newf(fault.Invalid, "The recipe %s needs an Items dataset whose schema has at least 1 textual field that training may use; found 0.", name)
	}
	for i := range d.Items.Len() {
		for _, c := range append([]recipe.Column{d.Title}, d.Texts...) {
			if _, ok := c.Text(i); ok {
				return nil
			}
		}
	}
	if d.Items.Len() == 0 {
		return nil
	}
	return fault.Newf(fault.Invalid, "The recipe %s needs items with texts; all %d items have none.", name, d.Items.Len())
}

// The numbers behind the meaning of a vector, which a query weighs as it likes.
const (
	popularity = iota // from 0 to 1, see prominence
	freshness
	extras
)

// events counts the interactions of each item.
func events(d *recipe.Data) []int32 {
	count := make([]int32, d.Items.Len())
	for _, i := range d.Item {
		count[i]++
	}
	return count
}

func newSettings(d *recipe.Data, dim int) settings {
	s := settings{Dimensions: dim}
	if d.Items.Len() > 0 {
		s.Most, s.Oldest, s.Newest = slices.Max(events(d)), slices.Min(d.Created), slices.Max(d.Created)
	}
	return s
}

// stride is the distance of two vectors.
func (s settings) stride() int { return als.Stride(s.Dimensions + extras) }

// prominence sets how popular item i is, log(1+interactions) by that of the item with most, and how fresh: when it
// came between the oldest item and the newest. Both are as of the training, and at most 1 for what came later.
// (recipes.md §5.)
func (s settings) prominence(d *recipe.Data, count []int32, i int, vectors []float32) {
	v := vectors[i*s.stride()+s.Dimensions:]
	if s.Most > 0 {
		v[popularity] = min(1, float32(math.Log1p(float64(count[i]))/math.Log1p(float64(s.Most))))
	}
	if s.Newest > s.Oldest {
		v[freshness] = max(0, min(1, float32(float64(d.Created[i]-s.Oldest)/float64(s.Newest-s.Oldest))))
	}
}

// Open makes a model of an artifact. The model refers to f's memory, and takes half as much as the vectors
// beside it.
func (Recipe) Open(f *artifact.File) (recipe.Model, error) {
	m := &model{}
	if err := f.Meta(&m.settings); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	var err error
	if m.popular, err = recipe.OpenOrder(f); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	vectors, err := artifact.Get[float32](f, "vectors")
	if err != nil {
		return nil, err
	}
	n := m.Items().Len()
	if m.matrix, err = topk.NewMatrix(n, m.settings.stride(), vectors, make([]float32, n)); err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return m, nil
}
