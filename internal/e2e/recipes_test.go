package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
)

// rankingMetrics are what GetSolutionMetrics tells of every recipe that ranks items.
var rankingMetrics = []string{
	"coverage", "mean_reciprocal_rank_at_25",
	"normalized_discounted_cumulative_gain_at_10", "normalized_discounted_cumulative_gain_at_25", "normalized_discounted_cumulative_gain_at_5",
	"precision_at_10", "precision_at_25", "precision_at_5",
}

// The recipes beside those of the main job, each from import to what it is good for.
func TestRecipes(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	f.run(t, "aws-trending-now", f.testTrending)
	f.run(t, "aws-hrnn", f.testRetired)
}

// measured returns the metrics of a version, whose names must be the ranking ones and some more.
func (f *films) measured(version string, more ...string) map[string]float64 {
	f.t.Helper()
	m := f.metrics(version)
	got, want := slices.Sorted(maps.Keys(m)), slices.Sorted(slices.Values(append(more, rankingMetrics...)))
	if !slices.Equal(got, want) {
		f.t.Errorf("metrics are %v, want %v", got, want)
	}
	return m
}

// configured asks for a solution with a configuration.
func (f *films) configured(name, recipe string, c *types.SolutionConfig) (*personalize.CreateSolutionOutput, error) {
	return f.API.CreateSolution(f.t.Context(), &personalize.CreateSolutionInput{
		Name: &name, DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/" + recipe),
		PerformAutoTraining: aws.Bool(false), SolutionConfig: c,
	})
}

// refused fails the test unless a call was refused as invalid with a sentence that has the words in it.
func (f *films) refused(what string, err error, words ...string) {
	f.t.Helper()
	if code(err) != "InvalidInputException" {
		f.t.Errorf("%s = %v, want InvalidInputException", what, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			f.t.Errorf("%s is refused with %v, want a sentence with %q", what, err, w)
		}
	}
}

func (f *films) testTrending(t *testing.T) {
	frequency := func(v string) *types.SolutionConfig {
		return &types.SolutionConfig{FeatureTransformationParameters: map[string]string{"trend_discovery_frequency": v}}
	}
	made := ok[*personalize.CreateSolutionOutput](t)(f.configured("trend", "aws-trending-now", frequency("1 day")))
	version := f.active(f.Version(t.Context(), f.active(*made.SolutionArn, nil)))
	m := f.measured(version, "trend_prediction_accuracy")
	if a := m["trend_prediction_accuracy"]; a < 0 || a > 1 {
		t.Errorf("trend_prediction_accuracy = %v, want a share", a)
	}
	_, err := f.configured("trend-weekly", "aws-trending-now", frequency("1 week"))
	f.refused("a frequency of 1 week", err, "trend_discovery_frequency", "30 minutes, 1 hour, 2 hours, 3 hours, 1 day")
	_, err = f.Infer(t.Context(), clienttest.Batch{Name: "trend", Version: version, Input: "in/users.json", Output: "out/trend/"})
	f.refused("a batch inference job of a trend", err, "aws-trending-now", "campaign")
}

// The names that the service retired can be described and trained, though they are not listed. Cold items are
// counted.
func (f *films) testRetired(t *testing.T) {
	listed := ok[*personalize.ListRecipesOutput](t)(f.API.ListRecipes(t.Context(), &personalize.ListRecipesInput{}))
	for _, r := range listed.Recipes {
		if strings.HasPrefix(*r.Name, "aws-hrnn") {
			t.Errorf("%s is listed", *r.Name)
		}
	}
	for _, name := range []string{"aws-hrnn", "aws-hrnn-metadata"} {
		arn := "arn:aws:personalize:::recipe/" + name
		r := ok[*personalize.DescribeRecipeOutput](t)(f.API.DescribeRecipe(t.Context(), &personalize.DescribeRecipeInput{RecipeArn: &arn})).Recipe
		if *r.AlgorithmArn != "arn:aws:personalize:::algorithm/"+name || *r.RecipeType != "USER_PERSONALIZATION" {
			t.Errorf("%s is of type %s and algorithm %s", name, *r.RecipeType, *r.AlgorithmArn)
		}
		_, version := f.train(name, name)
		f.measured(version)
		answers := readAnswers(t, f.infer(clienttest.Batch{Name: name, Version: version}), f.users, 25)
		if len(answers[0].Output.Scores) != 25 {
			t.Errorf("%s: the first answer has %d scores, want 25", name, len(answers[0].Output.Scores))
		}
	}
	solution := f.active(f.Solution(t.Context(), "cold", f.group, "aws-hrnn-coldstart"))
	reason := f.settled(ok[string](t)(f.Version(t.Context(), solution)), clienttest.Failed)
	if !strings.Contains(reason, "cold items; expected 100 to 80000") {
		t.Errorf("failureReason is %q, want the number of cold items", reason)
	}
}
