// Package blobtest is the conformance kit of blob.Driver: what every store of objects must do.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// Run checks a driver. open returns an empty one for each test.
func Run(t *testing.T, open func(t *testing.T) blob.Driver) {
	for name, test := range map[string]func(*testing.T, blob.Driver){
		"put and open":           putAndOpen,
		"ranges":                 ranges,
		"missing":                missing,
		"replace":                replace,
		"broken put":             brokenPut,
		"list":                   list,
		"list many":              listMany,
		"delete":                 remove,
		"multipart":              multipart,
		"multipart out of order": outOfOrder,
		"multipart sent twice":   sentTwice,
		"multipart unknown":      unknownUpload,
		"multipart aborted":      aborted,
		"concurrent":             concurrent,
		"local":                  local,
		"cancelled":              cancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func put(t *testing.T, d blob.Driver, key, content string) blob.Info {
	t.Helper()
	info, err := d.Put(t.Context(), key, strings.NewReader(content), blob.Options{ContentType: "text/plain"})
	if err != nil {
		t.Fatalf("Put(%q) = %v", key, err)
	}
	return info
}

func read(t *testing.T, d blob.Driver, key string, off, n int64) string {
	t.Helper()
	r, err := d.Open(t.Context(), key, off, n)
	if err != nil {
		t.Fatalf("Open(%q, %d, %d) = %v", key, off, n, err)
	}
	b, err := io.ReadAll(r)
	if cerr := r.Close(); err != nil || cerr != nil {
		t.Fatalf("read %q: %v, %v", key, err, cerr)
	}
	return string(b)
}

func keys(t *testing.T, d blob.Driver, prefix string) []string {
	t.Helper()
	var got []string
	for info, err := range d.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q) = %v", prefix, err)
		}
		got = append(got, info.Key)
	}
	return got
}

func absent(t *testing.T, d blob.Driver, key string) {
	t.Helper()
	if _, err := d.Stat(t.Context(), key); !fault.Is(err, fault.NotFound) {
		t.Errorf("Stat(%q) = %v, want not found", key, err)
	}
	r, err := d.Open(t.Context(), key, 0, -1)
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("Open(%q) = %v, want not found", key, err)
	}
	if err == nil {
		_ = r.Close()
	}
	if got := keys(t, d, key); slices.Contains(got, key) {
		t.Errorf("List has %q, which should not be there", key)
	}
}

// putAndOpen: what was put comes back, and every way of asking tells the same of it.
func putAndOpen(t *testing.T, d blob.Driver) {
	before := time.Now().Add(-2 * time.Second) // stores may keep whole seconds
	for _, key := range []string{"plain", "a/b/c.json", "with blank/and+plus&=?.csv", "ünï/€.txt"} {
		content := "content of " + key
		info := put(t, d, key, content)
		if got := read(t, d, key, 0, -1); got != content {
			t.Errorf("Open(%q) = %q, want %q", key, got, content)
		}
		stat, err := d.Stat(t.Context(), key)
		if err != nil {
			t.Fatalf("Stat(%q) = %v", key, err)
		}
		if stat.Key != key || stat.Size != int64(len(content)) || stat.ETag == "" || strings.Contains(stat.ETag, `"`) || stat.Modified.Before(before) {
			t.Errorf("Stat(%q) = %+v, want size %d, an ETag without quotes and a time since %v", key, stat, len(content), before)
		}
		if info.Key != key || info.Size != stat.Size || info.ETag != stat.ETag {
			t.Errorf("Put(%q) = %+v, Stat says %+v", key, info, stat)
		}
		for listed, err := range d.List(t.Context(), key) {
			if err != nil || listed.Size != stat.Size || listed.ETag != stat.ETag || !listed.Modified.Truncate(time.Second).Equal(stat.Modified.Truncate(time.Second)) {
				t.Errorf("List(%q) = %+v, %v; Stat says %+v", key, listed, err, stat)
			}
		}
	}
	put(t, d, "empty", "")
	if got := read(t, d, "empty", 0, -1); got != "" {
		t.Errorf("Open of an empty object = %q", got)
	}
}

