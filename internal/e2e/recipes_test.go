package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/synth"
)

// rankingMetrics are what GetSolutionMetrics tells of every recipe that ranks items.
var rankingMetrics = []string{
	"coverage", "mean_reciprocal_rank_at_25",
	"normalized_discounted_cumulative_gain_at_10", "normalized_discounted_cumulative_gain_at_25", "normalized_discounted_cumulative_gain_at_5",
	"precision_at_10", "precision_at_25", "precision_at_5",
}

// The recipes beside those of the main job, each from import to what it is good for.
func TestRecipes(t *testing.T) {
	f := importAll(start(t, t.TempDir()), makeWorld(t))
	f.run(t, "aws-trending-now", f.testTrending)
	f.run(t, "aws-hrnn", f.testRetired)
	f.run(t, "aws-semantic-similarity", f.testUntitled)
	f.run(t, "aws-next-best-action", f.testNoActions)
}

// measured returns the metrics of a version, whose names must be the ranking ones and some more.
func (f *films) measured(version string, more ...string) map[string]float64 {
	f.t.Helper()
	m := f.metrics(version)
	got, want := slices.Sorted(maps.Keys(m)), slices.Sorted(slices.Values(append(more, rankingMetrics...)))
	if !slices.Equal(got, want) {
		f.t.Errorf("metrics are %v, want %v", got, want)
	}
	return m
}

// configured asks for a solution with a configuration.
func (f *films) configured(name, recipe string, c *types.SolutionConfig) (*personalize.CreateSolutionOutput, error) {
	return f.API.CreateSolution(f.t.Context(), &personalize.CreateSolutionInput{
		Name: &name, DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/" + recipe),
		PerformAutoTraining: aws.Bool(false), SolutionConfig: c,
	})
}

// refused fails the test unless a call was refused as invalid with a sentence that has the words in it.
func (f *films) refused(what string, err error, words ...string) {
	f.t.Helper()
	if code(err) != "InvalidInputException" {
		f.t.Errorf("%s = %v, want InvalidInputException", what, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			f.t.Errorf("%s is refused with %v, want a sentence with %q", what, err, w)
		}
	}
}

func (f *films) testTrending(t *testing.T) {
	frequency := func(v string) *types.SolutionConfig {
		return &types.SolutionConfig{FeatureTransformationParameters: map[string]string{"trend_discovery_frequency": v}}
	}
	made := ok[*personalize.CreateSolutionOutput](t)(f.configured("trend", "aws-trending-now", frequency("1 day")))
	version := f.active(f.Version(t.Context(), f.active(*made.SolutionArn, nil)))
	m := f.measured(version, "trend_prediction_accuracy")
	if a := m["trend_prediction_accuracy"]; a < 0 || a > 1 {
		t.Errorf("trend_prediction_accuracy = %v, want a share", a)
	}
	_, err := f.configured("trend-weekly", "aws-trending-now", frequency("1 week"))
	f.refused("a frequency of 1 week", err, "trend_discovery_frequency", "30 minutes, 1 hour, 2 hours, 3 hours, 1 day")
	_, err = f.Infer(t.Context(), clienttest.Batch{Name: "trend", Version: version, Input: "in/users.json", Output: "out/trend/"})
	f.refused("a batch inference job of a trend", err, "aws-trending-now", "campaign")
}

