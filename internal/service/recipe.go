package service

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// recipesUpdated is the one moment at which all recipes were last updated, as the service reports it.
var recipesUpdated = time.Date(2024, 6, 19, 16, 47, 19, 191e6, time.UTC)

// recipe returns the entry of a recipe ARN.
func (s *Service) recipe(name string) (recipe.Entry, error) {
	a := arn.ARN(name)
	if !a.Valid() || a.Kind() != arn.RecipeKind {
		return recipe.Entry{}, fault.Newf(fault.Invalid, "recipeArn is not the ARN of a recipe: %s", name)
	}
	for _, e := range s.recipes {
		if arn.Service(arn.RecipeKind, e.Name) == a {
			return e, nil
		}
	}
	return recipe.Entry{}, fault.Newf(fault.NotFound, "Resource Arn %s does not exist.", name)
}

// DescribeRecipe tells of a recipe.
func (s *Service) DescribeRecipe(_ context.Context, in *api.DescribeRecipeRequest) (*api.DescribeRecipeResponse, error) {
	e, err := s.recipe(in.RecipeArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeRecipeResponse{Recipe: &api.Recipe{
		Name: e.Name, RecipeArn: in.RecipeArn, RecipeType: e.Type, Description: e.Description, Status: Active,
		AlgorithmArn:             arn.Service(arn.Algorithm, e.Algorithm).String(),
		FeatureTransformationArn: arn.Service(arn.FeatureTransformation, e.Feature).String(),
		CreationDateTime:         api.NewTime(e.Created), LastUpdatedDateTime: api.NewTime(recipesUpdated),
	}}, nil
}

// ListRecipes lists recipes by name, without those that are retired. The token is the name of the last one seen: it names something
// public, so it is not signed, only checked.
func (s *Service) ListRecipes(_ context.Context, in *api.ListRecipesRequest) (*api.ListRecipesResponse, error) {
	after, err := s.recipeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &api.ListRecipesResponse{Recipes: []api.RecipeSummary{}}
	limit := int(or(in.MaxResults, 100))
	for _, e := range s.recipes {
		if e.Retired || e.Name <= after || in.Domain != "" && e.Domain != in.Domain {
			continue
		}
		if len(out.Recipes) == limit {
			last := out.Recipes[limit-1].Name
			out.NextToken = base64.RawURLEncoding.EncodeToString([]byte(tokenPrefix + last))
			break
		}
		out.Recipes = append(out.Recipes, api.RecipeSummary{
			Name: e.Name, RecipeArn: arn.Service(arn.RecipeKind, e.Name).String(), Domain: e.Domain, Status: Active,
			CreationDateTime: api.NewTime(e.Created), LastUpdatedDateTime: api.NewTime(recipesUpdated),
		})
	}
	return out, nil
}

const tokenPrefix = "recipes after "

func (s *Service) recipeToken(token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	after, ok := strings.CutPrefix(string(b), tokenPrefix)
	known := slices.ContainsFunc(s.recipes, func(e recipe.Entry) bool { return e.Name == after })
	if err != nil || !ok || !known {
		return "", fault.Newf(fault.BadToken, "The token is not valid.")
	}
	return after, nil
}
