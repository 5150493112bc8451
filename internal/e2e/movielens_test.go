package e2e

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/personalize/types"

	"github.com/kindredrec/kindred/internal/clienttest"
)

// movielens returns the folder of MovieLens-100k. Without it the test is skipped, or fails where the data
// was promised.
func movielens(t *testing.T) string {
	t.Helper()
	given := os.Getenv("KINDRED_TESTDATA")
	dir := filepath.Join(cmp.Or(given, "../../../shared/data"), "movielens-100k")
	if _, err := os.Stat(filepath.Join(dir, "split-last10", "truth.csv.gz")); err != nil {
		if given != "" || os.Getenv("CI") != "" {
			t.Fatalf("MovieLens-100k is missing: %v", err)
		}
		t.Skipf("MovieLens-100k is missing: %v; set KINDRED_TESTDATA to the folder that holds movielens-100k", err)
	}
	return dir
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	b := ok[[]byte](t)(os.ReadFile(path))
	z := ok[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(b)))
	return string(ok[[]byte](t)(io.ReadAll(z)))
}

// On each user's last films, the model beats popularity by at least 1.5 at precision@10 and ndcg@10. Both
// leave out what the user had before.
func TestBeatsPopularity(t *testing.T) {
	dir := movielens(t)
	s := start(t, t.TempDir())
	if err := s.MakeBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	truth, users := readPairs(unzipped(t, filepath.Join(dir, "split-last10", "truth.csv.gz")))
	f := &films{server: s, world: &world{users: users}, group: s.active(s.Group(t.Context(), "past"))}
	schema := string(ok[[]byte](t)(os.ReadFile(filepath.Join(dir, "interactions.schema.json"))))
	f.events = s.active(s.Dataset(t.Context(), f.group, "Interactions", schema))
	train := filepath.Join(dir, "split-last10", "train_interactions.csv.gz")
	had, _ := readPairs(unzipped(t, train))
	f.bring("train", f.events, f.put("train.csv.gz", ok[[]byte](t)(os.ReadFile(train))), types.ImportModeFull)
	filter := f.active(f.Filter(t.Context(), "unseen", f.group, unseen))

	lists := func(name, recipe string, config *types.BatchInferenceJobConfig) []answer {
		_, version := f.train(name, recipe)
		b := clienttest.Batch{Name: name, Version: version, Filter: filter, Config: config, Results: 500}
		return withoutHad(readAnswers(t, f.infer(b), users, 500), had)
	}
	p, n := quality(truth, lists("model", "aws-user-personalization", greedy))
	pp, pn := quality(truth, lists("popular", "aws-popularity-count", nil))
	t.Logf("precision@10 %.4f, of popularity %.4f (%.2f times); ndcg@10 %.4f, of popularity %.4f (%.2f times)", p, pp, p/pp, n, pn, n/pn)
	if pp == 0 || pn == 0 || p < 1.5*pp || n < 1.5*pn {
		t.Errorf("precision@10 %.4f and ndcg@10 %.4f, want at least 1.5 times %.4f and %.4f", p, n, pp, pn)
	}
}

// withoutHad takes out what users had long ago: a filter looks only at their newest events.
func withoutHad(answers []answer, had map[string]map[string]bool) []answer {
	for i := range answers {
		a := &answers[i]
		a.Output.Items = slices.DeleteFunc(a.Output.Items, func(item string) bool { return had[a.Input.UserID][item] })
	}
	return answers
}

// readPairs returns the items of each user, from a CSV whose first columns are user and item, and the
// users in order.
func readPairs(csv string) (items map[string]map[string]bool, users []string) {
	items = map[string]map[string]bool{}
	for _, row := range strings.Split(strings.TrimSpace(csv), "\n")[1:] {
		cells := strings.SplitN(strings.TrimSpace(row), ",", 3)
		note(items, cells[0], cells[1])
	}
	return items, slices.Sorted(maps.Keys(items))
}

// quality is the mean of precision@10 and of ndcg@10: the sum of 1/log2(rank+1) over the hits, over the
// same sum with all hits on top.
func quality(truth map[string]map[string]bool, answers []answer) (precision, ndcg float64) {
	for _, a := range answers {
		want := truth[a.Input.UserID]
		hits, gain, ideal := 0, 0.0, 0.0
		for rank, item := range a.Output.Items[:min(10, len(a.Output.Items))] {
			at := 1 / math.Log2(float64(rank+2))
			if want[item] {
				hits, gain = hits+1, gain+at
			}
			if rank < len(want) {
				ideal += at
			}
		}
		precision += float64(hits) / 10
		ndcg += gain / ideal
	}
	n := float64(len(truth))
	return precision / n, ndcg / n
}
