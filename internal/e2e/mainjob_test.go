package e2e

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"
	"github.com/aws/smithy-go"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

const unseen = `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")`

// filtered is how many of a user's newest events of a type a filter looks at.
const filtered = 100

// greedy recommends what fits best, without trying anything out.
var greedy = &types.BatchInferenceJobConfig{ItemExplorationConfig: map[string]string{"explorationWeight": "0"}}

// A films is a dataset group with the data of a world in it.
type films struct {
	*server
	*world
	group, events string // ARNs
}

// importAll brings a world in: the first four parts of the interactions as a folder, one of them
// compressed, then items and people.
func importAll(s *server, w *world) *films {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		s.t.Fatal(err)
	}
	f := &films{server: s, world: w, group: s.active(s.Group(ctx, "films"))}
	f.put("events/a.csv", w.parts[0])
	f.put("events/b.csv.gz", zipped(w.parts[1]))
	f.put("events/c.csv", w.parts[2])
	f.put("events/d.csv", w.parts[3])
	f.put("events/old/e.csv", []byte("in a folder below, which is not read"))
	f.events = s.active(s.Dataset(ctx, f.group, "Interactions", synth.InteractionsSchema))
	f.bring("events-full", f.events, clienttest.Location("events/"), types.ImportModeFull)
	items := s.active(s.Dataset(ctx, f.group, "Items", synth.ItemsSchema))
	f.bring("items", items, f.put("items.csv", w.items), types.ImportModeFull)
	people := s.active(s.Dataset(ctx, f.group, "Users", synth.UsersSchema))
	f.bring("people", people, f.put("people.csv", w.people), types.ImportModeFull)
	return f
}

func (f *films) put(key string, body []byte) (location string) {
	f.t.Helper()
	return ok[string](f.t)(f.Put(f.t.Context(), key, body))
}

func (f *films) bring(job, set, location string, mode types.ImportMode) {
	f.t.Helper()
	f.active(f.Import(f.t.Context(), job, set, location, mode))
}

// train makes a solution and a version of it.
func (f *films) train(name, recipe string) (solution, version string) {
	f.t.Helper()
	solution = f.active(f.Solution(f.t.Context(), name, f.group, recipe))
	return solution, f.active(f.Version(f.t.Context(), solution))
}

// infer runs a job, for all users unless an input is named, and returns its output.
func (f *films) infer(b clienttest.Batch) []byte {
	f.t.Helper()
	if b.Input == "" {
		b.Input = "in/users.json"
		f.put(b.Input, questions(f.users, nil))
	}
	b.Output = "out/" + b.Name + "/"
	f.active(f.Infer(f.t.Context(), b))
	return f.get(b.Output + b.Input[strings.LastIndexByte(b.Input, '/')+1:] + ".out")
}

func (f *films) get(key string) []byte {
	f.t.Helper()
	return ok[[]byte](f.t)(f.Get(f.t.Context(), key))
}

func TestMainJob(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	solution, version := f.train("for-you", "aws-user-personalization")
	f.run(t, "metrics", func(t *testing.T) { f.testMetrics(t, version) })
	f.run(t, "answers", func(t *testing.T) { f.testAnswers(t, version) })
	f.run(t, "describe", func(t *testing.T) { f.testDescribe(t, version) })
	f.run(t, "genres", func(t *testing.T) { f.testGenres(t, version) })
	f.run(t, "files", func(t *testing.T) { f.testFiles(t, version) })
	f.run(t, "incremental", func(t *testing.T) { f.testIncremental(t) })
	f.run(t, "failed import", func(t *testing.T) { f.testFailedImport(t, solution) })
}

// run runs a part of a test, in which f fails the part.
func (f *films) run(t *testing.T, name string, part func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		whole := f.t
		defer func() { f.t = whole }()
		f.t = t
		part(t)
	})
}

// The metrics have the names of the recipe's type, and the model finds something.
func (f *films) testMetrics(t *testing.T, version string) {
	out := ok[*personalize.GetSolutionMetricsOutput](t)(f.API.GetSolutionMetrics(t.Context(), &personalize.GetSolutionMetricsInput{SolutionVersionArn: &version}))
	for _, name := range []string{
		"coverage", "mean_reciprocal_rank_at_25",
		"normalized_discounted_cumulative_gain_at_5", "normalized_discounted_cumulative_gain_at_10", "normalized_discounted_cumulative_gain_at_25",
		"precision_at_5", "precision_at_10", "precision_at_25",
	} {
		if v, ok := out.Metrics[name]; !ok || !(v > 0 && v <= 1) {
			t.Errorf("metrics[%s] = %v, %t; want more than 0 and at most 1", name, v, ok)
		}
	}
	if len(out.Metrics) != 8 {
		t.Errorf("metrics are %v, want 8 of them", out.Metrics)
	}
}

