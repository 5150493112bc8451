package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

// until asks again and again, every 20 ms, until the answer is yes.
func (s *server) until(what string, yes func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !yes() {
		select {
		case <-deadline:
			s.t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}

func (s *server) campaign(arn string) *types.Campaign {
	s.t.Helper()
	return ok[*personalize.DescribeCampaignOutput](s.t)(s.API.DescribeCampaign(s.t.Context(), &personalize.DescribeCampaignInput{CampaignArn: &arn})).Campaign
}

// A campaign that follows its solution has the newest version soon after that is trained, also when the
// server was another in between; and it keeps its solution from being deleted.
func TestCampaignFollows(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	if err := s.MakeBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: makeWorld(t)}
	f.group = s.active(s.Group(t.Context(), "films"))
	f.events = s.active(s.Dataset(t.Context(), f.group, "Interactions", synth.InteractionsSchema))
	f.bring("events", f.events, f.put("a.csv", f.parts[0]), types.ImportModeFull)
	solution, first := f.train("popular", "aws-popularity-count")
	made, err := s.API.CreateCampaign(t.Context(), &personalize.CreateCampaignInput{
		Name: aws.String("home"), SolutionVersionArn: aws.String(solution + "/$LATEST"),
		CampaignConfig: &types.CampaignConfig{SyncWithLatestSolutionVersion: aws.Bool(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	home := s.active(*made.CampaignArn, nil)
	if got := *s.campaign(home).SolutionVersionArn; got != first {
		t.Errorf("the campaign has %s, want %s", got, first)
	}
	for range 2 {
		version := s.active(s.Version(t.Context(), solution))
		s.until("the campaign has the newest version", func() bool {
			c := s.campaign(home)
			return *c.SolutionVersionArn == version && *c.LatestCampaignUpdate.Status == clienttest.Active
		})
		s.stop()
		s = start(t, dir)
	}
	_, err = s.API.DeleteSolution(t.Context(), &personalize.DeleteSolutionInput{SolutionArn: &solution})
	if !is[*types.ResourceInUseException](err) {
		t.Errorf("DeleteSolution of a solution in use = %v, want ResourceInUseException", err)
	}
	ok[*personalize.DeleteCampaignOutput](t)(s.API.DeleteCampaign(t.Context(), &personalize.DeleteCampaignInput{CampaignArn: &home}))
	s.until("the campaign is gone", func() bool {
		_, err := s.API.DescribeCampaign(t.Context(), &personalize.DescribeCampaignInput{CampaignArn: &home})
		return is[*types.ResourceNotFoundException](err)
	})
	ok[*personalize.DeleteSolutionOutput](t)(s.API.DeleteSolution(t.Context(), &personalize.DeleteSolutionInput{SolutionArn: &solution}))
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// The group of an online shop gets what belongs to it, and is emptied and deleted in the order that scripts
// use.
func TestShop(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	g, err := s.API.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: aws.String("shop"), Domain: types.DomainEcommerce})
	if err != nil {
		t.Fatal(err)
	}
	group := s.active(*g.DatasetGroupArn, nil)
	tracker, err := s.API.CreateEventTracker(ctx, &personalize.CreateEventTrackerInput{Name: aws.String("clicks"), DatasetGroupArn: &group})
	if err != nil {
		t.Fatal(err)
	}
	s.active(*tracker.EventTrackerArn, nil)
	told := ok[*personalize.DescribeEventTrackerOutput](t)(s.API.DescribeEventTracker(ctx, &personalize.DescribeEventTrackerInput{EventTrackerArn: tracker.EventTrackerArn})).EventTracker
	if *told.TrackingId != *tracker.TrackingId || *told.AccountId != s.app.Key().Account {
		t.Errorf("tracker has id %s of account %s, want %s of %s", *told.TrackingId, *told.AccountId, *tracker.TrackingId, s.app.Key().Account)
	}
	events := ok[*personalize.ListDatasetsOutput](t)(s.API.ListDatasets(ctx, &personalize.ListDatasetsInput{DatasetGroupArn: &group})).Datasets
	if len(events) != 1 || *events[0].DatasetType != "INTERACTIONS" {
		t.Fatalf("the group has the datasets %v, want INTERACTIONS, which the tracker brought", events)
	}
	s.active(*events[0].DatasetArn, nil)
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	visited := ok[string](t)(s.Put(ctx, "visits.csv", []byte(visits("View", "Purchase", 17))))
	s.active(s.Import(ctx, "visits", *events[0].DatasetArn, visited, types.ImportModeFull))

	r, err := s.API.CreateRecommender(ctx, &personalize.CreateRecommenderInput{
		Name: aws.String("for-you"), DatasetGroupArn: &group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-ecomm-recommended-for-you"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.active(*r.RecommenderArn, nil)
	ok[*personalize.StopRecommenderOutput](t)(s.API.StopRecommender(ctx, &personalize.StopRecommenderInput{RecommenderArn: r.RecommenderArn}))
	s.settled(*r.RecommenderArn, clienttest.Inactive)
	ok[*personalize.StartRecommenderOutput](t)(s.API.StartRecommender(ctx, &personalize.StartRecommenderInput{RecommenderArn: r.RecommenderArn}))
	s.settled(*r.RecommenderArn, clienttest.Active)

	m, err := s.API.CreateMetricAttribution(ctx, &personalize.CreateMetricAttributionInput{
		Name: aws.String("kpis"), DatasetGroupArn: &group,
		Metrics:             []types.MetricAttribute{{EventType: aws.String("view"), MetricName: aws.String("views"), Expression: aws.String("SAMPLECOUNT()")}},
		MetricsOutputConfig: &types.MetricAttributionOutput{RoleArn: aws.String("arn:aws:iam::000000000000:role/kindred")},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.active(*m.MetricAttributionArn, nil)
	for what, remove := range map[string]func() error{
		"recommender": func() error {
			_, err := s.API.DeleteRecommender(ctx, &personalize.DeleteRecommenderInput{RecommenderArn: r.RecommenderArn})
			return err
		},
		"attribution": func() error {
			_, err := s.API.DeleteMetricAttribution(ctx, &personalize.DeleteMetricAttributionInput{MetricAttributionArn: m.MetricAttributionArn})
			return err
		},
		"tracker": func() error {
			_, err := s.API.DeleteEventTracker(ctx, &personalize.DeleteEventTrackerInput{EventTrackerArn: tracker.EventTrackerArn})
			return err
		},
		"dataset": func() error {
			_, err := s.API.DeleteDataset(ctx, &personalize.DeleteDatasetInput{DatasetArn: events[0].DatasetArn})
			return err
		},
	} {
		_, err := s.API.DeleteDatasetGroup(ctx, &personalize.DeleteDatasetGroupInput{DatasetGroupArn: &group})
		if !is[*types.ResourceInUseException](err) {
			t.Errorf("DeleteDatasetGroup before its %s is deleted = %v, want ResourceInUseException", what, err)
		}
		if err := remove(); err != nil {
			t.Errorf("delete the %s: %v", what, err)
		}
	}
	s.until("the group can be deleted", func() bool {
		_, err := s.API.DeleteDatasetGroup(ctx, &personalize.DeleteDatasetGroupInput{DatasetGroupArn: &group})
		return err == nil
	})
}
