package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/service"
	"github.com/kindredrec/kindred/internal/synth"
)

// A pager is one of the SDK's paginators.
type pager[O any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*personalize.Options)) (O, error)
}

// all returns what a paginator that was told to give one by one gives, in its order.
func all[O, R any](s *server, p pager[O], of func(O) []R) (list []R) {
	s.t.Helper()
	for p.HasMorePages() {
		page := of(ok[O](s.t)(p.NextPage(s.t.Context())))
		if len(page) > 1 {
			s.t.Errorf("a page has %d, want one", len(page))
		}
		list = append(list, page...)
	}
	return list
}

// namesOf are the names that a field of a list's members gives.
func namesOf[R any](list []R, name func(R) *string) (names []string) {
	for _, r := range list {
		names = append(names, aws.ToString(name(r)))
	}
	return names
}

// sameNames fails unless the names are these, in any order.
func (s *server) sameNames(what string, got []string, want ...string) {
	s.t.Helper()
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		s.t.Errorf("%s has %v, want %v", what, got, want)
	}
}

// Every recipe, with what it is made of, can be described.
func TestParts(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	recipes := all(s, personalize.NewListRecipesPaginator(s.API, &personalize.ListRecipesInput{RecipeProvider: types.RecipeProviderService},
		func(o *personalize.ListRecipesPaginatorOptions) { o.Limit = 1 }), func(o *personalize.ListRecipesOutput) []types.RecipeSummary { return o.Recipes })
	for _, r := range recipes {
		d := ok[*personalize.DescribeRecipeOutput](t)(s.API.DescribeRecipe(ctx, &personalize.DescribeRecipeInput{RecipeArn: r.RecipeArn})).Recipe
		if *d.Name != *r.Name || *d.Status != clienttest.Active {
			t.Errorf("%s is described as %s, which is %s", *r.Name, *d.Name, *d.Status)
		}
		a := ok[*personalize.DescribeAlgorithmOutput](t)(s.API.DescribeAlgorithm(ctx, &personalize.DescribeAlgorithmInput{AlgorithmArn: d.AlgorithmArn})).Algorithm
		for _, p := range a.DefaultHyperParameterRanges.IntegerHyperParameterRanges {
			if _, has := a.DefaultHyperParameters[*p.Name]; !has {
				t.Errorf("%s can tune %s, which has no default in %v", *r.Name, *p.Name, a.DefaultHyperParameters)
			}
		}
		f := ok[*personalize.DescribeFeatureTransformationOutput](t)(s.API.DescribeFeatureTransformation(ctx,
			&personalize.DescribeFeatureTransformationInput{FeatureTransformationArn: d.FeatureTransformationArn})).FeatureTransformation
		if *f.FeatureTransformationArn != *d.FeatureTransformationArn {
			t.Errorf("the feature transformation of %s is %s, want %s", *r.Name, *f.FeatureTransformationArn, *d.FeatureTransformationArn)
		}
	}
	if len(recipes) < 20 {
		t.Errorf("there are %d recipes, want those of the service", len(recipes))
	}
	_, err := s.API.DescribeAlgorithm(ctx, &personalize.DescribeAlgorithmInput{AlgorithmArn: aws.String("arn:aws:personalize:::algorithm/none")})
	if !is[*types.ResourceNotFoundException](err) {
		t.Errorf("an algorithm that is not there: %v, want ResourceNotFoundException", err)
	}
}

// What is updated tells so, lists have everything, and what nobody needs any more goes.
func TestControlPlane(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	solution, version := f.train("popular", "aws-popularity-count")
	f.run(t, "solution", func(t *testing.T) { f.testUpdateSolution(t, solution) })
	f.run(t, "campaign", func(t *testing.T) { f.testUpdateCampaign(t, solution, version) })
	f.run(t, "jobs", func(t *testing.T) { f.testLists(t, version) })
	f.run(t, "tags", f.testTags)
	f.run(t, "removal", f.testRemoval)
}

