package service

import (
	"encoding/json"
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
