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
}

// measured returns the metrics of a version, whose names must be the ranking ones and some more.
func (f *films) measured(version string, more ...string) map[string]float64 {
	f.t.Helper()
	m := ok[*personalize.GetSolutionMetricsOutput](f.t)(f.API.GetSolutionMetrics(f.t.Context(), &personalize.GetSolutionMetricsInput{SolutionVersionArn: &version})).Metrics
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
