package service

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe/builtin"
	"github.com/kindredrec/kindred/internal/train"
)

// A world is a service whose jobs go forward only when the test says so.
type world struct {
	t     testing.TB
	ctx   context.Context
	svc   *Service
	db    *sqlite.DB
	flows map[string]job.Flow
	at    time.Time
}

// still is an engine that does nothing by itself.
type still struct{ job.Queue }

func (still) Start(context.Context, ...job.Flow) error { return nil }
func (still) Stop(context.Context) error               { return nil }
func (still) Wake()                                    {}

func newWorld(t testing.TB, q Quotas) *world {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Memory, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{
		t: t, db: db, at: time.UnixMilli(1_754_300_001_112), flows: map[string]job.Flow{},
		ctx: auth.WithCaller(context.Background(), auth.Caller{Account: "111122223333", Region: "eu-west-1"}),
	}
	// Every moment is another one, so that newest is not a matter of names.
	now := func() time.Time { w.at = w.at.Add(time.Millisecond); return w.at }
	w.svc = New(Config{Store: db, Engine: still{db}, Recipes: builtin.Catalogue(), Quotas: q, Now: now})
	untaught := job.Flow{
		Kind: train.FlowKind, Begin: moveTo(InProgress, now), Run: func(context.Context, *job.Run) error { return nil },
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			return Settle(ctx, tx, j.Owner, now(), failure, nil)
		},
	}
	again := Revising(job.Flow{
		Kind: train.RetrainKind, Run: untaught.Run, Settle: func(context.Context, catalog.Store, job.Job, error) error { return nil },
	}, now)
	for _, f := range append(Flows(mem.New(), now), untaught, again) {
		w.flows[f.Kind] = w.svc.FollowLatest(f)
	}
	return w
}

// begin claims the oldest job that waits.
func (w *world) begin() (job.Job, bool) {
	w.t.Helper()
	kinds := slices.Sorted(maps.Keys(w.flows))
	j, ok, err := w.db.Claim(w.ctx, "test", kinds, time.Hour, func(tx catalog.Store, j job.Job) error {
		return w.flows[j.Kind].Begin(w.ctx, tx, j)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return j, ok
}

// end settles a job that was claimed.
func (w *world) end(j job.Job, failure error) {
	w.t.Helper()
	f := w.flows[j.Kind]
	if failure == nil {
		failure = f.Run(w.ctx, &job.Run{Job: j})
	}
	err := w.db.Finish(w.ctx, j.ID, "test", func(tx catalog.Store) error { return f.Settle(w.ctx, tx, j, failure) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// settle does everything that waits.
func (w *world) settle() {
	w.t.Helper()
	for {
		j, ok := w.begin()
		if !ok {
			return
		}
		w.end(j, nil)
	}
}

func name(kind, n string) string { return arn.New("eu-west-1", "111122223333", kind, n).String() }

// must fails the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// kind returns the kind of a failure, and "" for none.
func kind(err error) string {
	if err == nil {
		return ""
	}
	return fault.KindOf(err).String()
}

// group makes a dataset group with an Interactions dataset.
func (w *world) group(n, domain string) string {
	w.t.Helper()
	g := must[*api.CreateDatasetGroupResponse](w.t)(w.svc.CreateDatasetGroup(w.ctx, &api.CreateDatasetGroupRequest{Name: n, Domain: domain}))
	w.settle()
	s := must[*api.CreateSchemaResponse](w.t)(w.svc.CreateSchema(w.ctx, &api.CreateSchemaRequest{Name: n, Schema: trackedSchema, Domain: domain}))
	must[*api.CreateDatasetResponse](w.t)(w.svc.CreateDataset(w.ctx, &api.CreateDatasetRequest{
		Name: n, DatasetGroupArn: g.DatasetGroupArn, SchemaArn: s.SchemaArn, DatasetType: "Interactions",
	}))
	w.settle()
	return g.DatasetGroupArn
}

// solution makes a solution.
func (w *world) solution(n, group string) string {
	w.t.Helper()
	s := must[*api.CreateSolutionResponse](w.t)(w.svc.CreateSolution(w.ctx, &api.CreateSolutionRequest{
		Name: n, DatasetGroupArn: group, RecipeArn: arn.Service(arn.RecipeKind, "aws-user-personalization").String(), PerformAutoTraining: ptr(false),
	}))
	w.settle()
	return s.SolutionArn
}

// train begins a version of a solution.
func (w *world) train(solution string) string {
	w.t.Helper()
	return must[*api.CreateSolutionVersionResponse](w.t)(w.svc.CreateSolutionVersion(w.ctx, &api.CreateSolutionVersionRequest{SolutionArn: solution})).SolutionVersionArn
}
