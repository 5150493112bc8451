package train_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

const solution = arn.ARN("arn:aws:personalize:us-east-1:000000000000:solution/s")

// A named toy is another recipe.
type named struct {
	toy
	name string
}

func (n named) Info() recipe.Info {
	i := n.toy.Info()
	i.Name = n.name
	return i
}

// Open opens the toy's model; the embedded one would do the same under another name.
func (n named) Open(f *artifact.File) (recipe.Model, error) { return n.toy.Open(f) }

// chooser is a world with the recipes silent, which answers nothing, fussy, which refuses the data, and helpful.
func chooser(t *testing.T, began func(name string)) *world {
	var w *world
	all := []recipe.Entry{}
	for _, name := range []string{"silent", "fussy", "helpful"} {
		r := named{toy{func(context.Context, recipe.Training) error {
			began(name)
			if name == "fussy" {
				return fault.Newf(fault.Invalid, "The data has 3 cold items; expected 100.")
			}
			return nil
		}}, name}
		all = append(all, recipe.Entry{Info: r.Info(), Trainer: r})
	}
	w = newWorld(t, toy{})
	w.cfg.Recipes = all
	now := time.UnixMilli(1754300001112)
	rec := catalog.Record{ARN: solution, Account: account + "/" + region, Kind: arn.Solution, Status: "ACTIVE", Created: now, Updated: now}
	if err := catalog.Insert(t.Context(), w.db, rec, api.Solution{Name: "s", Status: "ACTIVE"}, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// choosing orders a version that chooses.
func (w *world) choosing(candidates ...train.Candidate) {
	w.t.Helper()
	o := train.Order{Candidates: candidates, Group: group, Recipe: candidates[0].Recipe, Seed: 1}
	now := time.UnixMilli(1754300001112)
	rec := catalog.Record{ARN: version, Account: account + "/" + region, Kind: arn.SolutionVersion, Parent: solution, Status: "CREATE PENDING", Created: now, Updated: now}
	err := catalog.Insert(w.t.Context(), w.db, rec, map[string]string{"status": "CREATE PENDING"}, &catalog.Work{Owner: version, Kind: train.FlowKind, Payload: encode(w.t, o)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

// The recipe that does best becomes the version's, with its hyperparameters searched if they are to be; one that
// refuses the data is left out, and the solution tells which it was.
func TestChoose(t *testing.T) {
	var mu sync.Mutex
	var began []string
	w := chooser(t, func(name string) { mu.Lock(); began = append(began, name); mu.Unlock() })
	w.choosing(
		train.Candidate{Recipe: "silent", Params: answer("nothing")}, train.Candidate{Recipe: "fussy", Params: answer("items")},
		train.Candidate{Recipe: "helpful", Params: answer("items"), Tuned: []string{"answer"}, Trials: []map[string]string{answer("nothing"), answer("items")}},
	)
	w.await("train done")
	doc, rec := w.get()
	const want = "arn:aws:personalize:::recipe/helpful"
	if doc.RecipeArn != want || rec.Status != "ACTIVE" || doc.TunedHPOParams == nil || doc.TunedHPOParams.AlgorithmHyperParameters["answer"] != "items" {
		t.Errorf("the version is %s, want one of %s with what was tuned", rec.Doc, want)
	}
	sol, _, err := catalog.Load[api.Solution](t.Context(), w.db, solution)
	if err != nil || sol.AutoMLResult == nil || sol.AutoMLResult.BestRecipeArn != want || sol.Status != "ACTIVE" || sol.Name != "s" {
		t.Errorf("the solution is %+v, %v; want %s in autoMLResult", sol, err, want)
	}
	if got := fmt.Sprint(began); got != "[silent fussy helpful helpful helpful helpful helpful]" {
		t.Errorf("trained %s, want each once, then two trials, a measurement and the model of the best", got)
	}
	st, err := train.StateOf(rec)
	if err != nil || st.Order.Recipe != "helpful" || st.Order.Params["answer"] != "items" {
		t.Errorf("state %+v, %v", st, err)
	}
	v, err := w.cfg.Open(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
}

// When the time for choosing is over, what was tried decides.
func TestChooseInTime(t *testing.T) {
	var mu sync.Mutex
	at := time.UnixMilli(1754300001112)
	w := chooser(t, func(string) { mu.Lock(); at = at.Add(time.Hour); mu.Unlock() })
	w.cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	w.cfg.Choosing = time.Minute
	w.choosing(train.Candidate{Recipe: "silent", Params: answer("nothing")}, train.Candidate{Recipe: "helpful", Params: answer("items")})
	w.await("train done")
	if doc, rec := w.get(); doc.RecipeArn != "arn:aws:personalize:::recipe/silent" {
		t.Errorf("the version is %s, want one of silent, the only one there was time for", rec.Doc)
	}
}

func TestChooseNone(t *testing.T) {
	w := chooser(t, func(string) {})
	w.choosing(train.Candidate{Recipe: "fussy", Params: answer("items")})
	w.await("train failed")
	if doc, rec := w.get(); rec.Status != "CREATE FAILED" || !strings.Contains(doc.FailureReason, "The data has 3 cold items; expected 100.") {
		t.Errorf("the version is %s, want the refusal as its failureReason", rec.Doc)
	}
}
