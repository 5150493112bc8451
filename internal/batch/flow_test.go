package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A memory is what an engine keeps of a job: results that later runs get back. It is a job.Runner.
type memory struct {
	crash func(group string, n int) error // asked when a task has ended, before its result is kept

	mu       sync.Mutex
	results  map[string]map[int][]byte
	progress job.Progress
}

func newMemory() *memory { return &memory{results: map[string]map[int][]byte{}} }

func (m *memory) Group(ctx context.Context, name string, n, width int, do job.Task) ([][]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(n, width) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := m.task(ctx, name, i, do); err != nil {
					cancel(err)
				}
			}
		})
	}
	wait.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	all := make([][]byte, n)
	for i := range all {
		all[i] = m.results[name][i]
	}
	return all, nil
}

func (m *memory) task(ctx context.Context, group string, n int, do job.Task) error {
	m.mu.Lock()
	_, done := m.results[group][n]
	m.mu.Unlock()
	if done {
		return nil
	}
	res, err := do(ctx, n)
	if err == nil && m.crash != nil {
		err = m.crash(group, n)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.results[group] == nil {
		m.results[group] = map[int][]byte{}
	}
	m.results[group][n] = res
	return nil
}

func (m *memory) Report(p job.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress = p
}

// A trial is a job over a bucket, and what is to be run again when it fails.
type trial struct {
	bucket *bucket
	world  *world
	memory *memory
	cfg    Config
	order  Order
	tally  Tally // of what was observed
	mu     sync.Mutex
}

func newTrial() *trial {
	tr := &trial{bucket: newBucket(), world: newWorld("user"), memory: newMemory()}
	tr.order = Order{JobName: "nightly", NumResults: 3, Input: "s3://b/in/", Output: "s3://b/out",
		OutputKMS: "key", Exploration: map[string]string{weightKey: "0"}}
	tr.cfg = Config{Source: tr.world, Buckets: tr.bucket, minPart: testPart, PartBytes: 2 * testPart, Width: 3}
	tr.cfg.Observe = func(t Tally, _ time.Duration) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.tally.add(t)
	}
	return tr
}

// run is one attempt.
func (tr *trial) run(ctx context.Context, attempt int) error {
	payload, err := json.Marshal(tr.order)
	if err != nil {
		return err
	}
	r := &job.Run{Job: job.Job{Owner: "arn:aws:personalize:us-east-1:000000000000:batch-inference-job/nightly",
		Payload: payload, Attempt: attempt}, Runner: tr.memory}
	return Flow(tr.cfg).Run(ctx, r)
}

// must runs the job once and without failure.
func (tr *trial) must(t *testing.T) {
	t.Helper()
	if err := tr.run(t.Context(), 1); err != nil {
		t.Fatalf("run: %v", err)
	}
}

// users returns n input lines, some of them with errors.
func users(n int) string {
	var b strings.Builder
	for i := range n {
		switch i % 7 {
		case 3:
			b.WriteString("{broken\n")
		case 5:
			fmt.Fprintf(&b, "{\"userId\": \"u-17\", \"note\": %q}\n", strings.Repeat("x", i%900))
		default:
			fmt.Fprintf(&b, "{\"userId\": \"user %d\"}\n", i)
		}
	}
	return b.String()
}

// answers is the output of an input by the slow way: line by line, one after another.
func (tr *trial) answers(t rapid.TB, input string) string {
	b, _ := tr.world.Open(context.Background(), "")
	or, err := newOracle(&tr.order, b)
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(or)
	var out []byte
	var tally Tally
	for line := range strings.SplitSeq(input, "\n") {
		if blank([]byte(line)) {
			continue
		}
		d.put([]byte(line))
		if out, err = d.answer(context.Background(), out, &tally, func(b []byte) ([]byte, error) { return b, nil }); err != nil {
			t.Fatal(err)
		}
	}
	return string(out)
}

// same fails unless an object holds what is expected.
func (tr *trial) same(t rapid.TB, key, want string) {
	t.Helper()
	if got := tr.bucket.text(key); got != want {
		t.Fatalf("%s has %d bytes, want %d:\n%s", key, len(got), len(want), cmp.Diff(firstDifference(got, want)))
	}
}

