package batch

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/recipe"
)

// An endless bucket has one object of any size, made of the same line again and again, and keeps nothing of what
// is written but its size.
type endless struct {
	*bucket
	line    string
	size    int64
	written atomic.Int64

	mu   sync.Mutex
	heap uint64 // the most that lived at an Upload, when buffers are full
}

func (e *endless) weigh() {
	e.mu.Lock()
	defer e.mu.Unlock()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	e.heap = max(e.heap, m.HeapAlloc)
}

func (e *endless) Bucket(context.Context, string) (blob.Driver, error) { return e, nil }

func (e *endless) Stat(ctx context.Context, key string) (blob.Info, error) {
	if strings.HasSuffix(key, outSuffix) {
		return blob.Info{}, missing(key)
	}
	return blob.Info{Key: key, Size: e.size, ETag: "same"}, nil
}

func (e *endless) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		yield(blob.Info{Key: "in/users.json", Size: e.size, ETag: "same"}, nil)
	}
}

func (e *endless) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(&repeated{e.line, off, min(off+n, e.size)}), nil
}

func (e *endless) Upload(ctx context.Context, key, upload string, n int, data []byte) (blob.Part, error) {
	e.written.Add(int64(len(data)))
	e.weigh()
	return blob.Part{Number: n, Size: int64(len(data)), ETag: fmt.Sprintf("%x", md5.Sum(data[:16]))}, nil
}

func (e *endless) Complete(ctx context.Context, key, upload string, parts []blob.Part) error {
	for i, p := range parts {
		if p.Size < blob.MinPart && i < len(parts)-1 {
			return fmt.Errorf("part %d has %d bytes", p.Number, p.Size)
		}
	}
	return nil
}

// repeated reads bytes at..end of an endless repetition of line.
type repeated struct {
	line    string
	at, end int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.end-r.at)], r.line[r.at%int64(len(r.line)):])
	r.at += int64(n)
	return n, nil
}

// bound is a Source that knows one solution version.
type bound struct{ *Bound }

func (b bound) Open(context.Context, arn.ARN) (*Bound, error) { return b.Bound, nil }

// The heap stays under the bound of the package's documentation, whatever the size of the input. The output is
// several times the bound, so that keeping it would show.
func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
		size int64
		set  func(*Config)
	}{
		{"measured", `{"userId": "u-17"}`, 5 << 20, func(*Config) {}},
		{"long lines", strings.Repeat(" ", 1000) + `{"userId": "u-17"}`, 150 << 20, func(*Config) {}},
		{"few large shards", `{"userId": "u-17"}`, 5 << 20, func(c *Config) { c.ShardBytes = 2 << 20 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld("user")
			model := &fixed{items: manyItems(60), top: make([]int32, 50)} // it makes no garbage of its own
			e := &endless{bucket: newBucket(), line: c.line + "\n", size: c.size}
			cfg := Config{Source: bound{&Bound{Info: w.info, Model: model, View: w}}, Buckets: e, Width: 2}
			c.set(&cfg)
			tr := &trial{bucket: e.bucket, world: w, memory: newMemory(), cfg: cfg,
				order: Order{NumResults: 50, Input: "s3://b/in/", Output: "s3://b/out/"}}
			e.weigh()
			before := e.heap
			limit := int64(2 * (16<<20 + 5<<20 + 2*MaxLine + blockBytes + MaxLine + blockLines*(50*12)))
			tr.must(t)
			grown := int64(e.heap - before)
			if slack := limit / 10; grown > limit+slack { // what the other worker threw away meanwhile
				t.Errorf("heap grew by %d bytes, want at most %d", grown, limit+slack)
			}
			if e.written.Load() < limit {
				t.Errorf("%d bytes were written: too few to show anything", e.written.Load())
			}
			t.Logf("heap grew by %d MiB of %d; %d MiB written", grown>>20, limit>>20, e.written.Load()>>20)
		})
	}
}

// The bound that decides which files are answered whole holds for the lines that make most of their bytes.
func TestMostOutput(t *testing.T) {
	for family, lines := range map[string][]string{
		"user":    {`{"userId":"1"}`, "x", "{}", "[]", "\x01", `"`, `{"userId":"1","filterValues":{"A":"\\"}}`},
		"item":    {`{"itemId":"1"}`, "x", "{}"},
		"segment": {`{"itemId":"i1"}`, `{"itemId":"1"}`, "x", "{}", `{"itemId":"i1","a":[,1,1,1,1,1,1]}`, `{"itemId":"i1","a":[1,1,1,1,1,1]}`, `{"itemId":"\u0001\u0002\u0003"}`},
		"fans":    {`{"itemAttributes":"ITEMS.GENRES=\"Drama\""}`, `{"itemAttributes":"A"}`, "{}", `{"itemAttributes":"ITEMS.A=1 AND ITEMS.B=2"}`, `{"itemAttributes":7}`},
		"list": {`{"userId":"1","itemList":["1"]}`, `{"userId":"1","itemList":["1","2","3","i1","i\"5"]}`, `{"userId":"1"}`, "1",
			`{"userId":"1","itemList":["\u0001","\u0002"]}`},
	} {
		for _, line := range lines {
			for _, filter := range []string{"", `INCLUDE ItemID WHERE Items.GENRES IN ($A) AND Items.PRICE < $BB`} {
				tr := newTrial()
				tr.world = newWorld(family)
				if tr.order.Filter = filter; tr.world.info.Type == recipe.UserSegmentation && filter != "" {
					tr.order.Filter = `INCLUDE UserID WHERE Users.AGE < $BB`
				}
				tr.order.NumResults = 6
				b, _ := tr.world.Open(t.Context(), "")
				or, err := newOracle(&tr.order, b)
				if err != nil {
					t.Fatal(err)
				}
				input := strings.Repeat(line+"\n", 100)
				got := int64(len(tr.answers(t, input)))
				if most := or.mostOutput(int64(len(input))); got > most {
					t.Errorf("%s %q: %d bytes of input make %d, bound %d", family, line, len(input), got, most)
				}
			}
		}
	}
}

// The text of a short error fits what mostOutput counts for it.
func TestShortErrorsAreShort(t *testing.T) {
	for _, line := range []string{"x", "1", "{}", "[", "\xff", `{"userId":1}`} {
		for asks := range 5 {
			var q question
			_, p := readLine(recipe.Asks(asks), []byte(line), nil, &q)
			if n := len(`{"input": , "error": ""}`) + len(appendQuoted(nil, p.sentence)) - 1; p.none() || n > 160-12 {
				t.Errorf("family %d, %q: an error line of %d bytes around the input: %q", asks, line, n, p.sentence)
			}
		}
	}
	if tooLongLine.none() || bytes.Contains([]byte(tooLongLine.sentence), []byte("\n")) {
		t.Errorf("sentence %q", tooLongLine.sentence)
	}
}
