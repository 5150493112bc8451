package service

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/train"
)

// ask asks for a solution of a recipe with a configuration, and returns the refusal's sentence.
func (w *world) ask(group, recipe string, change func(*api.CreateSolutionRequest)) string {
	w.t.Helper()
	in := &api.CreateSolutionRequest{
		Name: "s" + randomID(), DatasetGroupArn: group, RecipeArn: arn.Service(arn.RecipeKind, recipe).String(),
		PerformAutoTraining: ptr(false), SolutionConfig: &api.SolutionConfig{},
	}
	change(in)
	_, err := w.svc.CreateSolution(w.ctx, in)
	if err == nil {
		w.settle()
		return ""
	}
	if k := kind(err); k != fault.Invalid.String() {
		w.t.Errorf("the kind of %v is %s, want %s", err, k, fault.Invalid)
	}
	return fault.Sentence(err)
}

// order trains a version and returns what its training was told.
func (w *world) order(version string) (o train.Order) {
	w.t.Helper()
	j, ok := w.begin()
	if !ok || j.Owner.String() != version {
		w.t.Fatalf("the next job is that of %s, want that of %s", j.Owner, version)
	}
	if err := json.Unmarshal(j.Payload, &o); err != nil {
		w.t.Fatal(err)
	}
	w.end(j, nil)
	return o
}

func events(list ...api.EventParameters) *api.EventsConfig {
	return &api.EventsConfig{EventParametersList: list}
}

func TestEventsConfigRefusals(t *testing.T) {
	w := newWorld(t, Quotas{})
	group := w.group("shop", "")
	const v2 = "aws-user-personalization-v2"
	buy := api.EventParameters{EventType: "buy", Weight: ptr(0.5)}
	for _, c := range []struct {
		recipe string
		config *api.EventsConfig
		event  string
		least  string
		want   string
	}{
		{recipe: v2, config: events(buy)},
		{recipe: v2, config: events()},
		{recipe: "aws-sims", config: events(buy), want: "eventsConfig is for the v2 recipes; aws-sims takes eventType and eventValueThreshold."},
		{recipe: v2, config: events(buy), event: "buy", want: "eventsConfig takes the place of eventType and eventValueThreshold: give either."},
		{recipe: v2, config: events(buy), least: "1", want: "eventsConfig takes the place of eventType and eventValueThreshold: give either."},
		{recipe: v2, config: events(buy, api.EventParameters{EventType: "BUY"}), want: "eventsConfig.eventParametersList: the event type BUY is there twice; letter case does not matter."},
		{recipe: v2, config: events(buy, api.EventParameters{}), want: "eventsConfig.eventParametersList: every entry needs an eventType."},
		{recipe: v2, config: events(api.EventParameters{EventType: "buy", Weight: ptr(0.0)}), want: "eventsConfig.eventParametersList: at least one weight must be above 0."},
		{recipe: v2, config: events(api.EventParameters{EventType: "buy", EventValueThreshold: ptr(2.0)}), want: "The eventValueThreshold of event type buy needs the column EVENT_VALUE, which the Interactions dataset does not have."},
	} {
		got := w.ask(group, c.recipe, func(in *api.CreateSolutionRequest) {
			in.EventType, in.SolutionConfig.EventsConfig, in.SolutionConfig.EventValueThreshold = c.event, c.config, c.least
		})
		if got != c.want {
			t.Errorf("CreateSolution of %s with %+v, event type %q, threshold %q: %q, want %q", c.recipe, c.config, c.event, c.least, got, c.want)
		}
	}
}

// A version is trained with the events that the solution has when it is created; an update replaces the list.
func TestEventsConfigReachesTraining(t *testing.T) {
	w := newWorld(t, Quotas{})
	sol := must[*api.CreateSolutionResponse](t)(w.svc.CreateSolution(w.ctx, &api.CreateSolutionRequest{
		Name: "weighed", DatasetGroupArn: w.group("shop", ""), RecipeArn: arn.Service(arn.RecipeKind, "aws-personalized-ranking-v2").String(), PerformAutoTraining: ptr(false),
		SolutionConfig: &api.SolutionConfig{EventsConfig: events(api.EventParameters{EventType: "buy"}, api.EventParameters{EventType: "view", Weight: ptr(0.1)})},
	})).SolutionArn
	w.settle()
	compare := func(want ...dataset.EventKind) {
		t.Helper()
		got := w.order(w.train(sol)).Events
		if len(got) != len(want) {
			t.Fatalf("trained with %+v, want %+v", got, want)
		}
		for k := range want {
			if got[k] != want[k] {
				t.Errorf("trained with %+v, want %+v", got[k], want[k])
			}
		}
	}
	compare(dataset.EventKind{Type: "buy", Weight: 1}, dataset.EventKind{Type: "view", Weight: 0.1})
	update := func(c *api.EventsConfig) error {
		_, err := w.svc.UpdateSolution(w.ctx, &api.UpdateSolutionRequest{SolutionArn: sol, SolutionUpdateConfig: &api.SolutionUpdateConfig{EventsConfig: c}})
		w.settle()
		return err
	}
	if err := update(events(api.EventParameters{EventType: "view", EventValueThreshold: ptr(1.0)})); kind(err) != fault.Invalid.String() {
		t.Errorf("an update to a threshold without EVENT_VALUE = %v, want %v", err, fault.Invalid)
	}
	if err := update(events(api.EventParameters{EventType: "view", Weight: ptr(0.4)})); err != nil {
		t.Fatal(err)
	}
	compare(dataset.EventKind{Type: "view", Weight: 0.4})
}

