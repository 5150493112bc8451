package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/clienttest"
)

var twoTags = []any{request{"tagKey": "owner", "tagValue": "me"}, request{"tagKey": "empty", "tagValue": ""}}

// full returns requests that create a resource of a kind and together set every member there is, but those in
// refusals. Each is added to what minimal gives.
func (w *world) full(kind string) []request {
	to := func(key string) request {
		return request{"s3DataDestination": request{"path": clienttest.Location(key), "kmsKeyArn": kmsID}}
	}
	at := func(key string) request {
		return request{"s3DataSource": request{"path": clienttest.Location(key), "kmsKeyArn": kmsID}}
	}
	exploration := request{"explorationWeight": "0.4", "explorationItemAgeCutOff": "10"}
	switch kind {
	case arn.Schema:
		return []request{{"domain": "ECOMMERCE"}}
	case arn.DatasetGroup:
		return []request{{"roleArn": role, "kmsKeyArn": kmsID, "domain": "VIDEO_ON_DEMAND", "tags": twoTags}}
	case arn.DatasetImportJob:
		return []request{{"roleArn": role, "importMode": "INCREMENTAL", "publishAttributionMetricsToS3": false, "tags": twoTags}}
	case arn.DatasetExportJob:
		return []request{{"ingestionMode": "ALL", "tags": twoTags}, {"ingestionMode": "PUT", "jobOutput": to("export/")}, {"ingestionMode": "BULK"}}
	case arn.Dataset, arn.DataDeletionJob, arn.Filter, arn.EventTracker:
		return []request{{"tags": twoTags}}
	case arn.Solution:
		config := request{
			"algorithmHyperParameters":        request{"hidden_dimension": "32"},
			"featureTransformationParameters": request{"min_user_history_length_percentile": "0.0", "max_user_history_length_percentile": "0.99"},
			"trainingDataConfig":              request{"excludedDatasetColumns": request{"Items": []any{"PRICE"}}},
			"autoTrainingConfig":              request{"schedulingExpression": "rate(3 days)"},
			"hpoConfig": request{
				"hpoObjective":                  request{"type": "Maximize", "metricName": "precision_at_25", "metricRegex": "x"},
				"hpoResourceConfig":             request{"maxNumberOfTrainingJobs": "2", "maxParallelTrainingJobs": "1"},
				"algorithmHyperParameterRanges": request{"integerHyperParameterRanges": []any{request{"name": "hidden_dimension", "minValue": 32, "maxValue": 64}}},
			},
		}
		return []request{
			{"eventType": "view", "performHPO": true, "performAutoML": false, "performAutoTraining": false, "tags": twoTags, "solutionConfig": config},
			{"performHPO": false, "performAutoTraining": true, "solutionConfig": request{
				"eventValueThreshold": "0.5", "autoMLConfig": request{"metricName": "precision_at_25", "recipeList": []any{"arn:aws:personalize:::recipe/aws-sims"}},
				"trainingDataConfig": request{"includedDatasetColumns": request{"Items": []any{"GENRE"}}}}},
			{"recipeArn": "arn:aws:personalize:::recipe/aws-user-personalization-v2", "solutionConfig": request{
				"eventsConfig": request{"eventParametersList": []any{request{"eventType": "view", "weight": 0.25, "eventValueThreshold": 0.5}}}}},
			{"solutionConfig": request{"optimizationObjective": request{"itemAttribute": "MARGIN", "objectiveSensitivity": "MEDIUM"}}},
		}
	case arn.SolutionVersion:
		return []request{{"name": fresh("version"), "trainingMode": "FULL", "tags": twoTags}}
	case arn.Campaign:
		return []request{{"minProvisionedTPS": 3, "tags": twoTags, "campaignConfig": request{
			"enableMetadataWithRecommendations": true, "itemExplorationConfig": exploration, "syncWithLatestSolutionVersion": false}}}
	case arn.Recommender:
		return []request{{"tags": twoTags, "recommenderConfig": request{
			"enableMetadataWithRecommendations": true, "itemExplorationConfig": exploration, "minRecommendationRequestsPerSecond": 4,
			"trainingDataConfig": request{"excludedDatasetColumns": request{"Items": []any{"PRICE"}}}}},
			{"recommenderConfig": request{"trainingDataConfig": request{"includedDatasetColumns": request{"Items": []any{"CATEGORY_L1"}}}}}}
	case arn.MetricAttribution:
		return []request{{"metricsOutputConfig": request{"roleArn": role, "s3DataDestination": request{"path": clienttest.Location("metrics/"), "kmsKeyArn": kmsID}}}}
	case arn.BatchInferenceJob:
		return []request{{"filterArn": w.have[arn.Filter], "numResults": 7, "batchInferenceJobMode": "BATCH_INFERENCE", "tags": twoTags,
			"batchInferenceJobConfig": request{"itemExplorationConfig": exploration}}, {"jobInput": at("in.json"), "jobOutput": to("batch/")}}
	case arn.BatchSegmentJob:
		users := w.settle(arn.Filter, request{"name": fresh("users"), "datasetGroupArn": w.have[arn.DatasetGroup],
			"filterExpression": `EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("buy")`})
		return []request{{"filterArn": users, "numResults": 7, "tags": twoTags}, {"jobInput": at("segments.json"), "jobOutput": to("segments/")}}
	}
	panic("no full request for " + kind)
}

