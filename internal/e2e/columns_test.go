package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
)

const genreSchema = `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
	`{"name":"ITEM_ID","type":"string"},{"name":"GENRE","type":"string","categorical":true},{"name":"SIZE","type":["null","float"]},{"name":"CREATION_TIMESTAMP","type":"long"}]}`

// genres are 40 items of five genres, which have nothing to do with who visits them, and one that nobody has visited, of the
// genre of those whose number leaves 3.
func genres() string {
	table := "ITEM_ID,GENRE,SIZE,CREATION_TIMESTAMP\n"
	for i := range 40 {
		table += fmt.Sprintf("i%02d,genre %d,%d,1600000000\n", i, i%5, i*7%40)
	}
	return table + "new,genre 3,,1600000000\n"
}

// What an item nobody has met is like is known from its fields, and only from those that the solution lets count.
func TestColumns(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "shelves"))}
	f.bring("visits", s.active(s.Dataset(ctx, f.group, "Interactions", domainEvents)), f.put("visits.csv", []byte(visits("View", "Purchase", 17))), types.ImportModeFull)
	f.bring("items", s.active(s.Dataset(ctx, f.group, "Items", genreSchema)), f.put("items.csv", []byte(genres())), types.ImportModeFull)
	f.put("in/new.json", []byte(`{"itemId":"new"}`))
	for name, c := range map[string]struct {
		columns *types.TrainingDataConfig
		genre   bool
	}{
		"all":      {nil, true},
		"excluded": {&types.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Items": {"GENRE"}}}, false},
		"other":    {&types.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Items": {"SIZE"}}}, true},
		"included": {&types.TrainingDataConfig{IncludedDatasetColumns: map[string][]string{"ITEMS": {"genre"}}}, true},
		"without":  {&types.TrainingDataConfig{IncludedDatasetColumns: map[string][]string{"Items": {"SIZE"}}}, false},
	} {
		out := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(ctx, &personalize.CreateSolutionInput{
			Name: &name, DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-similar-items"), PerformAutoTraining: aws.Bool(false),
			SolutionConfig: &types.SolutionConfig{TrainingDataConfig: c.columns},
		}))
		version := f.active(f.Version(ctx, f.active(*out.SolutionArn, nil)))
		var a answer
		if err := json.Unmarshal(f.infer(clienttest.Batch{Name: name, Version: version, Input: "in/new.json", Results: 8}), &a); err != nil {
			t.Fatal(err)
		}
		same := 0
		for _, id := range a.Output.Items {
			var i int
			if _, err := fmt.Sscanf(id, "i%d", &i); err == nil && i%5 == 3 {
				same++
			}
		}
		if c.genre && same != 8 || !c.genre && same > 4 {
			t.Errorf("%s: %d of the 8 items %v are of the genre; want all where it counts, and few where it does not", name, same, a.Output.Items)
		}
	}
}

// A recommender is trained again when a week has passed and there is something new, and when an update changes the columns that
// it learns from; it stays ACTIVE meanwhile.
func TestRecommenderRetrains(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	s := startAt(t, dir, c.now)
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	table := "ITEM_ID,GENRES,CREATION_TIMESTAMP\n"
	for i := range 40 {
		table += fmt.Sprintf("i%02d,genre %d,1690000000\n", i, i%5)
	}
	group := s.domainGroup("screen", types.DomainVideoOnDemand, map[string][2]string{
		"Interactions": {domainEvents, visits("Watch", "Click", 10)}, "Items": {videos, table},
	})
	name := s.active(s.recommender("like", group, "aws-vod-more-like-x"))
	models := func() (found []string) {
		for _, path := range ok[[]string](t)(filepath.Glob(filepath.Join(dir, "own", "recommenders", "*", "*", "like", "*"))) {
			found = append(found, filepath.Base(path))
		}
		return found
	}
	describe := func() *types.Recommender {
		return ok[*personalize.DescribeRecommenderOutput](t)(s.API.DescribeRecommender(ctx, &personalize.DescribeRecommenderInput{RecommenderArn: &name})).Recommender
	}
	s.tick(c, 8*24*time.Hour)
	first := describe()
	if got := models(); len(got) != 1 || got[0] != "model" {
		t.Fatalf("with nothing new there are the models %v, want the first alone", got)
	}

	more := ok[string](t)(s.Put(ctx, "more.csv", []byte(visits("Click", "Watch", 20))))
	set := "arn:aws:personalize:us-east-1:000000000000:dataset/screen/INTERACTIONS"
	s.active(s.Import(ctx, "more", set, more, types.ImportModeIncremental))
	s.tick(c, 16*24*time.Hour)
	s.until("the recommender is trained again", func() bool { return describe().LastUpdatedDateTime.After(*first.LastUpdatedDateTime) })
	if r := describe(); *r.Status != clienttest.Active || len(r.ModelMetrics) == 0 || len(models()) != 2 {
		t.Errorf("after new data the recommender is %s with metrics %v and models %v, want ACTIVE and a second model", *r.Status, r.ModelMetrics, models())
	}

	update := func(columns *types.TrainingDataConfig) string {
		t.Helper()
		ok[*personalize.UpdateRecommenderOutput](t)(s.API.UpdateRecommender(ctx, &personalize.UpdateRecommenderInput{
			RecommenderArn: &name, RecommenderConfig: &types.RecommenderConfig{TrainingDataConfig: columns},
		}))
		if r := describe(); *r.Status != clienttest.Active {
			t.Errorf("during an update the recommender is %s", *r.Status)
		}
		s.until("the update is settled", func() bool {
			u := describe().LatestRecommenderUpdate
			return *u.Status == clienttest.Active || *u.Status == clienttest.Failed
		})
		return *describe().LatestRecommenderUpdate.Status
	}
	model := func(name string) []byte {
		paths := ok[[]string](t)(filepath.Glob(filepath.Join(dir, "own", "recommenders", "*", "*", "like", name)))
		if len(paths) != 1 {
			t.Fatalf("files of the recommender are %v, want one called %s", models(), name)
		}
		return ok[[]byte](t)(os.ReadFile(paths[0]))
	}
	with := model("model-2")
	if status := update(&types.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Items": {"GENRES"}}}); status != clienttest.Active {
		t.Errorf("the update to fewer columns is %s: %s", status, *describe().LatestRecommenderUpdate.FailureReason)
	}
	if got := describe().RecommenderConfig.TrainingDataConfig; got == nil || len(got.ExcludedDatasetColumns["Items"]) != 1 {
		t.Errorf("trainingDataConfig is %+v, want the new one", got)
	}
	if bytes.Equal(model("model"), with) {
		t.Error("the model without genres is the one with genres")
	}
	if status := update(nil); status != clienttest.Active || !bytes.Equal(model("model-2"), with) {
		t.Errorf("the update back to all columns is %s; want it ACTIVE with the model there was before", status)
	}
}