func (f *films) testUpdateSolution(t *testing.T, solution string) {
	ctx := t.Context()
	rate := aws.String("rate(2 days)")
	ok[*personalize.UpdateSolutionOutput](t)(f.API.UpdateSolution(ctx, &personalize.UpdateSolutionInput{
		SolutionArn: &solution, PerformAutoTraining: aws.Bool(true),
		SolutionUpdateConfig: &types.SolutionUpdateConfig{AutoTrainingConfig: &types.AutoTrainingConfig{SchedulingExpression: rate}},
	}))
	d := f.solution(solution)
	f.until("the update is ACTIVE", func() bool {
		d = f.solution(solution)
		return d.LatestSolutionUpdate != nil && *d.LatestSolutionUpdate.Status == clienttest.Active
	})
	if !*d.PerformAutoTraining || *d.SolutionConfig.AutoTrainingConfig.SchedulingExpression != *rate {
		t.Errorf("after the update performAutoTraining is %t, %s; want true, %s", *d.PerformAutoTraining, *d.SolutionConfig.AutoTrainingConfig.SchedulingExpression, *rate)
	}
	_, err := f.API.UpdateSolution(ctx, &personalize.UpdateSolutionInput{SolutionArn: &solution, SolutionUpdateConfig: &types.SolutionUpdateConfig{
		AutoTrainingConfig: &types.AutoTrainingConfig{SchedulingExpression: aws.String("rate(0 days)")}}})
	if !is[*types.InvalidInputException](err) {
		t.Errorf("a schedule that is none: %v, want InvalidInputException", err)
	}
	got := all(f.server, personalize.NewListSolutionsPaginator(f.API, &personalize.ListSolutionsInput{DatasetGroupArn: &f.group},
		func(o *personalize.ListSolutionsPaginatorOptions) { o.Limit = 1 }), func(o *personalize.ListSolutionsOutput) []types.SolutionSummary { return o.Solutions })
	f.sameNames("the group", namesOf(got, func(r types.SolutionSummary) *string { return r.Name }), "popular")
}

func (s *server) solution(arn string) *types.Solution {
	s.t.Helper()
	return ok[*personalize.DescribeSolutionOutput](s.t)(s.API.DescribeSolution(s.t.Context(), &personalize.DescribeSolutionInput{SolutionArn: &arn})).Solution
}

func (f *films) testUpdateCampaign(t *testing.T, solution, version string) {
	ctx := t.Context()
	for _, name := range []string{"home", "cart"} {
		out := ok[*personalize.CreateCampaignOutput](t)(f.API.CreateCampaign(ctx, &personalize.CreateCampaignInput{Name: &name, SolutionVersionArn: &version}))
		f.active(*out.CampaignArn, nil)
	}
	home := "arn:aws:personalize:us-east-1:000000000000:campaign/home"
	newer := f.active(f.Version(ctx, solution))
	ok[*personalize.UpdateCampaignOutput](t)(f.API.UpdateCampaign(ctx, &personalize.UpdateCampaignInput{
		CampaignArn: &home, SolutionVersionArn: &newer, MinProvisionedTPS: aws.Int32(7),
	}))
	f.until("the campaign is updated", func() bool {
		c := f.campaign(home)
		return *c.SolutionVersionArn == newer && *c.MinProvisionedTPS == 7 && *c.LatestCampaignUpdate.Status == clienttest.Active
	})
	got := all(f.server, personalize.NewListCampaignsPaginator(f.API, &personalize.ListCampaignsInput{SolutionArn: &solution},
		func(o *personalize.ListCampaignsPaginatorOptions) { o.Limit = 1 }), func(o *personalize.ListCampaignsOutput) []types.CampaignSummary { return o.Campaigns })
	f.sameNames("the solution", namesOf(got, func(r types.CampaignSummary) *string { return r.Name }), "home", "cart")
}

