package api

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTime(t *testing.T) {
	for _, c := range []struct {
		in   string
		ms   int64
		want string
	}{
		{"0", 0, "0"},
		{"1754300001.112", 1754300001112, "1754300001.112"},
		{"1754300001.100", 1754300001100, "1754300001.1"},
		{"1754300001.0004", 1754300001000, "1754300001"},
		{"1.7543e9", 1754300000000, "1754300000"},
		{"-1.5", -1500, "-1.5"},
		{"-0.001", -1, "-0.001"},
		{"1754300001112", 1754300001112000, "1754300001112"}, // milliseconds by mistake
		{"1e15", 1e18, "1000000000000000"},
	} {
		var got Time
		if err := json.Unmarshal([]byte(c.in), &got); err != nil || got.UnixMilli() != c.ms {
			t.Errorf("Unmarshal(%s) = %d ms, %v, want %d", c.in, got.UnixMilli(), err, c.ms)
		}
		if b, err := json.Marshal(got); err != nil || string(b) != c.want {
			t.Errorf("Marshal of %s = %s, %v, want %s", c.in, b, err, c.want)
		}
	}
	for _, bad := range []string{`"2024-01-01T00:00:00Z"`, `1e16`, `true`, `{}`} {
		var got Time
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("Unmarshal(%s) = %v, want an error", bad, got)
		}
	}
}

// TestNewTime checks that what is stored is what a reader gets back.
func TestNewTime(t *testing.T) {
	now := NewTime(time.Now())
	b, err := json.Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	var back Time
	if err := json.Unmarshal(b, &back); err != nil || !back.Equal(now.Time) {
		t.Errorf("%s comes back as %v, %v, want %v", b, back, err, now)
	}
}

// TestAbsent checks how members that are not there look on the wire.
func TestAbsent(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{ListRecipesResponse{}, `{"recipes":[]}`},
		{&ListFiltersResponse{NextToken: "t"}, `{"Filters":[],"nextToken":"t"}`},
		{&ListTagsForResourceResponse{}, `{"tags":[]}`},
		{&TagResourceResponse{}, `{}`},
		{&CreateSolutionRequest{Name: "n", PerformHPO: new(false)}, `{"datasetGroupArn":"","name":"n","performHPO":false}`},
		{&TagResourceRequest{ResourceArn: "a"}, `{"resourceArn":"a"}`}, // never null
		{&TagResourceRequest{ResourceArn: "a", Tags: []Tag{}}, `{"resourceArn":"a","tags":[]}`},
		{&PredictedItem{ItemId: "i", Score: new(0.0)}, `{"itemId":"i","score":0}`},
	} {
		if got, err := json.Marshal(c.v); err != nil || string(got) != c.want {
			t.Errorf("Marshal(%#v) = %s, %v, want %s", c.v, got, err, c.want)
		}
	}
}

// TestOperations checks the table against what the documentation says of the services.
func TestOperations(t *testing.T) {
	perService := map[string]int{}
	for i := range Operations {
		op := &Operations[i]
		perService[op.Service]++
		if Find(op.Name) != op {
			t.Errorf("the name %s is taken twice", op.Name)
		}
		if len(op.Errors) == 0 || len(op.Errors) != len(op.ErrorStatus) {
			t.Errorf("%s has exceptions %v and statuses %v", op.Name, op.Errors, op.ErrorStatus)
		}
		for _, e := range op.Errors {
			if !op.Models(e) {
				t.Errorf("%s has no status for %s", op.Name, e)
			}
		}
	}
	for service, want := range map[string]int{"personalize": 71, "personalize-runtime": 3, "personalize-events": 5} {
		if perService[service] != want {
			t.Errorf("%s has %d operations, want %d", service, perService[service], want)
		}
	}
	for _, c := range []struct {
		op, exception string
		status        int // 0 if not modelled
	}{
		{"CreateFilter", "ResourceInUseException", 0},
		{"ListSchemas", "InvalidInputException", 0},
		{"DescribeSolution", "ResourceNotFoundException", 400},
		{"PutItems", "ResourceNotFoundException", 404},
		{"PutItems", "ResourceInUseException", 409},
		{"GetRecommendations", "ResourceNotFoundException", 404},
	} {
		if got := Find(c.op).ErrorStatus[c.exception]; got != c.status {
			t.Errorf("%s of %s has status %d, want %d", c.exception, c.op, got, c.status)
		}
	}
}

