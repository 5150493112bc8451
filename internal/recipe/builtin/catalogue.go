package builtin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/recipe"
)

// A line is a recipe that the API tells of and Kindred cannot train yet. (recipes.md §1 and §2; where the
// service's documents name no algorithm or transformation, it is the recipe's own name.)
type line struct {
	Name        string
	Type        string
	Algorithm   string
	Feature     string
	Description string
	Created     time.Time
}

// Updated is when the service last changed every recipe.
var Updated = time.Date(2024, 6, 19, 16, 47, 19, 191e6, time.UTC)

// y2019 is when the service had its first recipes, and by its own word those of the domains.
var y2019 = time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC)

// personalizedActions is a type without a recipe to train yet.
const personalizedActions = "PERSONALIZED_ACTIONS"

// others are the recipes that cannot be trained yet.
var others = []line{
	{Name: "aws-next-best-action", Type: personalizedActions, Created: time.Date(2023, 8, 11, 0, 0, 0, 0, time.UTC),
		Description: "Predicts the next best action for a user."},
}

// Catalogue returns every recipe the API tells of, by ascending name.
func Catalogue() []recipe.Entry {
	all := slices.Clone(useCases)
	for _, l := range others {
		all = append(all, recipe.Entry{Info: recipe.Info{
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