// refusals are the members that Kindred, or the service in every case that the tests can make, does not
// accept: it says so instead of taking them and doing nothing.
var refusals = map[string]any{
	"CreateBatchInferenceJob.batchInferenceJobConfig.rankingInfluence":                                      request{"POPULARITY": 0.5},
	"CreateBatchInferenceJob.themeGenerationConfig":                                                         request{"fieldsForThemeGeneration": request{"itemName": "TITLE"}},
	"CreateCampaign.campaignConfig.rankingInfluence":                                                        request{"POPULARITY": 0.5},
	"CreateSolution.performIncrementalUpdate":                                                               true,
	"CreateSolution.solutionConfig.hpoConfig.algorithmHyperParameterRanges.categoricalHyperParameterRanges": []any{request{"name": "none", "values": []any{"a"}}},
	"CreateSolution.solutionConfig.hpoConfig.algorithmHyperParameterRanges.continuousHyperParameterRanges":  []any{request{"name": "none", "minValue": 0, "maxValue": 1}},
}

// defaults are the members that Describe shows although Create was not given them, with their values. Beside
// these are only the ARN, the status and the times.
var defaults = map[string]request{
	arn.DatasetImportJob:  {"importMode": "FULL", "publishAttributionMetricsToS3": false},
	arn.DatasetExportJob:  {"ingestionMode": "PUT"},
	arn.Solution:          {"performHPO": false, "performAutoML": false, "performAutoTraining": true},
	arn.Campaign:          {"minProvisionedTPS": 1.0},
	arn.Recommender:       {"recommenderConfig": request{"minRecommendationRequestsPerSecond": 1.0}},
	arn.BatchInferenceJob: {"numResults": 25.0, "batchInferenceJobMode": "BATCH_INFERENCE", "batchInferenceJobConfig": request{}},
	arn.BatchSegmentJob:   {"numResults": 25.0},
}

// given are members that Describe shows and the service finds by itself.
var given = map[string][]string{
	arn.EventTracker: {"accountId", "trackingId"},
	arn.SolutionVersion: {"datasetGroupArn", "recipeArn", "name", "performHPO", "performAutoML", "trainingMode", "trainingType", "trainingHours",
		"solutionConfig", "performIncrementalUpdate"},
	arn.DataDeletionJob: {"numDeleted"},
	arn.Campaign:        {},
}

