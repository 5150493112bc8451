package service

import (
	"errors"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
)

// library makes a group with items that have titles and texts, and a solution that takes new ones in by itself.
func (w *world) library() (group, solution string) {
	w.t.Helper()
	group = w.group("books", "")
	s := must[*api.CreateSchemaResponse](w.t)(w.svc.CreateSchema(w.ctx, &api.CreateSchemaRequest{Name: "items", Schema: `{"type":"record","name":"Items",
		"namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[{"name":"ITEM_ID","type":"string"},
		{"name":"TITLE","type":"string","itemName":true},{"name":"TEXT","type":["string","null"],"textual":true}]}`}))
	must[*api.CreateDatasetResponse](w.t)(w.svc.CreateDataset(w.ctx, &api.CreateDatasetRequest{
		Name: "items", DatasetGroupArn: group, SchemaArn: s.SchemaArn, DatasetType: "Items",
	}))
	w.settle()
	out := must[*api.CreateSolutionResponse](w.t)(w.svc.CreateSolution(w.ctx, &api.CreateSolutionRequest{
		Name: "like", DatasetGroupArn: group, RecipeArn: arn.Service(arn.RecipeKind, "aws-semantic-similarity").String(),
		PerformAutoTraining: ptr(false), PerformIncrementalUpdate: ptr(true),
	}))
	w.settle()
	return group, out.SolutionArn
}

// modes says how the versions of a solution came to be: a letter each, I for an incremental update.
func (w *world) modes(solution string) (out string) {
	w.t.Helper()
	for _, v := range w.versions(solution) {
		full := must[*api.DescribeSolutionVersionResponse](w.t)(w.svc.DescribeSolutionVersion(w.ctx, &api.DescribeSolutionVersionRequest{SolutionVersionArn: v.SolutionVersionArn})).SolutionVersion
		switch {
		case v.TrainingMode == "UPDATE" && v.TrainingType == "AUTOMATIC" && *full.PerformIncrementalUpdate:
			out += "I"
		case v.TrainingMode == "FULL" && !*full.PerformIncrementalUpdate:
			out += "F"
		default:
			w.t.Fatalf("version %+v is neither trained in full nor an incremental update", full)
		}
	}
	return out
}

// Every half an hour a solution looks for items that its newest model has not seen, and takes them in.
func TestIncrementalUpdates(t *testing.T) {
	w := newWorld(t, Quotas{})
	g, s := w.library()
	half := func(what, want string) {
		t.Helper()
		if next := w.turn(30*time.Minute, g, s); next != 30*time.Minute {
			t.Errorf("%s: the next look is in %v, want half an hour", what, next)
		}
		if got := w.modes(s); got != want {
			t.Errorf("%s: versions are %q, want %q", what, got, want)
		}
	}
	w.bringTo(g, dataset.Items, "a")
	half("before there is a model", "")
	w.train(s)
	w.settle()
	w.turn(0, g, s)
	half("nothing new", "F")
	w.bringTo(g, dataset.Items, "b")
	half("new items", "FI")
	half("nothing new again", "FI")
	w.bring(g, "events")
	half("interactions are no items", "FI")

	w.bringTo(g, dataset.Items, "c")
	w.at = w.at.Add(30 * time.Minute)
	must[time.Time](t)(w.svc.Tick(w.ctx))
	j, ok := w.begin()
	if !ok {
		t.Fatal("no training waits")
	}
	w.end(j, errors.New("broken"))
	half("after a failure", "FII")
	w.train(s)
	w.settle()
	w.turn(0, g, s)
	w.bringTo(g, dataset.Items, "d")
	half("after another training", "FIIFI")

	must[*api.UpdateSolutionResponse](t)(w.svc.UpdateSolution(w.ctx, &api.UpdateSolutionRequest{SolutionArn: s, PerformIncrementalUpdate: ptr(false)}))
	w.settle()
	w.bringTo(g, dataset.Items, "e")
	if next := w.turn(day, g, s); next != 0 {
		t.Errorf("switched off, the next look is in %v", next)
	}
}

// Incremental updates neither put off automatic trainings nor take their place, and a training without interactions is
// for new items.
func TestIncrementalUpdatesAndTrainings(t *testing.T) {
	w := newWorld(t, Quotas{})
	g, s := w.library()
	must[*api.UpdateSolutionResponse](t)(w.svc.UpdateSolution(w.ctx, &api.UpdateSolutionRequest{SolutionArn: s, PerformAutoTraining: ptr(true)}))
	w.settle()
	w.bringTo(g, dataset.Items, "a")
	w.turnQuietly(time.Hour, g, s)
	w.bringTo(g, dataset.Items, "b")
	w.turnQuietly(6*day, g, s)
	if got := w.modes(s); got != "FI" {
		t.Errorf("after six days versions are %q, want one in full and one update", got)
	}
	w.turnQuietly(day, g, s)
	if got := w.modes(s); got != "FIF" {
		t.Errorf("after a week versions are %q, want another in full", got)
	}
	w.turnQuietly(7*day, g, s)
	if got := w.modes(s); got != "FIF" {
		t.Errorf("after a week without new items versions are %q, want no more", got)
	}
	if err := w.svc.DeleteSolution(w.ctx, &api.DeleteSolutionRequest{SolutionArn: s}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if n := must[int](t)(w.db.Count(w.ctx, catalog.Query{Account: scheduleKind, Kind: scheduleKind})); n > 0 {
		t.Errorf("%d schedules are left", n)
	}
}

// A campaign that follows its solution moves to the model with the new items.
func TestIncrementalUpdatesAreFollowed(t *testing.T) {
	w := newWorld(t, Quotas{})
	g, s := w.library()
	w.bringTo(g, dataset.Items, "a")
	w.train(s)
	w.settle()
	w.turn(0, g, s)
	c := must[*api.CreateCampaignResponse](t)(w.svc.CreateCampaign(w.ctx, &api.CreateCampaignRequest{
		Name: "like", SolutionVersionArn: s + latestAlias, CampaignConfig: &api.CampaignConfig{SyncWithLatestSolutionVersion: ptr(true)},
	}))
	w.settle()
	w.bringTo(g, dataset.Items, "b")
	w.turn(30*time.Minute, g, s)
	w.settle()
	got := must[*api.DescribeCampaignResponse](t)(w.svc.DescribeCampaign(w.ctx, &api.DescribeCampaignRequest{CampaignArn: c.CampaignArn})).Campaign.SolutionVersionArn
	if all := w.versions(s); len(all) != 2 || got != all[1].SolutionVersionArn {
		t.Errorf("the campaign has %s of %d versions, want the update", got, len(all))
	}
}
