package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

// A clock runs ahead of the real one while ahead is set. Clients sign with the real time, so it is set
// only where nobody calls.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// tick lets the server look for due trainings as if so much later.
func (s *server) tick(c *clock, later time.Duration) {
	s.t.Helper()
	c.ahead.Store(int64(later))
	defer c.ahead.Store(0)
	if err := s.app.Tick(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) versions(solution string) []types.SolutionVersionSummary {
	s.t.Helper()
	return ok[*personalize.ListSolutionVersionsOutput](s.t)(s.API.ListSolutionVersions(s.t.Context(), &personalize.ListSolutionVersionsInput{SolutionArn: &solution})).SolutionVersions
}

func (s *server) version(arn string) *types.SolutionVersion {
	s.t.Helper()
	return ok[*personalize.DescribeSolutionVersionOutput](s.t)(s.API.DescribeSolutionVersion(s.t.Context(), &personalize.DescribeSolutionVersionInput{SolutionVersionArn: &arn})).SolutionVersion
}

func (s *server) metrics(version string) map[string]float64 {
	s.t.Helper()
	return ok[*personalize.GetSolutionMetricsOutput](s.t)(s.API.GetSolutionMetrics(s.t.Context(), &personalize.GetSolutionMetricsInput{SolutionVersionArn: &version})).Metrics
}

// Solutions are trained by themselves: an hour after they are made, and then when a week has passed and
// there is something new, also if the server was away meanwhile.
func TestAutomaticTraining(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	f := importAll(startAt(t, dir, c.now), makeWorld(t))
	out := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(t.Context(), &personalize.CreateSolutionInput{
		Name: aws.String("popular"), DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-popularity-count"),
	}))
	solution := f.active(*out.SolutionArn, nil)
	f.tick(c, 59*time.Minute)
	if got := f.versions(solution); len(got) > 0 {
		t.Fatalf("before the hour is over there are versions %+v", got)
	}
	f.tick(c, 61*time.Minute)
	got := f.versions(solution)
	if len(got) != 1 || got[0].TrainingType != types.TrainingTypeAutomatic || got[0].TrainingMode != types.TrainingModeFull {
		t.Fatalf("after the hour there are versions %+v, want one that is AUTOMATIC and FULL", got)
	}
	f.settled(*got[0].SolutionVersionArn, clienttest.Active)
	f.tick(c, 8*24*time.Hour)
	if got := f.versions(solution); len(got) != 1 {
		t.Fatalf("a week later, with nothing new, there are %d versions, want one", len(got))
	}
	f.bring("events-more", f.events, f.put("more.csv", f.parts[4]), types.ImportModeIncremental)
	f.stop()
	f.server = startAt(t, dir, c.now)
	f.tick(c, 16*24*time.Hour)
	got = f.versions(solution)
	if len(got) != 2 || got[1].TrainingType != types.TrainingTypeAutomatic {
		t.Fatalf("two weeks later, with new data, there are versions %+v, want a second one", got)
	}
	f.settled(*got[1].SolutionVersionArn, clienttest.Active)
}

// With performHPO a version is trained with parameters that were searched for, and tells them.
func TestHyperparameters(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	out := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(t.Context(), &personalize.CreateSolutionInput{
		Name: aws.String("like"), DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-sims"),
		PerformHPO: aws.Bool(true), PerformAutoTraining: aws.Bool(false),
		SolutionConfig: &types.SolutionConfig{HpoConfig: &types.HPOConfig{
			AlgorithmHyperParameterRanges: &types.HyperParameterRanges{ContinuousHyperParameterRanges: []types.ContinuousHyperParameterRange{
				{Name: aws.String("popularity_discount_factor"), MinValue: 0.6, MaxValue: 0.9},
			}},
			HpoResourceConfig: &types.HPOResourceConfig{MaxNumberOfTrainingJobs: aws.String("4")},
		}},
	}))
	v := f.version(f.active(f.Version(t.Context(), f.active(*out.SolutionArn, nil))))
	if v.TunedHPOParams == nil || len(v.TunedHPOParams.AlgorithmHyperParameters) != 1 {
		t.Fatalf("tunedHPOParams = %+v, want the one parameter searched for", v.TunedHPOParams)
	}
	text := v.TunedHPOParams.AlgorithmHyperParameters["popularity_discount_factor"]
	if x, err := strconv.ParseFloat(text, 64); err != nil || x < 0.6 || x > 0.9 {
		t.Errorf("popularity_discount_factor = %q, want a number from 0.6 to 0.9", text)
	}
	if !v.PerformHPO || v.TrainingHours == nil || f.metrics(*v.SolutionVersionArn)["precision_at_25"] <= 0 {
		t.Errorf("the version is %+v", v)
	}
}

