package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

// What a solution says of its aims reaches what its versions tell: weights of events, an objective, and the choice of
// a recipe.
func TestObjectives(t *testing.T) {
	ctx := t.Context()
	s := start(t, t.TempDir())
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "shop"))}
	events, items := &strings.Builder{}, &strings.Builder{}
	fmt.Fprintln(events, "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP")
	fmt.Fprintln(items, "ITEM_ID,MARGIN")
	for u := range 80 {
		for k := range 16 {
			fmt.Fprintf(events, "u%02d,i%02d,%s,%d\n", u, (u%2)+2*((u*3+k*k)%20), []string{"view", "view", "view", "buy"}[k%4], 1_700_000_000+100*k+u)
		}
	}
	for i := range 40 {
		fmt.Fprintf(items, "i%02d,%d\n", i, i*i%17)
	}
	f.bring("events", s.active(s.Dataset(ctx, f.group, "Interactions", synth.InteractionsSchema)), f.put("events.csv", []byte(events.String())), types.ImportModeFull)
	schema := `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","fields":[{"name":"ITEM_ID","type":"string"},{"name":"MARGIN","type":"int"}],"version":"1.0"}`
	f.bring("items", s.active(s.Dataset(ctx, f.group, "Items", schema)), f.put("items.csv", []byte(items.String())), types.ImportModeFull)

	f.run(t, "eventsConfig", func(t *testing.T) {
		made := ok[*personalize.CreateSolutionOutput](t)(f.configured("weighed", "aws-user-personalization-v2", &types.SolutionConfig{
			EventsConfig: &types.EventsConfig{EventParametersList: []types.EventParameters{
				{EventType: aws.String("BUY"), Weight: aws.Float64(1)}, {EventType: aws.String("view"), Weight: aws.Float64(0.1)}}},
		}))
		const gain = "normalized_discounted_cumulative_gain_with_event_weights_at_"
		m := f.measured(f.active(f.Version(ctx, f.active(*made.SolutionArn, nil))), gain+"5", gain+"10", gain+"25", gain+"k")
		if m[gain+"25"] <= 0 || m[gain+"25"] != m[gain+"k"] {
			t.Errorf("the metrics are %v, want some weighted gain, and that at 25 as that at k", m)
		}
	})
	f.run(t, "optimizationObjective", func(t *testing.T) {
		made := ok[*personalize.CreateSolutionOutput](t)(f.configured("profit", "aws-user-personalization", &types.SolutionConfig{
			OptimizationObjective: &types.OptimizationObjective{ItemAttribute: aws.String("MARGIN"), ObjectiveSensitivity: types.ObjectiveSensitivityMedium},
		}))
		m := f.measured(f.active(f.Version(ctx, f.active(*made.SolutionArn, nil))), "average_rewards_at_k")
		if r := m["average_rewards_at_k"]; r <= 0 || r > 1 {
			t.Errorf("average_rewards_at_k is %v, want a share", r)
		}
		_, err := f.configured("loss", "aws-user-personalization", &types.SolutionConfig{
			OptimizationObjective: &types.OptimizationObjective{ItemAttribute: aws.String("PRICE")}})
		f.refused("an objective that is no column", err, "PRICE")
	})
	f.run(t, "performAutoML", f.testAutoML)
}

// The version and the solution tell the recipe that was chosen, and a batch job works with it.
func (f *films) testAutoML(t *testing.T) {
	ctx := t.Context()
	made := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(ctx, &personalize.CreateSolutionInput{
		Name: aws.String("chooses"), DatasetGroupArn: &f.group, PerformAutoML: true, PerformAutoTraining: aws.Bool(false),
	}))
	solution := f.active(*made.SolutionArn, nil)
	version := f.active(f.Version(ctx, solution))
	told := ok[*personalize.DescribeSolutionVersionOutput](t)(f.API.DescribeSolutionVersion(ctx, &personalize.DescribeSolutionVersionInput{SolutionVersionArn: &version}))
	const want = "arn:aws:personalize:::recipe/aws-hrnn" // metadata is no better, and there are too few cold items for coldstart
	best := f.solution(solution).AutoMLResult
	if aws.ToString(told.SolutionVersion.RecipeArn) != want || best == nil || aws.ToString(best.BestRecipeArn) != want {
		t.Errorf("the version is of %s, the solution tells %+v, want %s", aws.ToString(told.SolutionVersion.RecipeArn), best, want)
	}
	f.put("in/one.json", questions([]string{"u00"}, nil))
	if out := string(f.infer(clienttest.Batch{Name: "chosen", Version: version, Input: "in/one.json"})); !strings.Contains(out, `"recommendedItems":["`) {
		t.Errorf("a batch job with what was chosen writes %s", out)
	}
}
