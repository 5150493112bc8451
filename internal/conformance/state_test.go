package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/app"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/service"
)

// inUse checks that an operation is refused for the state of what it names. An operation that does not model
// ResourceInUseException answers InvalidInputException.
func (w *world) inUse(text, op string, in request) {
	w.t.Helper()
	if !has(op) {
		return
	}
	kind := "ResourceInUseException"
	if !api.Find(op).Models(kind) {
		kind = "InvalidInputException"
	}
	w.refused(w.t, kind, text, op, in)
}

// What a resource still needs, or what still needs it, keeps it from being deleted, changed or used.
func TestStates(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	group, data, solution, version := w.have[arn.DatasetGroup], w.have[arn.Dataset], w.have[arn.Solution], w.have[arn.SolutionVersion]

	t.Run("used", func(t *testing.T) {
		w.inUse("still has", "DeleteDatasetGroup", request{"datasetGroupArn": group})
		w.inUse("is used by dataset", "DeleteSchema", request{"schemaArn": w.describe(data)["schemaArn"]})
		w.inUse("", "DeleteSolution", request{"solutionArn": solution}) // the campaign
	})
	t.Run("a version without a model", func(t *testing.T) {
		for _, op := range []string{"CreateCampaign", "CreateBatchInferenceJob", "CreateBatchSegmentJob"} {
			if has(op) {
				in, _ := w.of(op)
				w.inUse("CREATE FAILED", op, with(in, "solutionVersionArn", w.failed))
			}
		}
		w.inUse("CREATE FAILED", "GetSolutionMetrics", request{"solutionVersionArn": w.failed})
		w.inUse("CREATE FAILED", "StopSolutionVersionCreation", request{"solutionVersionArn": w.failed})
		w.inUse("CREATE FAILED", "UpdateCampaign", request{"campaignArn": w.have[arn.Campaign], "solutionVersionArn": w.failed})
		w.inUse("ACTIVE", "StopSolutionVersionCreation", request{"solutionVersionArn": version})
	})
	t.Run("recommenders start and stop", func(t *testing.T) {
		r := request{"recommenderArn": w.have[arn.Recommender]}
		w.inUse("ACTIVE", "StartRecommender", r)
		w.ok(t, "StopRecommender", r)
		w.inUse("", "StopRecommender", r)
		w.await(w.have[arn.Recommender], "INACTIVE")
		w.inUse("INACTIVE", "StopRecommender", r)
		w.ok(t, "StartRecommender", r)
		w.inUse("", "StartRecommender", r)
		w.await(w.have[arn.Recommender], "ACTIVE")
	})
}

// A resource that is still being made, or already being deleted, can be described and nothing else. The
// statuses pass in milliseconds, so enough quick work is queued before it that the next request comes first;
// where it came late all the same, the case is tried again.
func TestNotYet(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	// The operations that need each kind to be ACTIVE, or settled, with the request for an ARN of it.
	on := func(member string, more ...any) func(string) request {
		return func(a string) request {
			in := request{member: a}
			for i := 0; i < len(more); i += 2 {
				in[more[i].(string)] = more[i+1]
			}
			return in
		}
	}
	of := func(kind, member string) func(string) request { // a Create in a group, say
		return func(a string) request { return with(w.minimal(kind), member, a) }
	}
	for _, tt := range []struct {
		kind string
		op   string
		in   func(a string) request
	}{
		{arn.DatasetGroup, "DeleteDatasetGroup", on("datasetGroupArn")},
		{arn.DatasetGroup, "CreateDataset", on("datasetGroupArn", "name", "early", "datasetType", "Users", "schemaArn", w.have[arn.Schema])},
		{arn.DatasetGroup, "CreateSolution", of(arn.Solution, "datasetGroupArn")},
		{arn.DatasetGroup, "CreateFilter", of(arn.Filter, "datasetGroupArn")},
		{arn.DatasetGroup, "CreateEventTracker", on("datasetGroupArn", "name", "early")},
		{arn.DatasetGroup, "CreateMetricAttribution", on("datasetGroupArn", "name", "early", "metricsOutputConfig", request{"roleArn": role}, "metrics", []any{})},
		{arn.DatasetGroup, "CreateRecommender", of(arn.Recommender, "datasetGroupArn")},
		{arn.DatasetGroup, "CreateDataDeletionJob", of(arn.DataDeletionJob, "datasetGroupArn")},
		{arn.Dataset, "DeleteDataset", on("datasetArn")},
		{arn.Dataset, "UpdateDataset", on("datasetArn", "schemaArn", w.have[arn.Schema])},
		{arn.Dataset, "CreateDatasetImportJob", of(arn.DatasetImportJob, "datasetArn")},
		{arn.Dataset, "CreateDatasetExportJob", of(arn.DatasetExportJob, "datasetArn")},
		{arn.Solution, "DeleteSolution", on("solutionArn")},
		{arn.Solution, "CreateSolutionVersion", on("solutionArn")},
		{arn.Solution, "UpdateSolution", on("solutionArn", "performAutoTraining", true)},
		{arn.Filter, "DeleteFilter", on("filterArn")},
		{arn.Campaign, "DeleteCampaign", on("campaignArn")},
		{arn.Campaign, "UpdateCampaign", on("campaignArn", "minProvisionedTPS", 5)},
		{arn.Recommender, "DeleteRecommender", on("recommenderArn")},
		{arn.Recommender, "UpdateRecommender", on("recommenderArn", "recommenderConfig", request{"minRecommendationRequestsPerSecond": 7})},
		{arn.EventTracker, "DeleteEventTracker", on("eventTrackerArn")},
		{arn.MetricAttribution, "DeleteMetricAttribution", on("metricAttributionArn")},
		{arn.MetricAttribution, "UpdateMetricAttribution", on("metricAttributionArn", "removeMetrics", []any{"views"})},
	} {
		k := kindNamed(tt.kind)
		if !has("Create"+k.noun) || !has(tt.op) {
			continue
		}
		t.Run(k.noun+"/"+tt.op, func(t *testing.T) {
			w.t = t
			defer func() { w.t = t }()
			w.early(k, tt.op, tt.in)
		})
	}
}

