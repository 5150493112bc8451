package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/mem"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A plant is a dataset group with data, its stores, and the real engine over a real queue. Every call to a
// store of objects may be made to fail.
type plant struct {
	t       *testing.T
	db      *sqlite.DB
	own     *mem.Bucket
	bucket  *mem.Bucket // "b"
	shaken  func() error
	calls   atomic.Int64
	scratch string
	snaps   *Snapshots
	sweeper *Sweeper
	uploads atomic.Int64 // begun and neither completed nor aborted
}

var group = arn.New("us-east-1", "000000000000", arn.DatasetGroup, "shop")

const owner = "000000000000/us-east-1"

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{t: t, own: mem.New(), bucket: mem.New(), scratch: t.TempDir()}
	var err error
	if p.db, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "catalog.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.db.Close() })
	p.snaps = &Snapshots{Own: p.driver(p.own), Cache: p.scratch}
	p.sweeper = NewSweeper(p.db, p.driver(p.own), p.snaps, slog.New(slog.DiscardHandler))
	p.insert(catalog.Record{ARN: group, Kind: arn.DatasetGroup, Status: "ACTIVE"}, api.DatasetGroup{Name: "shop"}, nil)
	return p
}

func (p *plant) insert(rec catalog.Record, doc any, work *catalog.Work) {
	p.t.Helper()
	rec.Account, rec.Created = owner, moment0
	rec.Updated = rec.Created
	if err := catalog.Insert(context.Background(), p.db, rec, doc, work); err != nil {
		p.t.Fatal(err)
	}
}

var moment0 = time.UnixMilli(1754300001112).UTC()

// dataset adds a dataset with a schema of its own.
func (p *plant) dataset(kind, schema string) arn.ARN {
	p.t.Helper()
	s := arn.New("us-east-1", "000000000000", arn.Schema, kind)
	p.insert(catalog.Record{ARN: s, Kind: arn.Schema}, api.DatasetSchema{Schema: schema}, nil)
	name := Name(group, kind)
	p.insert(catalog.Record{ARN: name, Kind: arn.Dataset, Parent: group, Status: "ACTIVE"}, api.Dataset{SchemaArn: s.String(), Status: "ACTIVE"}, nil)
	return name
}

// do lets the engine do one job to its end and returns the job's document. interrupted, if not nil, says
// when the engine is to be stopped and another one started.
func (p *plant) do(kind, name, status, flow string, order any, interrupted <-chan struct{}) map[string]any {
	p.t.Helper()
	a := p.enqueue(kind, name, status, flow, order)
	return p.finish(a, interrupted)
}

func (p *plant) enqueue(kind, name, status, flow string, order any) arn.ARN {
	p.t.Helper()
	a := arn.New("us-east-1", "000000000000", kind, name)
	payload, err := json.Marshal(order)
	if err != nil {
		p.t.Fatal(err)
	}
	p.insert(catalog.Record{ARN: a, Kind: kind, Status: status}, map[string]string{"status": status}, &catalog.Work{Owner: a, Kind: flow, Payload: payload})
	return a
}

func (p *plant) finish(a arn.ARN, interrupted <-chan struct{}) map[string]any {
	p.t.Helper()
	for {
		ended := make(chan string, 20) // more than there are attempts
		engine := pool.New(p.db, pool.Options{Exclusive: true, Poll: 10 * time.Millisecond, Backoff: time.Millisecond, MaxBackoff: time.Millisecond,
			Log: slog.New(slog.DiscardHandler), Observe: func(_, outcome string, _ time.Duration) { ended <- outcome }})
		if err := engine.Start(context.Background(), p.flows()...); err != nil {
			p.t.Fatal(err)
		}
		settled := false
		for wait := true; wait; {
			select {
			case outcome := <-ended:
				settled = outcome == pool.Done || outcome == pool.Failed
				wait = !settled
			case <-interrupted:
				interrupted, wait = nil, false
			}
		}
		if err := engine.Stop(context.Background()); err != nil {
			p.t.Fatal(err)
		}
		doc, rec, err := catalog.Load[map[string]any](context.Background(), p.db, a)
		if err != nil {
			p.t.Fatal(err)
		}
		if doc["status"] != rec.Status {
			p.t.Errorf("the record's status is %s, the document's %s", rec.Status, doc["status"])
		}
		if settled || !unfinished(rec.Status) {
			return doc
		}
	}
}

