package builtin

import (
	"context"
	"maps"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/personal"
	"github.com/kindredrec/kindred/internal/recipe/popularity"
	"github.com/kindredrec/kindred/internal/recipe/similar"
	"github.com/kindredrec/kindred/internal/recipe/trending"
)

// The domains of use-case recipes, spelled as the API reports them.
const (
	Ecommerce     = "ECOMMERCE"
	VideoOnDemand = "VIDEO_ON_DEMAND"
)

// A useCase is a recipe of a domain: another recipe's algorithm under a name of its own. It has no parameters
// and no scores, and learns from the events it is given: which these are is [recipe.UseCase.EventType].
type useCase struct {
	info   recipe.Info
	by     recipe.Recipe
	params map[string]string // of by, where they are not its defaults
}

// Info describes the recipe.
func (u useCase) Info() recipe.Info { return u.info }

// Train learns by the other recipe.
func (u useCase) Train(ctx context.Context, t recipe.Training) error {
	params, err := recipe.Resolve(u.by.Info(), nil, nil)
	if err != nil {
		return err
	}
	maps.Copy(params, u.params)
	t.Params = params
	return u.by.Train(ctx, t)
}

// Open opens the other recipe's model.
func (u useCase) Open(f *artifact.File) (recipe.Model, error) {
	m, err := u.by.Open(f)
	return silent{m}, err
}

// A silent model keeps its scores to itself.
type silent struct{ recipe.Model }

// Rank answers as the model does, without scores.
func (m silent) Rank(ctx context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	if err := m.Model.Rank(ctx, queries, answers); err != nil {
		return err
	}
	for k := range answers {
		answers[k].Scores = nil
	}
	return nil
}

// everything makes item-to-item similarity look at all users and items. The defaults of aws-sims leave the most
// popular tenth of the items out, which shop windows want.
var everything = map[string]string{
	"min_user_history_length_percentile": "0", "max_user_history_length_percentile": "1",
	"min_item_interaction_count_percentile": "0", "max_item_interaction_count_percentile": "1",
}

// useCases are the recipes of the domains, by ascending name. (domains.md §2 to §4; the service's documents give
// no types, algorithms or transformations: recipes.md §2 suggests these.)
var useCases = []recipe.Entry{
	byItem("aws-ecomm-customers-who-viewed-x-also-viewed", Ecommerce, similar.Sims(),
		recipe.UseCase{EventType: "View", Hides: "Purchase", NeedsUser: true, NeedsItem: true},
		"Recommends items that customers also viewed, for an item that is viewed."),
	byItem("aws-ecomm-frequently-bought-together", Ecommerce, similar.Sims(),
		recipe.UseCase{EventType: "Purchase", NeedsItem: true},
		"Recommends items that customers buy together with an item."),
	popular("aws-ecomm-popular-items-by-purchases", Ecommerce, popularity.Recipe{Events: true},
		recipe.UseCase{EventType: "Purchase", NeedsUser: true},
		"Recommends the items with the most purchases."),
	popular("aws-ecomm-popular-items-by-views", Ecommerce, popularity.Recipe{Events: true},
		recipe.UseCase{EventType: "View", NeedsUser: true},
		"Recommends the items with the most views."),
	forUser("aws-ecomm-recommended-for-you", Ecommerce, recipe.UseCase{Hides: "Purchase", NeedsUser: true},
		"Recommends items for a user, and explores new ones."),
	byItem("aws-vod-because-you-watched-x", VideoOnDemand, similar.Sims(),
		recipe.UseCase{EventType: "Watch", Hides: "Watch", NeedsUser: true, NeedsItem: true},
		"Recommends videos that others watched as well, for a video that was watched."),
	byItem("aws-vod-more-like-x", VideoOnDemand, similar.Items(),
		recipe.UseCase{Hides: "Watch", NeedsItems: true, NeedsUser: true, NeedsItem: true},
		"Recommends videos that are like a video."),
	popular("aws-vod-most-popular", VideoOnDemand, popularity.Recipe{}, recipe.UseCase{EventType: "Watch", NeedsUser: true},
		"Recommends the videos that most users watch."),
	forUser("aws-vod-top-picks", VideoOnDemand, recipe.UseCase{Hides: "Watch", NeedsUser: true},
		"Recommends videos for a user, and explores new ones."),
	popular("aws-vod-trending-now", VideoOnDemand, trending.Recipe{}, recipe.UseCase{},
		"Recommends the videos whose popularity rises fastest."),
}

func popular(name, domain string, by recipe.Recipe, u recipe.UseCase, description string) recipe.Entry {
	return entry(useCase{info: recipe.Info{Name: name, Type: recipe.PopularItems, Asks: recipe.ByUser, Description: description}, by: by}, domain, u)
}

func forUser(name, domain string, u recipe.UseCase, description string) recipe.Entry {
	info := recipe.Info{Name: name, Type: recipe.UserPersonalization, Asks: recipe.ByUser, Explores: true, Description: description}
	return entry(useCase{info: info, by: personal.Personalization()}, domain, u)
}

func byItem(name, domain string, by similar.Recipe, u recipe.UseCase, description string) recipe.Entry {
	c := useCase{info: recipe.Info{Name: name, Type: recipe.RelatedItems, Asks: recipe.ByItem, Description: description}, by: by}
	if !u.NeedsItems {
		c.params = everything
	}
	return entry(c, domain, u)
}

// entry completes what all use cases have in common.
func entry(c useCase, domain string, u recipe.UseCase) recipe.Entry {
	c.info.Algorithm, c.info.Feature, c.info.Created = c.info.Name, c.info.Name, y2019
	return recipe.Entry{Info: c.info, Domain: domain, UseCase: u, Trainer: c}
}
