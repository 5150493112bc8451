package builtin

import (
	"slices"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/recipe"
)

// Updated is when the service last changed every recipe.
var Updated = time.Date(2024, 6, 19, 16, 47, 19, 191e6, time.UTC)

// y2019 is when the service had its first recipes, and by its own word those of the domains.
var y2019 = time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC)

// Catalogue returns every recipe the API tells of, by ascending name.
func Catalogue() []recipe.Entry {
	all := slices.Clone(useCases)
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