func (f *films) testAnswers(t *testing.T, version string) {
	answers := readAnswers(t, f.infer(clienttest.Batch{Name: "plain", Version: version}), f.users, 25)
	lists := map[string]bool{}
	for _, a := range answers {
		lists[strings.Join(a.Output.Items, " ")] = true
	}
	if len(lists) < len(f.users)/2 {
		t.Errorf("%d users get %d different lists, want most of them one of their own", len(f.users), len(lists))
	}
	got := names(ok[map[string]int64](t)(f.Sizes(t.Context(), "out/plain/")))
	if want := []string{"_CHECK", "users.json.out"}; !slices.Equal(got, want) {
		t.Errorf("the output folder holds %v, want %v", got, want)
	}
}

// DescribeBatchInferenceJob tells what was asked, with the defaults filled in.
func (f *films) testDescribe(t *testing.T, version string) {
	arn := "arn:aws:personalize:us-east-1:000000000000:batch-inference-job/plain"
	j := ok[*personalize.DescribeBatchInferenceJobOutput](t)(f.API.DescribeBatchInferenceJob(t.Context(), &personalize.DescribeBatchInferenceJobInput{BatchInferenceJobArn: &arn})).BatchInferenceJob
	for _, m := range []struct{ member, got, want string }{
		{"jobName", *j.JobName, "plain"},
		{"batchInferenceJobArn", *j.BatchInferenceJobArn, arn},
		{"solutionVersionArn", *j.SolutionVersionArn, version},
		{"input", *j.JobInput.S3DataSource.Path, clienttest.Location("in/users.json")},
		{"output", *j.JobOutput.S3DataDestination.Path, clienttest.Location("out/plain/")},
		{"roleArn", *j.RoleArn, clienttest.Role},
		{"batchInferenceJobMode", string(j.BatchInferenceJobMode), "BATCH_INFERENCE"},
		{"filterArn", aws.ToString(j.FilterArn), ""},
		{"failureReason", aws.ToString(j.FailureReason), ""},
	} {
		if m.got != m.want {
			t.Errorf("%s = %q, want %q", m.member, m.got, m.want)
		}
	}
	if *j.NumResults != 25 || j.BatchInferenceJobConfig == nil {
		t.Errorf("numResults = %d, batchInferenceJobConfig = %v; want 25 and an empty one", *j.NumResults, j.BatchInferenceJobConfig)
	}
	if j.LastUpdatedDateTime.Before(*j.CreationDateTime) || time.Since(*j.CreationDateTime) > time.Hour {
		t.Errorf("created %v, updated %v; want just now and in this order", j.CreationDateTime, j.LastUpdatedDateTime)
	}
}

// Each line has a genre of its own.
func (f *films) testGenres(t *testing.T, version string) {
	filter := f.active(f.Filter(t.Context(), "by-genre", f.group, "INCLUDE ItemID WHERE Items.GENRES IN ($GENRES)"))
	genre := func(i int) string { return synth.Genres[i%3] }
	f.put("in/genres.json", questions(f.users, func(i int) map[string]string { return map[string]string{"GENRES": `"` + genre(i) + `"`} }))
	body := f.infer(clienttest.Batch{Name: "genres", Version: version, Filter: filter, Input: "in/genres.json"})
	for i, a := range readAnswers(t, body, f.users, 25) {
		for _, item := range a.Output.Items {
			if !slices.Contains(f.genres[item], genre(i)) {
				t.Errorf("output line %d: item %s is %v, want %s", i+1, item, f.genres[item], genre(i))
			}
		}
	}
}

// A prefix with several files gives as many, and the same question has the same answer in each.
func (f *films) testFiles(t *testing.T, version string) {
	f.put("many/a.json", questions(f.users[:40], nil))
	f.put("many/b.json", questions(f.users[20:60], nil))
	f.active(f.Infer(t.Context(), clienttest.Batch{Name: "many", Version: version, Input: "many/", Output: "out/many/"}))
	got := names(ok[map[string]int64](t)(f.Sizes(t.Context(), "out/many/")))
	if want := []string{"_CHECK", "a.json.out", "b.json.out"}; !slices.Equal(got, want) {
		t.Fatalf("the output folder holds %v, want %v", got, want)
	}
	a := bytes.SplitAfter(f.get("out/many/a.json.out"), []byte("\n"))
	b := bytes.SplitAfter(f.get("out/many/b.json.out"), []byte("\n"))
	for i := range 20 {
		if !bytes.Equal(a[20+i], b[i]) {
			t.Errorf("%s is answered %s in one file and %s in the other", f.users[20+i], a[20+i], b[i])
		}
	}
}