func TestPages(t *testing.T) {
	for name, want := range map[string]string{
		"ListFilters": "Filters", "ListDataDeletionJobs": "dataDeletionJobs", "ListRecipes": "recipes",
		"ListTagsForResource": "", "DescribeSchema": "",
	} {
		if op := Find(name); op.ResultKey != want || op.Paginated != (want != "") {
			t.Errorf("%s has pages %t of %q, want %q", name, op.Paginated, op.ResultKey, want)
		}
	}
}

// TestPatterns checks that every pattern works in RE2, matches whole strings only, and that the
// rewritten ones mean what the model's do.
func TestPatterns(t *testing.T) {
	seen := map[string]*Shape{}
	for i := range Operations {
		gather(Operations[i].InputShape, seen)
	}
	patterns := 0
	for name, s := range seen {
		if s.Pattern == "" {
			continue
		}
		patterns++
		if _, err := regexp.Compile(s.RE2); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s.Matches("\n\x00") && name != "NextToken" {
			t.Errorf("%s matches a line feed and a zero byte", name)
		}
	}
	if patterns < 12 {
		t.Errorf("found %d shapes with patterns, want at least 12", patterns)
	}
	for _, c := range []struct {
		shape, text string
		want        bool
	}{
		{"Name", "a-b_9", true}, {"Name", "-a", false}, {"Name", "a b", false}, {"Name", "a\n", false},
		{"NextToken", "abc=", true}, {"NextToken", "ü", false}, {"NextToken", "", true},
		{"Arn", "arn:aws:personalize:::recipe/x", true}, {"Arn", "arn:aws:s3:::b", false},
		{"Arn", "xarn:aws:personalize:::recipe/x", false},
		{"TagKey", "größe 1", true}, {"TagKey", "a*b", false},
		{"SchedulingExpression", "rate(7 days)", true}, {"SchedulingExpression", "rate(7 hours)", false},
		{"RoleArn", "arn:aws:iam::000000000000:role/service-role/r", true}, {"RoleArn", "arn:aws:iam::1:role/r", false},
		{"S3Location", "s3://b/k", true}, {"S3Location", "file:///etc", false},
	} {
		if got := seen[c.shape].Matches(c.text); got != c.want {
			t.Errorf("%s matches %q: %t, want %t", c.shape, c.text, got, c.want)
		}
	}
}

func gather(s *Shape, seen map[string]*Shape) {
	if s == nil || seen[s.Name] != nil {
		return
	}
	seen[s.Name] = s
	for _, m := range s.Members {
		gather(m.Shape, seen)
	}
	gather(s.Elem, seen)
	gather(s.Key, seen)
}

// A few has methods named like operations, of which one has another signature.
type few struct{}

func (few) DeleteSchema(context.Context, *DeleteSchemaRequest) error { return nil }

func (few) ListSchemas(context.Context, *ListSchemasRequest) (*ListSchemasResponse, error) {
	return nil, nil
}

func (few) ListRecipes(context.Context) error { return nil }

// What is matched by hand is what the pattern matches.
func TestResourceARN(t *testing.T) {
	re := regexp.MustCompile(`\A(?:` + resourceARN + `)\z`)
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"arn", ":", ":", "aws", "AWS", "aws-cn", "personalize", "s3", "us-east-1", "filter/a", "\n", "é", ""})
		text := strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), "")
		if rapid.Bool().Draw(t, "likely") {
			text = "arn:aws:personalize:" + text
		}
		if got, want := isResourceARN(text), re.MatchString(text); got != want {
			t.Fatalf("isResourceARN(%q) = %t, want %t", text, got, want)
		}
	})
}

func TestBind(t *testing.T) {
	h := Bind(few{})
	if len(h) != 2 {
		t.Fatalf("bound %d operations, want DeleteSchema and ListSchemas", len(h))
	}
	if _, ok := h["DeleteSchema"].New().(*DeleteSchemaRequest); !ok {
		t.Errorf("New() = %T, want *DeleteSchemaRequest", h["DeleteSchema"].New())
	}
	if out, err := h["DeleteSchema"].Call(t.Context(), &DeleteSchemaRequest{}); out != nil || err != nil {
		t.Errorf("DeleteSchema = %v, %v, want nothing", out, err)
	}
	out, err := h["ListSchemas"].Call(t.Context(), &ListSchemasRequest{})
	if _, ok := out.(*ListSchemasResponse); !ok || err != nil {
		t.Errorf("ListSchemas = %#v, %v, want an empty answer", out, err)
	}
}
