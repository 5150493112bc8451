package service

import (
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// autoMLRecipes are what a solution chooses among unless it says otherwise: the service's own list.
var autoMLRecipes = []string{"aws-hrnn", "aws-hrnn-metadata", "aws-hrnn-coldstart"}

// checkAutoML checks a request for a solution that chooses its recipe. Of its solutionConfig only autoMLConfig
// counts, beside the schedule, and of that everything is checked.
func (s *Service) checkAutoML(in *api.CreateSolutionRequest) error {
	if in.RecipeArn != "" {
		return fault.Newf(fault.Invalid, "performAutoML and recipeArn exclude each other: give exactly one.")
	}
	if or(in.PerformIncrementalUpdate, false) {
		return fault.Newf(fault.Invalid, "performIncrementalUpdate is for aws-semantic-similarity, which performAutoML does not choose.")
	}
	if name := autoMLOf(in.SolutionConfig).MetricName; name != "" && !slices.Contains(recipe.MetricNames(), name) {
		return fault.Newf(fault.Invalid, "autoMLConfig.metricName is %q; expected one of %s.", name, strings.Join(recipe.MetricNames(), ", "))
	}
	if _, err := s.autoMLEntries(in.SolutionConfig); err != nil {
		return err
	}
	return checkSchedule(or(in.SolutionConfig, api.SolutionConfig{}).AutoTrainingConfig)
}

// autoMLOf returns a solution's autoMLConfig, an empty one if it has none.
func autoMLOf(c *api.SolutionConfig) api.AutoMLConfig {
	return or(or(c, api.SolutionConfig{}).AutoMLConfig, api.AutoMLConfig{})
}

// autoMLEntries returns the recipes that a solution chooses among.
func (s *Service) autoMLEntries(c *api.SolutionConfig) ([]recipe.Entry, error) {
	given := autoMLOf(c).RecipeList
	if len(given) == 0 {
		for _, name := range autoMLRecipes {
			given = append(given, arn.Service(arn.RecipeKind, name).String())
		}
	}
	var out []recipe.Entry
	for _, name := range given {
		e, err := s.recipe(name)
		if err != nil {
			return nil, err
		}
		if e.Type != recipe.UserPersonalization || e.Domain != "" || e.Trainer == nil {
			return nil, fault.Newf(fault.Invalid, "autoMLConfig.recipeList: %s is not a recipe for user personalization, which is what performAutoML chooses among.", e.Name)
		}
		if slices.ContainsFunc(out, func(o recipe.Entry) bool { return o.Name == e.Name }) {
			return nil, fault.Newf(fault.Invalid, "autoMLConfig.recipeList: %s is there twice.", e.Name)
		}
		out = append(out, e)
	}
	return out, nil
}

// chooseRecipe has the trainings of an order choose among recipes, each with its defaults; with performHPO the
// winner's hyperparameters are searched as well.
func (s *Service) chooseRecipe(o *train.Order, sol api.Solution) error {
	entries, err := s.autoMLEntries(sol.SolutionConfig)
	if err != nil {
		return err
	}
	o.Metric = autoMLOf(sol.SolutionConfig).MetricName
	for _, e := range entries {
		one := train.Order{Seed: o.Seed}
		if one.Params, err = recipe.Resolve(e.Info, nil, nil); err != nil {
			return err
		}
		if _, tunable := recipe.Tunable(e.Info, nil); or(sol.PerformHPO, false) && tunable == nil {
			if err := tune(&one, e, &api.SolutionConfig{}); err != nil {
				return err
			}
		}
		o.Candidates = append(o.Candidates, train.Candidate{Recipe: e.Name, Params: one.Params, Trials: one.Trials, Tuned: one.Tuned})
	}
	o.Recipe = entries[0].Name // until one is chosen
	return nil
}