func ranges(t *testing.T, d blob.Driver) {
	const content = "0123456789"
	put(t, d, "digits", content)
	for _, c := range []struct {
		off, n int64
		want   string
	}{
		{0, -1, content}, {0, 10, content}, {0, 3, "012"}, {7, -1, "789"}, {7, 3, "789"}, {7, 100, "789"},
		{3, 4, "3456"}, {3, 0, ""}, {10, -1, ""}, {10, 5, ""}, {50, -1, ""}, {50, 5, ""},
	} {
		if got := read(t, d, "digits", c.off, c.n); got != c.want {
			t.Errorf("Open(off %d, n %d) = %q, want %q", c.off, c.n, got, c.want)
		}
	}
}

func missing(t *testing.T, d blob.Driver) {
	absent(t, d, "nothing")
	absent(t, d, "no/thing")
	if r, err := d.Open(t.Context(), "nothing", 3, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("Open of no bytes of no object = %v, %v; want not found", r, err)
	}
	put(t, d, "folder/object", "x")
	absent(t, d, "folder")
	absent(t, d, "folder/obj")
	_, err := d.Stat(t.Context(), "nothing")
	if s := fault.Sentence(err); !strings.Contains(s, "nothing") {
		t.Errorf("the sentence of %v is %q, want the key in it", err, s)
	}
}

func replace(t *testing.T, d blob.Driver) {
	first := put(t, d, "k", "first")
	r, err := d.Open(t.Context(), "k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	second := put(t, d, "k", "other")
	if first.ETag == second.ETag {
		t.Errorf("two contents have the same ETag %s", first.ETag)
	}
	b, err := io.ReadAll(r)
	_ = r.Close()
	if err == nil && string(b) != "first" && string(b) != "other" {
		t.Errorf("a reader opened before the replacement reads %q, want one of the two", b)
	}
	if got := read(t, d, "k", 0, -1); got != "other" {
		t.Errorf("Open after replacing = %q, want %q", got, "other")
	}
	if got := keys(t, d, ""); !slices.Equal(got, []string{"k"}) {
		t.Errorf("List = %q, want only k", got)
	}
}

// brokenPut: a reader that fails leaves nothing, and what was there stays, for a short object and
// for one that is longer than a part.
func brokenPut(t *testing.T, d blob.Driver) {
	put(t, d, "old", "as it was")
	broken := errors.New("the source broke")
	for _, key := range []string{"old", "new"} {
		for _, size := range []int{10, 20 << 20} {
			r := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(broken))
			if _, err := d.Put(t.Context(), key, r, blob.Options{}); !errors.Is(err, broken) {
				t.Errorf("Put from a reader that breaks after %d bytes = %v, want its error", size, err)
			}
		}
	}
	absent(t, d, "new")
	if got := read(t, d, "old", 0, -1); got != "as it was" {
		t.Errorf("the old object is %q, want it as it was", got)
	}
}

// list: keys come in the order of their bytes, in which a-b is before a/b though a is before a-b.
func list(t *testing.T, d blob.Driver) {
	all := []string{"Z", "a-b", "a/b", "a/b-c/d", "a/b/c.x", "a0", "aa/x", "b", "data/items/1", "data/items/10", "data/items/2", "data/items-old/1", "ü"}
	all = slices.DeleteFunc(all, func(k string) bool { return k == "a/b" }) // a key is not also a folder
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(all)) {
		put(t, d, all[i], "x")
	}
	slices.Sort(all)
	for _, prefix := range []string{"", "a", "a/", "a/b", "data/items", "data/items/", "data/items/1", "data/none", "zzz", "data/items/1/"} {
		var want []string
		for _, k := range all {
			if strings.HasPrefix(k, prefix) {
				want = append(want, k)
			}
		}
		if diff := cmp.Diff(want, keys(t, d, prefix)); diff != "" {
			t.Errorf("List(%q): - want, + got\n%s", prefix, diff)
		}
	}
	n := 0
	for range d.List(t.Context(), "") {
		if n++; n == 2 {
			break
		}
	}
}