// testLists makes a job of each kind and finds them in their lists.
func (f *films) testLists(t *testing.T, version string) {
	ctx := t.Context()
	for _, name := range []string{"batch-1", "batch-2"} {
		f.infer(clienttest.Batch{Name: name, Version: version, Results: 3})
		f.export(t, name, f.events, types.IngestionModePut)
	}
	f.put("forget.csv", []byte("USER_ID\nnobody\n"))
	forgotten := ok[string](t)(f.DeleteUsers(ctx, "forget", f.group, clienttest.Location("forget.csv")))
	f.settled(forgotten, clienttest.Completed)

	batches := all(f.server, personalize.NewListBatchInferenceJobsPaginator(f.API, &personalize.ListBatchInferenceJobsInput{SolutionVersionArn: &version},
		func(o *personalize.ListBatchInferenceJobsPaginatorOptions) { o.Limit = 1 }),
		func(o *personalize.ListBatchInferenceJobsOutput) []types.BatchInferenceJobSummary {
			return o.BatchInferenceJobs
		})
	f.sameNames("the version", namesOf(batches, func(r types.BatchInferenceJobSummary) *string { return r.JobName }), "batch-1", "batch-2")
	exports := all(f.server, personalize.NewListDatasetExportJobsPaginator(f.API, &personalize.ListDatasetExportJobsInput{DatasetArn: &f.events},
		func(o *personalize.ListDatasetExportJobsPaginatorOptions) { o.Limit = 1 }),
		func(o *personalize.ListDatasetExportJobsOutput) []types.DatasetExportJobSummary {
			return o.DatasetExportJobs
		})
	f.sameNames("the dataset", namesOf(exports, func(r types.DatasetExportJobSummary) *string { return r.JobName }), "batch-1", "batch-2")
	imports := all(f.server, personalize.NewListDatasetImportJobsPaginator(f.API, &personalize.ListDatasetImportJobsInput{},
		func(o *personalize.ListDatasetImportJobsPaginatorOptions) { o.Limit = 1 }),
		func(o *personalize.ListDatasetImportJobsOutput) []types.DatasetImportJobSummary {
			return o.DatasetImportJobs
		})
	f.sameNames("the account", namesOf(imports, func(r types.DatasetImportJobSummary) *string { return r.JobName }), "events-full", "items", "people")
	deletions := ok[*personalize.ListDataDeletionJobsOutput](t)(f.API.ListDataDeletionJobs(ctx, &personalize.ListDataDeletionJobsInput{DatasetGroupArn: &f.group})).DataDeletionJobs
	if len(deletions) != 1 || *deletions[0].DataDeletionJobArn != forgotten || *deletions[0].Status != clienttest.Completed {
		t.Errorf("ListDataDeletionJobs = %v, want the one that is COMPLETED", deletions)
	}
}

func (f *films) testTags(t *testing.T) {
	ctx := t.Context()
	tags := func() map[string]string {
		got := map[string]string{}
		for _, tag := range ok[*personalize.ListTagsForResourceOutput](t)(f.API.ListTagsForResource(ctx, &personalize.ListTagsForResourceInput{ResourceArn: &f.group})).Tags {
			got[*tag.TagKey] = *tag.TagValue
		}
		return got
	}
	numbered := func(n int) (keys []string, tags []types.Tag) {
		for i := range n {
			keys = append(keys, fmt.Sprint("k", i))
			tags = append(tags, types.Tag{TagKey: &keys[i], TagValue: aws.String("")})
		}
		return keys, tags
	}
	_, few := numbered(2)
	ok[*personalize.TagResourceOutput](t)(f.API.TagResource(ctx, &personalize.TagResourceInput{ResourceArn: &f.group, Tags: few}))
	ok[*personalize.UntagResourceOutput](t)(f.API.UntagResource(ctx, &personalize.UntagResourceInput{ResourceArn: &f.group, TagKeys: []string{"k0"}}))
	keys, many := numbered(51)
	if _, err := f.API.TagResource(ctx, &personalize.TagResourceInput{ResourceArn: &f.group, Tags: many[:50]}); err != nil {
		t.Errorf("50 tags of which one is there: %v", err)
	}
	if _, err := f.API.TagResource(ctx, &personalize.TagResourceInput{ResourceArn: &f.group, Tags: many[50:]}); !is[*types.TooManyTagsException](err) {
		t.Errorf("a 51st tag: %v, want TooManyTagsException", err)
	}
	if _, err := f.API.UntagResource(ctx, &personalize.UntagResourceInput{ResourceArn: &f.group, TagKeys: keys}); !is[*types.TooManyTagKeysException](err) {
		t.Errorf("51 tags taken away at once: %v, want TooManyTagKeysException", err)
	}
	if got := tags(); len(got) != 50 {
		t.Errorf("there are the tags %v, want 50", got)
	}
	ok[*personalize.UntagResourceOutput](t)(f.API.UntagResource(ctx, &personalize.UntagResourceInput{ResourceArn: &f.group, TagKeys: keys[1:50]}))
	if got := tags(); !maps.Equal(got, map[string]string{"k0": ""}) {
		t.Errorf("there are the tags %v, want k0 alone", got)
	}
}