// The names that the service retired can be described and trained, though they are not listed. Cold items are
// counted.
func (f *films) testRetired(t *testing.T) {
	listed := ok[*personalize.ListRecipesOutput](t)(f.API.ListRecipes(t.Context(), &personalize.ListRecipesInput{}))
	for _, r := range listed.Recipes {
		if strings.HasPrefix(*r.Name, "aws-hrnn") {
			t.Errorf("%s is listed", *r.Name)
		}
	}
	for _, name := range []string{"aws-hrnn", "aws-hrnn-metadata"} {
		arn := "arn:aws:personalize:::recipe/" + name
		r := ok[*personalize.DescribeRecipeOutput](t)(f.API.DescribeRecipe(t.Context(), &personalize.DescribeRecipeInput{RecipeArn: &arn})).Recipe
		if *r.AlgorithmArn != "arn:aws:personalize:::algorithm/"+name || *r.RecipeType != "USER_PERSONALIZATION" {
			t.Errorf("%s is of type %s and algorithm %s", name, *r.RecipeType, *r.AlgorithmArn)
		}
		_, version := f.train(name, name)
		f.measured(version)
		answers := readAnswers(t, f.infer(clienttest.Batch{Name: name, Version: version}), f.users, 25)
		if len(answers[0].Output.Scores) != 25 {
			t.Errorf("%s: the first answer has %d scores, want 25", name, len(answers[0].Output.Scores))
		}
	}
	solution := f.active(f.Solution(t.Context(), "cold", f.group, "aws-hrnn-coldstart"))
	reason := f.settled(ok[string](t)(f.Version(t.Context(), solution)), clienttest.Failed)
	if !strings.Contains(reason, "cold items; expected 100 to 80000") {
		t.Errorf("failureReason is %q, want the number of cold items", reason)
	}
}

// Items without a title cannot be compared by what is written of them.
func (f *films) testUntitled(t *testing.T) {
	solution := f.active(f.Solution(t.Context(), "untitled", f.group, "aws-semantic-similarity"))
	reason := f.settled(ok[string](t)(f.Version(t.Context(), solution)), clienttest.Failed)
	if !strings.Contains(reason, "itemName") {
		t.Errorf("failureReason is %q, want itemName in it", reason)
	}
}

const (
	bookSchema = `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"ITEM_ID","type":"string"},{"name":"TITLE","type":"string","itemName":true},{"name":"ABOUT","type":["null","string"],"textual":true},` +
		`{"name":"CREATION_TIMESTAMP","type":"long"}]}`
	books = "ITEM_ID,TITLE,ABOUT,CREATION_TIMESTAMP\n" +
		"b1,Bread at home,\"Flour, water, salt and an oven: baking for beginners.\",1600000000\n" +
		"b2,The baker's year,\"Twelve months of flour, sourdough and cakes.\",1600000001\n" +
		"b3,Cakes and tarts,\"Baking with butter, flour and fruit.\",1600000002\n" +
		"b4,Night over the harbour,\"A detective looks for a murderer among sailors.\",1600000003\n" +
		"b5,The second detective,\"Who is the murderer? An old sailor knows.\",1600000004\n" +
		"b6,Sailors' knots,\"Ropes and knots for the harbour and the sea.\",1700000000\n"
)

// Texts alone are enough to train on, and rankingInfluence moves what is fresh up.
func TestSemanticSimilarity(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "books"))}
	set := s.active(s.Dataset(ctx, f.group, "Items", bookSchema))
	f.bring("books", set, f.put("books.csv", []byte(books)), types.ImportModeFull)
	_, version := f.train("books", "aws-semantic-similarity")
	f.measured(version)
	f.put("in/books.json", []byte(`{"itemId":"b1"}`+"\n"+`{"itemId":"b4"}`+"\n"))
	nearest := func(job string, influence map[string]float64) (out [2][]string) {
		body := f.infer(clienttest.Batch{Name: job, Version: version, Input: "in/books.json", Results: 3, Config: &types.BatchInferenceJobConfig{RankingInfluence: influence}})
		for k, line := range strings.Split(strings.TrimSpace(string(body)), "\n") {
			var a answer
			if err := json.Unmarshal([]byte(line), &a); err != nil || a.Output.Scores != nil {
				t.Fatalf("%s: %v: %s", job, err, line)
			}
			out[k] = a.Output.Items
		}
		return out
	}
	got := nearest("plain", nil)
	if bread := slices.Sorted(slices.Values(got[0][:2])); !slices.Equal(bread, []string{"b2", "b3"}) || slices.Contains(got[1][:2], "b2") || slices.Contains(got[1][:2], "b3") {
		t.Errorf("nearest are %v, want the two books of baking for the first, and none of them for the second", got)
	}
	if got := nearest("fresh", map[string]float64{"FRESHNESS": 1}); got[0][0] != "b6" || got[1][0] != "b6" {
		t.Errorf("with freshness nearest are %v, want the newest book first", got)
	}
	_, err := f.Infer(ctx, clienttest.Batch{Name: "much", Version: version, Input: "in/books.json", Output: "out/much/",
		Config: &types.BatchInferenceJobConfig{RankingInfluence: map[string]float64{"FRESHNESS": 2}}})
	f.refused("an influence of 2", err)
}

