// Package app puts the pieces together: it opens the stores, links the drivers and recipes in, and starts
// a whole Kindred on one address. drivers.go is the list of what is linked in.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/server"
	"github.com/kindredrec/kindred/internal/service"
	"github.com/kindredrec/kindred/internal/train"
	"github.com/kindredrec/kindred/internal/wire"
)

// catalogCache is how much of the catalog is kept in memory: some 50,000 resources. The lock on the data folder
// sees to it that no other process writes there.
const catalogCache = 64 << 20

// KeyFile is the file in the data folder that holds the access keys.
const KeyFile = "keys.json"

// Config says what to run. The zero value of a member stands for the default in its comment.
type Config struct {
	Listen          string // 127.0.0.1:8570
	Data            string // folder for everything; required
	Region          string // us-east-1
	Account         string // of the first key; auth.DefaultAccount
	AccessKeyID     string // first key pair, instead of the one in the data folder
	SecretAccessKey string
	S3Endpoint      string // external S3 for jobs; the embedded one
	Quotas          service.Quotas
	Authorize       auth.Authorizer // decides about every call; auth.AllowAll
	Threads         int             // for training and scoring; all processors
	MinInteractions int64           // rows of an import and of a training; no minimum when 0
	MinUsers        int             // users with two interactions; no minimum when 0
	NoAutoTraining  bool            // solutions are trained on request only
	Now             func() time.Time
	Log             *slog.Logger // silence

	// PartBytes is what batch inference jobs aim at for one part of their output; 16 MiB. Tests set less
	// to get several parts from little data.
	PartBytes int
}

// An App is a running Kindred.
type App struct {
	cfg    Config
	lock   *os.File
	db     *sqlite.DB
	gate   *gateway.Gateway
	engine *pool.Pool
	svc    *service.Service
	source batch.Source
	idle   func() // ends the schedule of automatic training
	swept  func() // stops the removal of files that nothing refers to
	keys   *auth.Keyring
	ln     net.Listener
	http   *http.Server
	served chan error
	failed chan struct{}
}

// Start opens everything in the data folder and begins to answer and to work. One process may use a data
// folder at a time. Jobs that an earlier process left unfinished go on.
func Start(ctx context.Context, c Config) (*App, error) {
	c.fill()
	a := &App{cfg: c, served: make(chan error, 1), failed: make(chan struct{})}
	if err := a.start(ctx); err != nil {
		return nil, errors.Join(err, a.Close(context.WithoutCancel(ctx)))
	}
	return a, nil
}