// An incremental import adds to what is there: afterwards nothing of either is new to a user.
func (f *films) testIncremental(t *testing.T) {
	_, popular := f.train("popular", "aws-popularity-count")
	filter := f.active(f.Filter(t.Context(), "unseen", f.group, unseen))
	known := func(job string, seen map[string]map[string]bool) (n int) {
		for _, a := range readAnswers(t, f.infer(clienttest.Batch{Name: job, Version: popular, Filter: filter}), f.users, 25) {
			for _, item := range a.Output.Items {
				if seen[a.Input.UserID][item] && f.rows[a.Input.UserID] <= filtered {
					n++
				}
			}
		}
		return n
	}
	if n := known("unseen-before", f.late); n == 0 {
		t.Error("no list has an item of the rows that are not imported yet; the test's data must have some")
	}
	f.bring("events-more", f.events, f.put("more.csv", f.parts[4]), types.ImportModeIncremental)
	if n := known("unseen-after", f.seen); n != 0 {
		t.Errorf("%d recommended items are in the user's imported history, want 0", n)
	}
}

// An import that fails leaves the data as it was: training again gives the same answers.
func (f *films) testFailedImport(t *testing.T, solution string) {
	before := f.infer(clienttest.Batch{Name: "before", Version: f.active(f.Version(t.Context(), solution)), Config: greedy})
	broken := append(slices.Clone(f.parts[0]), "u1,i1,watch,1700000000000\n"...)
	job := ok[string](t)(f.Import(t.Context(), "broken", f.events, f.put("broken.csv", broken), types.ImportModeFull))
	reason := f.settled(job, clienttest.Failed)
	if !regexp.MustCompile(`broken\.csv, line \d+: TIMESTAMP .*milliseconds`).MatchString(reason) {
		t.Errorf("failureReason is %q, want file, line, column and milliseconds", reason)
	}
	after := f.infer(clienttest.Batch{Name: "after", Version: f.active(f.Version(t.Context(), solution)), Config: greedy})
	if !bytes.Equal(before, after) {
		t.Errorf("answers differ after a failed import (%d and %d bytes), want the same", len(before), len(after))
	}
}

// A nextToken is good after a restart, and a forged one is not.
func TestPagesSurviveRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	var want []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		ok[*personalize.CreateSchemaOutput](t)(s.API.CreateSchema(t.Context(), &personalize.CreateSchemaInput{Name: &name, Schema: aws.String(synth.InteractionsSchema)}))
		want = append(want, name)
	}
	got, token := s.schemas(nil)
	s.stop()
	s = start(t, dir)
	for token != nil {
		var more []string
		more, token = s.schemas(token)
		got = append(got, more...)
		if len(got) > len(want) {
			break
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the pages before and after the restart have %v, want %v", got, want)
	}
	_, err := s.API.ListSchemas(t.Context(), &personalize.ListSchemasInput{NextToken: aws.String("Zm9yZ2Vk")})
	if e := code(err); e != "InvalidNextTokenException" {
		t.Errorf("a forged token: %v, want InvalidNextTokenException", err)
	}
}

// schemas returns a page of three names.
func (s *server) schemas(token *string) (page []string, next *string) {
	s.t.Helper()
	out := ok[*personalize.ListSchemasOutput](s.t)(s.API.ListSchemas(s.t.Context(), &personalize.ListSchemasInput{MaxResults: aws.Int32(3), NextToken: token}))
	for _, d := range out.Schemas {
		page = append(page, *d.Name)
	}
	return page, out.NextToken
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// A server that is stopped in the middle of trainings goes on with them when it starts again, and one that
// was told to stop a training does not.
func TestShutdownAndStop(t *testing.T) {
	dir := t.TempDir()
	f := importAll(start(t, dir), makeWorld(t))
	solution := f.active(f.Solution(t.Context(), "for-you", f.group, "aws-user-personalization"))
	var versions []string
	for range 4 {
		versions = append(versions, ok[string](t)(f.Version(t.Context(), solution)))
	}
	last := versions[len(versions)-1]
	if _, err := f.API.StopSolutionVersionCreation(t.Context(), &personalize.StopSolutionVersionCreationInput{SolutionVersionArn: &last}); err != nil {
		t.Fatal(err)
	}
	f.stop()
	f.server = start(t, dir)
	for _, v := range versions[:len(versions)-1] {
		f.settled(v, clienttest.Active)
	}
	f.settled(last, clienttest.Stopped)
	if _, err := f.API.DeleteSolution(t.Context(), &personalize.DeleteSolutionInput{SolutionArn: &solution}); err != nil {
		t.Errorf("DeleteSolution after everything is settled: %v", err)
	}
}
