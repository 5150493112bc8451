package service

import (
	"testing"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
)

// segment asks for a segment job and returns the kind of the failure, "" for none.
func (w *world) segment(n, version, filter string) string {
	_, err := w.svc.CreateBatchSegmentJob(w.ctx, &api.CreateBatchSegmentJobRequest{
		JobName: n, SolutionVersionArn: version, FilterArn: filter, RoleArn: "arn:aws:iam::111122223333:role/R",
		JobInput:  &api.BatchSegmentJobInput{S3DataSource: &api.S3DataConfig{Path: "s3://b/in/"}},
		JobOutput: &api.BatchSegmentJobOutput{S3DataDestination: &api.S3DataConfig{Path: "s3://b/out/"}},
	})
	return kind(err)
}

// fans makes a solution that ranks users.
func (w *world) fans(n, group string) string {
	w.t.Helper()
	w.settle()
	must[*api.CreateSolutionResponse](w.t)(w.svc.CreateSolution(w.ctx, &api.CreateSolutionRequest{
		Name: n, DatasetGroupArn: group, RecipeArn: "arn:aws:personalize:::recipe/aws-item-affinity", PerformAutoTraining: ptr(false),
	}))
	w.settle()
	return name(arn.Solution, n)
}

// A segment job waits for its solution version, keeps to the quota, and has a filter of its own group.
func TestSegmentJobNeeds(t *testing.T) {
	q := DefaultQuotas()
	q.RunningSegments = 2
	w := newWorld(t, q)
	version := w.train(w.fans("fans", w.group("shop", "")))
	if got := w.segment("early", version, ""); got != "in use" {
		t.Errorf("a job on a version that is not trained: %q, want in use", got)
	}
	w.settle()
	other := w.group("other", "")
	w.settle()
	if _, err := w.svc.CreateSchema(w.ctx, &api.CreateSchemaRequest{Name: "users", Schema: `{"type":"record","name":"Users","namespace":"com.amazonaws.personalize.schema",` +
		`"fields":[{"name":"USER_ID","type":"string"},{"name":"AGE","type":"int"}],"version":"1.0"}`}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.CreateDataset(w.ctx, &api.CreateDatasetRequest{Name: "users", DatasetType: "Users", DatasetGroupArn: other, SchemaArn: name(arn.Schema, "users")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.CreateFilter(w.ctx, &api.CreateFilterRequest{Name: "adults", DatasetGroupArn: other, FilterExpression: "INCLUDE UserID WHERE Users.AGE > 17"}); err != nil {
		t.Fatal(err)
	}
	if got := w.segment("x", version, name(arn.Filter, "adults")); got != "in use" {
		t.Errorf("a job with a filter that is CREATE PENDING: %q, want in use", got)
	}
	w.settle()
	if got := w.segment("x", version, name(arn.Filter, "adults")); got != "invalid" {
		t.Errorf("a job with the filter of another group: %q, want invalid", got)
	}
	for _, step := range []struct{ name, want string }{{"one", ""}, {"two", ""}, {"three", "limit"}} {
		if got := w.segment(step.name, version, ""); got != step.want {
			t.Errorf("job %s: %q, want %q", step.name, got, step.want)
		}
	}
	if _, err := w.svc.DescribeBatchSegmentJob(w.ctx, &api.DescribeBatchSegmentJobRequest{BatchSegmentJobArn: name(arn.BatchSegmentJob, "three")}); kind(err) != "not found" {
		t.Errorf("a job over the quota is described: %v", err)
	}
}