// items brings a dataset of items with some fields to a group.
func (w *world) items(group, fields string) {
	w.t.Helper()
	s := must[*api.CreateSchemaResponse](w.t)(w.svc.CreateSchema(w.ctx, &api.CreateSchemaRequest{Name: "items" + randomID(),
		Schema: `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","fields":[{"name":"ITEM_ID","type":"string"},` + fields + `],"version":"1.0"}`}))
	must[*api.CreateDatasetResponse](w.t)(w.svc.CreateDataset(w.ctx, &api.CreateDatasetRequest{
		Name: "items" + randomID(), DatasetGroupArn: group, SchemaArn: s.SchemaArn, DatasetType: "Items",
	}))
	w.settle()
}

func TestObjectiveRefusals(t *testing.T) {
	w := newWorld(t, Quotas{})
	group, bare := w.group("shop", ""), w.group("bare", "")
	w.items(group, `{"name":"GENRE","type":["null","string"],"categorical":true},{"name":"PRICE","type":"float"},{"name":"RATING","type":["null","float"]}`)
	const up = "aws-user-personalization"
	for _, c := range []struct {
		group, recipe string
		column, how   string
		want          string
	}{
		{group, up, "PRICE", "LOW", ""},
		{group, "aws-personalized-ranking", "PRICE", "", ""},
		{group, "aws-sims", "PRICE", "LOW", "optimizationObjective is for aws-user-personalization and aws-personalized-ranking, not for aws-sims."},
		{group, up + "-v2", "PRICE", "LOW", "optimizationObjective is for aws-user-personalization and aws-personalized-ranking, not for aws-user-personalization-v2."},
		{group, up, "", "LOW", "optimizationObjective.itemAttribute must name a column of the Items dataset."},
		{group, up, "MARGIN", "LOW", "optimizationObjective.itemAttribute: the Items dataset has no column MARGIN."},
		{group, up, "GENRE", "LOW", "optimizationObjective.itemAttribute: the column GENRE of Items must be a number; it is string."},
		{group, up, "RATING", "LOW", "optimizationObjective.itemAttribute: the column RATING of Items must not be one that may be null."},
		{group, up, "PRICE", "SOME", `optimizationObjective.objectiveSensitivity is "SOME"; expected OFF, LOW, MEDIUM or HIGH.`},
		{bare, up, "PRICE", "LOW", "optimizationObjective.itemAttribute PRICE is a column of Items; the dataset group has no Items dataset."},
	} {
		got := w.ask(c.group, c.recipe, func(in *api.CreateSolutionRequest) {
			in.SolutionConfig.OptimizationObjective = &api.OptimizationObjective{ItemAttribute: c.column, ObjectiveSensitivity: c.how}
		})
		if got != c.want {
			t.Errorf("CreateSolution of %s for %s, %s: %q, want %q", c.recipe, c.column, c.how, got, c.want)
		}
	}
}

// Columns that are not there are refused when a solution is made, by whichever member names them.
func TestColumnRefusals(t *testing.T) {
	w := newWorld(t, Quotas{})
	group := w.group("shop", "")
	w.items(group, `{"name":"PRICE","type":"float"}`)
	columns := func(kind string, names ...string) map[string][]string { return map[string][]string{kind: names} }
	for _, c := range []struct {
		config api.TrainingDataConfig
		want   string
	}{
		{api.TrainingDataConfig{ExcludedDatasetColumns: columns("items", "price")}, ""},
		{api.TrainingDataConfig{ExcludedDatasetColumns: columns("Items", "COLOUR")}, "trainingDataConfig.excludedDatasetColumns: the Items dataset has no column COLOUR."},
		{api.TrainingDataConfig{IncludedDatasetColumns: columns("Users", "AGE")}, "trainingDataConfig.includedDatasetColumns: the dataset group has no Users dataset."},
		{api.TrainingDataConfig{ExcludedDatasetColumns: columns("Interactions", "EVENT_TYPE")}, "trainingDataConfig.excludedDatasetColumns: EVENT_TYPE cannot be excluded."},
		{api.TrainingDataConfig{ExcludedDatasetColumns: columns("Items", "PRICE"), IncludedDatasetColumns: columns("Items", "PRICE")},
			"trainingDataConfig: give either excludedDatasetColumns or includedDatasetColumns."},
	} {
		got := w.ask(group, "aws-similar-items", func(in *api.CreateSolutionRequest) { in.SolutionConfig.TrainingDataConfig = &c.config })
		if got != c.want {
			t.Errorf("CreateSolution with %+v: %q, want %q", c.config, got, c.want)
		}
	}
}

