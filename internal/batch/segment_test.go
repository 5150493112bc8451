package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// newSegmentTrial is a segment job over a world with n users more.
func newSegmentTrial(family string, n int) *trial {
	tr := newTrial()
	tr.world = newWorld(family)
	for u := range n {
		tr.world.history[fmt.Sprintf("user-%05d", u)] = []int32{int32(u % 6), int32(u * 7 % 6)}
	}
	tr.cfg.Source = tr.world
	tr.order.Exploration = nil
	return tr
}

// questionsForItems are n lines, some of them with errors.
func questionsForItems(n int) string {
	var b strings.Builder
	for i := range n {
		switch i % 5 {
		case 3:
			b.WriteString("{broken\n")
		case 4:
			b.WriteString("{\"itemId\": \"nobody knows it\"}\n")
		default:
			fmt.Fprintf(&b, "{\"itemId\": \"i%d\"}\n", i%4+1)
		}
	}
	return b.String()
}

// However a file is cut, and however many parts one segment takes, the output is that of reading line by line.
func TestSegmentsDoNotDependOnShards(t *testing.T) {
	input := questionsForItems(40)
	for _, results := range []int{3, 700, 5_000_000} { // of 3,003 users: 36 bytes, a part, several parts
		for _, shard := range []int64{0, 1, 60, 400, 10_000} {
			for _, expr := range []string{"", `EXCLUDE UserID WHERE Users.AGE < 100`} {
				tr := newSegmentTrial("segment", 3_000)
				tr.bucket.set("in/items.json", input)
				tr.cfg.ShardBytes, tr.order.NumResults, tr.order.Filter = shard, results, expr
				tr.must(t)
				tr.same(t, "out/items.json.out", tr.answers(t, input))
				if len(tr.bucket.uploads) > 0 {
					t.Fatalf("%d uploads are left over", len(tr.bucket.uploads))
				}
			}
		}
	}
}

// A segment of everybody is more than a part, and it is whole.
func TestSegmentOfEverybody(t *testing.T) {
	tr := newSegmentTrial("fans", 3_000)
	tr.bucket.set("in/q.json", `{"itemAttributes":"ITEMS.GENRES = \"Drama\""}`)
	tr.order.NumResults = 5_000_000
	tr.must(t)
	out := tr.bucket.text("out/q.json.out")
	if n := strings.Count(out, `"user-`); n != 3_000 || len(out) < 3*tr.cfg.PartBytes || strings.Count(out, "\n") != 1 {
		t.Errorf("%d users in %d bytes, want 3,000 in one line of more than three parts", n, len(out))
	}
}

// What is wrong with a segment job as a whole.
func TestSegmentJobsThatCannotRun(t *testing.T) {
	for _, c := range []struct {
		name, family string
		setup        func(*trial)
		want         string
	}{
		{"items", "segment", func(tr *trial) { tr.cfg.Limits.ItemLines = 10 },
			"Invalid S3 input path. s3://b/in/q.json has 20 lines; a file may have at most 10."},
		{"attributes", "fans", func(tr *trial) { tr.cfg.Limits.AttributeLines = 19 },
			"Invalid S3 input path. s3://b/in/q.json has 20 lines; a file may have at most 19."},
		{"filter on items", "segment", func(tr *trial) { tr.order.Filter = `INCLUDE UserID WHERE Users.NOPE = 3` },
			"The filter uses Users.NOPE, and the Users dataset has no such field."},
		{"nothing there", "segment", func(tr *trial) { tr.order.Input = "s3://b/no/" },
			"Invalid S3 input path. There is no object whose key begins with s3://b/no/."},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newSegmentTrial(c.family, 10)
			tr.bucket.set("in/q.json", questionsForItems(20))
			c.setup(tr)
			err := tr.run(t.Context(), 1)
			if !permanent(err) || fault.Sentence(err) != c.want {
				t.Errorf("failure %v: %q\nwant       %q", fault.KindOf(err), fault.Sentence(err), c.want)
			}
			if got := tr.bucket.text("out/q.json.out"); got != "" {
				t.Errorf("the output appeared: %.200s", got)
			}
		})
	}
	// The limits of one kind are not those of another.
	tr := newSegmentTrial("segment", 10)
	tr.bucket.set("in/q.json", questionsForItems(20))
	tr.cfg.Limits.AttributeLines, tr.cfg.Limits.Lines = 1, 1
	tr.must(t)
}

// Each call to the store fails once; the next attempt ends with what an undisturbed one writes.
func TestSegmentCallsFailOnce(t *testing.T) {
	input := questionsForItems(10)
	build := func() *trial {
		tr := newSegmentTrial("segment", 1_000)
		tr.cfg.Width, tr.order.NumResults = 1, 5_000_000
		tr.bucket.set("in/items.json", input)
		return tr
	}
	calm := build()
	calm.must(t)
	want := calm.answers(t, input)
	for n := int64(1); n <= calm.bucket.calls.Load(); n++ {
		tr := build()
		tr.bucket.fail = func(string) error {
			if tr.bucket.calls.Load() == n {
				return errShaken
			}
			return nil
		}
		if err := tr.run(t.Context(), 1); err == nil {
			t.Fatalf("call %d failed and the run did not", n)
		}
		if got := tr.bucket.text("out/items.json.out"); got != "" && got != want {
			t.Errorf("call %d: half an output is visible", n)
		}
		if err := tr.run(t.Context(), 2); err != nil {
			t.Errorf("call %d: the second run fails: %v", n, err)
		}
		tr.same(t, "out/items.json.out", want)
	}
}

// everybody is a model that lists all users for every question, and makes no garbage of its own.
type everybody struct{ users names }

func (e everybody) Users() recipe.Names                        { return e.users }
func (e everybody) Items() recipe.Names                        { return names{"i"} }
func (e everybody) Select([]recipe.Condition) ([]int32, error) { return []int32{0}, nil }
func (e everybody) Segment(_ context.Context, queries []recipe.SegmentQuery, answers [][]int32) error {
	for k, q := range queries {
		answers[k] = slices.Grow(answers[k][:0], q.Count)
		for u := range int32(q.Count) {
			answers[k] = append(answers[k], u)
		}
	}
	return nil
}

// The memory of a job does not grow with the segments: each is 2 MB of text here, and the output 400 MB.
func TestSegmentMemoryIsBounded(t *testing.T) {
	const users = 200_000
	line := strings.Repeat(" ", 1<<10) + `{"itemId": "i"}` + "\n"
	e := &endless{bucket: newBucket(), line: line, size: 200 * int64(len(line))}
	info := infos["segment"]
	cfg := Config{Source: bound{&Bound{Info: info, Segments: everybody{manyItems(users)}}}, Buckets: e, Width: 2}
	tr := &trial{bucket: e.bucket, world: newWorld("segment"), memory: newMemory(), cfg: cfg,
		order: Order{NumResults: users, Input: "s3://b/in/", Output: "s3://b/out/"}}
	e.weigh()
	before := e.heap
	tr.must(t)
	limit := int64(2*(16<<20+5<<20+2*MaxLine+blockBytes+MaxLine+blockUsers)) * 11 / 10
	if grown := int64(e.heap - before); grown > limit {
		t.Errorf("heap grew by %d bytes, want at most %d", grown, limit)
	}
	if e.written.Load() < 2*limit {
		t.Errorf("%d bytes were written: too few to show anything", e.written.Load())
	}
	t.Logf("heap grew by %d MiB of %d; %d MiB written", int64(e.heap-before)>>20, limit>>20, e.written.Load()>>20)
}