// A filter and a schema that nobody needs go, and one that somebody needs does not.
func (f *films) testRemoval(t *testing.T) {
	ctx := t.Context()
	filters := func() []string {
		got := all(f.server, personalize.NewListFiltersPaginator(f.API, &personalize.ListFiltersInput{DatasetGroupArn: &f.group},
			func(o *personalize.ListFiltersPaginatorOptions) { o.Limit = 1 }), func(o *personalize.ListFiltersOutput) []types.FilterSummary { return o.Filters })
		return namesOf(got, func(r types.FilterSummary) *string { return r.Name })
	}
	f.active(f.Filter(ctx, "kept", f.group, unseen))
	gone := f.active(f.Filter(ctx, "gone", f.group, unseen))
	f.sameNames("the group", filters(), "kept", "gone")
	ok[*personalize.DeleteFilterOutput](t)(f.API.DeleteFilter(ctx, &personalize.DeleteFilterInput{FilterArn: &gone}))
	f.until("the filter is gone", func() bool {
		_, err := f.API.DescribeFilter(ctx, &personalize.DescribeFilterInput{FilterArn: &gone})
		return is[*types.ResourceNotFoundException](err)
	})
	f.sameNames("the group", filters(), "kept")

	used := ok[*personalize.DescribeDatasetOutput](t)(f.API.DescribeDataset(ctx, &personalize.DescribeDatasetInput{DatasetArn: &f.events})).Dataset.SchemaArn
	told := ok[*personalize.DescribeSchemaOutput](t)(f.API.DescribeSchema(ctx, &personalize.DescribeSchemaInput{SchemaArn: used})).Schema
	if *told.Schema != synth.InteractionsSchema {
		t.Errorf("the schema is %s, want %s", *told.Schema, synth.InteractionsSchema)
	}
	if _, err := f.API.DeleteSchema(ctx, &personalize.DeleteSchemaInput{SchemaArn: used}); !is[*types.ResourceInUseException](err) {
		t.Errorf("DeleteSchema of a schema in use = %v, want ResourceInUseException", err)
	}
	free := ok[*personalize.CreateSchemaOutput](t)(f.API.CreateSchema(ctx, &personalize.CreateSchemaInput{Name: aws.String("free"), Schema: told.Schema})).SchemaArn
	ok[*personalize.DeleteSchemaOutput](t)(f.API.DeleteSchema(ctx, &personalize.DeleteSchemaInput{SchemaArn: free}))
	if _, err := f.API.DescribeSchema(ctx, &personalize.DescribeSchemaInput{SchemaArn: free}); !is[*types.ResourceNotFoundException](err) {
		t.Errorf("DescribeSchema of a deleted one = %v, want ResourceNotFoundException", err)
	}
}

// Two shops have a recommender, a tracker and an attribution each, which are listed by group and changed; a
// quota that is exceeded is named.
func TestShops(t *testing.T) {
	s := startWith(t, app.Config{Data: t.TempDir(), Quotas: service.Quotas{MaxNumResults: 500, Metrics: 2}})
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	events := ok[string](t)(s.Put(ctx, "events.csv", makeWorld(t).parts[0]))
	for _, name := range []string{"books", "shoes"} {
		s.openShop(name, events)
	}
	books := "arn:aws:personalize:us-east-1:000000000000:%s/books"
	group := fmt.Sprintf(books, "dataset-group")

	recommender := fmt.Sprintf(books, "recommender")
	ok[*personalize.UpdateRecommenderOutput](t)(s.API.UpdateRecommender(ctx, &personalize.UpdateRecommenderInput{
		RecommenderArn: &recommender, RecommenderConfig: &types.RecommenderConfig{MinRecommendationRequestsPerSecond: aws.Int32(4)},
	}))
	s.until("the recommender is updated", func() bool {
		r := ok[*personalize.DescribeRecommenderOutput](t)(s.API.DescribeRecommender(ctx, &personalize.DescribeRecommenderInput{RecommenderArn: &recommender})).Recommender
		return *r.RecommenderConfig.MinRecommendationRequestsPerSecond == 4 && *r.LatestRecommenderUpdate.Status == clienttest.Active
	})

	kpis := fmt.Sprintf(books, "metric-attribution")
	add := func(name string) error {
		_, err := s.API.UpdateMetricAttribution(ctx, &personalize.UpdateMetricAttributionInput{MetricAttributionArn: &kpis, AddMetrics: []types.MetricAttribute{count(name)}})
		return err
	}
	if err := add("clicks"); err != nil {
		t.Error(err)
	}
	if err := add("more"); err == nil || !strings.Contains(err.Error(), "--quota metrics=N") {
		t.Errorf("a third metric: %v, want an error that names the quota", err)
	}
	metrics := all(s, personalize.NewListMetricAttributionMetricsPaginator(s.API, &personalize.ListMetricAttributionMetricsInput{MetricAttributionArn: &kpis},
		func(o *personalize.ListMetricAttributionMetricsPaginatorOptions) { o.Limit = 1 }),
		func(o *personalize.ListMetricAttributionMetricsOutput) []types.MetricAttribute { return o.Metrics })
	s.sameNames("the attribution", namesOf(metrics, func(m types.MetricAttribute) *string { return m.MetricName }), "views", "clicks")
	s.testShopLists(group)
}