func TestAutoMLRefusals(t *testing.T) {
	w := newWorld(t, Quotas{})
	group := w.group("shop", "")
	named := func(names ...string) (arns []string) {
		for _, n := range names {
			arns = append(arns, arn.Service(arn.RecipeKind, n).String())
		}
		return arns
	}
	for _, c := range []struct {
		config *api.AutoMLConfig
		recipe string
		want   string
	}{
		{},
		{config: &api.AutoMLConfig{MetricName: "precision_at_25", RecipeList: named("aws-hrnn", "aws-user-personalization-v2")}},
		{recipe: named("aws-hrnn")[0], want: "performAutoML and recipeArn exclude each other: give exactly one."},
		{config: &api.AutoMLConfig{MetricName: "accuracy"}, want: `autoMLConfig.metricName is "accuracy"; expected one of coverage, mean_reciprocal_rank_at_25, ` +
			"normalized_discounted_cumulative_gain_at_10, normalized_discounted_cumulative_gain_at_25, normalized_discounted_cumulative_gain_at_5, precision_at_10, precision_at_25, precision_at_5."},
		{config: &api.AutoMLConfig{RecipeList: named("aws-sims")}, want: "autoMLConfig.recipeList: aws-sims is not a recipe for user personalization, which is what performAutoML chooses among."},
		{config: &api.AutoMLConfig{RecipeList: named("aws-hrnn", "aws-hrnn")}, want: "autoMLConfig.recipeList: aws-hrnn is there twice."},
	} {
		got := w.ask(group, "", func(in *api.CreateSolutionRequest) {
			in.RecipeArn, in.PerformAutoML, in.SolutionConfig.AutoMLConfig = c.recipe, ptr(true), c.config
		})
		if got != c.want {
			t.Errorf("CreateSolution with %+v: %q, want %q", c.config, got, c.want)
		}
	}
}

// A version of a solution that chooses is told the service's list, or the given one; UPDATE has nothing to go on.
func TestAutoMLReachesTraining(t *testing.T) {
	w := newWorld(t, Quotas{})
	sol := must[*api.CreateSolutionResponse](t)(w.svc.CreateSolution(w.ctx, &api.CreateSolutionRequest{
		Name: "chooses", DatasetGroupArn: w.group("shop", ""), PerformAutoML: ptr(true), PerformHPO: ptr(true), PerformAutoTraining: ptr(false),
	})).SolutionArn
	w.settle()
	doc := must[*api.DescribeSolutionResponse](t)(w.svc.DescribeSolution(w.ctx, &api.DescribeSolutionRequest{SolutionArn: sol})).Solution
	if !or(doc.PerformAutoML, false) || doc.RecipeArn != "" {
		t.Errorf("the solution is %+v, want performAutoML and no recipeArn", doc)
	}
	o := w.order(w.train(sol))
	var names []string
	for _, c := range o.Candidates {
		names = append(names, c.Recipe)
		if len(c.Params) == 0 || len(c.Trials) != 5 || len(c.Tuned) == 0 {
			t.Errorf("candidate %+v, want its parameters and five trials", c)
		}
	}
	if want := []string{"aws-hrnn", "aws-hrnn-metadata", "aws-hrnn-coldstart"}; !slices.Equal(names, want) {
		t.Errorf("candidates %v, want %v", names, want)
	}
	_, err := w.svc.CreateSolutionVersion(w.ctx, &api.CreateSolutionVersionRequest{SolutionArn: sol, TrainingMode: "UPDATE"})
	if kind(err) != fault.Invalid.String() {
		t.Errorf("an UPDATE = %v, want %v", err, fault.Invalid)
	}
	if _, err := w.svc.UpdateSolution(w.ctx, &api.UpdateSolutionRequest{SolutionArn: sol, PerformAutoTraining: ptr(true)}); err != nil {
		t.Errorf("UpdateSolution of a schedule = %v", err)
	}
}
