package factors

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The recipes that aws-user-personalization took the place of. The service retired them; tutorials still use
// them. They learn the same model with parameters of their own (recipes.md §4).

// Plain returns aws-hrnn.
func Plain() Recipe {
	return Recipe{info: legacy("aws-hrnn", "JSON-percentile-filtering", "Predicts items a user will interact with, from the order of events.", parameters("43"))}
}

// WithMetadata returns aws-hrnn-metadata.
func WithMetadata() Recipe {
	info := legacy("aws-hrnn-metadata", "featurize_metadata", "Predicts items a user will interact with.", parameters("43"))
	info.ItemMetadata, info.UserMetadata, info.Contexts = true, true, true
	return Recipe{info: info}
}

// ColdStart returns aws-hrnn-coldstart, which mixes cold items into every list.
func ColdStart() Recipe {
	info := legacy("aws-hrnn-coldstart", "featurize_coldstart", "Predicts items a user will interact with, and explores cold items.", append(parameters("149"),
		recipe.Parameter{Name: coldEvents, Stage: recipe.FeatureStage, Kind: recipe.Integer, Default: "15", Min: 1, Max: math.MaxInt32},
		recipe.Parameter{Name: coldDays, Stage: recipe.FeatureStage, Kind: recipe.Continuous, Default: "5.0", Min: math.SmallestNonzeroFloat64, Max: math.MaxFloat64},
		recipe.Parameter{Name: coldFrom, Stage: recipe.FeatureStage, Kind: recipe.Categorical, Default: latestItem, Values: []string{latestItem, currentTime}},
	))
	info.Updates, info.ItemMetadata, info.UserMetadata, info.Contexts = true, true, true, true
	return Recipe{info: info, cold: &bounds{100, 80_000}}
}

func legacy(name, feature, description string, parameters []recipe.Parameter) recipe.Info {
	return recipe.Info{
		Name: name, Type: recipe.UserPersonalization, Asks: recipe.ByUser, Scores: true, Algorithm: name, Feature: feature,
		Description: description, Created: time.Date(2019, 6, 10, 0, 0, 0, 0, time.UTC), Parameters: parameters,
	}
}

// The parameters that say which items are cold.
const (
	coldEvents = "cold_start_max_interactions"
	coldDays   = "cold_start_max_duration"
	coldFrom   = "cold_start_relative_from"

	latestItem  = "latestItem"
	currentTime = "currentTime"
)

// coldWeight is how much cold items are explored, as [recipe.Exploration] has it: bringing them to people is what
// the recipe is for.
const coldWeight = 1

// bounds are how many cold items a training needs and takes.
type bounds struct{ least, most int }

// coldItems returns the items that are cold, ascending: those with few interactions that came lately. nil for a
// recipe that has no notion of it; fault.Invalid if there are too few or too many.
func (r Recipe) coldItems(t recipe.Training) ([]int32, error) {
	if r.cold == nil {
		return nil, nil
	}
	most, err := strconv.Atoi(t.Params[coldEvents])
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %w", coldEvents, err)
	}
	days, err := strconv.ParseFloat(t.Params[coldDays], 64)
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %w", coldDays, err)
	}
	from := t.Now
	if t.Params[coldFrom] == latestItem {
		from = math.MinInt64
		for _, at := range t.Data.Created {
			from = max(from, at)
		}
	}
	cold := cold(t.Data, most, float64(from)-days*86400)
	if n := len(cold); n < r.cold.least || n > r.cold.most {
		return nil, fault.Newf(fault.Invalid, "The data has %d cold items; expected %d to %d. Cold is an item with at most %d interactions (%s) that came within %s days (%s) of the %s.",
			n, r.cold.least, r.cold.most, most, coldEvents, t.Params[coldDays], coldDays, map[bool]string{true: "newest item", false: "current time"}[t.Params[coldFrom] == latestItem])
	}
	return cold, nil
}

// cold returns the items that came since a moment and have at most some interactions.
func cold(d *recipe.Data, most int, since float64) []int32 {
	count := make([]int, d.Items.Len())
	for _, i := range d.Item {
		count[i]++
	}
	items := []int32{}
	for i, n := range count {
		if n <= most && float64(d.Created[i]) >= since {
			items = append(items, int32(i))
		}
	}
	return items
}
