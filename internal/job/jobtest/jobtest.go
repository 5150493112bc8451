// Package jobtest exercises implementations of job.Queue.
package jobtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// A Store is a queue and the catalog on the same database.
type Store interface {
	catalog.Store
	job.Queue
}

// A Driver makes queues to exercise.
type Driver struct {
	// Open returns an empty store on a clock, and closes it when the test ends.
	Open func(t testing.TB, now func() time.Time) Store
	// Reopen closes a store and opens it again, as after a restart. Nil for a store that does not
	// outlive its process, of which that is not asked.
	Reopen func(t testing.TB, s Store, now func() time.Time) Store
}

// Run checks that a driver keeps all that job.Queue promises.
func Run(t *testing.T, d Driver) {
	for _, tt := range []struct {
		name string
		do   func(*bench)
	}{
		{"Claim", testClaim},
		{"Begin", testBegin},
		{"Lease", testLease},
		{"Expire", testExpire},
		{"Lost", testLost},
		{"GivingBack", testGivingBack},
		{"Finish", testFinish},
		{"FinishRefused", testFinishRefused},
		{"Cancel", testCancel},
		{"Results", testResults},
		{"Progress", testProgress},
		{"Workers", testWorkers},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.do(newBench(t, d)) })
	}
	t.Run("LikeModel", func(t *testing.T) { testLikeModel(t, d) })
	if d.Reopen != nil {
		t.Run("Reopen", func(t *testing.T) { testReopen(t, d) })
	}
}

const lease = time.Minute

// A clock stands still until it is told to go on.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2025, 8, 4, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// A bench is a queue, its clock and the test.
type bench struct {
	*testing.T
	Store
	clock *clock
}

func newBench(t *testing.T, d Driver) *bench {
	c := newClock()
	return &bench{t, d.Open(t, c.now), c}
}

func owner(n string) arn.ARN { return arn.New("us-east-1", "111122223333", arn.Solution, n) }

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) wantKind(call string, err error, want fault.Kind) {
	b.Helper()
	if !fault.Is(err, want) {
		b.Errorf("%s = %v, want a fault of kind %v", call, err, want)
	}
}

// add makes owners with work of a kind.
func (b *bench) add(kind string, names ...string) {
	b.Helper()
	for _, n := range names {
		rec := catalog.Record{ARN: owner(n), Account: "111122223333", Kind: arn.Solution, Status: "CREATE PENDING"}
		work := &catalog.Work{Owner: rec.ARN, Kind: kind, Payload: json.RawMessage(`{"of": "` + n + `"}`)}
		b.must(catalog.Insert(b.Context(), b, rec, map[string]string{}, work))
	}
}

// claim claims a job of the kinds and fails the test if there is none.
func (b *bench) claim(worker string, kinds ...string) job.Job {
	b.Helper()
	j, ok, err := b.Claim(b.Context(), worker, kinds, lease, nil)
	if err != nil || !ok {
		b.Fatalf("Claim by %s of %q = %t, %v, want a job", worker, kinds, ok, err)
	}
	return j
}

func (b *bench) wantNone(when string, kinds ...string) {
	b.Helper()
	if j, ok, err := b.Claim(b.Context(), "nobody", kinds, lease, nil); err != nil || ok {
		b.Fatalf("Claim %s = %+v, %t, %v, want none", when, j, ok, err)
	}
}

// Jobs are claimed in the order of their making, of the kinds asked for, each by one worker.
func testClaim(b *bench) {
	b.wantNone("of an empty queue", "x")
	b.add("x", "1")
	b.clock.pass(time.Second)
	b.add("y", "2", "3")
	b.add("x", "4")
	b.wantNone("of no kind")
	b.wantNone("of another kind", "z")
	j := b.claim("w1", "y")
	want := job.Job{
		ID: j.ID, Owner: owner("2"), Kind: "y", Payload: json.RawMessage(`{"of": "2"}`), Attempt: 1, Created: b.clock.now(),
	}
	if diff := cmp.Diff(want, j); diff != "" {
		b.Errorf("Claim: -want +got\n%s", diff)
	}
	for _, want := range []string{"1", "3", "4"} {
		if j := b.claim("w"+want, "x", "y", "z"); j.Owner != owner(want) {
			b.Errorf("Claim = the job of %s, want that of %s", j.Owner, owner(want))
		}
	}
	b.wantNone("when all are leased", "x", "y", "z")
	b.wantKind("Enqueue for an owner whose job runs", b.Enqueue(b.Context(), catalog.Work{Owner: owner("1"), Kind: "x"}), fault.Exists)
}

