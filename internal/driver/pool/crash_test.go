package pool_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/driver/pool"
	"github.com/kindredrec/kindred/internal/driver/sqlite"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

const (
	childVariable = "KINDRED_TEST_CRASH_CHILD" // the database a child process works on
	crashes       = 12
	crashGroups   = 6
	crashTasks    = 8
)

// crashChild returns the database this process is to work on as a child, "" for the test itself.
func crashChild() string { return os.Getenv(childVariable) }

// runCrashChild works on the queue until the one job is settled, or until it is killed.
func runCrashChild(path string) {
	if err := crashWork(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func crashWork(path string) error {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	ended := make(chan struct{}, 1)
	opts := fast()
	opts.Lease, opts.Exclusive = time.Minute, true
	opts.Observe = func(string, string, time.Duration) { ended <- struct{}{} }
	p := pool.New(db, opts)
	if err := p.Start(ctx, crashFlow()); err != nil {
		return err
	}
	select {
	case <-ended:
		fmt.Println("ended")
	case <-time.After(patience):
		return errors.New("the job did not end")
	}
	return errors.Join(p.Stop(ctx), db.Close())
}

// crashFlow chains groups whose tasks are each decided by chance and by all results before, so that a
// result that was replaced, lost or used beside its successor shows in the end: the digest that Settle
// leaves is that of the results the queue kept.
func crashFlow() job.Flow {
	f := flow(nil)
	f.Run = func(ctx context.Context, r *job.Run) error {
		fmt.Println("begun") // the parent's clock starts here
		digest, seen := fnv.New64a(), [][]byte{}
		for g := range crashGroups {
			before := digest.Sum64()
			out, err := r.Group(ctx, fmt.Sprint("group ", g), crashTasks, 3, func(_ context.Context, n int) ([]byte, error) {
				return fmt.Appendf(nil, "%d/%d after %x by chance %d in process %d", g, n, before, rand.Uint64(), os.Getpid()), nil
			})
			if err != nil {
				return err
			}
			for _, b := range out {
				_, _ = digest.Write(b)
				seen = append(seen, b)
			}
			r.Report(job.Progress{Stage: "groups", Done: int64(g)})
		}
		return checkChain(seen)
	}
	f.Settle = func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
		if failure != nil {
			return catalog.Transition(ctx, tx, j.Owner, time.Now(), "CREATE FAILED", map[string]any{"failureReason": failure.Error()})
		}
		return catalog.Change(ctx, tx, j.Owner, func(rec *catalog.Record) error {
			var doc struct{ Settled int }
			if err := json.Unmarshal(rec.Doc, &doc); err != nil {
				return err
			}
			rec.Status = "ACTIVE"
			rec.Doc = fmt.Appendf(nil, `{"status":"ACTIVE","settled":%d}`, doc.Settled+1)
			return nil
		})
	}
	return f
}

// checkChain says whether each result was made after exactly the results that stand before it.
func checkChain(results [][]byte) error {
	digest := fnv.New64a()
	for g := range crashGroups {
		before := digest.Sum64()
		for n, b := range results[g*crashTasks : (g+1)*crashTasks] {
			if want := fmt.Sprintf("%d/%d after %x by chance ", g, n, before); !strings.HasPrefix(string(b), want) {
				return fault.Newf(fault.Invalid, "Group %d, task %d left %q, want %q….", g, n, b, want)
			}
			_, _ = digest.Write(b)
		}
	}
	return nil
}

// A process that is killed again and again leaves a job that ends as if nothing had been: every result
// that was kept is used, and no other, and the job is settled once.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: this test starts and kills processes")
	}
	b := newBench(t, fast(), nil)
	path := filepath.Join(t.TempDir(), "k.db")
	b.db = open(t, path)

	a := b.add("undisturbed")
	whole, killed := runChild(t, path, patience)
	if killed {
		t.Fatalf("a child did not end within %v", patience)
	}
	checkSettledOnce(t, b, a)

	kills, jobs := 0, 0
	for kills < crashes {
		jobs++
		a := b.add(fmt.Sprint("job", jobs))
		for n := 0; b.unfinished(a); n++ {
			// Once in a while a child is left in peace, or a job could take for ever.
			limit := rand.N(whole)
			if n > crashes {
				limit = patience
			}
			if _, killed := runChild(t, path, limit); killed && b.unfinished(a) {
				kills++
			}
		}
		checkSettledOnce(t, b, a)
	}
	t.Logf("%d children were killed over %d jobs of %v each", kills, jobs, whole)
}

// unfinished reports whether a job is not settled yet.
func (b *bench) unfinished(a arn.ARN) bool {
	b.t.Helper()
	status, _ := b.status(a)
	return status != "ACTIVE" && status != "CREATE FAILED"
}

func checkSettledOnce(t *testing.T, b *bench, a arn.ARN) {
	t.Helper()
	doc, rec, err := catalog.Load[struct {
		Settled       int
		FailureReason string
	}](t.Context(), b.db, a)
	if err != nil || rec.Status != "ACTIVE" || doc.Settled != 1 {
		t.Fatalf("%s is %s, settled %d times, %s (%v); want ACTIVE, once", a, rec.Status, doc.Settled, doc.FailureReason, err)
	}
	if p, ok, err := b.db.Progress(t.Context(), a); err != nil || !ok || p.Done != crashGroups-1 {
		t.Fatalf("Progress of %s = %+v, %t, %v; want the last group", a, p, ok, err)
	}
}

// runChild runs a child on the database and kills it with SIGKILL some time after its job has begun. It
// returns how long the job ran and whether it was killed.
func runChild(t *testing.T, path string, limit time.Duration) (ran time.Duration, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childVariable+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("child ended before its job began: %v, %v", err, cmd.Wait())
	}
	begun := time.Now()
	killer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	_, _ = lines.ReadString('\n') // that the job ended, or nothing from a child that was killed
	ran = time.Since(begun)
	err = cmd.Wait()
	killed = !killer.Stop()
	if !killed && err != nil {
		t.Fatalf("child = %v", err)
	}
	return ran, killed
}