// firstDifference returns the lines in which two texts first differ.
func firstDifference(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, min(i, len(s))-40):min(len(s), i+80)] }
	return cut(a), cut(b)
}

// However a file is cut, its output is that of reading it line by line, in one piece and in order.
func TestOutputDoesNotDependOnShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newTrial()
		lines := rapid.IntRange(0, 400).Draw(t, "lines")
		input := users(lines)
		if rapid.Bool().Draw(t, "blank") {
			input = "\n \n" + input + strings.Repeat("\n", rapid.IntRange(0, 3000).Draw(t, "blanks"))
		}
		if rapid.Bool().Draw(t, "unfinished") {
			input = strings.TrimSuffix(input, "\n")
		}
		tr.bucket.set("in/users.json", input)
		tr.cfg.ShardBytes = rapid.Int64Range(0, 9000).Draw(t, "shard")
		tr.cfg.PartBytes = testPart * rapid.IntRange(1, 4).Draw(t, "part")
		if err := tr.run(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		tr.same(t, "out/users.json.out", tr.answers(t, input))
		if len(tr.bucket.uploads) > 0 {
			t.Fatalf("uploads left over: %v", slices.Collect(maps.Keys(tr.bucket.uploads)))
		}
	})
}

// A shard boundary may fall before, on and behind a newline.
func TestBoundariesAtEveryByte(t *testing.T) {
	input := "\xef\xbb\xbf{\"userId\":\"u-17\"}\n\n{}\r\n  \n{\"userId\":\"u-52\"}"
	for shard := int64(1); shard <= int64(len(input))+1; shard++ {
		tr := newTrial()
		tr.bucket.set("in/users.json", input)
		tr.cfg.ShardBytes = shard
		tr.must(t)
		tr.same(t, "out/users.json.out", tr.answers(t, strings.TrimPrefix(input, "\xef\xbb\xbf")))
	}
}

// Shards whose output is too small for a part are joined until it is large enough.
func TestSmallOutputsAreJoined(t *testing.T) {
	tr := newTrial()
	input := users(600)
	tr.bucket.set("in/users.json", input)
	tr.cfg.ShardBytes = 100
	tr.must(t)
	tr.same(t, "out/users.json.out", tr.answers(t, input))
	if _, ok := tr.memory.results["shards.0.1"]; !ok {
		t.Errorf("no second round; groups are %v", slices.Sorted(maps.Keys(tr.memory.results)))
	}
}

// An output that is much larger than was expected is sent as several parts.
func TestLargeOutputsAreDivided(t *testing.T) {
	tr := newTrial()
	input := users(3000)
	tr.bucket.set("in/users.json", input)
	tr.cfg.ShardBytes = 100_000
	tr.must(t)
	tr.same(t, "out/users.json.out", tr.answers(t, input))
	var out output
	if err := json.Unmarshal(tr.memory.results["shards.0.0"][0], &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Parts) < 5 {
		t.Errorf("the first shard has %d parts, want at least 5", len(out.Parts))
	}
}