var errWanted = errors.New("wanted")

func setStatus(b *bench, n, status string) func(catalog.Store) error {
	return func(tx catalog.Store) error {
		return catalog.Transition(b.Context(), tx, owner(n), b.clock.now(), status, nil)
	}
}

func (b *bench) wantStatus(n, want string) {
	b.Helper()
	r, err := b.Get(b.Context(), owner(n))
	if err != nil || r.Status != want {
		b.Errorf("status of %s = %q, %v, want %q", n, r.Status, err, want)
	}
}

// What begin does and the lease are one: both or neither.
func testBegin(b *bench) {
	b.add("x", "1")
	_, ok, err := b.Claim(b.Context(), "w", []string{"x"}, lease, func(tx catalog.Store, j job.Job) error {
		if j.Owner != owner("1") {
			b.Errorf("begin gets the job of %s", j.Owner)
		}
		b.must(setStatus(b, "1", "CREATE IN_PROGRESS")(tx))
		return errWanted
	})
	if ok || !errors.Is(err, errWanted) {
		b.Errorf("Claim with a begin that fails = %t, %v, want its error", ok, err)
	}
	b.wantStatus("1", "CREATE PENDING")
	func() {
		defer func() {
			if v := recover(); v != "wanted" {
				b.Errorf("recover() = %v, want the panic of begin", v)
			}
		}()
		_, _, _ = b.Claim(b.Context(), "w", []string{"x"}, lease, func(catalog.Store, job.Job) error { panic("wanted") })
	}()
	j, ok, err := b.Claim(b.Context(), "w", []string{"x"}, lease, func(tx catalog.Store, _ job.Job) error {
		return setStatus(b, "1", "CREATE IN_PROGRESS")(tx)
	})
	if err != nil || !ok || j.Attempt != 1 || j.Lost != 0 {
		b.Errorf("Claim = %+v, %t, %v, want the first attempt with nothing lost", j, ok, err)
	}
	b.wantStatus("1", "CREATE IN_PROGRESS")
}

// A lease keeps others away until it runs out, and its holder may use it until somebody else has it.
func testLease(b *bench) {
	b.add("x", "1")
	j := b.claim("w1", "x")
	b.clock.pass(lease - time.Millisecond)
	b.wantNone("just before the lease runs out", "x")
	b.must(b.Extend(b.Context(), j.ID, "w1", lease))
	b.clock.pass(lease - time.Millisecond)
	b.wantNone("just before the extended lease runs out", "x")
	b.clock.pass(time.Millisecond)
	b.must(b.Extend(b.Context(), j.ID, "w1", lease)) // late, but nobody came
	b.wantNone("after a late extension", "x")
	b.wantKind("Extend by another", b.Extend(b.Context(), j.ID, "w2", lease), fault.InUse)
	b.clock.pass(lease)

	again := b.claim("w2", "x")
	if again.ID != j.ID || again.Attempt != 1 || again.Lost != 1 {
		b.Errorf("Claim after the lease ran out = %+v, want job %d again, attempt 1, lost once", again, j.ID)
	}
	for call, err := range map[string]error{
		"Extend":  b.Extend(b.Context(), j.ID, "w1", lease),
		"Release": b.Release(b.Context(), j.ID, "w1"),
		"Retry":   b.Retry(b.Context(), j.ID, "w1", 0),
		"Finish": b.Finish(b.Context(), j.ID, "w1", func(catalog.Store) error {
			b.Error("settle was called without the lease")
			return nil
		}),
	} {
		b.wantKind(call+" after the loss", err, fault.InUse)
	}
	b.must(b.Extend(b.Context(), j.ID, "w2", lease))
	b.wantKind("Extend of no job", b.Extend(b.Context(), j.ID+1, "w2", lease), fault.NotFound)
	b.wantKind("Release of no job", b.Release(b.Context(), j.ID+1, "w2"), fault.NotFound)
	b.wantKind("Retry of no job", b.Retry(b.Context(), j.ID+1, "w2", 0), fault.NotFound)
	b.wantKind("Finish of no job", b.Finish(b.Context(), j.ID+1, "w2", nil), fault.NotFound)
}