// Describe equals Create, for every kind and with every member set; what was not given is not there, apart from
// the documented defaults; the summary has the members of the model and the values of the document.
func TestEcho(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	model := readModel(t)
	items := request{"name": fresh("shop-items"), "domain": "ECOMMERCE", "schema": `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","fields":[` +
		`{"name":"ITEM_ID","type":"string"},{"name":"PRICE","type":"float"},{"name":"CATEGORY_L1","type":"string","categorical":true}],"version":"1.0"}`}
	w.settle(arn.Dataset, request{"name": fresh("dataset"), "datasetGroupArn": w.shop, "datasetType": "Items", "schemaArn": c.ok(t, "CreateSchema", items)["schemaArn"]})
	for _, k := range kinds {
		if !has("Create" + k.noun) {
			continue
		}
		t.Run(k.noun, func(t *testing.T) {
			w.t = t
			defer func() { w.t = t }()
			w.echo(k, w.minimal(k.name), true)
			set := map[string]bool{}
			for _, more := range w.full(k.name) {
				in := w.minimal(k.name)
				maps.Copy(in, more)
				collect(in, "", set)
				w.echo(k, in, false)
			}
			w.complete(k, set)
			w.summarised(k, model)
		})
	}
}

// echo creates a resource and compares what Describe says with what Create was given.
func (w *world) echo(k kind, in request, minimal bool) {
	t := w.t
	t.Helper()
	out := w.ok(t, "Create"+k.noun, in)
	a := out[k.member].(string)
	doc := w.describe(a)
	want := normal(t, in)
	delete(want, "tags")
	delete(want, "metrics") // ListMetricAttributionMetrics has them
	for member, v := range want {
		if diff := cmp.Diff(v, subset(v, doc[member])); diff != "" {
			t.Errorf("Describe%s differs from Create in %s (- given, + described):\n%s", k.noun, member, diff)
		}
	}
	if minimal {
		w.nothingMore(k, want, doc)
	}
	tags, _ := in["tags"].([]any)
	if _, taggable := api.Find("Create"+k.noun).InputShape.Member("tags"), true; taggable && len(tags) > 0 {
		got := w.ok(t, "ListTagsForResource", request{"resourceArn": a})["tags"].([]any)
		sortTags(got)
		sorted := normal(t, request{"tags": tags})["tags"].([]any)
		sortTags(sorted)
		if diff := cmp.Diff(sorted, got); diff != "" {
			t.Errorf("ListTagsForResource differs from Create%s (- given, + listed):\n%s", k.noun, diff)
		}
	}
	if metrics, ok := in["metrics"]; ok {
		got := w.ok(t, "ListMetricAttributionMetrics", request{k.member: a})["metrics"]
		if diff := cmp.Diff(normal(t, request{"m": metrics})["m"], got); diff != "" {
			t.Errorf("ListMetricAttributionMetrics differs from Create (- given, + listed):\n%s", diff)
		}
	}
	for member, v := range out {
		if shown, ok := doc[member]; ok && shown != v {
			t.Errorf("Create%s answers %s %v and Describe %v", k.noun, member, v, shown)
		}
	}
}

func sortTags(tags []any) {
	key := func(v any) string { return v.(map[string]any)["tagKey"].(string) }
	slices.SortFunc(tags, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}

// nothingMore checks that a document has only what was given, what every resource has, and the defaults.
func (w *world) nothingMore(k kind, in map[string]any, doc map[string]any) {
	w.t.Helper()
	want := map[string]bool{k.member: true, "creationDateTime": true, "lastUpdatedDateTime": true, "status": k.name != arn.Schema}
	for m := range in {
		want[m] = true
	}
	for m, v := range defaults[k.name] {
		want[m] = true
		if diff := cmp.Diff(normal(w.t, request{"v": v})["v"], doc[m]); diff != "" {
			w.t.Errorf("Describe%s: the default of %s differs (- expected, + described):\n%s", k.noun, m, diff)
		}
	}
	for m := range doc {
		if !want[m] && !slices.Contains(given[k.name], m) {
			w.t.Errorf("Describe%s shows %s = %v, which nobody gave", k.noun, m, doc[m])
		}
	}
}

// normal returns a value as it comes out of JSON.
func normal(t testing.TB, in request) map[string]any {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// subset returns have without the members of structures that want does not have: defaults that were added.
func subset(want, have any) any {
	w, ok := want.(map[string]any)
	h, ok2 := have.(map[string]any)
	if !ok || !ok2 {
		return have
	}
	out := map[string]any{}
	for k, v := range h {
		if x, ok := w[k]; ok {
			out[k] = subset(x, v)
		}
	}
	return out
}

// collect notes the paths of a request's members.
func collect(v any, path string, into map[string]bool) {
	into[path] = true
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			collect(x, strings.TrimPrefix(path+"."+k, "."), into)
		}
	case []any:
		for _, x := range v {
			collect(x, path, into)
		}
	}
}

