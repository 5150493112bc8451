package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
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
	"github.com/kindredrec/kindred/internal/train"
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
	kinds := slices.Sorted(maps.Keys(e.flows))
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

// made finds the ids that the service makes up: of versions, of trackers and what trackers bring, and
// tracking ids.
var made = regexp.MustCompile(`(solution/[a-z-]+/|event-tracker[/-])([0-9a-f]{8})\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// Aliases are what conversations call those ids: numbers, in the order of their appearance.
type aliases struct{ shown, real map[string]string }

// show puts aliases into a reply.
func (a aliases) show(reply string) string {
	return made.ReplaceAllStringFunc(reply, func(id string) string {
		if a.shown[id] == "" {
			alias := a.next(id)
			a.shown[id], a.real[alias] = alias, id
		}
		return a.shown[id]
	})
}

// next returns an alias that is free. A tracker and what it brought have the same.
func (a aliases) next(id string) string {
	for n := 0; ; n++ {
		alias := fmt.Sprintf("00000000-0000-0000-0000-%012d", n)
		if m := made.FindStringSubmatch(id); m[2] != "" {
			alias = fmt.Sprintf("%s%08d", m[1], n)
		}
		if a.real[alias] == "" {
			return alias
		}
	}
}

// use puts ids into a request that has aliases. What is no alias stands for itself.
func (a aliases) use(r *http.Request) {
	body, _ := io.ReadAll(r.Body) // a string does not fail
	text := made.ReplaceAllStringFunc(string(body), func(alias string) string {
		if a.real[alias] == "" {
			a.real[alias], a.shown[alias] = alias, alias
		}
		return a.real[alias]
	})
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
}

// untaught is a training that ends well and learns nothing, for conversations about what comes after it.
func untaught(now func() time.Time) job.Flow {
	return job.Flow{
		Kind:  train.FlowKind,
		Begin: func(context.Context, catalog.Store, job.Job) error { return nil },
		Run:   func(context.Context, *job.Run) error { return nil },
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			return service.Settle(ctx, tx, j.Owner, now(), failure, nil)
		},
	}
}

// TestConversations plays what clients say to the control plane and what it answers, as it travels.
func TestConversations(t *testing.T) {
	files := []string{"groups", "schemas", "datasets", "datasetupdates", "exports", "deletions", "domains", "recipes", "solutions", "filters", "batch", "segments", "tags", "pages", "campaigns", "recommenders", "trackers", "broughtdatasets", "attributions", "training", "algorithms"}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			db, err := sqlite.Open(t.Context(), sqlite.Memory, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			at := time.UnixMilli(1_754_300_001_112)
			now := func() time.Time { at = at.Add(time.Millisecond); return at }
			engine := &inline{t: t, queue: db, flows: map[string]job.Flow{}}
			svc := service.New(service.Config{Store: db, Engine: engine, Recipes: recipes(), Quotas: service.DefaultQuotas(), Now: now})
			flows := service.Flows(mem.New(), now)
			if name == "campaigns" || name == "segments" || name == "recommenders" {
				flows = append(flows, untaught(now), service.Revising(job.Flow{
					Kind: train.RetrainKind, Run: untaught(now).Run, Settle: func(context.Context, catalog.Store, job.Job, error) error { return nil },
				}, now))
			}
			for _, f := range flows {
				engine.flows[f.Kind] = svc.FollowLatest(f)
			}
			wiretest.Bound(t, svc)
			ids := aliases{map[string]string{}, map[string]string{}}
			player := wiretest.Player{
				Handler: asCaller(wire.NewHandler(api.Bind(svc), wire.Options{})),
				Prepare: ids.use,
				Scrub:   ids.show,
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
