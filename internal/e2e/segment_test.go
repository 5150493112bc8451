package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

// A segment is an output line of a segment job.
type segment struct {
	Input  map[string]any `json:"input"`
	Output *struct {
		Users []string `json:"usersList"`
	} `json:"output"`
	Error *string `json:"error"`
}

// segments runs a job over the lines and returns what comes out, as it is and read.
func (f *films) segments(b clienttest.Batch, lines ...string) (text string, out []segment) {
	f.t.Helper()
	b.Input, b.Output = "in/"+b.Name+".json", "out/"+b.Name+"/"
	f.put(b.Input, []byte(strings.Join(lines, "\n")))
	f.active(f.Segment(f.t.Context(), b))
	body := f.get(b.Output + b.Name + ".json.out")
	for line := range bytes.Lines(body) {
		var s segment
		if err := json.Unmarshal(line, &s); err != nil {
			f.t.Fatalf("%s: %v: %s", b.Name, err, line)
		}
		out = append(out, s)
	}
	if len(out) != len(lines) {
		f.t.Fatalf("%s: %d lines come out of %d", b.Name, len(out), len(lines))
	}
	return string(body), out
}

// Users are found for items and for their attributes, over the public API of a whole server.
func TestSegments(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	_, items := f.train("fans", "aws-item-affinity")
	_, attributes := f.train("tastes", "aws-item-attribute-affinity")
	f.run(t, "metrics", func(t *testing.T) {
		f.testSegmentMetrics(t, items, 0.2)
		f.testSegmentMetrics(t, attributes, 0.2)
	})
	f.run(t, "items", func(t *testing.T) { f.testItemSegments(t, items) })
	f.run(t, "attributes", func(t *testing.T) { f.testAttributeSegments(t, attributes) })
	f.run(t, "filters", func(t *testing.T) { f.testSegmentFilters(t, items, attributes) })
	f.run(t, "refusals", func(t *testing.T) { f.testSegmentRefusals(t, items) })
}

// The metrics have the names that the service uses for segments.
func (f *films) testSegmentMetrics(t *testing.T, version string, least float64) {
	m := ok[*personalize.GetSolutionMetricsOutput](t)(f.API.GetSolutionMetrics(t.Context(), &personalize.GetSolutionMetricsInput{SolutionVersionArn: &version})).Metrics
	if len(m) != 3 || m["coverage"] <= 0 || m["coverage"] > 1 || m["recall_at_1_percent"] <= 0 || m["recall_at_1_percent"] > 1 {
		t.Errorf("%s: metrics are %v, want coverage, hits_at_1_percent and recall_at_1_percent", version, m)
	}
	if m["hits_at_1_percent"] < least || m["hits_at_1_percent"] > 5 {
		t.Errorf("%s: hits_at_1_percent = %v, want at least %v of 5 users", version, m["hits_at_1_percent"], least)
	}
}

// Each item has a segment of its own, and all of the users are one of the longest.
func (f *films) testItemSegments(t *testing.T, version string) {
	ids := slices.Sorted(func(yield func(string) bool) {
		for id := range f.genres {
			if !yield(id) {
				return
			}
		}
	})[:20]
	var lines []string
	for _, id := range ids {
		lines = append(lines, fmt.Sprintf(`{"itemId": %q}`, id))
	}
	text, out := f.segments(clienttest.Batch{Name: "items", Version: version, Results: 10}, append(lines, `{"itemId": "nobody"}`)...)
	different := map[string]bool{}
	for i, s := range out[:20] {
		users := s.Output.Users
		different[fmt.Sprint(users)] = true
		if s.Error != nil || s.Input["itemId"] != ids[i] || len(users) != 10 || len(slices.Compact(slices.Sorted(slices.Values(users)))) != 10 {
			t.Errorf("line %d is %+v, want ten different users for %s", i+1, s, ids[i])
		}
	}
	if len(different) < 15 {
		t.Errorf("20 items have %d different segments", len(different))
	}
	if s := out[20]; s.Output != nil || s.Error == nil || !strings.Contains(*s.Error, "nobody") {
		t.Errorf("an item that never was: %+v, want an error that names it and no output", s)
	}
	if want := fmt.Sprintf(`{"input": {"itemId": %q}, "output": {"usersList": ["`, ids[0]); !strings.HasPrefix(text, want) {
		t.Errorf("the output begins %.80s, want %s", text, want)
	}
	again, _ := f.segments(clienttest.Batch{Name: "again", Version: version, Results: 10}, append(lines, `{"itemId": "nobody"}`)...)
	if again != text {
		t.Error("the same job has another output the second time")
	}
	_, all := f.segments(clienttest.Batch{Name: "all", Version: version, Results: 5_000_000}, lines[0])
	if n := len(all[0].Output.Users); n < 400 || n > 500 || !slices.Equal(all[0].Output.Users[:10], out[0].Output.Users) {
		t.Errorf("everybody is %d users that begin %v, want those of 500 with interactions and first %v", n, all[0].Output.Users[:10], out[0].Output.Users)
	}
}