// listMany: a listing is longer than one answer of a store.
func listMany(t *testing.T, d blob.Driver) {
	const n = 1101 // S3 answers with at most 1000
	want := make([]string, n)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				want[i] = fmt.Sprintf("many/%05d", i)
				if _, err := d.Put(t.Context(), want[i], strings.NewReader(""), blob.Options{}); err != nil {
					t.Errorf("Put(%q) = %v", want[i], err)
				}
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(want, keys(t, d, "many/")); diff != "" {
		t.Errorf("List of %d objects: - want, + got\n%s", n, diff)
	}
}

func remove(t *testing.T, d blob.Driver) {
	put(t, d, "folder/a", "x")
	put(t, d, "folder/b", "x")
	for range 2 { // the second finds nothing, which is no error
		if err := d.Delete(t.Context(), "folder/a"); err != nil {
			t.Errorf("Delete = %v", err)
		}
	}
	absent(t, d, "folder/a")
	if got := keys(t, d, ""); !slices.Equal(got, []string{"folder/b"}) {
		t.Errorf("List after Delete = %q, want folder/b", got)
	}
	if err := d.Delete(t.Context(), "folder/b"); err != nil {
		t.Errorf("Delete = %v", err)
	}
	put(t, d, "folder", "now an object")
}

func begin(t *testing.T, d blob.Driver, key string) string {
	t.Helper()
	up, err := d.Begin(t.Context(), key, blob.Options{})
	if err != nil {
		t.Fatalf("Begin(%q) = %v", key, err)
	}
	return up
}

func upload(t *testing.T, d blob.Driver, key, up string, n int, data string) blob.Part {
	t.Helper()
	p, err := d.Upload(t.Context(), key, up, n, []byte(data))
	if err != nil {
		t.Fatalf("Upload(part %d) = %v", n, err)
	}
	if p.Number != n || p.Size != int64(len(data)) || p.ETag == "" {
		t.Errorf("Upload(part %d) = %+v, want number, ETag and size %d", n, p, len(data))
	}
	return p
}

func complete(t *testing.T, d blob.Driver, key, up string, parts ...blob.Part) {
	t.Helper()
	if err := d.Complete(t.Context(), key, up, parts); err != nil {
		t.Fatalf("Complete(%q) = %v", key, err)
	}
}

var long = strings.Repeat("0123456789abcdef", blob.MinPart/16)

// multipart: the object is there when the upload is complete, not before.
func multipart(t *testing.T, d blob.Driver) {
	put(t, d, "dir/other", "x")
	up := begin(t, d, "dir/k")
	one := upload(t, d, "dir/k", up, 1, long)
	two := upload(t, d, "dir/k", up, 2, "tail")
	absent(t, d, "dir/k")
	if got := keys(t, d, ""); !slices.Equal(got, []string{"dir/other"}) {
		t.Errorf("List during an upload = %q, want dir/other", got)
	}
	complete(t, d, "dir/k", up, one, two)
	if read(t, d, "dir/k", 0, -1) != long+"tail" {
		t.Error("the object is not its parts one after the other")
	}
	if got := read(t, d, "dir/k", blob.MinPart-2, 4); got != "efta" {
		t.Errorf("range over the seam = %q, want %q", got, "efta")
	}
	// S3 remembers a completed upload for a while and then says yes once more; others have forgotten it.
	if err := d.Complete(t.Context(), "dir/k", up, []blob.Part{one, two}); err != nil && !fault.Is(err, fault.NotFound) {
		t.Errorf("Complete again = %v, want not found or no error", err)
	}
	if err := d.Abort(t.Context(), "dir/k", up); err != nil {
		t.Errorf("Abort of a completed upload = %v, want no error", err)
	}
	if read(t, d, "dir/k", 0, 4) != "0123" {
		t.Error("Abort of a completed upload touched the object")
	}
}

