// Package personal holds aws-user-personalization and aws-personalized-ranking, which asks the same model another question.
//
// Two families can be their model. The factors (package factors) rank a catalogue by one inner product and answer in tens of
// microseconds; the blend (package blend) weighs many voices and tells more where neighbours, transitions or a user's own
// past decide. No rule says beforehand which data needs which, so a training drafts both from a part of the data, asks
// both what came next in the rest, and goes on with one of them: the blend where it tells more than the factors by over
// three parts in a hundred.
//
// A first reading: contest.go tells how they are compared, [recipe.HoldBack] on what.
package personal

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/blend"
	"github.com/kindredrec/kindred/internal/recipe/factors"
)

// Recipe is one of the two; the zero value is not useful.
type Recipe struct {
	factors factors.Recipe
	blend   blend.Recipe
	blends  bool // without a contest
}

// familyFactors is what a model of factors is called here. Its meta document has no Family.
const familyFactors = "factors"

// Personalization returns aws-user-personalization.
func Personalization() Recipe { return of(factors.Personalization()) }

// Ranking returns aws-personalized-ranking.
func Ranking() Recipe { return of(factors.Ranking()) }

func of(r factors.Recipe) Recipe { return Recipe{factors: r, blend: blend.Under(r.Info())} }

// Info describes the recipe: what the two families have in common.
func (r Recipe) Info() recipe.Info {
	info := r.factors.Info()
	info.ItemMetadata = info.ItemMetadata && blend.Personalization().Info().ItemMetadata
	info.UserMetadata = info.UserMetadata && blend.Personalization().Info().UserMetadata
	return info
}

// Train learns a model of either family. Memory: the factors' and the blend's together, and 12 bytes an event.
//
// A checkpoint is the factors'. A training that is cut off while the blend learns begins that again.
func (r Recipe) Train(ctx context.Context, t recipe.Training) error {
	if r.blends {
		asked, _, err := forBlend(t)
		if err != nil {
			return err
		}
		return r.blend.Train(ctx, asked)
	}
	part, tests := recipe.HoldBack(t.Data, t.Seed, mostTests)
	if len(tests) < leastTests {
		return r.factors.Train(ctx, t)
	}
	return r.contest(ctx, t, part, tests)
}

// Open opens a model of either family.
func (r Recipe) Open(f *artifact.File) (recipe.Model, error) {
	family, err := r.familyOf(f)
	if err != nil {
		return nil, err
	}
	if family == blend.Family {
		return r.blend.Open(f)
	}
	return r.factors.Open(f)
}

// Update takes new items and interactions into a model as its family does.
func (r Recipe) Update(ctx context.Context, t recipe.Training, base *artifact.File) error {
	family, err := r.familyOf(base)
	if err != nil {
		return err
	}
	if family != blend.Family {
		return r.factors.Update(ctx, t, base)
	}
	if t, _, err = forBlend(t); err != nil {
		return err
	}
	return r.blend.Update(ctx, t, base)
}

// familyOf reads which family a model is of.
func (r Recipe) familyOf(f *artifact.File) (string, error) {
	var meta struct{ Family string }
	if err := f.Meta(&meta); err != nil {
		return "", fmt.Errorf("open %s: %w", r.Info().Name, err)
	}
	if meta.Family == "" {
		return familyFactors, nil
	}
	return meta.Family, nil
}