func (c *Config) fill() {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:8570")
	c.Region = cmp.Or(c.Region, "us-east-1")
	c.Account = cmp.Or(c.Account, auth.DefaultAccount)
	c.Threads = cmp.Or(c.Threads, runtime.GOMAXPROCS(0))
	if c.Authorize == nil {
		c.Authorize = auth.AllowAll
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func (a *App) start(ctx context.Context) (err error) {
	// Absolute from here on: nothing may depend on the working directory.
	if a.cfg.Data, err = filepath.Abs(a.cfg.Data); err != nil {
		return err
	}
	if err := os.MkdirAll(a.path("scratch"), 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if a.lock, err = lockFolder(a.cfg.Data); err != nil {
		return err
	}
	if err := clearFolder(a.path("scratch")); err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	first := auth.Key{AccessKeyID: a.cfg.AccessKeyID, SecretAccessKey: a.cfg.SecretAccessKey, Account: a.cfg.Account}
	if a.keys, err = auth.OpenKeyring(a.path(KeyFile), first, a.cfg.Account); err != nil {
		return err
	}
	if a.db, err = sqlite.Open(ctx, a.path("catalog.db"), sqlite.Options{Cache: catalogCache}); err != nil {
		return err
	}
	if a.gate, err = gateway.Start(ctx, gateway.Config{Dir: a.path("s3"), Region: a.cfg.Region, Logger: a.cfg.Log}); err != nil {
		return err
	}
	return a.serve(ctx)
}

// path names a file of the data folder.
func (a *App) path(name string) string { return filepath.Join(a.cfg.Data, name) }

// serve starts the engine and the listener.
func (a *App) serve(ctx context.Context) error {
	own, err := ownStore(a.path("own"))
	if err != nil {
		return err
	}
	m := newMeters()
	snapshots, sweeper, err := a.sweeper(ctx, own)
	if err != nil {
		return err
	}
	a.engine = pool.New(a.db, pool.Options{Exclusive: true, Log: a.cfg.Log, Observe: sweepAfter(sweeper, m.job)})
	svc := service.New(service.Config{
		Store: a.db, Engine: a.engine, Recipes: recipes(), Quotas: a.cfg.Quotas, Now: a.cfg.Now, Log: a.cfg.Log,
	})
	buckets, err := a.buckets(ctx)
	if err != nil {
		return err
	}
	a.svc = svc
	if err := a.engine.Start(ctx, a.flows(svc, own, snapshots, buckets, m)...); err != nil {
		return err
	}
	a.swept = inBackground(sweeper.Run)
	control := wire.NewHandler(api.Bind(svc), wire.Options{Log: a.cfg.Log, Account: account, Authorize: a.cfg.Authorize, OnDone: m.request})
	front, err := a.front(control, m)
	if err != nil {
		return err
	}
	if a.ln, err = net.Listen("tcp", a.cfg.Listen); err != nil {
		return fmt.Errorf("listen on %s: %w", a.cfg.Listen, err)
	}
	a.http = &http.Server{Handler: front, ReadHeaderTimeout: 20 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(a.cfg.Log.Handler(), slog.LevelWarn)}
	go func() {
		err := a.http.Serve(a.ln)
		if !errors.Is(err, http.ErrServerClosed) {
			a.served <- err
			close(a.failed)
		}
		close(a.served)
	}()
	a.idle = a.keepSchedule(svc)
	return nil
}

// flows are all the work there is.
func (a *App) flows(svc *service.Service, own blob.Driver, snapshots *dataset.Snapshots, buckets blob.Buckets, m *meters) []job.Flow {
	trainings := train.Config{
		Store: a.db, Snapshots: snapshots, Own: own, Scratch: a.path("scratch"), Recipes: recipes(), Threads: a.cfg.Threads, Turns: make(chan struct{}, 1),
		MinEvents: a.cfg.MinInteractions, MinUsers: a.cfg.MinUsers, MaxKinds: a.cfg.Quotas.EventKinds, Now: a.cfg.Now, Log: a.cfg.Log,
		Checkpoints: 15 * time.Second, Choosing: 20 * time.Minute,
	}
	imports := dataset.ImportConfig{
		Importer: &dataset.Importer{Buckets: buckets, Own: own, Scratch: a.path("scratch")}, MinRows: a.cfg.MinInteractions, Now: a.cfg.Now,
	}
	exports := dataset.ExportConfig{Store: a.db, Buckets: buckets, Own: own, Cache: a.path("scratch"), Now: a.cfg.Now}
	deletions := dataset.DeletionConfig{
		Deleter: &dataset.Deleter{Buckets: buckets, Own: own, Scratch: a.path("scratch")}, Store: a.db, Now: a.cfg.Now,
	}
	a.source = source{trainings}
	batches := batch.Config{
		Source: a.source, Buckets: buckets, PartBytes: a.cfg.PartBytes, Width: a.cfg.Threads + 1, Now: a.cfg.Now, Log: a.cfg.Log,
		Observe: m.shard, Limits: limits(a.cfg.Quotas),
	}
	flows := append(service.Flows(own, a.cfg.Now), dataset.Imports(imports), dataset.Exports(exports), dataset.Deletions(deletions), train.Flow(trainings), train.Discards(own), service.Revising(train.Retraining(trainings), a.cfg.Now), batch.Flow(batches), batch.SegmentFlow(batches))
	for i, f := range flows {
		flows[i] = forOwner(svc.FollowLatest(f))
	}
	return flows
}

// limits are the quotas on the input of batch jobs.
func limits(q service.Quotas) batch.Limits {
	return batch.Limits{
		Files: q.BatchFiles, Bytes: int64(q.BatchBytes), Lines: int64(q.BatchLines),
		ItemLines: int64(q.ItemQueries), AttributeLines: int64(q.AttributeQueries),
	}
}

// forOwner runs a flow in the name of the account that owns the job, so that it reaches that account's
// buckets and no others.
func forOwner(f job.Flow) job.Flow {
	run := f.Run
	f.Run = func(ctx context.Context, r *job.Run) error {
		return run(auth.WithCaller(ctx, auth.Caller{Account: r.Owner.Account(), Region: r.Owner.Region()}), r)
	}
	return f
}

func account(ctx context.Context) string {
	c, _ := auth.From(ctx)
	return c.Account
}

// URL is where the server answers.
func (a *App) URL() string { return "http://" + a.ln.Addr().String() }

// Key is the first key pair.
func (a *App) Key() auth.Key { return a.keys.First() }

// Region is the region of the embedded S3, and the one to use by default.
func (a *App) Region() string { return a.cfg.Region }

// Open opens a solution version as batch jobs do, for measurements beside them. What it returns must be released.
func (a *App) Open(ctx context.Context, version arn.ARN) (*batch.Bound, error) {
	return a.source.Open(ctx, version)
}

// Failed is closed when the server stopped answering by itself; Close returns why.
func (a *App) Failed() <-chan struct{} { return a.failed }

// Close stops in order: no new requests, those in flight end, jobs stop where they can go on later, the
// stores close. ctx bounds the waiting.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	if a.http != nil {
		errs = append(errs, a.http.Shutdown(ctx), <-a.served)
	} else if a.ln != nil {
		errs = append(errs, a.ln.Close())
	}
	if a.idle != nil {
		a.idle()
	}
	if a.engine != nil {
		errs = append(errs, a.engine.Stop(ctx))
	}
	if a.swept != nil {
		a.swept()
	}
	if a.gate != nil {
		errs = append(errs, a.gate.Close())
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}

// front is what stands behind the one address.
func (a *App) front(control http.Handler, m *meters) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET "+ProgressPath, progressHandler(a.db, a.db, a.cfg.Authorize))
	mux.Handle("/", control)
	return server.New(server.Config{
		Verifier:    &auth.Verifier{Keys: a.keys, Now: a.cfg.Now},
		Personalize: mux,
		S3:          a.s3(),
		Roles:       server.NewFileRoles(a.path("roles")),
		Health:      a.gate.Healthy,
		Metrics:     m.handler(),
		Log:         a.cfg.Log,
	})
}

// s3 is the embedded S3, or nothing where jobs use another: what clients upload must be where jobs look.
func (a *App) s3() http.Handler {
	if a.cfg.S3Endpoint != "" {
		return nil
	}
	return a.gate.Handler()
}