// A version of mode UPDATE recommends an item that came after the full training, and the full one does not.
func TestUpdateMode(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	solution, full := f.train("for-you", "aws-user-personalization")
	_, err := f.API.CreateSolutionVersion(t.Context(), &personalize.CreateSolutionVersionInput{SolutionArn: aws.String(f.active(f.Solution(t.Context(), "new", f.group, "aws-user-personalization"))), TrainingMode: types.TrainingModeUpdate})
	if code(err) != "InvalidInputException" {
		t.Errorf("UPDATE without a full version: %v, want InvalidInputException", err)
	}

	// Half of those who like the best known item also take the newcomer.
	fans := f.fans()
	var csv bytes.Buffer
	csv.WriteString("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n")
	for k, user := range fans {
		if k%2 == 0 {
			fmt.Fprintf(&csv, "%s,newcomer,watch,%d\n", user, synth.End-int64(k))
		}
	}
	for k := 0; k < 1000; k++ { // an import has at least 1,000 rows
		fmt.Fprintf(&csv, "%s,%s,watch,%d\n", f.users[k%len(f.users)], slices.Sorted(maps.Keys(f.seen[f.users[k%len(f.users)]]))[0], synth.End-10000-int64(k))
	}
	f.bring("newcomer", f.events, f.put("newcomer.csv", csv.Bytes()), types.ImportModeIncremental)

	out := ok[*personalize.CreateSolutionVersionOutput](t)(f.API.CreateSolutionVersion(t.Context(), &personalize.CreateSolutionVersionInput{SolutionArn: &solution, TrainingMode: types.TrainingModeUpdate}))
	updated := f.active(*out.SolutionVersionArn, nil)
	if v := f.version(updated); v.TrainingMode != types.TrainingModeUpdate || v.TrainingHours == nil {
		t.Errorf("the version is %+v", v)
	}
	if a, b := f.metrics(full), f.metrics(updated); !maps.Equal(a, b) {
		t.Errorf("metrics %v, want those of the full version, %v", b, a)
	}
	meets := func(version, job string) (n int) {
		for k, a := range readAnswers(t, f.infer(clienttest.Batch{Name: job, Version: version, Config: greedy}), f.users, 25) {
			if slices.Contains(a.Output.Items, "newcomer") && slices.Index(fans, f.users[k])%2 != 0 {
				n++ // has not had it
			}
		}
		return n
	}
	if n := meets(full, "full"); n > 0 {
		t.Errorf("the full version recommends the newcomer to %d users, which it cannot know", n)
	}
	if n := meets(updated, "updated"); n == 0 {
		t.Error("the updated version recommends the newcomer to nobody who has not had it")
	}
}

// fans are the users of the item that most users have had.
func (f *films) fans() (users []string) {
	count := map[string]int{}
	best := ""
	for _, items := range f.seen {
		for item := range items {
			if count[item]++; count[item] > count[best] || count[item] == count[best] && item < best {
				best = item
			}
		}
	}
	for _, u := range f.users {
		if f.seen[u][best] {
			users = append(users, u)
		}
	}
	return users
}
