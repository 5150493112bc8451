package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/kindredrec/kindred/internal/evaluation"
	"github.com/kindredrec/kindred/internal/fault"
)

// evaluate runs the command line in a temporary folder of its own, which must be empty when it prints and in the end.
func evaluate(t *testing.T, args ...string) (string, error) {
	t.Helper()
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	var c cli
	out := &lateBuffer{t: t, temp: temp}
	parser, err := kong.New(&c, kong.Name("kindred"), kong.Writers(out, out))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"evaluate"}, args...)); err != nil {
		t.Fatal(err)
	}
	err = c.Evaluate.evaluate(t.Context(), slog.New(slog.DiscardHandler), out)
	out.check("in the end")
	return out.String(), err
}

// A lateBuffer is written to only when nothing is left in the temporary folder.
type lateBuffer struct {
	bytes.Buffer
	t    *testing.T
	temp string
}

func (b *lateBuffer) Write(p []byte) (int, error) {
	b.check("while printing")
	return b.Buffer.Write(p)
}

func (b *lateBuffer) check(when string) {
	b.t.Helper()
	if left, err := os.ReadDir(b.temp); err != nil || len(left) > 0 {
		b.t.Errorf("%s there is %v in the temporary folder, %v; want nothing", when, left, err)
	}
}

// tastes is a file with two tastes: even users take the even items in turn, odd ones the odd items, everybody
// beginning elsewhere and leaving out the last one, which follows in the truth.
func tastes(t *testing.T) (train, truth string) {
	const users, items = 60, 12
	var a, b strings.Builder
	a.WriteString("USER_ID,ITEM_ID,TIMESTAMP\n")
	b.WriteString("USER_ID,ITEM_ID\n")
	for u := range users {
		for e := range items {
			item := (u/2+e)%items*2 + u%2
			if e < items-1 {
				fmt.Fprintf(&a, "u%d,i%02d,%d\n", u, item, 1000+e)
			} else {
				fmt.Fprintf(&b, "u%d,i%02d\n", u, item)
			}
		}
	}
	dir := t.TempDir()
	train, truth = filepath.Join(dir, "train.csv"), filepath.Join(dir, "truth.csv")
	for path, text := range map[string]string{train: a.String(), truth: b.String()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return train, truth
}

// There is one right answer for everybody: the item of their taste that they have not had. Popular items cannot
// tell the tastes apart.
func TestEvaluateJSON(t *testing.T) {
	train, truth := tastes(t)
	out, err := evaluate(t, train, "--split", "truth="+truth, "--k", "1,10", "--param", "hidden_dimension=32", "--json", "--threads", "1", "--seed", "5")
	if err != nil {
		t.Fatal(err)
	}
	var rep evaluation.Report
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if rep.Params["hidden_dimension"] != "32" || rep.Seed != 5 || rep.Recipe != "aws-user-personalization" || rep.Tested != 60 {
		t.Errorf("%s with %v, seed %d, on %d users; want aws-user-personalization, hidden_dimension 32, seed 5, 60", rep.Recipe, rep.Params, rep.Seed, rep.Tested)
	}
	if hits := rep.Model.Metrics["hr@1"].Mean; hits != 1 {
		t.Errorf("hr@1 = %v, want 1 of data with one right answer", hits)
	}
	if hits := rep.Baseline.Metrics["hr@1"].Mean; hits > 0.6 {
		t.Errorf("hr@1 of popular items = %v, want a half at best", hits)
	}
}

func TestEvaluateTable(t *testing.T) {
	train, truth := tastes(t)
	out, err := evaluate(t, train, "--split", "truth="+truth, "--k", "1,10")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"aws-user-personalization on train.csv, split truth=truth.csv, seed 1, seen items: exclude\n",
		"learned from 660 interactions of 60 users with 24 items; tested on 60 users\n",
		"hr@1 1.0000 ± 0.0000 ",
		"precision@10 0.1000 ± 0.0000 ",
		"\ncoverage@10 ", "\ntraining ", "\npeak memory ",
		"\nhistory users precision@10 recall@10 ndcg@10 mrr@10 hr@10\n11 to 11 60 0.1000 ± 0.0000 ",
	} {
		// However the columns are aligned.
		if !strings.Contains(squeeze(out), want) {
			t.Errorf("the table has no %q:\n%s", want, out)
		}
	}
}

// squeeze makes every run of spaces one.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func TestEvaluateWrong(t *testing.T) {
	train, _ := tastes(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{train, "--recipe", "aws-item-affinity"}, "There is no recipe aws-item-affinity that ranks items."},
		{[]string{train, "--split", "half"}, `The split is "half"`},
		{[]string{train, "--threads=-1"}, "The number of threads is -1; expected at least 1."},
		{[]string{train, "--schema", train}, "The schema is not a JSON object"},
	} {
		out, err := evaluate(t, c.args...)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), c.want) || out != "" {
			t.Errorf("evaluate %q = %q, %v; want nothing printed and a sentence with %s", c.args[1:], out, err, c.want)
		}
	}
}

// The figures of docs/measurements/accuracy.md come back, a little below to allow for other processors.
func TestEvaluateMovieLens(t *testing.T) {
	given := os.Getenv("KINDRED_TESTDATA")
	dir := filepath.Join(cmp.Or(given, "../../../shared/data"), "movielens-100k", "split-last10")
	if _, err := os.Stat(filepath.Join(dir, "truth.csv.gz")); err != nil {
		if given != "" || os.Getenv("CI") != "" {
			t.Fatalf("MovieLens-100k is missing: %v", err)
		}
		t.Skipf("MovieLens-100k is missing: %v; set KINDRED_TESTDATA to the folder that holds movielens-100k", err)
	}
	out, err := evaluate(t, filepath.Join(dir, "train_interactions.csv.gz"), "--split", "truth="+filepath.Join(dir, "truth.csv.gz"), "--json")
	if err != nil {
		t.Fatal(err)
	}
	var rep evaluation.Report
	if err := json.Unmarshal([]byte(out), &rep); err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]float64{"precision@10": 0.128, "ndcg@10": 0.185, "recall@20": 0.265} {
		if got := rep.Model.Metrics[name].Mean; got < least {
			t.Errorf("%s = %.4f, want at least %.3f", name, got, least)
		}
	}
	// Counted apart from this program: users per item, ties by id.
	for name, want := range map[string]float64{
		"precision@10": 0.0676, "recall@20": 0.1104, "ndcg@10": 0.0855, "ndcg@25": 0.1007, "mrr@10": 0.1687, "mrr@25": 0.1788, "hr@5": 0.2715, "hr@20": 0.5239,
	} {
		if got := rep.Baseline.Metrics[name].Mean; got < want-5e-5 || got > want+5e-5 {
			t.Errorf("%s of popular items = %.5f, want %.4f", name, got, want)
		}
	}
}