// Themes are named by words of the items they hold, and lists are in the order of their relevance.
func TestThemes(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "shelves"))}
	events := s.active(s.Dataset(ctx, f.group, "Interactions", synth.InteractionsSchema))
	f.bring("visits", events, f.put("visits.csv", []byte(visits("View", "Purchase", 17))), types.ImportModeFull)
	table := "ITEM_ID,TITLE,ABOUT,CREATION_TIMESTAMP\n"
	for i := range 40 {
		about := [...]string{"Sourdough bread %d", "A harbour detective %d"}[i%2]
		table += fmt.Sprintf("i%02d,Volume %d,"+about+",1600000000\n", i, i, i)
	}
	items := s.active(s.Dataset(ctx, f.group, "Items", bookSchema))
	f.bring("shelves", items, f.put("shelves.csv", []byte(table)), types.ImportModeFull)
	_, version := f.train("shelves", "aws-similar-items")
	ask := func(name, field, version string) (string, error) {
		out, err := f.API.CreateBatchInferenceJob(ctx, &personalize.CreateBatchInferenceJobInput{
			JobName: &name, SolutionVersionArn: &version, RoleArn: aws.String(clienttest.Role), NumResults: aws.Int32(12),
			JobInput:              &types.BatchInferenceJobInput{S3DataSource: &types.S3DataConfig{Path: aws.String(clienttest.Location("in/shelves.json"))}},
			JobOutput:             &types.BatchInferenceJobOutput{S3DataDestination: &types.S3DataConfig{Path: aws.String(clienttest.Location("out/" + name + "/"))}},
			BatchInferenceJobMode: types.BatchInferenceJobModeThemeGeneration,
			ThemeGenerationConfig: &types.ThemeGenerationConfig{FieldsForThemeGeneration: &types.FieldsForThemeGeneration{ItemName: &field}},
		})
		if err != nil {
			return "", err
		}
		return *out.BatchInferenceJobArn, nil
	}
	f.put("in/shelves.json", []byte(`{"itemId":"i00"}`+"\n"+`{"itemId":"i01"}`+"\n"))
	job := f.active(ask("themes", "title", version))
	described := ok[*personalize.DescribeBatchInferenceJobOutput](t)(f.API.DescribeBatchInferenceJob(ctx, &personalize.DescribeBatchInferenceJobInput{BatchInferenceJobArn: &job})).BatchInferenceJob
	if described.BatchInferenceJobMode != "THEME_GENERATION" || *described.ThemeGenerationConfig.FieldsForThemeGeneration.ItemName != "title" {
		t.Errorf("the job is of mode %s with %+v", described.BatchInferenceJobMode, described.ThemeGenerationConfig)
	}
	for k, line := range strings.Split(strings.TrimSpace(string(f.get("out/themes/shelves.json.out"))), "\n") {
		var a struct {
			Output struct {
				Items     []string  `json:"recommendedItems"`
				Theme     string    `json:"theme"`
				Relevance []float64 `json:"itemsThemeRelevanceScores"`
			} `json:"output"`
			Error *string `json:"error"`
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Error != nil || !strings.Contains(line, `"error":null`) {
			t.Fatalf("%v: %s", err, line)
		}
		if want := [...]string{"Sourdough bread", "Harbour detective"}[k]; !strings.HasPrefix(a.Output.Theme, want) {
			t.Errorf("line %d has the theme %q, want %q", k+1, a.Output.Theme, want)
		}
		r := a.Output.Relevance
		if len(a.Output.Items) != 12 || len(r) != 12 || !slices.IsSortedFunc(r, func(a, b float64) int { return cmp.Compare(b, a) }) || r[0] <= 0 || r[0] > 1 {
			t.Errorf("line %d has %d items with relevance %v, want 12, descending", k+1, len(a.Output.Items), r)
		}
	}
	_, err := ask("none", "PUBLISHER", version)
	f.refused("an itemName that is no field", err, "PUBLISHER")
	_, sims := f.train("sims", "aws-sims")
	_, err = ask("sims", "TITLE", sims)
	f.refused("themes of aws-sims", err, "aws-similar-items")
}