// Expire frees what dead workers had, and nothing else.
func testExpire(b *bench) {
	b.add("x", "1", "2", "3")
	b.claim("w1", "x")
	late := b.claim("w2", "x")
	b.must(b.Retry(b.Context(), late.ID, "w2", time.Hour))
	b.must(b.Expire(b.Context()))
	for _, want := range []string{"1", "3"} {
		if j := b.claim("w3"+want, "x"); j.Owner != owner(want) {
			b.Errorf("Claim after Expire = the job of %s, want %s", j.Owner, owner(want))
		}
	}
	b.wantNone("when the rest is not due", "x")
}

// Losses are counted as long as workers vanish in silence; a result or a proper end starts anew.
func testLost(b *bench) {
	b.add("x", "1")
	lose := func(worker string, want int) job.Job {
		b.Helper()
		j := b.claim(worker, "x")
		if j.Lost != want || j.Attempt != 1 {
			b.Errorf("Claim = lost %d times, attempt %d, want %d times, attempt 1", j.Lost, j.Attempt, want)
		}
		b.clock.pass(lease)
		return j
	}
	lose("w1", 0)
	lose("w2", 1)
	j := lose("w3", 2)
	_, err := b.PutResult(b.Context(), j.ID, "g", 0, nil)
	b.must(err)
	lose("w4", 1)
	lose("w5", 2)
	j = b.claim("w6", "x")
	b.must(b.Release(b.Context(), j.ID, "w6"))
	if j = b.claim("w7", "x"); j.Lost != 3 {
		b.Errorf("Claim after Release = lost %d times, want 3: a release is no sign of getting ahead", j.Lost)
	}
	b.must(b.Retry(b.Context(), j.ID, "w7", 0))
	if j = b.claim("w8", "x"); j.Lost != 0 || j.Attempt != 2 {
		b.Errorf("Claim after Retry = lost %d times, attempt %d, want 0, attempt 2", j.Lost, j.Attempt)
	}
}

// A released job is as it was; a failed one has an attempt behind it and waits.
func testGivingBack(b *bench) {
	b.add("x", "1", "2")
	j := b.claim("w1", "x")
	_, err := b.PutResult(b.Context(), j.ID, "g", 3, []byte("kept"))
	b.must(err)
	b.must(b.Release(b.Context(), j.ID, "w1"))
	if again := b.claim("w2", "x"); again.ID != j.ID || again.Attempt != 1 || again.Lost != 0 {
		b.Errorf("Claim after Release = %+v, want job %d as it was", again, j.ID)
	}
	b.must(b.Retry(b.Context(), j.ID, "w2", time.Minute))
	if other := b.claim("w3", "x"); other.Owner != owner("2") {
		b.Errorf("Claim while the oldest is not due = the job of %s, want %s", other.Owner, owner("2"))
	}
	b.clock.pass(time.Minute - time.Millisecond)
	b.must(b.Expire(b.Context()))
	b.claim("w4", "x") // the other one
	b.wantNone("just before the job is due", "x")
	b.clock.pass(time.Millisecond)
	if again := b.claim("w5", "x"); again.ID != j.ID || again.Attempt != 2 {
		b.Errorf("Claim when due again = %+v, want attempt 2 of job %d", again, j.ID)
	}
	b.wantResults(j.ID, "g", map[int][]byte{3: []byte("kept")})
}

// The end of a job and what settle does are one, and the owner is free for more work, in settle already.
func testFinish(b *bench) {
	b.add("x", "1")
	j := b.claim("w", "x")
	_, err := b.PutResult(b.Context(), j.ID, "g", 0, []byte("r"))
	b.must(err)
	b.must(b.Finish(b.Context(), j.ID, "w", func(tx catalog.Store) error {
		b.must(tx.Enqueue(b.Context(), catalog.Work{Owner: owner("1"), Kind: "next"}))
		return setStatus(b, "1", "ACTIVE")(tx)
	}))
	b.wantStatus("1", "ACTIVE")
	b.wantResults(j.ID, "g", nil)
	b.wantKind("Finish twice", b.Finish(b.Context(), j.ID, "w", nil), fault.NotFound)
	b.wantKind("Extend after Finish", b.Extend(b.Context(), j.ID, "w", lease), fault.NotFound)
	_, err = b.PutResult(b.Context(), j.ID, "g", 1, []byte("late"))
	b.wantKind("PutResult after Finish", err, fault.NotFound)
	if next := b.claim("w", "next", "x"); next.ID == j.ID || next.Kind != "next" {
		b.Errorf("Claim = %+v, want the next work under another id than %d", next, j.ID)
	}
}

