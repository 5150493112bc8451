package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/clienttest"
)

const (
	role  = "arn:aws:iam::111122223333:role/Role"
	kmsID = "arn:aws:kms:us-east-1:111122223333:key/0a1b"
)

// A kind is a sort of resource, by the words of the operations about it.
type kind struct {
	name     string // as in an ARN
	noun     string // as in the operations
	list     string
	member   string // that holds its ARN
	document string // of Describe's answer
	summary  string // of List's answer
}

// kinds are all sorts of resource that an account can make.
var kinds = []kind{
	{arn.Schema, "Schema", "ListSchemas", "schemaArn", "schema", "schemas"},
	{arn.DatasetGroup, "DatasetGroup", "ListDatasetGroups", "datasetGroupArn", "datasetGroup", "datasetGroups"},
	{arn.Dataset, "Dataset", "ListDatasets", "datasetArn", "dataset", "datasets"},
	{arn.DatasetImportJob, "DatasetImportJob", "ListDatasetImportJobs", "datasetImportJobArn", "datasetImportJob", "datasetImportJobs"},
	{arn.DatasetExportJob, "DatasetExportJob", "ListDatasetExportJobs", "datasetExportJobArn", "datasetExportJob", "datasetExportJobs"},
	{arn.DataDeletionJob, "DataDeletionJob", "ListDataDeletionJobs", "dataDeletionJobArn", "dataDeletionJob", "dataDeletionJobs"},
	{arn.Filter, "Filter", "ListFilters", "filterArn", "filter", "Filters"},
	{arn.Solution, "Solution", "ListSolutions", "solutionArn", "solution", "solutions"},
	{arn.SolutionVersion, "SolutionVersion", "ListSolutionVersions", "solutionVersionArn", "solutionVersion", "solutionVersions"},
	{arn.Campaign, "Campaign", "ListCampaigns", "campaignArn", "campaign", "campaigns"},
	{arn.Recommender, "Recommender", "ListRecommenders", "recommenderArn", "recommender", "recommenders"},
	{arn.EventTracker, "EventTracker", "ListEventTrackers", "eventTrackerArn", "eventTracker", "eventTrackers"},
	{arn.MetricAttribution, "MetricAttribution", "ListMetricAttributions", "metricAttributionArn", "metricAttribution", "metricAttributions"},
	{arn.BatchInferenceJob, "BatchInferenceJob", "ListBatchInferenceJobs", "batchInferenceJobArn", "batchInferenceJob", "batchInferenceJobs"},
	{arn.BatchSegmentJob, "BatchSegmentJob", "ListBatchSegmentJobs", "batchSegmentJobArn", "batchSegmentJob", "batchSegmentJobs"},
}

// kindOf returns the kind whose ARN a member holds.
func kindOf(member string) (kind, bool) {
	for _, k := range kinds {
		if k.member == member {
			return k, true
		}
	}
	return kind{}, false
}

// A world is an account with one resource of every kind there is, all of them settled.
type world struct {
	*caller
	t     testing.TB
	have  map[string]string // ARN by kind
	users string            // the Users dataset of the group, whose schema can be replaced
	// shop is a dataset group of domain ECOMMERCE with the datasets it needs; have's is a custom one.
	shop string
	// failed is a solution version without a model, and segments one of aws-item-affinity.
	failed, segments string
}