// Without an Actions dataset there is nothing to recommend.
func (f *films) testNoActions(t *testing.T) {
	solution := f.active(f.Solution(t.Context(), "inactive", f.group, "aws-next-best-action"))
	reason := f.settled(ok[string](t)(f.Version(t.Context(), solution)), clienttest.Failed)
	if !strings.Contains(reason, "an Actions dataset with at least 1 action; found 0") {
		t.Errorf("failureReason is %q, want the Actions dataset in it", reason)
	}
}

const (
	actionSchema = `{"type":"record","name":"Actions","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"ACTION_ID","type":"string"},{"name":"VALUE","type":["null","long"]},{"name":"REPEAT_FREQUENCY","type":["null","long"]}]}`
	offerSchema = `{"type":"record","name":"ActionInteractions","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"USER_ID","type":"string"},{"name":"ACTION_ID","type":"string"},{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}]}`
)

// Actions are learned of from their own datasets, and measured as the service measures them.
func TestNextBestAction(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "offers"))}
	d := recipetest.Offers()
	events, offers := "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n", "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\n"
	for u := range d.Users.Len() {
		items, times := d.History(u)
		for k, i := range items {
			events += fmt.Sprintf("%s,%s,watch,%d\n", d.Users.At(u), d.Items.At(int(i)), times[k])
		}
	}
	for _, e := range d.Actions.Events {
		offers += fmt.Sprintf("%s,%s,%s,%d\n", d.Users.At(int(e.User)), d.Actions.Names.At(int(e.Action)), [...]string{"", "Taken", "Not taken", "Viewed"}[e.Kind], e.Time)
	}
	for kind, table := range map[string][2]string{
		"Interactions": {synth.InteractionsSchema, events}, "Actions": {actionSchema, "ACTION_ID,VALUE,REPEAT_FREQUENCY\na0,5,\na1,,7\na2,,\na3,1,\n"},
		"Action_Interactions": {offerSchema, offers},
	} {
		set := s.active(s.Dataset(ctx, f.group, kind, table[0]))
		f.bring(strings.ReplaceAll(kind, "_", "-"), set, f.put(kind+".csv", []byte(table[1])), types.ImportModeFull)
	}
	_, version := f.train("offers", "aws-next-best-action")
	m := f.metrics(version)
	want := []string{"area_under_curve", "coverage", "normalized_discounted_cumulative_gain_at_10", "normalized_discounted_cumulative_gain_at_25",
		"normalized_discounted_cumulative_gain_at_5", "precision", "recall"}
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, want) {
		t.Errorf("metrics are %v, want %v", got, want)
	}
	if m["coverage"] != 1 || m["recall"] <= 0 || m["precision"] <= 0 {
		t.Errorf("metrics are %v, want all four actions recommended and some of them taken", m)
	}
	_, err := f.Infer(ctx, clienttest.Batch{Name: "offers", Version: version, Input: "in/users.json", Output: "out/offers/"})
	f.refused("a batch inference job of actions", err, "aws-next-best-action")
	_, err = f.configured("yearly", "aws-next-best-action", &types.SolutionConfig{FeatureTransformationParameters: map[string]string{"action_optimization_period": "365"}})
	f.refused("a period of 365 days", err, "action_optimization_period", "from 7 to 28")
}
