package builtin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/recipe"
)

// The domains of use-case recipes, spelled as the API reports them.
const (
	Ecommerce     = "ECOMMERCE"
	VideoOnDemand = "VIDEO_ON_DEMAND"
)

// A line is a recipe that the API tells of and Kindred cannot train yet. (recipes.md §1 and §2; where the
// service's documents name no algorithm or transformation, it is the recipe's own name.)
type line struct {
	Name        string
	Type        string
	Domain      string // "" for recipes of solutions
	Algorithm   string
	Feature     string
	Description string
	Created     time.Time
}

// Updated is when the service last changed every recipe.
var Updated = time.Date(2024, 6, 19, 16, 47, 19, 191e6, time.UTC)

var (
	y2019 = time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC)
)

// personalizedActions is a type without a recipe to train yet.
const personalizedActions = "PERSONALIZED_ACTIONS"

// others are the recipes that cannot be trained yet.
var others = []line{
	{Name: "aws-ecomm-customers-who-viewed-x-also-viewed", Type: recipe.RelatedItems, Domain: Ecommerce, Created: y2019,
		Description: "Recommends items that customers also viewed, for an item that is viewed."},
	{Name: "aws-ecomm-frequently-bought-together", Type: recipe.RelatedItems, Domain: Ecommerce, Created: y2019,
		Description: "Recommends items that customers buy together with an item."},
	{Name: "aws-ecomm-popular-items-by-purchases", Type: recipe.PopularItems, Domain: Ecommerce, Created: y2019,
		Description: "Recommends the items with the most purchases."},
	{Name: "aws-ecomm-popular-items-by-views", Type: recipe.PopularItems, Domain: Ecommerce, Created: y2019,
		Description: "Recommends the items with the most views."},
	{Name: "aws-ecomm-recommended-for-you", Type: recipe.UserPersonalization, Domain: Ecommerce, Created: y2019,
		Description: "Recommends items for a user, and explores new ones."},
	{Name: "aws-next-best-action", Type: personalizedActions, Created: time.Date(2023, 8, 11, 0, 0, 0, 0, time.UTC),
		Description: "Predicts the next best action for a user."},
	{Name: "aws-semantic-similarity", Type: recipe.RelatedItems, Created: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		Description: "Finds items whose texts mean something similar."},
	{Name: "aws-vod-because-you-watched-x", Type: recipe.RelatedItems, Domain: VideoOnDemand, Created: y2019,
		Description: "Recommends videos that others watched as well, for a video that was watched."},
	{Name: "aws-vod-more-like-x", Type: recipe.RelatedItems, Domain: VideoOnDemand, Created: y2019,
		Description: "Recommends videos that are like a video."},
	{Name: "aws-vod-most-popular", Type: recipe.PopularItems, Domain: VideoOnDemand, Created: y2019,
		Description: "Recommends the videos that most users watch."},
	{Name: "aws-vod-top-picks", Type: recipe.UserPersonalization, Domain: VideoOnDemand, Created: y2019,
		Description: "Recommends videos for a user, and explores new ones."},
	{Name: "aws-vod-trending-now", Type: recipe.PopularItems, Domain: VideoOnDemand, Created: y2019,
		Description: "Recommends the videos whose popularity rises fastest."},
}

// Catalogue returns every recipe the API tells of, by ascending name.
func Catalogue() []recipe.Entry {
	var all []recipe.Entry
	for _, l := range others {
		all = append(all, recipe.Entry{Domain: l.Domain, Info: recipe.Info{
			Name: l.Name, Type: l.Type, Description: l.Description, Created: l.Created,
			Algorithm: cmp.Or(l.Algorithm, l.Name), Feature: cmp.Or(l.Feature, l.Name),
		}})
	}
	for _, r := range trainers() {
		all = append(all, recipe.Entry{Info: r.Info(), Trainer: r, Retired: retired[r.Info().Name]})
	}
	slices.SortFunc(all, func(a, b recipe.Entry) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Lookup returns the entry of that name.
func Lookup(name string) (recipe.Entry, bool) {
	for _, e := range Catalogue() {
		if e.Name == name {
			return e, true
		}
	}
	return recipe.Entry{}, false
}
