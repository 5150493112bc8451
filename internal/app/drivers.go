package app

import (
	"context"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
	"github.com/kindredrec/kindred/internal/train"
)

// recipes are all recipes linked in, ascending by name.
func recipes() []recipe.Entry { return builtin.Catalogue() }

// ownStore is where Kindred keeps its own artifacts.
func ownStore(dir string) (blob.Driver, error) { return fs.New(dir) }

// A source opens solution versions for batch jobs.
type source struct{ train.Config }

// Open implements batch.Source.
func (s source) Open(ctx context.Context, version arn.ARN) (*batch.Bound, error) {
	v, err := s.Config.Open(ctx, version)
	if err != nil {
		return nil, err
	}
	return &batch.Bound{
		Info: v.Info, Model: v.Model, View: v.View, Seed: v.Seed, Segments: v.Segments, Users: v.Users,
		Release: func() { v.Close() },
	}, nil
}
