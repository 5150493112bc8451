// Package service is what each operation means: the rules between resources, a file per resource.
//
// A method takes the operation's request, already validated against the model, and returns its answer or a
// fault. Everything a resource needs is inserted in one transaction with the work that brings it to
// life, so a create is all or nothing; the work itself is done by the flows of packages train, batch
// and dataset, and by the small ones of lifecycle.go.
package service

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The statuses of a resource's life, spelled as the API reports them.
const (
	Pending    = "CREATE PENDING"
	InProgress = "CREATE IN_PROGRESS"
	Active     = "ACTIVE"
	Failed     = "CREATE FAILED"
	Stopping   = "CREATE STOPPING"
	Stopped    = "CREATE STOPPED"

	DeletePending    = "DELETE PENDING"
	DeleteInProgress = "DELETE IN_PROGRESS"
)

// unsettled are the statuses in which somebody is still working on a resource.
var unsettled = []string{Pending, InProgress, Stopping}

// A Service answers the operations of the control plane.
type Service struct {
	store   catalog.Store
	engine  job.Engine
	recipes []recipe.Entry
	quotas  Quotas
	now     func() time.Time
	log     *slog.Logger
	alarm   *alarm
}

// Config is what a Service works with. All but Now and Log are required.
type Config struct {
	Store   catalog.Store
	Engine  job.Engine
	Recipes []recipe.Entry // ascending by name
	Quotas  Quotas
	Now     func() time.Time // nil for the real clock
	Log     *slog.Logger     // nil for silence
}

// New returns a service over stores that are open and an engine that may not be started yet.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{store: c.Store, engine: c.Engine, recipes: c.Recipes, quotas: c.Quotas, now: c.Now, log: c.Log, alarm: newAlarm()}
}

// A scope is the walls around a caller: account and region. Nothing outside it exists for them.
type scope struct{ account, region string }

// key is how records of a scope are marked in the catalog.
func (sc scope) key() string { return sc.account + "/" + sc.region }

func (sc scope) arn(kind, name string) arn.ARN { return arn.New(sc.region, sc.account, kind, name) }

// scopeOf returns the caller's scope. Calls reach the service through the front, which always sets it.
func scopeOf(ctx context.Context) (scope, error) {
	c, ok := auth.From(ctx)
	if !ok {
		return scope{}, fmt.Errorf("no caller in the context: the call did not pass the front")
	}
	return scope{account: c.Account, region: c.Region}, nil
}

// load returns a resource of the caller's scope and of the kind expected.
//
// An ARN of another kind is told as such. One of another account or region is as unknown as one that
// was never given out.
func load[T any](ctx context.Context, sc scope, s catalog.Store, kind, member, name string) (doc T, rec catalog.Record, err error) {
	a := arn.ARN(name)
	if !a.Valid() || a.Kind() != kind {
		return doc, rec, fault.Newf(fault.Invalid, "%s is not the ARN of %s %s: %s", member, article(kind), noun(kind), name)
	}
	doc, rec, err = catalog.Load[T](ctx, s, a)
	if err != nil {
		return doc, rec, err
	}
	if rec.Account != sc.key() {
		return *new(T), catalog.Record{}, catalog.NotFound(a)
	}
	return doc, rec, nil
}

// noun spells a kind for a sentence.
func noun(kind string) string {
	b := []byte(kind)
	for i, c := range b {
		if c == '-' {
			b[i] = ' '
		}
	}
	return string(b)
}

// article is what stands before the noun of a kind.
func article(kind string) string {
	if kind == arn.EventTracker || kind == arn.Algorithm {
		return "an"
	}
	return "a"
}

// needActive refuses a parent that is not there yet or not any more.
func needActive(kind string, a arn.ARN, status string) error {
	if status == Active {
		return nil
	}
	return fault.Newf(fault.InUse, "The %s %s is %s; wait until it is ACTIVE.", noun(kind), a, status)
}

// A creation is everything needed to bring a resource into being.
type creation struct {
	arn     arn.ARN
	kind    string
	parent  arn.ARN
	status  string // "" for a resource without one
	doc     any
	extra   any // nil for nothing
	tags    []api.Tag
	flow    string // the flow that goes on with it; "" for none
	payload any    // for the flow
	at      time.Time
}

// begin makes a resource of a kind and name, and returns its ARN. Inside the transaction, fill checks what it depends on and
// completes the creation, which has its name, its moment and, unless it is another, the status CREATE PENDING.
func (s *Service) begin(ctx context.Context, kind, name string, fill func(tx catalog.Store, sc scope, c *creation) error) (string, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return "", err
	}
	c := creation{arn: sc.arn(kind, name), kind: kind, status: Pending, at: s.moment()}
	err = s.change(ctx, func(tx catalog.Store) error {
		if err := fill(tx, sc, &c); err != nil {
			return err
		}
		return s.create(ctx, tx, sc, c)
	})
	return c.arn.String(), err
}

// create inserts a resource and its work inside tx.
func (s *Service) create(ctx context.Context, tx catalog.Store, sc scope, c creation) error {
	tags, err := tagMap(nil, c.tags)
	if err != nil {
		return err
	}
	rec := catalog.Record{
		ARN: c.arn, Account: sc.key(), Kind: c.kind, Parent: c.parent, Status: c.status,
		Created: c.at, Updated: c.at, Tags: tags,
	}
	if c.extra != nil {
		if rec.Extra, err = json.Marshal(c.extra); err != nil {
			return fmt.Errorf("extra of %s: %w", c.arn, err)
		}
	}
	var work *catalog.Work
	if c.flow != "" {
		payload, err := json.Marshal(c.payload)
		if err != nil {
			return fmt.Errorf("payload of %s: %w", c.arn, err)
		}
		work = &catalog.Work{Owner: c.arn, Kind: c.flow, Payload: payload}
	}
	return catalog.Insert(ctx, tx, rec, c.doc, work)
}

// change runs do in a transaction and wakes the engine when it committed.
func (s *Service) change(ctx context.Context, do func(tx catalog.Store) error) error {
	if err := s.store.Tx(ctx, do); err != nil {
		return err
	}
	s.engine.Wake()
	return nil
}

// list returns one page of summaries: a summary's members are a subset of the document's.
func list[S any](ctx context.Context, s *Service, q catalog.Query, token string, max *int32) ([]S, string, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, "", err
	}
	q.Account = sc.key()
	records, next, err := catalog.Page(ctx, s.store, q, token, max)
	if err != nil {
		return nil, "", err
	}
	out := make([]S, len(records))
	for i, r := range records {
		if err := json.Unmarshal(r.Doc, &out[i]); err != nil {
			return nil, "", fmt.Errorf("document of %s: %w", r.ARN, err)
		}
	}
	return out, next, nil
}

// moment is the time a change is recorded with: whole milliseconds, as the wire carries them.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// randomID returns the eight hexadecimal digits that name versions and trackers.
func randomID() string {
	var b [4]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func ptr[T any](v T) *T { return &v }

// or returns *p, and d where p is nil.
func or[T any](p *T, d T) T {
	if p == nil {
		return d
	}
	return *p
}
