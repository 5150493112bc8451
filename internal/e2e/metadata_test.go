package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/personalize"
	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
	"github.com/kindredrec/kindred/internal/synth"
)

const (
	tasteSchema = `{"type":"record","name":"Items","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"ITEM_ID","type":"string"},{"name":"GENRE","type":"string","categorical":true}]}`
	kindSchema = `{"type":"record","name":"Users","namespace":"com.amazonaws.personalize.schema","version":"1.0","fields":[` +
		`{"name":"USER_ID","type":"string"},{"name":"KIND","type":"string","categorical":true}]}`
)

// tastes are interactions of 120 users, the even ones with even items and the odd ones with odd ones; these items and six more
// that nobody has met, n0 to n5, with their genre; and the users with their kind and one more of each, who have done nothing.
func tastes() (events, items, users string) {
	var e, i, u strings.Builder
	e.WriteString("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n")
	i.WriteString("ITEM_ID,GENRE\n")
	u.WriteString("USER_ID,KIND\n")
	for user := range 120 {
		fmt.Fprintf(&u, "u%03d,%s\n", user, parity(user))
		for k := range 10 {
			fmt.Fprintf(&e, "u%03d,i%02d,watch,%d\n", user, (user/2+k*k+user/40)%20*2+user%2, 1600000000+86400*k+user)
		}
	}
	for item := range 40 {
		fmt.Fprintf(&i, "i%02d,%s\n", item, parity(item))
	}
	for item := range 6 {
		fmt.Fprintf(&i, "n%d,%s\n", item, parity(item))
	}
	return e.String(), i.String(), u.String() + "quiet even,even\nquiet odd,odd\n"
}

func parity(n int) string { return [...]string{"even", "odd"}[n%2] }

// What is known of items that nobody has met and of users who have done nothing decides what these are recommended to and are
// recommended, from import to the output of a batch job, unless the solution leaves its columns out.
func TestMetadata(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := t.Context()
	if err := s.MakeBucket(ctx); err != nil {
		t.Fatal(err)
	}
	f := &films{server: s, world: &world{}, group: s.active(s.Group(ctx, "tastes"))}
	events, items, users := tastes()
	f.bring("events", s.active(s.Dataset(ctx, f.group, "Interactions", synth.InteractionsSchema)), f.put("events.csv", []byte(events)), types.ImportModeFull)
	f.bring("items", s.active(s.Dataset(ctx, f.group, "Items", tasteSchema)), f.put("items.csv", []byte(items)), types.ImportModeFull)
	f.bring("users", s.active(s.Dataset(ctx, f.group, "Users", kindSchema)), f.put("users.csv", []byte(users)), types.ImportModeFull)
	f.put("in/few.json", []byte("{\"userId\":\"u000\"}\n{\"userId\":\"u001\"}\n{\"userId\":\"quiet even\"}\n{\"userId\":\"quiet odd\"}\n"))
	for _, recipe := range []string{"aws-user-personalization", "aws-user-personalization-v2", "aws-hrnn-metadata"} {
		told := f.fitting(t, recipe, recipe, nil)
		if told.fresh != 2 || told.quiet < 9 {
			t.Errorf("%s: for %d of 2 users the new items of their taste come first, and of the first 5 for each quiet user %d of 10 are of their kind; want both and nearly all",
				recipe, told.fresh, told.quiet)
		}
	}
	untold := f.fitting(t, "left-out", "aws-user-personalization", &types.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Items": {"GENRE"}, "Users": {"KIND"}}})
	if untold.fresh == 2 || untold.quiet >= 9 {
		t.Errorf("with the columns left out, for %d of 2 users the new items of their taste come first, and %d of 10 are of the quiet users' kind; want neither", untold.fresh, untold.quiet)
	}
}

// A fit is how well answers to f's few questions fit.
type fit struct {
	fresh int // users whose first three new items are of their taste
	quiet int // of the first five items of each quiet user, those of the kind
}

func (f *films) fitting(t *testing.T, name, recipe string, columns *types.TrainingDataConfig) (n fit) {
	t.Helper()
	out := ok[*personalize.CreateSolutionOutput](t)(f.API.CreateSolution(t.Context(), &personalize.CreateSolutionInput{
		Name: &name, DatasetGroupArn: &f.group, RecipeArn: aws.String("arn:aws:personalize:::recipe/" + recipe), PerformAutoTraining: aws.Bool(false),
		SolutionConfig: &types.SolutionConfig{TrainingDataConfig: columns},
	}))
	version := f.active(f.Version(t.Context(), f.active(*out.SolutionArn, nil)))
	batch := clienttest.Batch{Name: name, Version: version, Input: "in/few.json", Results: 46}
	if recipe == "aws-user-personalization" {
		batch.Config = greedy
	}
	for k, line := range bytes.Split(bytes.TrimSpace(f.infer(batch)), []byte("\n")) {
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		fresh, right := 0, 0
		for _, id := range a.Output.Items {
			if id[0] == 'n' && fresh < 3 {
				fresh++
				if int(id[1])%2 == k%2 {
					right++
				}
			}
		}
		if k < 2 && right == 3 {
			n.fresh++
		}
		if k >= 2 {
			for _, id := range a.Output.Items[:5] {
				if int(id[len(id)-1])%2 == k%2 {
					n.quiet++
				}
			}
		}
	}
	return n
}