func (p *plant) flows() []job.Flow {
	now := func() time.Time { return moment0.Add(time.Minute) }
	own := p.driver(p.own)
	return []job.Flow{
		Imports(ImportConfig{Importer: &Importer{Buckets: p, Own: own, Scratch: p.scratch}, Now: now}),
		Exports(ExportConfig{Store: p.db, Buckets: p, Own: own, Cache: p.scratch, Now: now, part: 64, most: 3}),
		Deletions(DeletionConfig{Deleter: &Deleter{Buckets: p, Own: own, Scratch: p.scratch}, Store: p.db, Now: now}),
	}
}

// imports does an import job of CSV text.
func (p *plant) imports(dataset arn.ARN, name, mode, schema, csv string) {
	p.t.Helper()
	if _, err := p.bucket.Put(context.Background(), "in/"+name, strings.NewReader(csv), blob.Options{}); err != nil {
		p.t.Fatal(err)
	}
	doc := p.do(arn.DatasetImportJob, name, "CREATE PENDING", ImportFlow, ImportOrder{
		Dataset: dataset, Name: name, Location: "s3://b/in/" + name, Schema: schema, Mode: mode,
	}, nil)
	if doc["status"] != "ACTIVE" {
		p.t.Fatalf("import %s: %v", name, doc)
	}
}

// put adds a segment as if its records had come one by one.
func (p *plant) put(dataset arn.ARN, key, schema, csv string) {
	p.t.Helper()
	g := put(importText(p.t, p.own, Prefix(dataset)+key, mustParse(p.t, schema), csv))
	err := catalog.Change(context.Background(), p.db, dataset, func(rec *catalog.Record) error {
		st, err := StateOf(*rec)
		if err != nil {
			return err
		}
		st.Segments = append(st.Segments, g)
		rec.Extra, err = json.Marshal(st)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// set writes an object of the bucket.
func (p *plant) set(key, text string) {
	p.t.Helper()
	if _, err := p.bucket.Put(context.Background(), key, strings.NewReader(text), blob.Options{}); err != nil {
		p.t.Fatal(err)
	}
}

// state returns a dataset's content.
func (p *plant) state(dataset arn.ARN) State {
	p.t.Helper()
	rec, err := p.db.Get(context.Background(), dataset)
	if err != nil {
		p.t.Fatal(err)
	}
	st, err := StateOf(rec)
	if err != nil {
		p.t.Fatal(err)
	}
	return st
}

// csv returns what a dataset holds.
func (p *plant) csv(dataset arn.ARN, schema string) string {
	p.t.Helper()
	return exported(p.t, p.own, mustParse(p.t, schema), p.state(dataset).Segments, ExportAll, 1000)
}

// sweep removes garbage.
func (p *plant) sweep() int {
	p.t.Helper()
	n, err := p.sweeper.Sweep(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// Bucket implements blob.Buckets.
func (p *plant) Bucket(ctx context.Context, name string) (blob.Driver, error) {
	if name != "b" {
		return nil, fault.Newf(fault.NotFound, "The bucket %s does not exist.", name)
	}
	return p.driver(p.bucket), p.shake()
}

func (p *plant) shake() error {
	n := p.calls.Add(1)
	_ = n
	if p.shaken != nil {
		return p.shaken()
	}
	return nil
}

func (p *plant) driver(d blob.Driver) blob.Driver { return &shakyDriver{d, p} }

// A shakyDriver asks the plant before each call.
type shakyDriver struct {
	blob.Driver
	p *plant
}

func (s *shakyDriver) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := s.p.shake(); err != nil {
		return nil, err
	}
	return s.Driver.Open(ctx, key, off, n)
}

func (s *shakyDriver) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := s.p.shake(); err != nil {
		return blob.Info{}, err
	}
	return s.Driver.Stat(ctx, key)
}

func (s *shakyDriver) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	if err := s.p.shake(); err != nil {
		return blob.Info{}, err
	}
	return s.Driver.Put(ctx, key, r, o)
}

func (s *shakyDriver) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		if err := s.p.shake(); err != nil {
			yield(blob.Info{}, err)
			return
		}
		s.Driver.List(ctx, prefix)(yield)
	}
}