// newWorld makes a world at a server. Kinds that the server cannot make are missing from it.
func newWorld(t testing.TB, c *caller) *world {
	t.Helper()
	w := &world{caller: c, t: t, have: map[string]string{}}
	s3 := c.s3()
	if err := s3.MakeBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{
		"interactions.csv": interactions(), "items.csv": items(), "users.csv": "USER_ID,AGE\nu1,30\nu2,40\n",
		"gone.csv": "USER_ID\nnobody\n", "in.json": `{"userId":"u1"}` + "\n", "segments.json": `{"itemId":"i1"}` + "\n",
	} {
		if _, err := s3.Put(t.Context(), key, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	w.have[arn.DatasetGroup] = w.group("")
	w.have[arn.Dataset] = w.dataset(w.have[arn.DatasetGroup], "Interactions", "")
	w.dataset(w.have[arn.DatasetGroup], "Items", "")
	w.users = w.dataset(w.have[arn.DatasetGroup], "Users", "")
	w.shop = w.group("ECOMMERCE")
	visits := w.dataset(w.shop, "Interactions", "ECOMMERCE")
	w.settle(arn.DatasetImportJob, with(w.minimal(arn.DatasetImportJob), "datasetArn", visits))
	w.have[arn.Schema] = w.schema("Users", "")
	empty := w.group("")
	w.dataset(empty, "Interactions", "")
	w.have[arn.DatasetImportJob] = w.make(arn.DatasetImportJob)
	w.have[arn.Solution] = w.make(arn.Solution)
	w.have[arn.SolutionVersion] = w.make(arn.SolutionVersion)
	w.failed = w.version(w.solution(empty, "aws-popularity-count"), "CREATE FAILED")
	if has("CreateBatchSegmentJob") {
		w.segments = w.version(w.solution(w.have[arn.DatasetGroup], "aws-item-affinity"), "ACTIVE")
	}
	for _, k := range kinds {
		if w.have[k.name] == "" && has("Create"+k.noun) {
			w.have[k.name] = w.make(k.name)
		}
	}
	return w
}

// interactions are what fifty users did, as CSV.
func interactions() string {
	var b strings.Builder
	b.WriteString("USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\n")
	for u := range 50 {
		for n := range 8 {
			fmt.Fprintf(&b, "u%d,i%d,%s,1,%d\n", u, (u%2)+2*((u+n*n)%10), []string{"view", "buy"}[n%2], 1_700_000_000+60*(8*u+n))
		}
	}
	return b.String()
}

func items() string {
	var b strings.Builder
	b.WriteString("ITEM_ID,GENRE,PRICE,MARGIN\n")
	for i := range 20 {
		fmt.Fprintf(&b, "i%d,%s,%d.5,%d\n", i, []string{"drama", "crime"}[i%2], i, 20-i)
	}
	return b.String()
}

// make creates a resource of a kind with what its operation requires, and waits until it is settled.
func (w *world) make(kind string) string {
	w.t.Helper()
	return w.settle(kind, w.minimal(kind))
}

// settle creates a resource and waits until it is ACTIVE, or whatever its kind has for that.
func (w *world) settle(name string, in request) string {
	w.t.Helper()
	k := kindNamed(name)
	a := w.ok(w.t, "Create"+k.noun, in)[k.member].(string)
	w.await(a, "ACTIVE", "COMPLETED")
	return a
}

func kindNamed(name string) kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	panic("no kind " + name)
}

// describe returns a resource's document.
func (w *world) describe(a string) map[string]any {
	w.t.Helper()
	k := kindNamed(arn.ARN(a).Kind())
	return w.ok(w.t, "Describe"+k.noun, request{k.member: a})[k.document].(map[string]any)
}

// await waits until a resource has one of the statuses. Resources without a status have any.
func (w *world) await(a string, want ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		doc := w.describe(a)
		status, ok := doc["status"].(string)
		for _, s := range want {
			if s == status || !ok {
				return
			}
		}
		if strings.HasSuffix(status, "FAILED") || strings.HasSuffix(status, "ACTIVE") && want[0] == "CREATE FAILED" {
			w.t.Fatalf("%s is %s (%v), want %v", a, status, doc["failureReason"], want)
		}
		select {
		case <-ctx.Done():
			w.t.Fatalf("%s is still %s, want %v", a, status, want)
		case <-tick.C:
		}
	}
}

// awaitGone waits until a resource that is being deleted is no more.
func (w *world) awaitGone(a string) {
	w.t.Helper()
	k := kindNamed(arn.ARN(a).Kind())
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for w.call(w.t, "Describe"+k.noun, request{k.member: a}).status == http.StatusOK {
		select {
		case <-ctx.Done():
			w.t.Fatalf("%s is still there", a)
		case <-time.After(3 * time.Millisecond):
		}
	}
}