// A settle that fails ends nothing.
func testFinishRefused(b *bench) {
	b.add("x", "1")
	j := b.claim("w", "x")
	_, err := b.PutResult(b.Context(), j.ID, "g", 0, []byte("r"))
	b.must(err)
	err = b.Finish(b.Context(), j.ID, "w", func(tx catalog.Store) error {
		b.must(setStatus(b, "1", "ACTIVE")(tx))
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		b.Errorf("Finish = %v, want what settle returned", err)
	}
	b.wantStatus("1", "CREATE PENDING")
	b.wantResults(j.ID, "g", map[int][]byte{0: []byte("r")})
	b.must(b.Extend(b.Context(), j.ID, "w", lease))
	b.must(b.Finish(b.Context(), j.ID, "w", setStatus(b, "1", "ACTIVE")))
	b.wantStatus("1", "ACTIVE")
}

// Cancelling is learned at the next Extend; whoever is there then settles the job.
func testCancel(b *bench) {
	b.add("x", "running", "waiting")
	j := b.claim("w1", "x")
	late := b.claim("w2", "x")
	b.must(b.Retry(b.Context(), late.ID, "w2", time.Hour))
	for _, n := range []string{"running", "waiting", "running"} {
		b.must(b.Cancel(b.Context(), owner(n)))
	}
	b.wantKind("Extend of a cancelled job", b.Extend(b.Context(), j.ID, "w1", lease), fault.NotFound)
	got := b.claim("w3", "x")
	if got.ID != late.ID || !got.Cancelled {
		b.Errorf("Claim = %+v, want the cancelled job %d at once", got, late.ID)
	}
	b.wantNone("of a cancelled job that is leased", "x")
	b.must(b.Finish(b.Context(), j.ID, "w1", setStatus(b, "running", "CREATE FAILED")))
	b.must(b.Finish(b.Context(), late.ID, "w3", setStatus(b, "waiting", "CREATE FAILED")))
	b.wantStatus("running", "CREATE FAILED")
	b.wantStatus("waiting", "CREATE FAILED")
	for _, n := range []string{"running", "nobody"} {
		b.wantKind("Cancel without work", b.Cancel(b.Context(), owner(n)), fault.NotFound)
	}
}

func (b *bench) wantResults(id int64, group string, want map[int][]byte) {
	b.Helper()
	got, err := b.Results(b.Context(), id, group)
	if err != nil || len(got) != len(want) {
		b.Errorf("Results of %s = %v, %v, want %v", group, got, err, want)
		return
	}
	for n, r := range want {
		if kept, ok := got[n]; !ok || !bytes.Equal(kept, r) {
			b.Errorf("result %d of %s = %q, %t, want %q", n, group, kept, ok, r)
		}
	}
}

// The first result of a task stays, and is what everybody gets. Any bytes are a result.
func testResults(b *bench) {
	b.add("x", "1", "2")
	j, other := b.claim("w1", "x"), b.claim("w2", "x")
	odd := []byte("\x00\xff'\"\n\\")
	large := bytes.Repeat([]byte{0, 1, 2, 255}, job.MaxResult/4)
	for _, put := range []struct {
		id           int64
		group        string
		n            int
		result, kept []byte
	}{
		{j.ID, "g", 0, []byte("first"), []byte("first")},
		{j.ID, "g", 0, []byte("second"), []byte("first")},
		{j.ID, "g", 7, odd, odd},
		{j.ID, "g", 2, nil, nil},
		{j.ID, "g", 2, []byte("late"), nil},
		{j.ID, "large", 0, large, large},
		{j.ID, "", 0, []byte("no name"), []byte("no name")},
		{other.ID, "g", 0, []byte("other"), []byte("other")},
	} {
		kept, err := b.PutResult(b.Context(), put.id, put.group, put.n, put.result)
		if err != nil || !bytes.Equal(kept, put.kept) {
			b.Errorf("PutResult(%d, %q, %d) = %.20q, %v, want %.20q", put.id, put.group, put.n, kept, err, put.kept)
		}
	}
	_, err := b.PutResult(b.Context(), j.ID, "g", 1, make([]byte, job.MaxResult+1))
	b.wantKind("PutResult of too much", err, fault.Limit)
	_, err = b.PutResult(b.Context(), 99, "g", 1, nil)
	b.wantKind("PutResult for no job", err, fault.NotFound)
	b.wantResults(j.ID, "g", map[int][]byte{0: []byte("first"), 2: nil, 7: odd})
	b.wantResults(j.ID, "large", map[int][]byte{0: large})
	b.wantResults(other.ID, "g", map[int][]byte{0: []byte("other")})
	b.wantResults(j.ID, "h", nil)
	b.wantResults(99, "g", nil)

	b.must(b.Finish(b.Context(), j.ID, "w1", nil))
	b.wantResults(j.ID, "g", nil)
	b.wantResults(other.ID, "g", map[int][]byte{0: []byte("other")})
}

// Progress is that of unfinished work, outlives it, and goes with its owner.
func testProgress(b *bench) {
	want := func(when string, want job.Progress, wantOK bool) {
		b.Helper()
		got, ok, err := b.Progress(b.Context(), owner("1"))
		if err != nil || ok != wantOK || !cmp.Equal(got, want) {
			b.Errorf("Progress %s = %+v, %t, %v, want %+v, %t", when, got, ok, err, want, wantOK)
		}
	}
	p := job.Progress{Stage: "rows", Done: 3, Total: 1 << 40, Unit: "rows", Started: b.clock.now(), Updated: b.clock.now().Add(time.Microsecond)}
	want("of nobody", job.Progress{}, false)
	b.must(b.SetProgress(b.Context(), owner("1"), p))
	want("without a job", job.Progress{}, false)

	b.add("x", "1")
	j := b.claim("w", "x")
	b.must(b.SetProgress(b.Context(), owner("1"), p))
	want("once set", p, true)
	p.Done, p.Stage = 4, "lines"
	b.must(b.SetProgress(b.Context(), owner("1"), p))
	b.must(b.Finish(b.Context(), j.ID, "w", nil))
	b.must(b.SetProgress(b.Context(), owner("1"), job.Progress{Stage: "late"}))
	want("after the job", p, true)
	b.must(b.Delete(b.Context(), owner("1"), 1))
	want("after the owner", job.Progress{}, false)

	b.add("x", "1")
	j = b.claim("w", "x")
	b.must(b.Delete(b.Context(), owner("1"), 1))
	b.must(b.SetProgress(b.Context(), owner("1"), p))
	b.must(b.Finish(b.Context(), j.ID, "w", nil))
	want("of a job that outlived its owner", job.Progress{}, false)
}

// Of many workers each gets jobs of its own, and together they do them all.
func testWorkers(b *bench) {
	const jobs, workers = 24, 6
	for n := range jobs {
		b.add("x", fmt.Sprint(n))
	}
	var mu sync.Mutex
	var done []arn.ARN
	work := func(worker string) error {
		for {
			j, ok, err := b.Claim(b.Context(), worker, []string{"x"}, lease, nil)
			if err != nil || !ok {
				return err
			}
			if _, err := b.PutResult(b.Context(), j.ID, "g", 0, []byte(worker)); err != nil {
				return err
			}
			if err := b.Finish(b.Context(), j.ID, worker, setStatus(b, j.Owner.Name(), "ACTIVE")); err != nil {
				return err
			}
			mu.Lock()
			done = append(done, j.Owner)
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			if err := work(fmt.Sprint("w", w)); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(done)
	if len(slices.Compact(done)) != jobs || len(done) != jobs {
		b.Errorf("jobs done: %d, want each of %d once", len(done), jobs)
	}
}

// Jobs, leases, results and progress are there after a restart.
func testReopen(t *testing.T, d Driver) {
	b := newBench(t, d)
	b.add("x", "1", "2")
	j := b.claim("w", "x")
	_, err := b.PutResult(b.Context(), j.ID, "g", 1, []byte("r"))
	b.must(err)
	p := job.Progress{Stage: "rows", Started: b.clock.now(), Updated: b.clock.now()}
	b.must(b.SetProgress(b.Context(), owner("1"), p))

	b.Store = d.Reopen(t, b.Store, b.clock.now)
	if got := b.claim("w2", "x"); got.Owner != owner("2") {
		b.Errorf("Claim after a restart = the job of %s, want %s: the other is leased", got.Owner, owner("2"))
	}
	b.must(b.Extend(b.Context(), j.ID, "w", lease))
	b.wantResults(j.ID, "g", map[int][]byte{1: []byte("r")})
	if got, ok, err := b.Progress(b.Context(), owner("1")); err != nil || !ok || !cmp.Equal(got, p) {
		b.Errorf("Progress after a restart = %+v, %t, %v, want %+v", got, ok, err, p)
	}
	b.must(b.Finish(b.Context(), j.ID, "w", nil))
}