// batch.md §5.1.
func TestNamesOfOutputs(t *testing.T) {
	for _, c := range []struct {
		name, input, output string
		objects, want       []string
	}{
		{"one object", "s3://b/in/users.json", "s3://b/out/", []string{"in/users.json", "in/other.json"}, []string{"out/_CHECK", "out/users.json.out"}},
		{"bucket root", "s3://b/users.json", "s3://b/", []string{"users.json"}, []string{"_CHECK", "users.json.out"}},
		{"folder", "s3://b/in/", "s3://b/out/", []string{"in/p1.json", "in/p2.json", "in/", "in/sub/"}, []string{"out/_CHECK", "out/p1.json.out", "out/p2.json.out"}},
		{"prefix", "s3://b/batch/in", "s3://b/out", []string{"batch/in.json", "batch/in/x", "batch/in_old/y", "batch/other"},
			[]string{"out/_CHECK", "out/in.json.out", "out/x.out", "out/y.out"}},
		{"equal base names", "s3://b/in/", "s3://b/out/", []string{"in/a/users", "in/b/users", "in/users", "in/b/more"},
			[]string{"out/_CHECK", "out/a/users.out", "out/b/users.out", "out/more.out", "out/users.out"}},
		{"output inside input", "s3://b/", "s3://b/out/", []string{"x", "out/x.out", "out/_CHECK"}, []string{"out/_CHECK", "out/x.out"}},
		{"second run in one folder", "s3://b/users.json", "s3://b/", []string{"users.json", "users.json.out", "_CHECK"}, []string{"_CHECK", "users.json.out"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrial()
			for _, key := range c.objects {
				tr.bucket.set(key, `{"userId":"u-17"}`)
			}
			tr.order.Input, tr.order.Output = c.input, c.output
			tr.must(t)
			var got []string
			for _, key := range tr.bucket.keys() {
				if tr.bucket.objects[key].kms == "key" {
					got = append(got, key)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
			if check := tr.bucket.text(c.want[0]); check != "" {
				t.Errorf("%s = %q, want nothing", c.want[0], check)
			}
		})
	}
}

// What is wrong with a whole job is told in a sentence that names the place, and nothing is written.
func TestJobsThatCannotRun(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(*trial)
		want  string
	}{
		{"nothing there", func(tr *trial) { tr.order.Input = "s3://b/no/" },
			"Invalid S3 input path. There is no object whose key begins with s3://b/no/."},
		{"no bucket", func(tr *trial) { tr.order.Input = "s3://gone/in/" }, "Invalid S3 input path. s3://gone/in/: There is no bucket gone."},
		{"no output bucket", func(tr *trial) { tr.order.Output = "s3://gone/" }, "Invalid S3 output path. s3://gone/: There is no bucket gone."},
		{"same place", func(tr *trial) { tr.order.Output = "s3://b/in" },
			"Invalid S3 output path. s3://b/in is the input path as well; expected another folder."},
		{"no S3 location", func(tr *trial) { tr.order.Input = "https://b/in" },
			`Invalid S3 input path. "https://b/in" is not an S3 location: expected s3://bucket/key.`},
		{"no list", func(tr *trial) { tr.bucket.fail = denied("List") },
			"Invalid S3 input path. s3://b/in/: Insufficient privileges for accessing data in Amazon S3."},
		{"no read", func(tr *trial) { tr.bucket.fail = denied("Open") },
			"Invalid S3 input path. s3://b/in/users.json: Insufficient privileges for accessing data in Amazon S3."},
		{"no write", func(tr *trial) { tr.bucket.fail = denied("Put") },
			"Invalid S3 output path. s3://b/out/_CHECK: Insufficient privileges for accessing data in Amazon S3."},
		{"files", func(tr *trial) { tr.cfg.Limits.Files = 1; tr.bucket.set("in/b", "{}") },
			"Invalid S3 input path. s3://b/in/ holds more than 1 files, which is the limit of one job."},
		{"bytes", func(tr *trial) { tr.cfg.Limits.Bytes = 10 },
			"Invalid S3 input path. The files in s3://b/in/ are larger than 10 bytes together, which is the limit of one job."},
		{"lines", func(tr *trial) { tr.cfg.Limits.Lines = 10 },
			"Invalid S3 input path. s3://b/in/users.json has 20 lines; a file may have at most 10."},
		{"lines of shards", func(tr *trial) { tr.cfg.Limits.Lines = 10; tr.cfg.ShardBytes = 64 },
			"Invalid S3 input path. s3://b/in/users.json has 20 lines; a file may have at most 10."},
		{"filter", func(tr *trial) { tr.order.Filter = `INCLUDE ItemID WHERE Items.NOPE IN ("a")` }, ""},
		{"exploration", func(tr *trial) { tr.order.Exploration = map[string]string{weightKey: "2"} },
			`itemExplorationConfig: explorationWeight is "2"; expected a number from 0 to 1.`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrial()
			tr.bucket.set("in/users.json", users(20))
			c.setup(tr)
			err := tr.run(t.Context(), 1)
			if !permanent(err) || c.want != "" && fault.Sentence(err) != c.want {
				t.Errorf("failure %v: %q\nwant       %q", fault.KindOf(err), fault.Sentence(err), c.want)
			}
			for _, key := range tr.bucket.keys() {
				if strings.HasSuffix(key, outSuffix) {
					t.Errorf("%s was written", key)
				}
			}
			if len(tr.bucket.uploads) > 0 {
				t.Errorf("%d uploads left over", len(tr.bucket.uploads))
			}
		})
	}
}