func (w *world) schema(kind, domain string) string {
	in := request{"name": fresh("schema"), "schema": schemaOf(kind)}
	if domain != "" {
		in["domain"] = domain
	}
	return w.ok(w.t, "CreateSchema", in)["schemaArn"].(string)
}

func (w *world) group(domain string) string {
	in := request{"name": fresh("group")}
	if domain != "" {
		in["domain"] = domain
	}
	return w.settle(arn.DatasetGroup, in)
}

func (w *world) dataset(group, kind, domain string) string {
	return w.settle(arn.Dataset, request{"name": fresh("dataset"), "datasetGroupArn": group, "datasetType": kind, "schemaArn": w.schema(kind, domain)})
}

func (w *world) solution(group, recipe string) string {
	return w.settle(arn.Solution, request{"name": fresh("solution"), "datasetGroupArn": group, "performAutoTraining": false,
		"recipeArn": "arn:aws:personalize:::recipe/" + recipe})
}

func (w *world) version(solution, want string) string {
	a := w.ok(w.t, "CreateSolutionVersion", request{"solutionArn": solution})["solutionVersionArn"].(string)
	w.await(a, want)
	return a
}

// minimal returns a request that creates a resource of a kind with nothing but what is required, and is accepted.
func (w *world) minimal(kind string) request {
	group := w.have[arn.DatasetGroup]
	at := func(key string) request { return request{"s3DataSource": request{"path": clienttest.Location(key)}} }
	to := request{"s3DataDestination": request{"path": clienttest.Location("out/")}}
	switch kind {
	case arn.Schema:
		return request{"name": fresh("schema"), "schema": schemaOf("Interactions")}
	case arn.DatasetGroup:
		return request{"name": fresh("group")}
	case arn.Dataset:
		return request{"name": fresh("dataset"), "datasetGroupArn": w.group(""), "datasetType": "INTERACTIONS", "schemaArn": w.schema("Interactions", "")}
	case arn.DatasetImportJob:
		return request{"jobName": fresh("import"), "datasetArn": w.have[arn.Dataset], "dataSource": request{"dataLocation": clienttest.Location("interactions.csv")}}
	case arn.DatasetExportJob:
		return request{"jobName": fresh("export"), "datasetArn": w.have[arn.Dataset], "roleArn": role, "jobOutput": to}
	case arn.DataDeletionJob:
		return request{"jobName": fresh("deletion"), "datasetGroupArn": group, "roleArn": role, "dataSource": request{"dataLocation": clienttest.Location("gone.csv")}}
	case arn.Filter:
		return request{"name": fresh("filter"), "datasetGroupArn": group, "filterExpression": `INCLUDE ItemID WHERE Items.GENRE IN ("drama")`}
	case arn.Solution:
		return request{"name": fresh("solution"), "datasetGroupArn": group, "recipeArn": "arn:aws:personalize:::recipe/aws-user-personalization"}
	case arn.SolutionVersion:
		return request{"solutionArn": w.have[arn.Solution]}
	case arn.Campaign:
		return request{"name": fresh("campaign"), "solutionVersionArn": w.have[arn.SolutionVersion]}
	case arn.Recommender:
		return request{"name": fresh("recommender"), "datasetGroupArn": w.shop, "recipeArn": "arn:aws:personalize:::recipe/aws-ecomm-recommended-for-you"}
	case arn.EventTracker:
		return request{"name": fresh("tracker"), "datasetGroupArn": w.group("")}
	case arn.MetricAttribution:
		group := w.group("")
		w.dataset(group, "Interactions", "")
		return request{"name": fresh("attribution"), "datasetGroupArn": group, "metricsOutputConfig": request{"roleArn": role},
			"metrics": []any{request{"metricName": "views", "eventType": "view", "expression": "SAMPLECOUNT()"}}}
	case arn.BatchInferenceJob:
		return request{"jobName": fresh("batch"), "solutionVersionArn": w.have[arn.SolutionVersion], "roleArn": role, "jobInput": at("in.json"), "jobOutput": to}
	case arn.BatchSegmentJob:
		return request{"jobName": fresh("segment"), "solutionVersionArn": w.segments, "roleArn": role, "jobInput": at("segments.json"), "jobOutput": to}
	}
	panic("no request for " + kind)
}