func (s *shakyDriver) Delete(ctx context.Context, key string) error {
	if err := s.p.shake(); err != nil {
		return err
	}
	return s.Driver.Delete(ctx, key)
}

func (s *shakyDriver) Begin(ctx context.Context, key string, o blob.Options) (string, error) {
	if err := s.p.shake(); err != nil {
		return "", err
	}
	s.p.uploads.Add(1)
	return s.Driver.Begin(ctx, key, o)
}

func (s *shakyDriver) Upload(ctx context.Context, key, upload string, n int, data []byte) (blob.Part, error) {
	if err := s.p.shake(); err != nil {
		return blob.Part{}, err
	}
	return s.Driver.Upload(ctx, key, upload, n, data)
}

func (s *shakyDriver) Complete(ctx context.Context, key, upload string, parts []blob.Part) error {
	if err := s.p.shake(); err != nil {
		return err
	}
	err := s.Driver.Complete(ctx, key, upload, parts)
	if err == nil {
		s.p.uploads.Add(-1)
	}
	return err
}

func (s *shakyDriver) Abort(ctx context.Context, key, upload string) error {
	s.p.uploads.Add(-1)
	return s.Driver.Abort(ctx, key, upload)
}

var errDown = errors.New("store is down")

// onceAt fails the n-th call from now on, and reports whether there was one.
func (p *plant) onceAt(n int64) (hit *atomic.Bool) {
	hit = new(atomic.Bool)
	p.calls.Store(0)
	p.shaken = func() error {
		if p.calls.Load() == n {
			hit.Store(true)
			return errDown
		}
		return nil
	}
	return hit
}

// interruptAt tells on the channel that the n-th call from now on has come, and holds that call until told.
func (p *plant) interruptAt(n int64) (came <-chan struct{}, hit *atomic.Bool) {
	c := make(chan struct{})
	hit = new(atomic.Bool)
	p.calls.Store(0)
	p.shaken = func() error {
		if p.calls.Load() != n {
			return nil
		}
		hit.Store(true)
		close(c)
		return context.Canceled // as a call says that is cut off
	}
	return c, hit
}

const (
	clicks = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,SHELF,GIFT\n"
	people = "USER_ID,AGE,PLAN\n"
)

var stepsText = record("ActionInteractions", userID, field("ACTION_ID", `"string"`, ""), field("EVENT_TYPE", `"string"`, ""), timestamp)

// shop is a plant with data of users ann, bob and cid.
func shop(t *testing.T) *plant {
	p := newPlant(t)
	events, users, steps := p.dataset(Interactions, eventsText), p.dataset(Users, peopleText), p.dataset(ActionInteractions, stepsText)
	p.imports(events, "first", "FULL", eventsText, clicks+"ann,i1,10,view,,,\nbob,i1,20,view,,,\nann,i2,30,buy,2.5,,\n")
	p.imports(events, "second", "INCREMENTAL", eventsText, clicks+"cid,i3,40,view,,7,true\nbob,i3,50,view,,,\n")
	p.imports(events, "onlyann", "INCREMENTAL", eventsText, clicks+"ann,i3,60,view,,,\n")
	p.put(events, "put1", eventsText, clicks+"ann,i9,70,view,,,\ncid,i9,80,view,,,\n")
	p.imports(users, "people", "FULL", peopleText, people+"ann,30,gold\nbob,40,\ncid,,gold\n")
	p.imports(steps, "steps", "FULL", stepsText, "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nann,a,Taken,10\nbob,a,Taken,20\n")
	p.set("gone/1.csv", "USER_ID\nann\nnobody\n")
	return p
}