func denied(call string) func(string) error {
	return func(name string) error {
		if name == call {
			return fault.Newf(fault.Denied, "Access Denied.")
		}
		return nil
	}
}

// An input that is replaced while the job runs fails it: no output mixes two versions.
func TestChangedInput(t *testing.T) {
	for _, shard := range []int64{0, 64} {
		tr := newTrial()
		tr.bucket.set("in/users.json", users(20))
		tr.cfg.ShardBytes = shard
		var once sync.Once
		tr.world.fail = func() error { // the second block: the first is the plan's probe
			if _, planned := tr.memory.results["plan"]; planned {
				once.Do(func() { tr.bucket.set("in/users.json", users(21)) })
			}
			return nil
		}
		err := tr.run(t.Context(), 1)
		if want := "Invalid S3 input path. s3://b/in/users.json changed while the job was reading it."; fault.Sentence(err) != want {
			t.Errorf("shards of %d: %v, want %q", shard, err, want)
		}
		if got := tr.bucket.text("out/users.json.out"); got != "" {
			t.Errorf("shards of %d: the output appeared: %q", shard, got)
		}
	}
}

// errShaken is a failure that may pass.
var errShaken = errors.New("the store does not answer")

// Each call to the store fails once, before or after it took effect; the job's next attempt ends with what an
// undisturbed one writes, and until then no output is visible that is not whole.
func TestEveryCallFailsOnce(t *testing.T) {
	input := users(300)
	build := func() *trial {
		tr := newTrial()
		tr.cfg.Width = 1 // so that the calls come in one order
		tr.cfg.ShardBytes = 2500
		tr.bucket.set("in/users.json", input)
		tr.bucket.set("in/blank.json", "\n\n\n")
		tr.bucket.set("out/users.json.out", "what an earlier job wrote")
		return tr
	}
	calm := build()
	calm.must(t)
	want := calm.answers(t, input)
	calm.same(t, "out/users.json.out", want)
	calls := calm.bucket.calls.Load()
	for n := int64(1); n <= calls; n++ {
		for _, when := range []string{"before", "after"} {
			tr := build()
			var failed string
			shake := func(call string) error {
				if tr.bucket.calls.Load() == n {
					failed = call
					return errShaken
				}
				return nil
			}
			if when == "before" {
				tr.bucket.fail = shake
			} else {
				tr.bucket.after = shake
			}
			err := tr.run(t.Context(), 1)
			if failed == "" && err == nil {
				continue // the call found nothing, which is an answer of its own
			}
			if !errors.Is(err, errShaken) {
				t.Fatalf("call %d (%s) failed %s: the run's failure is %v", n, failed, when, err)
			}
			if got := tr.bucket.text("out/users.json.out"); got != "what an earlier job wrote" && got != want {
				t.Errorf("call %d (%s) failed %s: half an output is visible", n, failed, when)
			}
			if err := tr.run(t.Context(), 2); err != nil {
				t.Errorf("call %d (%s) failed %s: the second run fails: %v", n, failed, when, err)
			}
			tr.same(t, "out/users.json.out", want)
			if !slices.Equal(tr.bucket.keys(), calm.bucket.keys()) {
				t.Errorf("call %d (%s) failed %s: objects %v, want %v", n, failed, when, tr.bucket.keys(), calm.bucket.keys())
			}
		}
	}
}

// A crash after a task and before its result is kept runs the task again, and changes nothing.
func TestEveryResultIsLostOnce(t *testing.T) {
	input := users(300)
	build := func() *trial {
		tr := newTrial()
		tr.cfg.Width = 1
		tr.cfg.ShardBytes = 2500
		tr.bucket.set("in/users.json", input)
		return tr
	}
	calm := build()
	results := 0
	calm.memory.crash = func(string, int) error { results++; return nil }
	calm.must(t)
	want := calm.answers(t, input)
	for n := 1; n <= results; n++ {
		tr := build()
		count := 0
		tr.memory.crash = func(string, int) error {
			if count++; count == n {
				return errShaken
			}
			return nil
		}
		if err := tr.run(t.Context(), 1); !errors.Is(err, errShaken) {
			t.Fatalf("result %d lost: %v", n, err)
		}
		if err := tr.run(t.Context(), 2); err != nil {
			t.Errorf("result %d lost: the second run fails: %v", n, err)
		}
		tr.same(t, "out/users.json.out", want)
		if _, again := tr.memory.results["uploads.1"]; again {
			t.Errorf("result %d lost: all was done anew", n)
		}
	}
}