// early sends an operation about a resource that is not settled yet, until one comes early enough.
func (w *world) early(k kind, op string, in func(a string) request) {
	w.t.Helper()
	want := "ResourceInUseException"
	if !api.Find(op).Models(want) {
		want = "InvalidInputException"
	}
	const tries = 30
	var last reply
	for range tries {
		made, asked := w.minimal(k.name), in("") // what these need is settled before the queue fills
		if op == "UpdateDataset" {               // the schema of interactions stays as it is
			made["datasetType"], made["schemaArn"] = "USERS", w.schema("Users", "")
		}
		w.busy()
		a := w.ok(w.t, "Create"+k.noun, made)[k.member].(string)
		last = w.call(w.t, op, with(asked, memberOf(asked), a))
		if last.kind == want && strings.Contains(last.text, "PENDING") || last.kind == want && strings.Contains(last.text, "IN_PROGRESS") {
			w.await(a, "ACTIVE")
			return
		}
		if last.status != http.StatusOK && last.status != http.StatusBadRequest {
			break
		}
	}
	w.t.Errorf("%s of a %s on its way = %s, want %s with its status, once in %d tries", op, k.noun, last, want, tries)
}

// memberOf returns the member that a request made for "" is about.
func memberOf(in request) string {
	for m, v := range in {
		if v == "" {
			return m
		}
	}
	panic(fmt.Sprintf("%v is about nothing", in))
}

// busy gives the engine quick work that takes it some tens of milliseconds.
func (w *world) busy() {
	w.t.Helper()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				w.ok(w.t, "CreateDatasetGroup", request{"name": fresh("busy")})
			}
		})
	}
	all.Wait()
}

// Names are unique in a kind and taken until the deletion is done. What a group may have one of is there once.
func TestTaken(t *testing.T) {
	c, second, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	for _, k := range kinds {
		op := "Create" + k.noun
		if !has(op) {
			continue
		}
		in := w.minimal(k.name)
		if k.name == arn.SolutionVersion {
			in["name"] = fresh("version")
		}
		a := w.settle(k.name, in)
		w.refused(t, "ResourceAlreadyExistsException", "", op, in)
		if doc := w.describe(a); doc["status"] != nil && doc["status"] != "ACTIVE" && doc["status"] != "COMPLETED" {
			t.Errorf("after a second %s the first resource is %v", op, doc["status"])
		}
		if !has("Delete" + k.noun) {
			continue
		}
		if k.name == arn.DatasetGroup { // names are an account's own
			second.ok(t, op, in)
		}
		w.ok(t, "Delete"+k.noun, request{k.member: a})
		w.awaitGone(a)
		w.refused(t, "ResourceNotFoundException", "", "Delete"+k.noun, request{k.member: a})
		w.await(w.ok(t, op, in)[k.member].(string), "ACTIVE")
	}
}