// of returns a request of any operation that is accepted as far as what it names is concerned. It reports false
// for operations that name nothing.
func (w *world) of(op string) (request, bool) {
	if noun, ok := strings.CutPrefix(op, "Create"); ok {
		for _, k := range kinds {
			if k.noun == noun {
				return w.minimal(k.name), true
			}
		}
	}
	if in, ok := w.others()[op]; ok {
		return in, true
	}
	for _, verb := range []string{"Describe", "Delete", "Update", "Start", "Stop"} {
		for _, k := range kinds {
			if op == verb+k.noun {
				return request{k.member: w.have[k.name]}, true
			}
		}
	}
	return nil, false
}

// others are requests for the operations that are not named after one kind alone.
func (w *world) others() map[string]request {
	group := request{"datasetGroupArn": w.have[arn.DatasetGroup]}
	version := request{"solutionVersionArn": w.have[arn.SolutionVersion]}
	data := request{"datasetArn": w.have[arn.Dataset]}
	return map[string]request{
		"UpdateDataset":     {"datasetArn": w.users, "schemaArn": w.have[arn.Schema]},
		"UpdateCampaign":    {"campaignArn": w.have[arn.Campaign], "solutionVersionArn": w.have[arn.SolutionVersion], "minProvisionedTPS": 2},
		"UpdateRecommender": {"recommenderArn": w.have[arn.Recommender], "recommenderConfig": request{"minRecommendationRequestsPerSecond": 2}},
		"UpdateSolution":    {"solutionArn": w.have[arn.Solution], "performAutoTraining": false},
		"UpdateMetricAttribution": {"metricAttributionArn": w.have[arn.MetricAttribution],
			"addMetrics": []any{request{"metricName": fresh("m"), "eventType": "view", "expression": "SAMPLECOUNT()"}}},
		"GetSolutionMetrics":            version,
		"StopSolutionVersionCreation":   version,
		"ListBatchInferenceJobs":        version,
		"ListBatchSegmentJobs":          {"solutionVersionArn": w.segments},
		"ListCampaigns":                 {"solutionArn": w.have[arn.Solution]},
		"ListSolutionVersions":          {"solutionArn": w.have[arn.Solution]},
		"ListDataDeletionJobs":          group,
		"ListDatasets":                  group,
		"ListEventTrackers":             group,
		"ListFilters":                   group,
		"ListMetricAttributions":        group,
		"ListSolutions":                 group,
		"ListRecommenders":              {"datasetGroupArn": w.shop},
		"ListDatasetExportJobs":         data,
		"ListDatasetImportJobs":         data,
		"ListMetricAttributionMetrics":  {"metricAttributionArn": w.have[arn.MetricAttribution]},
		"ListTagsForResource":           {"resourceArn": w.have[arn.Solution]},
		"TagResource":                   {"resourceArn": w.have[arn.Solution], "tags": []any{request{"tagKey": "k", "tagValue": "v"}}},
		"UntagResource":                 {"resourceArn": w.have[arn.Solution], "tagKeys": []any{"k"}},
		"DescribeRecipe":                {"recipeArn": "arn:aws:personalize:::recipe/aws-sims"},
		"DescribeAlgorithm":             {"algorithmArn": "arn:aws:personalize:::algorithm/aws-sims"},
		"DescribeFeatureTransformation": {"featureTransformationArn": "arn:aws:personalize:::feature-transformation/sims"},
	}
}

// with returns a request with one member changed.
func with(in request, member string, v any) request {
	out := maps.Clone(in)
	out[member] = v
	return out
}