// An upload that somebody aborts is begun anew, however often results said that it was there.
func TestUploadsThatVanish(t *testing.T) {
	input := users(300)
	for _, at := range []string{"Upload", "Complete"} {
		tr := newTrial()
		tr.cfg.ShardBytes = 2500
		tr.bucket.set("in/users.json", input)
		tr.bucket.set("out/users.json.out", tr.answers(t, input)) // the same as will be written
		var once sync.Once
		tr.bucket.fail = func(call string) error {
			if call == at {
				once.Do(func() {
					tr.bucket.mu.Lock()
					clear(tr.bucket.uploads)
					tr.bucket.mu.Unlock()
				})
			}
			return nil
		}
		tr.must(t)
		tr.same(t, "out/users.json.out", tr.answers(t, input))
		if _, again := tr.memory.results["uploads.1"]; !again {
			t.Errorf("aborted at %s: nothing was done anew", at)
		}
		if len(tr.bucket.uploads) > 0 {
			t.Errorf("aborted at %s: %d uploads left over", at, len(tr.bucket.uploads))
		}
	}
}

// The last attempt clears up; those before leave the uploads for the next.
func TestLastAttemptAborts(t *testing.T) {
	for attempt, left := range map[int]int{1: 1, job.MaxAttempts: 0} {
		tr := newTrial()
		tr.cfg.ShardBytes = 2500
		tr.bucket.set("in/users.json", users(300))
		tr.bucket.fail = func(call string) error {
			if call == "Complete" {
				return errShaken
			}
			return nil
		}
		if err := tr.run(t.Context(), attempt); !errors.Is(err, errShaken) {
			t.Fatalf("attempt %d: %v", attempt, err)
		}
		if n := len(tr.bucket.uploads); n != left {
			t.Errorf("attempt %d leaves %d uploads, want %d", attempt, n, left)
		}
	}
}

// A run that is interrupted keeps its uploads; one that is cancelled drops them.
func TestInterruption(t *testing.T) {
	for cause, left := range map[error]int{
		context.Canceled: 1,
		fault.Newf(fault.Denied, "The job was cancelled."): 0,
	} {
		tr := newTrial()
		tr.cfg.ShardBytes = 2500
		tr.bucket.set("in/users.json", users(300))
		ctx, cancel := context.WithCancelCause(t.Context())
		tr.bucket.fail = func(call string) error {
			if call == "Upload" {
				cancel(cause)
			}
			return nil
		}
		if err := tr.run(ctx, 1); err == nil {
			t.Errorf("%v: the run ended well", cause)
		}
		if n := len(tr.bucket.uploads); n != left {
			t.Errorf("%v: %d uploads left, want %d", cause, n, left)
		}
	}
}

// Lines are counted, also those with errors, and progress ends at their number.
func TestLinesAreCounted(t *testing.T) {
	tr := newTrial()
	tr.bucket.set("in/a", users(70))
	tr.bucket.set("in/b", users(700))
	tr.cfg.ShardBytes = 20_000
	tr.must(t)
	want := Tally{Lines: 770, Failed: 110, Reasons: map[string]int64{"JSON": 110},
		Bytes: int64(len(users(70)) + len(users(700)))}
	if diff := cmp.Diff(want, tr.tally); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	if p := tr.memory.progress; p.Done != 770 || p.Total != 770 || p.Unit != "lines" {
		t.Errorf("progress %+v, want 770 of 770 lines", p)
	}
}