// outOfOrder: parts come in any order, with gaps in their numbers.
func outOfOrder(t *testing.T, d blob.Driver) {
	up := begin(t, d, "k")
	nine := upload(t, d, "k", up, 9, "end")
	two := upload(t, d, "k", up, 2, long)
	complete(t, d, "k", up, two, nine)
	if read(t, d, "k", 0, -1) != long+"end" {
		t.Error("the object is not its parts in the order of their numbers")
	}
}

func sentTwice(t *testing.T, d blob.Driver) {
	up := begin(t, d, "k")
	upload(t, d, "k", up, 1, "a first attempt")
	complete(t, d, "k", up, upload(t, d, "k", up, 1, "the second"))
	if got := read(t, d, "k", 0, -1); got != "the second" {
		t.Errorf("object = %q, want what was sent last", got)
	}
}

func unknownUpload(t *testing.T, d blob.Driver) {
	up := begin(t, d, "k")
	part := upload(t, d, "k", up, 1, "x")
	if err := d.Abort(t.Context(), "k", up); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Upload(t.Context(), "k", up, 2, []byte("x")); !fault.Is(err, fault.NotFound) {
		t.Errorf("Upload to an aborted upload = %v, want not found", err)
	}
	if err := d.Complete(t.Context(), "k", up, []blob.Part{part}); !fault.Is(err, fault.NotFound) {
		t.Errorf("Complete of an aborted upload = %v, want not found", err)
	}
	up = begin(t, d, "k")
	if err := d.Complete(t.Context(), "k", up, []blob.Part{part}); err == nil {
		t.Error("Complete with a part that this upload has not = nil, want an error")
	}
	absent(t, d, "k")
}

func aborted(t *testing.T, d blob.Driver) {
	put(t, d, "k", "as it was")
	up := begin(t, d, "k")
	upload(t, d, "k", up, 1, "x")
	for range 2 {
		if err := d.Abort(t.Context(), "k", up); err != nil {
			t.Errorf("Abort = %v", err)
		}
	}
	if got := read(t, d, "k", 0, -1); got != "as it was" {
		t.Errorf("object after Abort = %q, want it as it was", got)
	}
}

// concurrent: of several writers one wins whole, and neighbours do not disturb each other.
func concurrent(t *testing.T, d blob.Driver) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 10_000)
			own := fmt.Sprintf("dir%d/own", i%2)
			for range 5 {
				for _, key := range []string{"shared", own + fmt.Sprint(i)} {
					if _, err := d.Put(t.Context(), key, strings.NewReader(text), blob.Options{}); err != nil {
						t.Errorf("Put(%q) = %v", key, err)
					}
				}
				if err := d.Delete(t.Context(), own+fmt.Sprint(i)); err != nil {
					t.Errorf("Delete = %v", err)
				}
			}
		})
	}
	wg.Wait()
	got := read(t, d, "shared", 0, -1)
	if len(got) != 10_000 || strings.Trim(got, got[:1]) != "" {
		t.Errorf("the shared object is a mixture: %d bytes beginning %.10q", len(got), got)
	}
	if got := keys(t, d, ""); !slices.Equal(got, []string{"shared"}) {
		t.Errorf("List = %q, want only what was not deleted", got)
	}
}

// local: where a driver has files, they hold the objects.
func local(t *testing.T, d blob.Driver) {
	l, ok := d.(blob.Local)
	if !ok {
		return // a driver without files promises nothing here
	}
	put(t, d, "a/file", "content")
	if b, err := os.ReadFile(l.Path("a/file")); err != nil || string(b) != "content" {
		t.Errorf("the file at Path holds %q, %v; want the object's content", b, err)
	}
}

func cancelled(t *testing.T, d blob.Driver) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Put(ctx, "k", strings.NewReader("x"), blob.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a cancelled context = %v, want it cancelled", err)
	}
	absent(t, d, "k")
	for _, err := range d.List(ctx, "") {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List with a cancelled context = %v, want it cancelled", err)
		}
		break
	}
}
