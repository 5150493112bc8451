package train_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/fs"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/synth"
	"github.com/kindredrec/kindred/internal/train"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

const (
	region, account = "us-east-1", "000000000000"
	group           = arn.ARN("arn:aws:personalize:us-east-1:000000000000:dataset-group/g")
	version         = arn.ARN("arn:aws:personalize:us-east-1:000000000000:solution/s/00000001")
)

// A world is a catalog with a group of made-up interactions, and the real engine.
type world struct {
	t     *testing.T
	db    *sqlite.DB
	own   blob.Driver
	cfg   train.Config
	pool  *pool.Pool
	ended chan string // outcomes of jobs, as the pool tells them
}

func newWorld(t *testing.T, r recipe.Recipe) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "catalog.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	own, err := fs.New(filepath.Join(dir, "own"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, own: own, ended: make(chan string, 100)}
	w.cfg = train.Config{
		Store: db, Snapshots: &dataset.Snapshots{Own: own, Cache: dir}, Own: own, Scratch: dir, Threads: 1,
		Recipes: []recipe.Entry{{Info: r.Info(), Trainer: r}}, MinEvents: 10, MinUsers: 2, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	w.bring()
	return w
}

// bring puts a dataset of interactions into the catalog.
func (w *world) bring() {
	w.t.Helper()
	var csv bytes.Buffer
	if _, err := synth.New(synth.Shape{Users: 60, Items: 30, Events: 900, Seed: 1}).Interactions(&csv); err != nil {
		w.t.Fatal(err)
	}
	bucket := mem.New()
	if _, err := bucket.Put(w.t.Context(), "events.csv", &csv, blob.Options{}); err != nil {
		w.t.Fatal(err)
	}
	schema, err := dataset.ParseSchema(synth.InteractionsSchema, "")
	if err != nil {
		w.t.Fatal(err)
	}
	im := dataset.Importer{Buckets: one{bucket}, Own: w.own}
	seg, err := im.Import(w.t.Context(), dataset.Order{Name: "g", Location: "s3://b/events.csv", Schema: schema, Key: "datasets/events"})
	if err != nil {
		w.t.Fatal(err)
	}
	schemaARN := arn.New(region, account, arn.Schema, "g")
	w.insert(schemaARN, arn.Schema, "", api.DatasetSchema{Schema: synth.InteractionsSchema}, nil, nil)
	name := arn.New(region, account, arn.Dataset, group.Name()+"/"+dataset.Interactions)
	w.insert(name, arn.Dataset, "ACTIVE", api.Dataset{SchemaArn: schemaARN.String(), DatasetType: dataset.Interactions},
		dataset.State{Segments: []dataset.Segment{seg}}, nil)
}

type one struct{ blob.Driver }

func (o one) Bucket(context.Context, string) (blob.Driver, error) { return o.Driver, nil }

func (w *world) insert(name arn.ARN, kind, status string, doc, extra any, work *catalog.Work) {
	w.t.Helper()
	now := time.UnixMilli(1754300001112)
	rec := catalog.Record{ARN: name, Account: account + "/" + region, Kind: kind, Status: status, Created: now, Updated: now}
	if kind == arn.Dataset {
		rec.Parent = group
	}
	if extra != nil {
		rec.Extra = encode(w.t, extra)
	}
	if err := catalog.Insert(w.t.Context(), w.db, rec, doc, work); err != nil {
		w.t.Fatal(err)
	}
}

func encode(t *testing.T, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// order asks for the version to be trained.
func (w *world) order(o train.Order) {
	w.t.Helper()
	o.Group, o.Recipe, o.Seed = group, w.cfg.Recipes[0].Name, 1
	w.insert(version, arn.SolutionVersion, "CREATE PENDING", map[string]string{"status": "CREATE PENDING"}, nil,
		&catalog.Work{Owner: version, Kind: train.FlowKind, Payload: encode(w.t, o)})
}

// start runs the flows until stop is called or the test ends.
func (w *world) start() {
	w.t.Helper()
	w.pool = pool.New(w.db, pool.Options{Exclusive: true, Poll: 5 * time.Millisecond, Backoff: time.Millisecond, Log: w.cfg.Log,
		Observe: func(kind, outcome string, _ time.Duration) { w.ended <- kind + " " + outcome }})
	if err := w.pool.Start(w.t.Context(), train.Flow(w.cfg), train.Retraining(w.cfg), train.Discards(w.own)); err != nil {
		w.t.Fatal(err)
	}
	p := w.pool
	w.t.Cleanup(func() { stop(w.t, p) })
}

func stop(t *testing.T, p *pool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// await waits until a job ends in a certain way.
func (w *world) await(want string) {
	w.t.Helper()
	late := time.After(patience)
	var seen []string
	for {
		select {
		case got := <-w.ended:
			if got == want {
				return
			}
			seen = append(seen, got)
		case <-late:
			w.t.Fatalf("no job ended as %q within %v; others: %s", want, patience, strings.Join(seen, ", "))
		}
	}
}

// receive waits for what a training signals.
func receive(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %v", what, patience)
	}
}

func (w *world) move(status string) {
	w.t.Helper()
	if err := catalog.Transition(context.Background(), w.db, version, time.Now(), status, nil); err != nil {
		w.t.Fatal(err)
	}
}

// get returns the version's document and record.
func (w *world) get() (api.SolutionVersion, catalog.Record) {
	w.t.Helper()
	doc, rec, err := catalog.Load[api.SolutionVersion](w.t.Context(), w.db, version)
	if err != nil {
		w.t.Fatal(err)
	}
	return doc, rec
}

// models returns what is kept for the version.
func (w *world) models() (keys []string) {
	w.t.Helper()
	for info, err := range w.own.List(w.t.Context(), train.Prefix(version)) {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// A toy recipe answers with the first items when its parameter says so, and with nothing otherwise. train
// is called before each training.
type toy struct {
	train func(ctx context.Context, t recipe.Training) error
}

func (toy) Info() recipe.Info {
	return recipe.Info{Name: "toy", Asks: recipe.ByUser, Parameters: []recipe.Parameter{
		{Name: "answer", Kind: recipe.Categorical, Default: "nothing", Values: []string{"nothing", "items", "items too"}, Tunable: true},
	}}
}

func (r toy) Train(ctx context.Context, t recipe.Training) error {
	if r.train != nil {
		if err := r.train(ctx, t); err != nil {
			return err
		}
	}
	if err := t.Out.Meta(t.Params["answer"]); err != nil {
		return err
	}
	return t.Out.Strings("items", t.Data.Items.Len(), t.Data.Items.At)
}

func (toy) Open(f *artifact.File) (recipe.Model, error) {
	var m toyModel
	if err := f.Meta(&m.answer); err != nil {
		return nil, err
	}
	items, err := f.Strings("items")
	m.items = items
	return m, err
}

type toyModel struct {
	answer string
	items  recipe.Names
}

func (m toyModel) Items() recipe.Names { return m.items }

func (m toyModel) Rank(_ context.Context, queries []recipe.Query, answers []recipe.Answer) error {
	for k, q := range queries {
		answers[k].Items = answers[k].Items[:0]
		for i := range min(q.Count, m.items.Len()) {
			if m.answer != "nothing" {
				answers[k].Items = append(answers[k].Items, int32(i))
			}
		}
	}
	return nil
}