const (
	clicksLeft = clicks + "bob,i1,20,view,,,\ncid,i3,40,view,,7,true\nbob,i3,50,view,,,\ncid,i9,80,view,,,\n"
	peopleLeft = people + "bob,40,\ncid,,gold\n"
	stepsLeft  = "USER_ID,ACTION_ID,EVENT_TYPE,TIMESTAMP\nbob,a,TAKEN,20\n"
	annsRows   = 6
)

func (p *plant) deleteUsers(location string, interrupted <-chan struct{}) map[string]any {
	p.t.Helper()
	return p.do(arn.DataDeletionJob, "bye", DeletionPending, DeletionFlow, DeletionOrder{Group: group, Location: location}, interrupted)
}

// withoutAnn checks that nothing is left of the user ann and everything of the others.
func (p *plant) withoutAnn(doc map[string]any) {
	p.t.Helper()
	if doc["status"] != "COMPLETED" || doc["numDeleted"] != float64(annsRows) || doc["failureReason"] != nil {
		p.t.Errorf("the job is %v, want COMPLETED with %d deleted", doc, annsRows)
	}
	for kind, want := range map[string][2]string{Interactions: {eventsText, clicksLeft}, Users: {peopleText, peopleLeft}, ActionInteractions: {stepsText, stepsLeft}} {
		if got := p.csv(Name(group, kind), want[0]); got != want[1] {
			p.t.Errorf("%s is left as\n%s\nwant\n%s", kind, got, want[1])
		}
	}
	p.shaken = nil
	p.sweep()
	for _, key := range keysOf(p.t, p.own) {
		if text := read(p.t, p.own, key); strings.Contains(text, "ann") {
			p.t.Errorf("the file %s still has the user's id", key)
		}
	}
	files := 0
	for _, kind := range withUsers {
		files += len(p.state(Name(group, kind)).Segments)
	}
	if got := keysOf(p.t, p.own); len(got) != files+1 { // put1 tells of no job, so it is not the sweeper's
		p.t.Errorf("the files are %v, want the %d that are listed and put1", got, files)
	}
}