// A line that is too long gets an error that shows its beginning; its neighbours are answered.
func TestLongLines(t *testing.T) {
	for _, c := range []struct {
		size int
		cut  bool
	}{{MaxLine, false}, {MaxLine + 1, true}, {5 * MaxLine, true}} {
		const frame = `{"userId":"u-17","note":""}`
		long := `{"userId":"u-17","note":"` + strings.Repeat("x", c.size-len(frame)) + `"}`
		for _, end := range []string{"\n{\"userId\":\"u-52\"}\n", "\n", ""} {
			tr := newTrial()
			tr.bucket.set("in/users.json", "{\"userId\":\"u-0\"}\n"+long+end)
			tr.cfg.ShardBytes = 300_000
			tr.must(t)
			lines := strings.Split(strings.TrimSuffix(tr.bucket.text("out/users.json.out"), "\n"), "\n")
			if want := 2 + strings.Count(end, "userId"); len(lines) != want {
				t.Fatalf("line of %d bytes: %d lines come out, want %d", c.size, len(lines), want)
			}
			if got := strings.Contains(lines[1], "longer than 1 MiB"); got != c.cut {
				t.Errorf("line of %d bytes: refused %v, want %v: %.300s", c.size, got, c.cut, lines[1])
			}
			for _, line := range lines {
				if !json.Valid([]byte(line)) {
					t.Errorf("line of %d bytes: no JSON: %.300s", c.size, line)
				}
			}
		}
	}
}

// The settings of exploration.
func TestParseExploration(t *testing.T) {
	for _, c := range []struct {
		config map[string]string
		want   string
	}{
		{nil, "&{Weight:0.3 MaxAge:30}"},
		{map[string]string{}, "&{Weight:0.3 MaxAge:30}"},
		{map[string]string{weightKey: "0", maxAgeKey: "1"}, "&{Weight:0 MaxAge:1}"},
		{map[string]string{weightKey: "1.0", maxAgeKey: "365.5"}, "&{Weight:1 MaxAge:365.5}"},
		{map[string]string{weightKey: "1.1"}, `itemExplorationConfig: explorationWeight is "1.1"; expected a number from 0 to 1.`},
		{map[string]string{weightKey: "NaN"}, `itemExplorationConfig: explorationWeight is "NaN"; expected a number from 0 to 1.`},
		{map[string]string{weightKey: ""}, `itemExplorationConfig: explorationWeight is ""; expected a number from 0 to 1.`},
		{map[string]string{maxAgeKey: "0.5"}, `itemExplorationConfig: explorationItemAgeCutOff is "0.5"; expected a number of days, at least 1.`},
		{map[string]string{maxAgeKey: "Inf"}, `itemExplorationConfig: explorationItemAgeCutOff is "Inf"; expected a number of days, at least 1.`},
		{map[string]string{"exploration_weight": "0"},
			`itemExplorationConfig has no setting "exploration_weight"; it takes explorationWeight and explorationItemAgeCutOff.`},
	} {
		e, err := ParseExploration(c.config)
		got := fmt.Sprintf("%+v", e)
		if err != nil {
			got = fault.Sentence(err)
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: kind %v, want invalid", c.config, fault.KindOf(err))
			}
		}
		if got != c.want {
			t.Errorf("ParseExploration(%v) = %s, want %s", c.config, got, c.want)
		}
	}
}

// An object that an unknown upload left is recognised by its ETag or by being another than before.
func TestPublished(t *testing.T) {
	parts := []blob.Part{{Number: 1, ETag: "d41d8cd98f00b204e9800998ecf8427e", Size: 5}}
	whole := compositeETag(parts)
	for _, c := range []struct {
		name, etag, prior string
		size              int
		want              bool
	}{
		{"ours, none before", whole, "", 5, true},
		{"ours, the same before", whole, whole, 5, true},
		{"opaque, none before", "opaque", "", 5, true},
		{"opaque, another before", "opaque", "older", 5, true},
		{"nothing happened", "opaque", "opaque", 5, false},
		{"another size", "other", "", 4, false},
	} {
		tr := newTrial()
		tr.bucket.objects["k"] = object{data: make([]byte, c.size), etag: c.etag}
		j := &work{out: tr.bucket}
		got, err := j.published(t.Context(), "k", upload{Prior: c.prior}, parts, 5)
		if got != c.want || err != nil {
			t.Errorf("%s: published = %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}