// testShopLists looks for one shop's things in the lists of one group and of all.
func (s *server) testShopLists(group string) {
	for in, want := range map[*string][]string{&group: {"books"}, nil: {"books", "shoes"}} {
		recommenders := all(s, personalize.NewListRecommendersPaginator(s.API, &personalize.ListRecommendersInput{DatasetGroupArn: in},
			func(o *personalize.ListRecommendersPaginatorOptions) { o.Limit = 1 }),
			func(o *personalize.ListRecommendersOutput) []types.RecommenderSummary { return o.Recommenders })
		s.sameNames("ListRecommenders", namesOf(recommenders, func(r types.RecommenderSummary) *string { return r.Name }), want...)
		trackers := all(s, personalize.NewListEventTrackersPaginator(s.API, &personalize.ListEventTrackersInput{DatasetGroupArn: in},
			func(o *personalize.ListEventTrackersPaginatorOptions) { o.Limit = 1 }),
			func(o *personalize.ListEventTrackersOutput) []types.EventTrackerSummary { return o.EventTrackers })
		s.sameNames("ListEventTrackers", namesOf(trackers, func(r types.EventTrackerSummary) *string { return r.Name }), want...)
		attributions := all(s, personalize.NewListMetricAttributionsPaginator(s.API, &personalize.ListMetricAttributionsInput{DatasetGroupArn: in},
			func(o *personalize.ListMetricAttributionsPaginatorOptions) { o.Limit = 1 }),
			func(o *personalize.ListMetricAttributionsOutput) []types.MetricAttributionSummary {
				return o.MetricAttributions
			})
		s.sameNames("ListMetricAttributions", namesOf(attributions, func(r types.MetricAttributionSummary) *string { return r.Name }), want...)
	}
	groups := all(s, personalize.NewListDatasetGroupsPaginator(s.API, &personalize.ListDatasetGroupsInput{},
		func(o *personalize.ListDatasetGroupsPaginatorOptions) { o.Limit = 1 }),
		func(o *personalize.ListDatasetGroupsOutput) []types.DatasetGroupSummary { return o.DatasetGroups })
	s.sameNames("ListDatasetGroups", namesOf(groups, func(r types.DatasetGroupSummary) *string { return r.Name }), "books", "shoes")
}

// openShop makes a dataset group with a tracker, events, a recommender and a metric attribution, all of one name.
func (s *server) openShop(name, events string) {
	s.t.Helper()
	ctx := s.t.Context()
	g := ok[*personalize.CreateDatasetGroupOutput](s.t)(s.API.CreateDatasetGroup(ctx, &personalize.CreateDatasetGroupInput{Name: &name, Domain: types.DomainEcommerce}))
	group := s.active(*g.DatasetGroupArn, nil)
	e := ok[*personalize.CreateEventTrackerOutput](s.t)(s.API.CreateEventTracker(ctx, &personalize.CreateEventTrackerInput{Name: &name, DatasetGroupArn: &group}))
	s.active(*e.EventTrackerArn, nil)
	brought := strings.Replace(group, "dataset-group", "dataset", 1) + "/INTERACTIONS"
	s.active(s.Import(ctx, name, brought, events, types.ImportModeFull))
	r := ok[*personalize.CreateRecommenderOutput](s.t)(s.API.CreateRecommender(ctx, &personalize.CreateRecommenderInput{
		Name: &name, DatasetGroupArn: &group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-ecomm-recommended-for-you"),
	}))
	s.active(*r.RecommenderArn, nil)
	if _, err := s.API.CreateMetricAttribution(ctx, attribution(name, group, "a", "b", "c")); !is[*types.LimitExceededException](err) {
		s.t.Errorf("an attribution of three metrics: %v, want LimitExceededException", err)
	}
	m := ok[*personalize.CreateMetricAttributionOutput](s.t)(s.API.CreateMetricAttribution(ctx, attribution(name, group, "views")))
	s.active(*m.MetricAttributionArn, nil)
}

// attribution asks for a metric attribution that counts.
func attribution(name, group string, metrics ...string) *personalize.CreateMetricAttributionInput {
	in := &personalize.CreateMetricAttributionInput{
		Name: &name, DatasetGroupArn: &group, MetricsOutputConfig: &types.MetricAttributionOutput{RoleArn: aws.String(clienttest.Role)},
	}
	for _, m := range metrics {
		in.Metrics = append(in.Metrics, count(m))
	}
	return in
}

// count is a metric that counts views.
func count(name string) types.MetricAttribute {
	return types.MetricAttribute{MetricName: &name, EventType: aws.String("view"), Expression: aws.String("SAMPLECOUNT()")}
}
