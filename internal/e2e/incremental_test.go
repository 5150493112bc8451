package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
)

// A solution with performIncrementalUpdate takes a new book in half an hour after it came, without another training in full:
// it is among the neighbours of what it is like, and asking for it gives these.
func TestIncrementalUpdate(t *testing.T) {
	c := &clock{}
	s := startAt(t, t.TempDir(), c.now)
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "books"))}
	set := s.active(s.Dataset(ctx, f.group, "Items", bookSchema))
	f.bring("books", set, f.put("books.csv", []byte(books)), types.ImportModeFull)
	out := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(ctx, &personalize.CreateSolutionInput{
		Name: aws.String("like"), DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/aws-semantic-similarity"),
		PerformAutoTraining: aws.Bool(false), PerformIncrementalUpdate: aws.Bool(true),
	}))
	solution := f.active(*out.SolutionArn, nil)
	full := f.active(f.Version(ctx, solution))
	f.tick(c, 31*time.Minute)
	if got := f.versions(solution); len(got) != 1 {
		t.Fatalf("with nothing new there are %d versions, want one", len(got))
	}

	f.bring("more", set, f.put("more.csv", []byte("ITEM_ID,TITLE,ABOUT,CREATION_TIMESTAMP\n"+
		"b7,Sourdough at home,\"Flour, water, salt: baking sourdough in an oven.\",1700000001\n")), types.ImportModeIncremental)
	f.tick(c, 62*time.Minute)
	got := f.versions(solution)
	if len(got) != 2 || got[1].TrainingMode != types.TrainingModeUpdate || got[1].TrainingType != types.TrainingTypeAutomatic {
		t.Fatalf("with a new item there are versions %+v, want a second one, AUTOMATIC and UPDATE", got)
	}
	updated := *got[1].SolutionVersionArn
	f.settled(updated, clienttest.Active)
	if v, was := f.version(updated), f.version(full); !aws.ToBool(v.PerformIncrementalUpdate) || aws.ToBool(was.PerformIncrementalUpdate) {
		t.Errorf("performIncrementalUpdate is %v of the update and %v of the full version", v.PerformIncrementalUpdate, was.PerformIncrementalUpdate)
	}
	if a, b := f.metrics(full), f.metrics(updated); !maps.Equal(a, b) {
		t.Errorf("metrics %v, want those of the full version, %v", b, a)
	}
	f.put("in/new.json", []byte(`{"itemId":"b7"}`))
	f.put("in/old.json", []byte(`{"itemId":"b1"}`))
	nearest := func(job, version, input string) []string {
		var a answer
		if err := json.Unmarshal(f.infer(clienttest.Batch{Name: job, Version: version, Input: input, Results: 2}), &a); err != nil {
			t.Fatal(err)
		}
		return a.Output.Items
	}
	if items := nearest("new", updated, "in/new.json"); !slices.Contains(items, "b1") && !slices.Contains(items, "b2") {
		t.Errorf("the new book of baking is like %v, want others of baking", items)
	}
	if items := nearest("old", updated, "in/old.json"); !slices.Contains(items, "b7") {
		t.Errorf("a book of baking is like %v, want the new one among them", items)
	}
	if items := nearest("before", full, "in/old.json"); slices.Contains(items, "b7") {
		t.Errorf("before the update a book is like %v, which cannot be known", items)
	}
}
