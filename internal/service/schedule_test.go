package service

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
	"github.com/kindredrec/kindred/internal/train"
)

const day = 24 * time.Hour

// trained makes a solution that trains by itself on a schedule.
func (w *world) trained(n, group, schedule string) string {
	w.t.Helper()
	in := &api.CreateSolutionRequest{Name: n, DatasetGroupArn: group, RecipeArn: arn.Service(arn.RecipeKind, "aws-user-personalization").String()}
	if schedule != "" {
		in.SolutionConfig = &api.SolutionConfig{AutoTrainingConfig: &api.AutoTrainingConfig{SchedulingExpression: schedule}}
	}
	s := must[*api.CreateSolutionResponse](w.t)(w.svc.CreateSolution(w.ctx, in))
	w.settle()
	return s.SolutionArn
}

// bring adds interactions to a group, as an import does.
func (w *world) bring(group, key string) { w.bringTo(group, dataset.Interactions, key) }

// bringTo adds data to a group's dataset of a type.
func (w *world) bringTo(group, datasetType, key string) {
	w.t.Helper()
	name := dataset.Name(arn.ARN(group), datasetType)
	err := catalog.Change(w.ctx, w.db, name, func(rec *catalog.Record) error {
		st, err := dataset.StateOf(*rec)
		if err != nil {
			return err
		}
		rec.Extra, err = json.Marshal(st.With(dataset.Segment{Key: key, Origin: dataset.Bulk, Rows: 1}, false))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// turn turns the clock on and lets what is due begin and end: versions become ACTIVE with the data there is.
func (w *world) turn(d time.Duration, group, solution string) (next time.Duration) {
	w.t.Helper()
	w.at = w.at.Add(d)
	at := must[time.Time](w.t)(w.svc.Tick(w.ctx))
	w.settle()
	parts := must[dataset.Parts](w.t)(dataset.ReadParts(w.ctx, w.db, arn.ARN(group)))
	for _, v := range w.versions(solution) {
		err := catalog.Change(w.ctx, w.db, arn.ARN(v.SolutionVersionArn), func(rec *catalog.Record) (err error) {
			if len(rec.Extra) == 0 {
				rec.Extra, err = json.Marshal(train.State{Data: train.Fingerprint(parts), Items: train.FingerprintItems(parts)})
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	if at.IsZero() {
		return 0
	}
	return at.Sub(w.at).Round(time.Minute)
}

// versions returns the versions of a solution, oldest first.
func (w *world) versions(solution string) []api.SolutionVersionSummary {
	w.t.Helper()
	return must[*api.ListSolutionVersionsResponse](w.t)(w.svc.ListSolutionVersions(w.ctx, &api.ListSolutionVersionsRequest{SolutionArn: solution})).SolutionVersions
}

// types says who asked for the versions.
func (w *world) types(solution string) (out []string) {
	w.t.Helper()
	for _, v := range w.versions(solution) {
		out = append(out, v.TrainingType)
	}
	return out
}

// A step of a schedule: the clock is turned by after, something may happen, and then it is looked who asked
// for the versions there are and when the next is due.
type step struct {
	after time.Duration
	do    string // "data", "train", "update", "off", "on", "restart"
	types string // one letter per version: A for AUTOMATIC, M for MANUAL
	next  time.Duration
}

func TestSchedules(t *testing.T) {
	for name, steps := range map[string][]step{
		"the first within an hour, then every seven days": {
			{do: "data", next: time.Hour},
			{after: 59 * time.Minute, next: time.Minute},
			{after: 2 * time.Minute, types: "A", next: 7 * day},
			{after: day, do: "data", types: "A", next: 6 * day},
			{after: 6 * day, types: "AA", next: 7 * day},
		},
		"nothing new, nothing trained": {
			{do: "data", next: time.Hour},
			{after: time.Hour, types: "A", next: 7 * day},
			{after: 8 * day, types: "A", next: 6 * day},
			{after: day, do: "data", types: "A", next: 5 * day}, // has to wait for its turn
			{after: 5 * day, types: "AA", next: 7 * day},
		},
		"no data, no training": {
			{after: 2 * time.Hour, next: 7*day - time.Hour},
			{do: "data", next: 7*day - time.Hour},
			{after: 7*day - time.Hour, types: "A", next: 7 * day},
		},
		"by hand within the hour": {
			{do: "data", next: time.Hour},
			{after: 30 * time.Minute, do: "train", types: "M", next: 30 * time.Minute},
			{after: time.Hour, types: "M", next: 7*day - time.Hour},
			{after: day, do: "data", types: "M", next: 6*day - time.Hour},
			{after: 6 * day, types: "MA", next: 7 * day},
		},
		"the interval runs from the last start": {
			{do: "data", next: time.Hour},
			{after: time.Hour, types: "A", next: 7 * day},
			{after: 5 * day, do: "data", types: "A", next: 2 * day},
			{do: "train", types: "AM", next: 2 * day},
			{do: "data", types: "AM", next: 2 * day},
			{after: 3 * day, types: "AM", next: 4 * day},
			{after: 4 * day, types: "AMA", next: 7 * day},
		},
		"an update begins anew": {
			{do: "data", next: time.Hour},
			{after: time.Hour, types: "A", next: 7 * day},
			{after: day, do: "data", types: "A", next: 6 * day},
			{do: "update", types: "A", next: time.Hour},
			{after: time.Hour, types: "AA", next: 2 * day},
		},
		"off and on": {
			{do: "data", next: time.Hour},
			{do: "off"},
			{after: 30 * day},
			{do: "on", next: time.Hour},
			{after: time.Hour, types: "A", next: 7 * day},
		},
		"a restart forgets nothing": {
			{do: "data", next: time.Hour},
			{after: time.Hour, types: "A", next: 7 * day},
			{after: day, do: "restart", types: "A", next: 6 * day},
			{do: "data", types: "A", next: 6 * day},
			{after: 9 * day, do: "restart", types: "AA", next: 7 * day}, // it was down when it was due
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Quotas{})
			g := w.group("g", "")
			s := w.trained("s", g, "")
			for k, st := range steps {
				w.do(st, g, s)
				got := w.turn(0, g, s)
				var types string
				for _, x := range w.types(s) {
					types += x[:1]
				}
				if types != st.types || got != st.next {
					t.Fatalf("step %d: versions %q, the next in %v; want %q, %v", k+1, types, got, st.types, st.next)
				}
			}
		})
	}
}

// do turns the clock and lets the step's event happen.
func (w *world) do(st step, group, solution string) {
	w.t.Helper()
	if st.after > 0 && st.do != "restart" {
		if st.do == "" {
			w.at = w.at.Add(st.after)
		} else {
			w.turnQuietly(st.after, group, solution)
		}
	}
	switch st.do {
	case "data":
		w.bring(group, w.at.String())
	case "train":
		w.train(solution)
		w.settle()
	case "update", "off", "on":
		in := &api.UpdateSolutionRequest{SolutionArn: solution}
		switch st.do {
		case "update":
			in.SolutionUpdateConfig = &api.SolutionUpdateConfig{AutoTrainingConfig: &api.AutoTrainingConfig{SchedulingExpression: "rate(2 days)"}}
		case "off":
			in.PerformAutoTraining = ptr(false)
		case "on":
			in.PerformAutoTraining = ptr(true)
		}
		must[*api.UpdateSolutionResponse](w.t)(w.svc.UpdateSolution(w.ctx, in))
		w.settle()
	case "restart":
		w.at = w.at.Add(st.after)
		w.svc = New(Config{Store: w.db, Engine: still{w.db}, Recipes: builtin.Catalogue(), Now: w.svc.now})
	}
}

// turnQuietly turns the clock in hours, so that what is due on the way begins on time.
func (w *world) turnQuietly(d time.Duration, group, solution string) {
	w.t.Helper()
	for ; d > 0; d -= time.Hour {
		w.turn(min(d, time.Hour), group, solution)
	}
}

// The schedule goes with its solution.
func TestScheduleGoes(t *testing.T) {
	w := newWorld(t, Quotas{})
	g := w.group("g", "")
	w.bring(g, "a")
	s := w.trained("s", g, "")
	if err := w.svc.DeleteSolution(w.ctx, &api.DeleteSolutionRequest{SolutionArn: s}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.at = w.at.Add(day)
	if next := must[time.Time](t)(w.svc.Tick(w.ctx)); !next.IsZero() {
		t.Errorf("the next training is due at %v", next)
	}
	if n := must[int](t)(w.db.Count(w.ctx, catalog.Query{Account: scheduleKind, Kind: scheduleKind})); n > 0 {
		t.Errorf("%d schedules are left", n)
	}
}

// What the schedule starts is a version as any other, but for its type; a quota makes it wait.
func TestAutomaticVersion(t *testing.T) {
	w := newWorld(t, Quotas{RunningVersions: 1})
	g := w.group("g", "")
	w.bring(g, "a")
	s := w.trained("s", g, "rate(1 day)")
	busy := w.train(w.solution("other", g))
	w.at = w.at.Add(time.Hour)
	if next := must[time.Time](t)(w.svc.Tick(w.ctx)); next.Sub(w.at).Round(time.Minute) != retryTraining || len(w.versions(s)) > 0 {
		t.Errorf("with the quota used up there are %d versions, the next is due in %v", len(w.versions(s)), next.Sub(w.at))
	}
	w.settle() // busy ends
	w.at = w.at.Add(retryTraining)
	next := must[time.Time](t)(w.svc.Tick(w.ctx))
	all := w.versions(s)
	if len(all) != 1 || all[0].TrainingType != "AUTOMATIC" || all[0].TrainingMode != "FULL" || all[0].Status != Pending {
		t.Errorf("versions %+v beside %s, want one that is AUTOMATIC, FULL and pending", all, busy)
	}
	if d := next.Sub(w.at).Round(time.Minute); d != day {
		t.Errorf("the next is due in %v, want a day", d)
	}
}

// A watched store counts the calls that look for what is due.
type watched struct {
	catalog.Store
	lists atomic.Int32
}

func (c *watched) List(ctx context.Context, q catalog.Query) ([]catalog.Record, string, error) {
	if q.Kind == scheduleKind {
		c.lists.Add(1)
	}
	return c.Store.List(ctx, q)
}

// The schedule runs by itself: it notices a new solution, trains when it is time, and reads nothing in
// between.
func TestKeepSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(context.Background(), sqlite.Memory, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		store := &watched{Store: db}
		w := newWorldOver(t, db, New(Config{Store: store, Engine: still{db}, Recipes: builtin.Catalogue(), Now: time.Now}))
		ctx, cancel := context.WithCancel(w.ctx)
		ended := make(chan struct{})
		go func() { w.svc.KeepSchedule(ctx); close(ended) }()
		synctest.Wait()
		looks := store.lists.Load()
		time.Sleep(30 * day)
		if n := store.lists.Load() - looks; n > 0 {
			t.Errorf("without a solution the catalog was read %d times in thirty days", n)
		}
		g := w.group("g", "")
		w.bring(g, "a")
		s := w.trained("s", g, "")
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if got := w.types(s); !slices.Equal(got, []string{"AUTOMATIC"}) {
			t.Errorf("after an hour there are versions %q, want an automatic one", got)
		}
		looks = store.lists.Load()
		time.Sleep(6 * day)
		if n := store.lists.Load() - looks; n > 0 {
			t.Errorf("the catalog was read %d times with nothing due for days", n)
		}
		cancel()
		<-ended
	})
}

// newWorldOver is a world of the real clock.
func newWorldOver(t *testing.T, db *sqlite.DB, svc *Service) *world {
	w := &world{t: t, db: db, svc: svc, ctx: auth.WithCaller(context.Background(), auth.Caller{Account: "111122223333", Region: "eu-west-1"})}
	w.flows = map[string]job.Flow{}
	for _, f := range Flows(mem.New(), svc.now) {
		w.flows[f.Kind] = f
	}
	return w
}
