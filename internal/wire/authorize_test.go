package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
)

// The resource of a request is its own before its parents, and never a role.
func TestResource(t *testing.T) {
	for _, tt := range []struct{ op, in, want string }{
		{"DescribeDataset", `{"datasetArn":"d"}`, "d"},
		{"UpdateDataset", `{"datasetArn":"d","schemaArn":"s"}`, "d"},
		{"CreateDataset", `{"datasetGroupArn":"g","schemaArn":"s"}`, "g"},
		{"UpdateCampaign", `{"campaignArn":"c","solutionVersionArn":"v"}`, "c"},
		{"CreateBatchInferenceJob", `{"solutionVersionArn":"v","filterArn":"f","roleArn":"r"}`, "v"},
		{"CreateSolution", `{"recipeArn":"r","datasetGroupArn":"g"}`, "g"},
		{"GetSolutionMetrics", `{"solutionVersionArn":"v"}`, "v"},
		{"StopSolutionVersionCreation", `{"solutionVersionArn":"v"}`, "v"},
		{"TagResource", `{"resourceArn":"x"}`, "x"},
		{"ListSolutions", `{"datasetGroupArn":"g"}`, "g"},
		{"ListSolutions", `{}`, ""},
		{"CreateDatasetGroup", `{"name":"n","roleArn":"r"}`, ""},
		{"GetRecommendations", `{"recommenderArn":"r","filterArn":"f"}`, "r"},
		{"GetRecommendations", `{"campaignArn":"c","filterArn":"f"}`, "c"},
	} {
		op := api.Find(tt.op)
		in := op.NewInput()
		if err := json.Unmarshal([]byte(tt.in), in); err != nil {
			t.Fatal(err)
		}
		if got := Resource(op, in); got != tt.want {
			t.Errorf("Resource(%s, %s) = %q, want %q", tt.op, tt.in, got, tt.want)
		}
	}
}

// Every operation that must be given the ARN of a resource has one to be asked about.
func TestSubjects(t *testing.T) {
	for i := range api.Operations {
		op := &api.Operations[i]
		for _, m := range op.InputShape.Members {
			if m.Required && strings.HasSuffix(m.Name, "Arn") && m.Name != "roleArn" && len(subjects(op)) == 0 {
				t.Errorf("%s has %s and no subject", op.Name, m.Name)
			}
		}
	}
}