// complete checks that every member of the operation's model was set, or is refused as the table says.
func (w *world) complete(k kind, set map[string]bool) {
	w.t.Helper()
	var walk func(s *api.Shape, path string)
	walk = func(s *api.Shape, path string) {
		if v, ok := refusals["Create"+k.noun+"."+path]; ok {
			w.refuses(k, path, v)
			return
		}
		if !set[path] {
			w.t.Errorf("Create%s was never given %s, and no refusal is expected", k.noun, path)
			return
		}
		for s.Kind == api.List {
			s = s.Elem
		}
		for _, m := range s.Members {
			walk(m.Shape, strings.TrimPrefix(path+"."+m.Name, "."))
		}
	}
	walk(api.Find("Create"+k.noun).InputShape, "")
}

// refuses checks that a member is refused by a message that names it.
func (w *world) refuses(k kind, path string, v any) {
	w.t.Helper()
	parts := strings.Split(path, ".")
	for _, p := range slices.Backward(parts[1:]) {
		v = request{p: v}
	}
	in := w.minimal(k.name)
	in[parts[0]] = v
	if strings.Contains(path, "hpoConfig") {
		in["performHPO"] = true
	}
	r := w.call(w.t, "Create"+k.noun, in)
	last := parts[len(parts)-1]
	if r.status == http.StatusOK || r.kind != "InvalidInputException" && r.kind != "NotImplementedException" || !strings.Contains(r.text, last) && !strings.Contains(r.text, "none") {
		w.t.Errorf("Create%s with %s = %s, want it refused by name, or taken out of the table of refusals", k.noun, path, r)
	}
}

// summarised checks the summary of the newest resource of a kind against the model and the document.
func (w *world) summarised(k kind, model map[string]modelShape) {
	t := w.t
	t.Helper()
	a := w.have[k.name]
	doc := w.describe(a)
	members := model[model[model[k.list+"Response"].Members[k.summary].Shape].Member.Shape].Members
	if len(members) == 0 {
		t.Fatalf("the model has no summary of %s", k.noun)
	}
	sum := w.find(k, a)
	if sum == nil {
		t.Fatalf("%s does not list %s", k.list, a)
	}
	for m, v := range sum {
		if _, ok := members[m]; !ok {
			t.Errorf("%s shows %s, which is no member of a summary", k.list, m)
		}
		if shown, ok := doc[m]; !ok || !reflect.DeepEqual(shown, v) {
			t.Errorf("%s shows %s = %v and Describe %v", k.list, m, v, shown)
		}
	}
	for m := range members {
		if _, ok := doc[m]; ok && sum[m] == nil {
			t.Errorf("%s does not show %s of %v, which Describe has", k.list, m, sum)
		}
	}
}

// find walks the pages of a list for a resource.
func (w *world) find(k kind, a string) map[string]any {
	w.t.Helper()
	in := request{"maxResults": 3}
	for {
		out := w.ok(w.t, k.list, in)
		for _, s := range out[k.summary].([]any) {
			if s := s.(map[string]any); s[k.member] == a {
				return s
			}
		}
		token, ok := out["nextToken"]
		if !ok {
			return nil
		}
		in["nextToken"] = token
	}
}

// A modelShape is a shape as the service's model has it.
type modelShape struct {
	Members map[string]struct{ Shape string }
	Member  struct{ Shape string }
}

func readModel(t testing.TB) map[string]modelShape {
	t.Helper()
	b, err := os.ReadFile("../../model/personalize.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Shapes map[string]modelShape }
	if err := json.Unmarshal(b, &m); err != nil || len(m.Shapes) == 0 {
		t.Fatal(fmt.Errorf("model: %w", err))
	}
	return m.Shapes
}
