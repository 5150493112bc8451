package conformance

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/arn"
)

// An update shows at once as the latest update of its resource and is in force when it is ACTIVE.
func TestUpdates(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	again := w.version(w.have[arn.Solution], "ACTIVE")
	withGender := c.ok(t, "CreateSchema", request{"name": fresh("users"),
		"schema": strings.Replace(schemaOf("Users"), `{"name":"AGE"`, `{"name":"PLACE","type":["null","string"]},{"name":"AGE"`, 1)})["schemaArn"]
	for _, tt := range []struct {
		op, arn, latest string
		change          request // what Describe then shows, in the update and in the resource
	}{
		{"UpdateCampaign", w.have[arn.Campaign], "latestCampaignUpdate", request{
			"solutionVersionArn": again, "minProvisionedTPS": 5,
			"campaignConfig": request{"itemExplorationConfig": request{"explorationWeight": "0.2"}, "enableMetadataWithRecommendations": true}}},
		{"UpdateRecommender", w.have[arn.Recommender], "latestRecommenderUpdate", request{"recommenderConfig": request{"minRecommendationRequestsPerSecond": 8}}},
		{"UpdateSolution", w.have[arn.Solution], "latestSolutionUpdate", request{"performAutoTraining": false,
			"solutionUpdateConfig": request{"autoTrainingConfig": request{"schedulingExpression": "rate(9 days)"}}}},
		{"UpdateDataset", w.users, "latestDatasetUpdate", request{"schemaArn": withGender}},
	} {
		if !has(tt.op) {
			continue
		}
		k := kindNamed(arn.ARN(tt.arn).Kind())
		if _, ok := w.describe(tt.arn)[tt.latest]; ok {
			t.Errorf("Describe%s shows %s before the first update", k.noun, tt.latest)
		}
		in := request{k.member: tt.arn}
		for m, v := range tt.change {
			in[m] = v
		}
		out := w.ok(t, tt.op, in)
		if out[k.member] != tt.arn {
			t.Errorf("%s answers %v, want the ARN %s", tt.op, out, tt.arn)
		}
		latest := w.updated(k, tt.arn, tt.latest)
		doc := w.describe(tt.arn)
		for m, v := range normal(t, tt.change) {
			if diff := cmp.Diff(v, subset(v, latest[m])); diff != "" && latest[m] != nil {
				t.Errorf("%s differs from %s in %s (- given, + described):\n%s", tt.latest, tt.op, m, diff)
			}
			if m == "solutionUpdateConfig" {
				m, doc = "solutionConfig", w.describe(tt.arn)
			}
			if diff := cmp.Diff(v, subset(v, doc[m])); diff != "" {
				t.Errorf("Describe%s after %s differs in %s (- given, + described):\n%s", k.noun, tt.op, m, diff)
			}
		}
		if doc["status"] != "ACTIVE" {
			t.Errorf("after %s the resource is %v", tt.op, doc["status"])
		}
	}
}

// The metrics of an attribution come and go one by one; a name is there once.
func TestAttributionMetrics(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	a := request{"metricAttributionArn": w.have[arn.MetricAttribution]}
	views := request{"metricName": "views", "eventType": "view", "expression": "SAMPLECOUNT()"}
	buys := request{"metricName": "buys", "eventType": "buy", "expression": "SAMPLECOUNT()"}
	w.refused(t, "ResourceAlreadyExistsException", "views", "UpdateMetricAttribution", with(a, "addMetrics", []any{views}))
	output := request{"roleArn": role, "s3DataDestination": request{"path": "s3://e2e/metrics/"}}
	w.ok(t, "UpdateMetricAttribution", with(with(a, "addMetrics", []any{buys}), "metricsOutputConfig", output))
	w.await(w.have[arn.MetricAttribution], "ACTIVE")
	page := w.ok(t, "ListMetricAttributionMetrics", with(a, "maxResults", 1))
	c.refused(t, "InvalidNextTokenException", "", "ListMetricAttributionMetrics", with(a, "nextToken", "forged"))
	rest := w.ok(t, "ListMetricAttributionMetrics", with(a, "nextToken", page["nextToken"]))
	got := append(page["metrics"].([]any), rest["metrics"].([]any)...)
	if diff := cmp.Diff(normal(t, request{"m": []any{views, buys}})["m"], any(got)); diff != "" || rest["nextToken"] != nil {
		t.Errorf("the metrics differ (- expected, + listed):\n%s", diff)
	}
	if diff := cmp.Diff(normal(t, output), w.describe(w.have[arn.MetricAttribution])["metricsOutputConfig"]); diff != "" {
		t.Errorf("metricsOutputConfig differs (- given, + described):\n%s", diff)
	}
	w.ok(t, "UpdateMetricAttribution", with(a, "removeMetrics", []any{"views"}))
	w.await(w.have[arn.MetricAttribution], "ACTIVE")
	left := w.ok(t, "ListMetricAttributionMetrics", a)["metrics"].([]any)
	if len(left) != 1 || left[0].(map[string]any)["metricName"] != "buys" {
		t.Errorf("after removing views there are %v, want buys", left)
	}
}