// Tags have the documented limits, wherever tags are taken.
func TestTags(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	w := newWorld(t, c)
	tags := func(n int) (list []any) {
		for i := range n {
			list = append(list, request{"tagKey": fmt.Sprintf("key %d", i), "tagValue": "v"})
		}
		return list
	}
	for _, k := range kinds {
		op := api.Find("Create" + k.noun)
		if !has(op.Name) {
			continue
		}
		a := w.have[k.name]
		if op.InputShape.Member("tags") == nil {
			w.refused(t, "InvalidInputException", "", "TagResource", request{"resourceArn": a, "tags": tags(1)})
			continue
		}
		in := w.minimal(k.name)
		w.refused(t, "TooManyTagsException", "", op.Name, with(in, "tags", tags(51)))
		w.refused(t, "InvalidInputException", "aws:", op.Name, with(in, "tags", []any{request{"tagKey": "aws:x", "tagValue": ""}}))
		w.ok(t, "TagResource", request{"resourceArn": a, "tags": tags(50)})
		w.refused(t, "TooManyTagsException", "", "TagResource", request{"resourceArn": a, "tags": []any{request{"tagKey": "one more", "tagValue": ""}}})
		w.ok(t, "TagResource", request{"resourceArn": a, "tags": []any{request{"tagKey": "key 7", "tagValue": "new"}}})
		w.ok(t, "UntagResource", request{"resourceArn": a, "tagKeys": []any{"key 3", "was never there"}})
		got := w.ok(t, "ListTagsForResource", request{"resourceArn": a})["tags"].([]any)
		if len(got) != 49 {
			t.Errorf("%s has %d tags, want 49", a, len(got))
		}
		for _, tag := range got {
			tag := tag.(map[string]any)
			if want := map[bool]string{true: "new", false: "v"}[tag["tagKey"] == "key 7"]; tag["tagValue"] != want {
				t.Errorf("%s has the tag %v, want the value %s", a, tag, want)
			}
		}
		var many []any
		for i := range 51 {
			many = append(many, fmt.Sprintf("key %d", i))
		}
		w.refused(t, "TooManyTagKeysException", "", "UntagResource", request{"resourceArn": a, "tagKeys": many})
	}
}

// Each quota refuses one more than it allows, by a message that names it.
func TestQuotas(t *testing.T) {
	limits := map[string]int{"filter-fields": 1, "group-fields": 2, "metrics": 2, "filters": 3, "solutions": 4, "campaigns": 2,
		"recommenders": 2, "all-recommenders": 3, "max-num-results": 30, "schemas": 30, "dataset-groups": 12,
		"running-imports": 1, "running-versions": 1, "running-batches": 1, "running-segments": 1, "running-deletions": 1}
	for _, name := range service.QuotaNames() {
		if limits[name] == 0 && jobLimits[name] == 0 {
			t.Errorf("there is no test of the quota %s", name)
		}
	}
	c, _, _ := start(t, t.TempDir(), func(c *app.Config) {
		for name, n := range limits {
			if err := c.Quotas.Set(name, n); err != nil {
				panic(err)
			}
		}
	})
	w := newWorld(t, c)
	full := func(quota, op string, in func() request) {
		t.Helper()
		for range 40 {
			r := w.call(t, op, in())
			if r.status == http.StatusOK {
				continue
			}
			want := "LimitExceededException"
			if !api.Find(op).Models(want) {
				want = "InvalidInputException"
			}
			if r.kind != want || !strings.Contains(r.text, "--quota "+quota+"=") {
				t.Errorf("%s beyond the quota %s = %s, want %s that names it", op, quota, r, want)
			}
			return
		}
		t.Errorf("%s was never refused, want the quota %s to hold", op, quota)
	}
	expression := func(s string) func() request {
		return func() request { return with(w.minimal(arn.Filter), "filterExpression", s) }
	}
	full("filter-fields", "CreateFilter", expression(`INCLUDE ItemID WHERE Items.GENRE IN ("a") AND Items.PRICE > 3`))
	w.ok(t, "CreateFilter", expression(`INCLUDE ItemID WHERE Items.PRICE > 3`)())
	full("group-fields", "CreateFilter", expression(`EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("a")`))
	full("filters", "CreateFilter", func() request { return w.minimal(arn.Filter) })
	full("solutions", "CreateSolution", func() request { return w.minimal(arn.Solution) })
	full("campaigns", "CreateCampaign", func() request { return w.minimal(arn.Campaign) })
	full("recommenders", "CreateRecommender", func() request { return w.minimal(arn.Recommender) })
	vod := w.group("VIDEO_ON_DEMAND")
	w.dataset(vod, "Interactions", "VIDEO_ON_DEMAND")
	full("all-recommenders", "CreateRecommender", func() request {
		return with(with(w.minimal(arn.Recommender), "datasetGroupArn", vod), "recipeArn", "arn:aws:personalize:::recipe/aws-vod-most-popular")
	})
	w.ok(t, "UpdateMetricAttribution", w.others()["UpdateMetricAttribution"])
	w.await(w.have[arn.MetricAttribution], "ACTIVE")
	full("metrics", "UpdateMetricAttribution", func() request { return w.others()["UpdateMetricAttribution"] })
	w.refused(t, "InvalidInputException", "max-num-results", "CreateBatchInferenceJob", with(w.minimal(arn.BatchInferenceJob), "numResults", 31))
	for quota, kind := range map[string]string{"running-imports": arn.DatasetImportJob, "running-versions": arn.SolutionVersion,
		"running-batches": arn.BatchInferenceJob, "running-segments": arn.BatchSegmentJob, "running-deletions": arn.DataDeletionJob} {
		full(quota, "Create"+kindNamed(kind).noun, func() request { return w.minimal(kind) })
	}
	full("dataset-groups", "CreateDatasetGroup", func() request { return w.minimal(arn.DatasetGroup) })
	full("schemas", "CreateSchema", func() request { return w.minimal(arn.Schema) })
}

