package gateway_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kindredrec/kindred/internal/driver/gateway"
)

// beside is the folder of what is kept beside that of an upload.
func (a *account) beside(key, id string) string {
	a.t.Helper()
	rel, err := filepath.Rel(filepath.Join(a.g.Dir(), "objects"), a.folder(key, id))
	if err != nil {
		a.t.Fatal(err)
	}
	return filepath.Join(a.g.Dir(), "meta", rel)
}

// claim leaves an upload as a child does that is killed while it makes the object.
func (a *account) claim(key, id string) {
	a.t.Helper()
	for _, dir := range []string{a.folder(key, id), a.beside(key, id)} {
		if err := os.Rename(dir, dir+".0123-2.inprogress"); err != nil {
			a.t.Fatal(err)
		}
	}
}

// twoParts uploads two parts.
func (a *account) twoParts(key, id string) (numbers []int, parts map[int][]byte) {
	a.t.Helper()
	parts = map[int][]byte{1: noise[:minPart+5], 2: noise[9:1000]}
	for n, body := range parts {
		if err := a.upload(a.plain, key, id, n, body); err != nil {
			a.t.Fatal(err)
		}
	}
	return []int{1, 2}, parts
}

// An upload whose completion was interrupted can be completed after the next start.
func TestInterruptedCompletion(t *testing.T) {
	a := newAccount(t)
	id := a.begin("k")
	numbers, parts := a.twoParts("k", id)
	a.claim("k", id)
	a.restart()
	if _, err := a.complete(t.Context(), "k", id, numbers, parts); err != nil {
		t.Fatalf("CompleteMultipartUpload = %v", err)
	}
	body, _ := joined(numbers, parts)
	if got := content(t, a.plain, multi, "k"); got != string(body) {
		t.Errorf("the object has %d bytes, want %d", len(got), len(body))
	}
	a.nothingLeft("k", id)
}

// An upload whose object was published, but whose folder was not removed any more, has ended: it cannot change the object.
func TestInterruptedCleaning(t *testing.T) {
	a := newAccount(t)
	id := a.begin("k")
	_, parts := a.twoParts("k", id)
	published := filepath.Join(a.folder("k", id), gateway.AssemblyName)
	if err := os.Link(published, a.file("k")); err != nil {
		t.Fatal(err)
	}
	want := must[[]byte](t)(os.ReadFile(a.file("k")))
	if err := a.upload(a.plain, "k", id, 3, parts[1]); err == nil {
		t.Error("a part was taken into what is an object already")
	}
	a.claim("k", id)
	a.restart()
	if err := a.upload(a.plain, "k", id, 3, parts[2]); code(err) != "NoSuchUpload" {
		t.Errorf("UploadPart = %v, want NoSuchUpload", err)
	}
	if got := content(t, a.plain, multi, "k"); got != string(want) {
		t.Errorf("the object has %d bytes, want %d as before", len(got), len(want))
	}
	a.nothingLeft("k", id)
}

// Uploads that got no part for a week are gone after a start, with what is kept beside them; younger ones stay.
func TestAbandonedUploads(t *testing.T) {
	a := newAccount(t)
	old, young := a.begin("k"), a.begin("k")
	alone := a.begin("alone")
	for key, ids := range map[string][]string{"k": {old, young}, "alone": {alone}} {
		for _, id := range ids {
			a.twoParts(key, id)
		}
	}
	now := time.Now()
	for dir, age := range map[string]time.Duration{a.folder("k", old): 8 * 24 * time.Hour, a.folder("k", young): 6 * 24 * time.Hour, a.folder("alone", alone): 8 * 24 * time.Hour} {
		if err := os.Chtimes(dir, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	a.restart()
	out := must[*s3.ListMultipartUploadsOutput](t)(a.plain.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(multi)}))
	if len(out.Uploads) != 1 || *out.Uploads[0].UploadId != young {
		t.Errorf("%d uploads are left, want the young one", len(out.Uploads))
	}
	a.nothingLeft("k", old)
	a.nothingLeft("alone", alone)
	a.nothingLeft("alone", "")
}