// updated waits until the latest update of a resource is in force and returns it.
func (w *world) updated(k kind, a, member string) map[string]any {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		latest, ok := w.describe(a)[member].(map[string]any)
		if !ok {
			w.t.Fatalf("Describe%s after an update has no %s", k.noun, member)
		}
		if latest["status"] == "ACTIVE" {
			return latest
		}
	}
	w.t.Fatalf("%s of %s is not in force after a minute", member, a)
	return nil
}

// Every recipe of the list can be described, and so can the algorithm and the transformation it names.
func TestRecipes(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	in := request{"maxResults": 10}
	seen := 0
	for {
		page := c.ok(t, "ListRecipes", in)
		for _, s := range page["recipes"].([]any) {
			s := s.(map[string]any)
			r := c.ok(t, "DescribeRecipe", request{"recipeArn": s["recipeArn"]})["recipe"].(map[string]any)
			for _, m := range []string{"name", "recipeArn", "status", "creationDateTime", "lastUpdatedDateTime"} {
				if r[m] != s[m] || r[m] == nil {
					t.Errorf("%s of %v is %v in the list and %v described", m, s["name"], s[m], r[m])
				}
			}
			seen++
			if r["status"] != "ACTIVE" || r["recipeType"] == nil {
				t.Errorf("DescribeRecipe = %v, want it ACTIVE and of a type", r)
			}
			if !has("DescribeAlgorithm") {
				continue
			}
			a := c.call(t, "DescribeAlgorithm", request{"algorithmArn": r["algorithmArn"]})
			f := c.call(t, "DescribeFeatureTransformation", request{"featureTransformationArn": r["featureTransformationArn"]})
			if a.status != http.StatusOK || f.status != http.StatusOK {
				t.Errorf("recipe %v: DescribeAlgorithm = %s, DescribeFeatureTransformation = %s, want both", r["name"], a, f)
			}
		}
		if page["nextToken"] == nil {
			break
		}
		in["nextToken"] = page["nextToken"]
	}
	if seen < 15 {
		t.Errorf("ListRecipes gives %d recipes over all pages, want all", seen)
	}
}

// A trained version has metrics. One that waits for its turn can be stopped and stays, without a model.
func TestVersions(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	out := w.ok(t, "GetSolutionMetrics", request{"solutionVersionArn": w.have[arn.SolutionVersion]})
	metrics := out["metrics"].(map[string]any)
	for _, m := range []string{"coverage", "mean_reciprocal_rank_at_25", "precision_at_5", "normalized_discounted_cumulative_gain_at_25"} {
		if v, ok := metrics[m].(float64); !ok || v < 0 || v > 1 {
			t.Errorf("GetSolutionMetrics has %s = %v, want a share", m, metrics[m])
		}
	}
	if out["solutionVersionArn"] != w.have[arn.SolutionVersion] {
		t.Errorf("GetSolutionMetrics = %v, want the version's ARN", out)
	}
	var versions []string
	for range 12 {
		versions = append(versions, w.ok(t, "CreateSolutionVersion", request{"solutionArn": w.have[arn.Solution]})["solutionVersionArn"].(string))
	}
	last := request{"solutionVersionArn": versions[len(versions)-1]}
	if r := w.call(t, "StopSolutionVersionCreation", last); r.status != http.StatusOK || r.raw != "" {
		t.Fatalf("StopSolutionVersionCreation = %s, want an empty answer", r)
	}
	w.await(versions[len(versions)-1], "CREATE STOPPED")
	w.inUse("CREATE STOPPED", "StopSolutionVersionCreation", last)
	w.inUse("CREATE STOPPED", "GetSolutionMetrics", last)
	for _, v := range versions[:len(versions)-1] {
		w.await(v, "ACTIVE")
	}
}
