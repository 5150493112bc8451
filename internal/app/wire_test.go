package app

import (
	"context"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/service"
	"github.com/kindredrec/kindred/internal/wire"
	"github.com/kindredrec/kindred/internal/wire/wiretest"
)

// An inline engine does the quick jobs before Wake returns, so that a conversation has one course. Longer
// ones stay CREATE PENDING.
type inline struct {
	t     *testing.T
	queue job.Queue
	flows map[string]job.Flow
}

func (e *inline) Start(context.Context, ...job.Flow) error    { return nil }
func (e *inline) Stop(context.Context) error                  { return nil }
func (e *inline) Cancel(ctx context.Context, o arn.ARN) error { return e.queue.Cancel(ctx, o) }

func (e *inline) Wake() {
	ctx := context.Background()
	kinds := []string{"create", "update", "delete"}
	for {
		var flow job.Flow
		j, ok, err := e.queue.Claim(ctx, "inline", kinds, time.Minute, func(tx catalog.Store, j job.Job) error {
			flow = e.flows[j.Kind]
			return flow.Begin(ctx, tx, j)
		})
		if err != nil {
			e.t.Error(err)
		}
		if err != nil || !ok {
			return
		}
		failure := flow.Run(ctx, &job.Run{Job: j})
		if err := e.queue.Finish(ctx, j.ID, "inline", func(tx catalog.Store) error { return flow.Settle(ctx, tx, j, failure) }); err != nil {
			e.t.Error(err)
			return
		}
	}
}

var versionID = regexp.MustCompile(`(solution/[a-z-]+/)[0-9a-f]{8}`)

// TestConversations plays what clients say to the control plane and what it answers, as it travels.
func TestConversations(t *testing.T) {
	files := []string{"groups", "schemas", "datasets", "recipes", "solutions", "filters", "batch", "tags", "pages"}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			at := time.UnixMilli(1_754_300_001_112)
			now := func() time.Time { return at }
			engine := &inline{t: t, queue: db, flows: map[string]job.Flow{}}
			for _, f := range service.Flows(mem.New(), now) {
				engine.flows[f.Kind] = f
			}
			svc := service.New(service.Config{Store: db, Engine: engine, Recipes: recipes(), Quotas: service.DefaultQuotas(), Now: now})
			wiretest.Bound(t, svc)
			player := wiretest.Player{
				Handler: asCaller(wire.NewHandler(api.Bind(svc), wire.Options{})),
				Scrub:   func(s string) string { return versionID.ReplaceAllString(s, "${1}00000000") },
			}
			player.Play(t, "testdata/wire/"+name+".txt")
		})
	}
}

// asCaller lets every request come from one account, as the front does after the signature.
func asCaller(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(auth.WithCaller(r.Context(), auth.Caller{Account: "111122223333", Region: "eu-west-1"})))
	})
}