// jobLimits are the quotas that a job runs into when it looks at its data.
var jobLimits = map[string]int{"event-kinds": 1, "max-segment-users": 50, "batch-files": 1, "batch-bytes": 40, "batch-lines": 1,
	"item-queries": 1, "attribute-queries": 1}

// jobSays is what a job says that ran into a quota.
var jobSays = map[string]string{"event-kinds": "expected at most 1 together", "batch-files": "more than 1 files", "batch-bytes": "larger than 40 bytes",
	"batch-lines": "at most 1.", "item-queries": "at most 1.", "attribute-queries": "at most 1."}

// Quotas of what jobs read are told in the failureReason, or at the call where that is known by then.
func TestJobQuotas(t *testing.T) {
	for name, n := range jobLimits {
		t.Run(name, func(t *testing.T) {
			c, _, _ := start(t, t.TempDir(), func(c *app.Config) {
				if err := c.Quotas.Set(name, n); err != nil {
					panic(err)
				}
			})
			if name == "event-kinds" {
				eventKinds(t, c)
				return
			}
			w := newWorld(t, c)
			s3 := c.s3()
			for key, body := range map[string]string{
				"two/a.json": "{\"userId\":\"u1\"}\n", "two/b.json": "{\"userId\":\"u2\"}\n", "lines.json": "{\"userId\":\"u1\"}\n{\"userId\":\"u2\"}\n{\"userId\":\"u3\"}\n",
				"items.json": "{\"itemId\":\"i1\"}\n{\"itemId\":\"i2\"}\n", "attributes.json": "{\"itemAttributes\":\"Items.GENRE = \\\"drama\\\"\"}\n{\"itemAttributes\":\"Items.GENRE = \\\"crime\\\"\"}\n",
			} {
				if _, err := s3.Put(t.Context(), key, []byte(body)); err != nil {
					t.Fatal(err)
				}
			}
			from := func(kind, key string) string {
				in := with(w.minimal(kind), "jobInput", request{"s3DataSource": request{"path": "s3://e2e/" + key}})
				if name == "attribute-queries" {
					in["solutionVersionArn"] = w.version(w.solution(w.have[arn.DatasetGroup], "aws-item-attribute-affinity"), "ACTIVE")
				}
				return w.ok(t, "Create"+kindNamed(kind).noun, in)[kindNamed(kind).member].(string)
			}
			var a string
			switch name {
			case "batch-files":
				a = from(arn.BatchInferenceJob, "two/")
			case "batch-bytes", "batch-lines":
				a = from(arn.BatchInferenceJob, "lines.json")
			case "item-queries":
				a = from(arn.BatchSegmentJob, "items.json")
			case "attribute-queries":
				a = from(arn.BatchSegmentJob, "attributes.json")
			case "max-segment-users":
				w.refused(t, "InvalidInputException", name, "CreateBatchSegmentJob", with(w.minimal(arn.BatchSegmentJob), "numResults", 51))
				return
			}
			w.await(a, "CREATE FAILED")
			if reason, _ := w.describe(a)["failureReason"].(string); !strings.Contains(reason, jobSays[name]) {
				t.Errorf("the job beyond the quota %s failed with %q, want %q in it", name, reason, jobSays[name])
			}
		})
	}
}

// eventKinds trains on two event types where one is allowed.
func eventKinds(t *testing.T, c *caller) {
	w := &world{caller: c, t: t, have: map[string]string{}}
	s3 := c.s3()
	if err := s3.MakeBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s3.Put(t.Context(), "interactions.csv", []byte(interactions())); err != nil {
		t.Fatal(err)
	}
	group := w.group("")
	w.have[arn.Dataset] = w.dataset(group, "Interactions", "")
	w.make(arn.DatasetImportJob)
	a := w.version(w.solution(group, "aws-popularity-count"), "CREATE FAILED")
	if reason, _ := w.describe(a)["failureReason"].(string); !strings.Contains(reason, jobSays["event-kinds"]) {
		t.Errorf("the training beyond the quota event-kinds failed with %q, want %q in it", reason, jobSays["event-kinds"])
	}
}
