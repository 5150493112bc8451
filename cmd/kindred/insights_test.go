package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/evaluation"
)

// The table names what there is, what it will take and what is wrong with it; as JSON it is the same.
func TestInsights(t *testing.T) {
	train, _ := tastes(t)
	print := func(c insightsCmd) string {
		t.Helper()
		var out bytes.Buffer
		if err := c.print(t.Context(), slog.New(slog.DiscardHandler), &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	text := squeeze(print(insightsCmd{File: train}))
	for _, want := range []string{
		"660 interactions of 60 users with 24 items, from ", "60 users have two or more; 99 in 100 have at most 11, the longest history has 11\n",
		"\na training of aws-user-personalization about 7s ", "\na training of aws-user-personalization-v2 about 4s ",
		"\nfails There are 660 interactions; a training needs 1000.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the insights have no %q:\n%s", want, text)
		}
	}
	var in evaluation.Insights
	if err := json.Unmarshal([]byte(print(insightsCmd{File: train, JSON: true})), &in); err != nil {
		t.Fatal(err)
	}
	if in.Interactions != 660 || in.Items != 24 || len(in.Estimates) != 2 || len(in.Findings) == 0 || !in.Findings[0].Fatal {
		t.Errorf("as JSON the insights are %+v", in)
	}
	typed := filepath.Join(t.TempDir(), "typed.csv")
	if err := os.WriteFile(typed, []byte("USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\nu,i,watch,1\nu,j,watch,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := squeeze(print(insightsCmd{File: typed})); !strings.Contains(text, "\nevents watch 2\n") {
		t.Errorf("the insights have no line for the event type:\n%s", text)
	}
	err := (&insightsCmd{File: train + ".gone"}).print(t.Context(), slog.New(slog.DiscardHandler), &bytes.Buffer{})
	if err == nil || !strings.Contains(explain(err), "There is no file") {
		t.Errorf("of a file that is not there: %v", err)
	}
}