func TestDeletion(t *testing.T) {
	p := shop(t)
	doc := p.deleteUsers("s3://b/gone/1.csv", nil)
	// put1 holds the id until whoever made it removes it: its name tells the sweeper nothing.
	if err := p.own.Delete(t.Context(), Prefix(Name(group, Interactions))+"put1"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.own.Put(t.Context(), Prefix(Name(group, Interactions))+"put1", strings.NewReader("not ours"), blob.Options{}); err != nil {
		t.Fatal(err)
	}
	p.withoutAnn(doc)
	g := p.state(Name(group, Interactions)).Segments
	if len(g) != 3 || g[0].MinTime != 20 || g[0].MaxTime != 20 || g[0].Rows != 1 || g[0].Origin != Bulk || g[1].Rows != 2 || g[2].Origin != Put || g[2].Bytes == 0 {
		t.Errorf("the segments are %+v", g)
	}
	if again := p.do(arn.DataDeletionJob, "again", DeletionPending, DeletionFlow, DeletionOrder{Group: group, Location: "s3://b/gone/"}, nil); again["numDeleted"] != 0.0 {
		t.Errorf("deleting the same users again is %v, want 0 deleted", again)
	}
}

// A user who was deleted has no history, no attributes and no events for filters; the others keep theirs. A
// snapshot that somebody has open stays readable, and goes when it is closed.
func TestDeletionShowsAtOnce(t *testing.T) {
	p := shop(t)
	before, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	old := before.View(before.items, Selection{})
	p.deleteUsers("s3://b/gone/", nil)
	p.sweep()
	if items, _, known := old.History("ann"); !known || len(items) != 4 {
		t.Errorf("whoever had the data open sees %v, %v, want 4 items", items, known)
	}
	now, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	defer now.Close()
	for user, want := range map[string]int{"ann": 0, "bob": 2, "cid": 2} {
		v := now.View(recipe.Names(now.items), Selection{})
		items, _, known := v.History(user)
		events := 0
		v.FilterUser(user).Events(func(int32, string) bool { events++; return true })
		_, _, attribute := v.FilterUser(user).Attribute("USER_ID")
		if len(items) != want || events != want || known != (want > 0) || attribute != (want > 0) {
			t.Errorf("%s has %d items, %d events, known %v, attributes %v; want %d", user, len(items), events, known, attribute, want)
		}
	}
	was := keysOf(t, p.own)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if p.sweep() != 1 || len(keysOf(t, p.own)) != len(was)-1 {
		t.Errorf("the old snapshot stays when it is closed: %v", keysOf(t, p.own))
	}
}

// TestDeletionStoreFails fails each call to a store once, and then interrupts the engine at each: every time
// the job ends COMPLETED, with the same left as if nothing had happened.
func TestDeletionStoreFails(t *testing.T) {
	for _, how := range []string{"fails", "interrupted"} {
		for at := int64(1); ; at++ {
			p := shop(t)
			var hit *atomic.Bool
			var interrupted <-chan struct{}
			if how == "fails" {
				hit = p.onceAt(at)
			} else {
				interrupted, hit = p.interruptAt(at)
			}
			doc := p.deleteUsers("s3://b/gone/", interrupted)
			p.shaken = nil
			p.own.Delete(t.Context(), Prefix(Name(group, Interactions))+"put1")
			p.own.Put(t.Context(), Prefix(Name(group, Interactions))+"put1", strings.NewReader("not ours"), blob.Options{})
			p.withoutAnn(doc)
			if t.Failed() {
				t.Fatalf("%s at call %d", how, at)
			}
			if !hit.Load() {
				if at < 10 {
					t.Errorf("the job makes %d calls, want more", at-1)
				}
				break
			}
		}
	}
}

func TestDeletionFaults(t *testing.T) {
	p := shop(t)
	p.set("list/a.csv", "USER_ID\nbob\n")
	p.set("list/deep/B.CSV", "USER_ID\ncid\n\"x,y\"\n")
	p.set("list/notes.txt", "ann\n")
	p.set("bad/header.csv", "USER_ID,NAME\nbob,Bob\n")
	p.set("bad/empty.csv", "")
	p.set("bad/none.csv", "USER_ID\n")
	p.set("bad/wide.csv", "USER_ID\nbob\ncid,1\n")
	p.set("bad/long.csv", "USER_ID\n"+strings.Repeat("x", 257)+"\n")
	p.set("bad/quote.csv", "USER_ID\n\"bob\n")
	p.set("text/notes.txt", "USER_ID\nbob\n")
	for i, c := range []struct{ location, status, want string }{
		{"s3://b/bad/header.csv", "FAILED", "header.csv, line 1: expected a header with the one column USER_ID."},
		{"s3://b/bad/empty.csv", "FAILED", "empty.csv is empty: expected a header line with the one column USER_ID."},
		{"s3://b/bad/wide.csv", "FAILED", "wide.csv, line 3: there are 2 values; expected one user id."},
		{"s3://b/bad/long.csv", "FAILED", "long.csv, line 2: USER_ID is 257 characters long; expected 1 to 256."},
		{"s3://b/bad/quote.csv", "FAILED", "quote.csv, line 2: a double quote is opened and not closed."},
		{"s3://b/text/", "FAILED", "Invalid Data location. There is no .csv object in the folder s3://b/text/ or below it."},
		{"s3://b/nope.csv", "FAILED", "Invalid Data location. There is no object s3://b/nope.csv."},
		{"s3://nope/x.csv", "FAILED", "Invalid Data location. The bucket nope does not exist."},
		{"s3://b/bad/none.csv", "COMPLETED", ""},
		{"s3://b/list/", "COMPLETED", ""},
	} {
		was := p.csv(Name(group, Interactions), eventsText)
		doc := p.do(arn.DataDeletionJob, fmt.Sprintf("d%d", i), DeletionPending, DeletionFlow, DeletionOrder{Group: group, Location: c.location}, nil)
		reason, _ := doc["failureReason"].(string)
		if doc["status"] != c.status || reason != c.want {
			t.Errorf("%s: %v %q, want %s %q", c.location, doc["status"], reason, c.status, c.want)
		}
		if now := p.csv(Name(group, Interactions), eventsText); c.location != "s3://b/list/" && now != was {
			t.Errorf("%s changed the data", c.location)
		}
	}
	if got, want := p.csv(Name(group, Interactions), eventsText), clicks+"ann,i1,10,view,,,\nann,i2,30,buy,2.5,,\nann,i3,60,view,,,\nann,i9,70,view,,,\n"; got != want {
		t.Errorf("deleting those in a folder and below it leaves\n%s\nwant\n%s", got, want)
	}
}

// When everything was deleted, an incremental import is still one: the dataset had bulk data once. Users who
// were deleted can come again.
func TestImportAfterDeletion(t *testing.T) {
	p := shop(t)
	p.set("all.csv", "USER_ID\nann\nbob\ncid\n")
	p.deleteUsers("s3://b/all.csv", nil)
	events := Name(group, Interactions)
	if st := p.state(events); len(st.Segments) != 0 || !st.Bulk() {
		t.Errorf("after deleting everybody the dataset is %+v, want no segments and bulk data once", st)
	}
	snap, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	if snap.users.Len() != 0 || len(snap.item) != 0 {
		t.Errorf("there are %d users left", snap.users.Len())
	}
	snap.Close()
	p.imports(events, "later", "INCREMENTAL", eventsText, clicks+"ann,i1,90,view,,,\n")
	if got, want := p.csv(events, eventsText), clicks+"ann,i1,90,view,,,\n"; got != want {
		t.Errorf("the import leaves %q, want %q", got, want)
	}
}

// An import that ends while users are being deleted is looked at too.
func TestDeletionSeesNewImports(t *testing.T) {
	p := shop(t)
	events := Name(group, Interactions)
	g := importText(t, p.own, Prefix(events)+"during.segment", mustParse(t, eventsText), clicks+"ann,i1,99,view,,,\nbob,i1,99,view,,,\n")
	var once atomic.Bool
	p.calls.Store(0)
	p.shaken = func() error {
		if p.calls.Load() > 5 && once.CompareAndSwap(false, true) {
			return catalog.Change(context.Background(), p.db, events, func(rec *catalog.Record) error {
				st, err := StateOf(*rec)
				if err != nil {
					return err
				}
				rec.Extra, err = json.Marshal(st.With(g, false))
				return err
			})
		}
		return nil
	}
	doc := p.deleteUsers("s3://b/gone/", nil)
	if got := p.csv(events, eventsText); doc["numDeleted"] != float64(annsRows+1) || got != clicksLeft+"bob,i1,99,view,,,\n" || !once.Load() {
		t.Errorf("%v leaves\n%s", doc, got)
	}
}

func (p *plant) export(name, mode string, interrupted <-chan struct{}) map[string]any {
	p.t.Helper()
	return p.do(arn.DatasetExportJob, name, "CREATE PENDING", ExportFlow, ExportOrder{
		Dataset: Name(group, Interactions), JobName: name, Output: "s3://b/out/", Mode: mode,
	}, interrupted)
}

const exportedClicks = clicks + "ann,i1,10,view,,,\nbob,i1,20,view,,,\nann,i2,30,buy,2.5,,\ncid,i3,40,view,,7,true\nbob,i3,50,view,,,\nann,i3,60,view,,,\n" +
	"ann,i9,70,view,,,\ncid,i9,80,view,,,\n"

// TestExportStoreFails is TestDeletionStoreFails for exports, and watches that the object is not there before
// it is whole, and that no upload is left behind.
func TestExportStoreFails(t *testing.T) {
	for _, how := range []string{"fails", "interrupted"} {
		for at := int64(1); ; at++ {
			p := shop(t)
			var hit *atomic.Bool
			var interrupted <-chan struct{}
			if how == "fails" {
				hit = p.onceAt(at)
			} else {
				interrupted, hit = p.interruptAt(at)
			}
			inner := p.shaken
			p.shaken = func() error {
				if r, err := p.bucket.Open(context.Background(), "out/all/part-00000.csv", 0, -1); err == nil {
					if b, _ := io.ReadAll(r); !bytes.Equal(b, []byte(exportedClicks)) {
						t.Errorf("the object was seen as %q", b)
					}
				}
				return inner()
			}
			doc := p.export("all", ExportAll, interrupted)
			p.shaken = nil
			if doc["status"] != "ACTIVE" {
				t.Errorf("the job is %v", doc)
			}
			if got := read(t, p.bucket, "out/all/part-00000.csv"); got != exportedClicks {
				t.Errorf("the export is\n%s\nwant\n%s", got, exportedClicks)
			}
			if n := p.uploads.Load(); n != 0 {
				t.Errorf("%d uploads are left", n)
			}
			if t.Failed() {
				t.Fatalf("%s at call %d", how, at)
			}
			if !hit.Load() {
				if at < 8 {
					t.Errorf("the job makes %d calls, want more", at-1)
				}
				break
			}
		}
	}
}

// A store that stays away fails the job after some attempts, and the upload is taken away.
func TestExportGivesUp(t *testing.T) {
	p := shop(t)
	var uploading, later atomic.Int64
	p.shaken = func() error {
		switch {
		case p.uploads.Load() == 0:
			return nil
		case uploading.Add(1) <= 2: // of the first attempt
			return nil
		case later.Add(1)%2 == 1: // the bucket can be opened, its objects cannot
			return nil
		}
		return errDown
	}
	doc := p.export("all", ExportAll, nil)
	if doc["status"] != "CREATE FAILED" || doc["failureReason"] == nil {
		t.Errorf("the job is %v, want CREATE FAILED", doc)
	}
	p.shaken = nil
	for _, key := range keysOf(t, p.bucket) {
		if strings.HasPrefix(key, "out/") {
			t.Errorf("a failed export left %s", key)
		}
	}
	if n := p.uploads.Load(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	doc = p.do(arn.DatasetExportJob, "nowhere", "CREATE PENDING", ExportFlow, ExportOrder{
		Dataset: Name(group, Interactions), JobName: "nowhere", Output: "s3://nope/", Mode: ExportAll}, nil)
	if doc["failureReason"] != "Invalid S3 output path. s3://nope/nowhere/part-00000.csv: The bucket nope does not exist." {
		t.Errorf("an export into no bucket is %v", doc)
	}
}

// A FULL import takes the place of the segments before it, whose files then go; what was put record by record
// stays. A crash between the import and the sweep changes nothing: the next sweep finds the same.
func TestSweep(t *testing.T) {
	p := shop(t)
	events := Name(group, Interactions)
	snap, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	if n := p.sweep(); n != 0 {
		t.Errorf("sweeping what is all in use removes %d files", n)
	}
	p.imports(events, "anew", "FULL", eventsText, clicks+"dan,i1,10,view,,,\n")
	// What a job wrote that has not ended is kept, although no dataset lists it.
	running := p.enqueue(arn.DatasetImportJob, "running", "CREATE IN_PROGRESS", "nobody", nil)
	p.own.Put(t.Context(), Prefix(events)+"running.segment", strings.NewReader("x"), blob.Options{})
	p.own.Put(t.Context(), Prefix(events)+"somebody-else", strings.NewReader("x"), blob.Options{})
	// The training of a group may want to go on with an older snapshot.
	version := arn.New("us-east-1", "000000000000", arn.Solution, "s/1")
	p.insert(catalog.Record{ARN: version, Kind: arn.SolutionVersion, Status: "CREATE IN_PROGRESS"}, api.SolutionVersion{DatasetGroupArn: group.String()}, nil)
	if n := p.sweep(); n != 3 {
		t.Errorf("the sweep removes %d files, want the 3 segments before the import", n)
	}
	if err := catalog.Transition(t.Context(), p.db, version, moment0, "ACTIVE", nil); err != nil {
		t.Fatal(err)
	}
	if err := catalog.Transition(t.Context(), p.db, running, moment0, "CREATE FAILED", nil); err != nil {
		t.Fatal(err)
	}
	if n := p.sweep(); n != 2 {
		t.Errorf("the sweep removes %d files, want the failed job's and the snapshot", n)
	}
	keys := keysOf(t, p.own)
	for _, name := range []string{"anew.segment", "put1", "somebody-else"} {
		if !slices.Contains(keys, Prefix(events)+name) {
			t.Errorf("the sweep removed %s; left are %v", name, keys)
		}
	}
	if len(keys) != 5 { // and those of the two other datasets
		t.Errorf("left are %v", keys)
	}
	// A dataset that is gone leaves nothing.
	rec, err := p.db.Get(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.db.Delete(t.Context(), events, rec.Version); err != nil {
		t.Fatal(err)
	}
	if n := p.sweep(); n != 1 {
		t.Errorf("the sweep removes %d files of a dataset that is gone, want 1", n)
	}
}

// A reader that loses its segments to an import and a sweep opens what took their place. One whose data was
// really lost is told.
func TestLatestWhenDataIsReplaced(t *testing.T) {
	p := shop(t)
	events := Name(group, Interactions)
	var once atomic.Bool
	p.shaken = func() error {
		if once.CompareAndSwap(false, true) { // the first call of the build: what the data is has been read
			p.imports(events, "anew", "FULL", eventsText, clicks+"dan,i1,10,view,,,\n")
			p.sweep()
		}
		return nil
	}
	snap, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, known := snap.View(snap.items, Selection{}).History("dan"); !known || !once.Load() {
		t.Error("the snapshot is not of the data that took the place")
	}
	snap.Close()
	p.shaken = nil
	p.imports(events, "more", "INCREMENTAL", eventsText, clicks+"eve,i1,10,view,,,\n")
	if err := blob.Remove(t.Context(), p.own, Prefix(events)+"more.segment", p.scratch); err != nil {
		t.Fatal(err)
	}
	if _, err := p.snaps.Latest(t.Context(), p.db, group); !IsGone(err) || fault.KindOf(err) != fault.Internal {
		t.Errorf("opening data that was lost gives %v", err)
	}
}

// Readers open the latest data and use it while imports replace all of it and the sweeper removes what was
// replaced: nobody sees an error, a half, or a file that stays.
func TestReadersWhileDataIsReplaced(t *testing.T) {
	p := shop(t)
	p.own.Delete(t.Context(), Prefix(Name(group, Interactions))+"put1")
	events, schema := Name(group, Interactions), mustParse(t, eventsText)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	replace := func(n int) {
		name := fmt.Sprintf("r%d", n)
		g := importText(t, p.own, Prefix(events)+name+importSuffix, schema, clicks+fmt.Sprintf("u%d,i1,1,view,,,\nu%d,i2,2,view,,,\n", n, n))
		err := catalog.Change(ctx, p.db, events, func(rec *catalog.Record) (err error) {
			rec.Extra, err = json.Marshal(State{Segments: []Segment{g}})
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	replace(0)
	for range 3 {
		all.Go(func() {
			for ctx.Err() == nil {
				snap, err := p.snaps.Latest(t.Context(), p.db, group)
				if err != nil {
					t.Error(err)
					return
				}
				v := snap.View(snap.items, Selection{})
				for u := range snap.users.Len() {
					id := snap.users.At(u)
					if items, _, known := v.History(id); known && len(items) != 2 || strings.HasPrefix(id, "u") && !known {
						t.Errorf("%s has %v", id, items)
					}
				}
				if err := snap.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := 1; n <= 40; n++ {
		replace(n)
		if _, err := p.sweeper.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	all.Wait()
	p.sweep()
	snap, err := p.snaps.Latest(t.Context(), p.db, group)
	if err != nil {
		t.Fatal(err)
	}
	snap.Close()
	if keys := keysOf(t, p.own); len(keys) != 4 { // interactions, users, action interactions, the snapshot
		t.Errorf("the files are %v", keys)
	}
}