// Who is in the segment of a genre has had more of it than those who do most of everything.
func (f *films) testAttributeSegments(t *testing.T, version string) {
	mean := func(users []string, genre string) float64 {
		n := 0.0
		for _, u := range users {
			for item := range f.seen[u] {
				if slices.Contains(f.genres[item], genre) {
					n++
				}
			}
		}
		return n / float64(len(users))
	}
	var lines []string
	for _, g := range synth.Genres[:6] {
		lines = append(lines, fmt.Sprintf(`{"itemAttributes": "ITEMS.genres = \"%s\""}`, g))
	}
	lines = append(lines, `{"itemAttributes": "ITEMS.GENRES = \"opera\""}`, `{"itemAttributes": "ITEMS.GENRES IN (\"drama\")"}`, `{"itemAttributes": "ITEMS.NOPE = 3"}`)
	_, out := f.segments(clienttest.Batch{Name: "genres-of-users", Version: version, Results: 20}, lines...)
	busiest := slices.SortedFunc(slices.Values(f.users), func(a, b string) int { return f.rows[b] - f.rows[a] })[:20]
	var in, of float64
	for i, g := range synth.Genres[:6] {
		in, of = in+mean(out[i].Output.Users, g), of+mean(busiest, g)
	}
	if in < 1.1*of {
		t.Errorf("users of six genres' segments have seen %.1f of theirs, those who do most %.1f; want a tenth more", in, of)
	}
	t.Logf("users of six genres' segments have seen %.1f of theirs, those who do most %.1f", in, of)
	for i, want := range []string{"opera", "character 14", "NOPE"} {
		if s := out[6+i]; s.Output != nil || s.Error == nil || !strings.Contains(*s.Error, want) {
			t.Errorf("%s is answered %+v, want an error with %q", lines[6+i], s, want)
		}
	}
}

func (f *films) testSegmentFilters(t *testing.T, items, attributes string) {
	ctx := t.Context()
	line := `{"itemId": "` + slices.Sorted(func(yield func(string) bool) {
		for id := range f.genres {
			if !yield(id) {
				return
			}
		}
	})[0] + `"}`
	nobody := f.active(f.Filter(ctx, "idle", f.group, `EXCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("*")`))
	if _, out := f.segments(clienttest.Batch{Name: "idle", Version: items, Filter: nobody}, line); out[0].Output == nil || len(out[0].Output.Users) != 0 {
		t.Errorf("users without events are %+v, want none", out[0])
	}
	f.put("in/x.json", []byte(`{"itemAttributes": "ITEMS.GENRES = \"drama\""}`))
	_, err := f.Segment(ctx, clienttest.Batch{Name: "x", Version: attributes, Filter: nobody, Input: "in/x.json", Output: "out/x/"})
	if code(err) != "InvalidInputException" {
		t.Errorf("a filter on interactions with attributes: %v, want InvalidInputException", err)
	}
}

func (f *films) testSegmentRefusals(t *testing.T, version string) {
	ctx := t.Context()
	_, err := f.Infer(ctx, clienttest.Batch{Name: "x", Version: version, Input: "in/items.json", Output: "out/x/"})
	if code(err) != "InvalidInputException" {
		t.Errorf("an inference job of a recipe that ranks users: %v, want InvalidInputException", err)
	}
	job := ok[string](t)(f.Segment(ctx, clienttest.Batch{Name: "nothing", Version: version, Input: "nowhere/", Output: "out/x/"}))
	if reason := f.settled(job, clienttest.Failed); !strings.HasPrefix(reason, "Invalid S3 input path") {
		t.Errorf("a job without input failed because %q", reason)
	}
	d := ok[*personalize.DescribeBatchSegmentJobOutput](t)(f.API.DescribeBatchSegmentJob(ctx, &personalize.DescribeBatchSegmentJobInput{BatchSegmentJobArn: &job})).BatchSegmentJob
	if aws.ToString(d.FailureReason) == "" || *d.NumResults != 25 || *d.SolutionVersionArn != version {
		t.Errorf("DescribeBatchSegmentJob = %+v, want a reason, 25 results and the version", d)
	}
	list := ok[*personalize.ListBatchSegmentJobsOutput](t)(f.API.ListBatchSegmentJobs(ctx, &personalize.ListBatchSegmentJobsInput{SolutionVersionArn: &version})).BatchSegmentJobs
	if len(list) < 2 || *list[0].BatchSegmentJobArn != job {
		t.Errorf("ListBatchSegmentJobs has %d jobs, want the newest first", len(list))
	}
}
