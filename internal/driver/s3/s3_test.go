package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/blob/blobtest"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/driver/s3"
	"github.com/kindredrec/kindred/internal/fault"
)

func TestMain(m *testing.M) {
	gateway.Main()
	goleak.VerifyTestMain(m)
}

func embedded(t *testing.T) (*gateway.Gateway, *s3.Store) {
	t.Helper()
	g, err := gateway.Start(t.Context(), gateway.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, of(g, auth.DefaultAccount)
}

func of(g *gateway.Gateway, account string) *s3.Store {
	client, creds := g.Client(account)
	return s3.New(s3.Config{Endpoint: gateway.Endpoint, Region: g.Region(), Credentials: creds, HTTPClient: client})
}

func TestDriver(t *testing.T) {
	_, store := embedded(t)
	runKit(t, store)
}

// A way that is private is used without hashes of the bodies.
func TestDriverOnPrivateWay(t *testing.T) {
	g, _ := embedded(t)
	client, creds := g.Client(auth.DefaultAccount)
	var unsigned atomic.Int64
	seen := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Amz-Content-Sha256") == auth.UnsignedPayload {
			unsigned.Add(1)
		}
		return client.Transport.RoundTrip(r)
	})}
	runKit(t, s3.New(s3.Config{Endpoint: gateway.Endpoint, Region: g.Region(), Credentials: creds, HTTPClient: seen, Private: true}))
	if unsigned.Load() == 0 {
		t.Error("every body was hashed, want none")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func runKit(t *testing.T, store *s3.Store) {
	n := 0
	blobtest.Run(t, func(t *testing.T) blob.Driver {
		n++
		name := fmt.Sprintf("bucket-%d", n)
		for range 2 { // again is no error
			if err := store.CreateBucket(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		return bucket(t, store, name)
	})
}

func bucket(t *testing.T, s *s3.Store, name string) blob.Driver {
	t.Helper()
	b, err := s.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every failure that a person can do something about has its kind and names what it is about.
func TestFaults(t *testing.T) {
	g, store := embedded(t)
	if err := store.CreateBucket(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	theirs := bucket(t, of(g, "222222222222"), "mine")
	mine, none := bucket(t, store, "mine"), bucket(t, store, "none-such")
	for name, c := range map[string]struct {
		do   func() error
		kind fault.Kind
		says string
	}{
		"open, no bucket": {func() error { _, err := none.Open(t.Context(), "k", 0, -1); return err }, fault.NotFound, "no bucket none-such"},
		"stat, no bucket": {func() error { _, err := none.Stat(t.Context(), "k"); return err }, fault.NotFound, "no bucket none-such"},
		"put, no bucket": {func() error {
			_, err := none.Put(t.Context(), "k", strings.NewReader(""), blob.Options{})
			return err
		}, fault.NotFound, "no bucket none-such"},
		"list, no bucket":  {func() error { return first(none.List(t.Context(), "")) }, fault.NotFound, "no bucket none-such"},
		"begin, no bucket": {func() error { _, err := none.Begin(t.Context(), "k", blob.Options{}); return err }, fault.NotFound, "no bucket none-such"},
		"open, no object":  {func() error { _, err := mine.Open(t.Context(), "a/k", 0, -1); return err }, fault.NotFound, "no object s3://mine/a/k"},
		"open, denied":     {func() error { _, err := theirs.Open(t.Context(), "k", 0, -1); return err }, fault.Denied, "Access to s3://mine/k"},
		"list, denied":     {func() error { return first(theirs.List(t.Context(), "")) }, fault.Denied, "Access to s3://mine/"},
		"put, denied": {func() error {
			_, err := theirs.Put(t.Context(), "k", strings.NewReader(""), blob.Options{})
			return err
		}, fault.Denied, "Access to s3://mine/k"},
		"no name": {func() error { _, err := store.Bucket(t.Context(), ""); return err }, fault.Invalid, "not the name of a bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.do(); !fault.Is(err, c.kind) || !strings.Contains(fault.Sentence(err), c.says) {
				t.Errorf("%v (%q), want %v with %q", err, fault.Sentence(err), c.kind, c.says)
			}
		})
	}
}

func first(list func(func(blob.Info, error) bool)) error {
	for _, err := range list {
		return err
	}
	return nil
}

// fake returns a bucket of an S3 that is a function.
func fake(t *testing.T, h http.HandlerFunc) blob.Driver {
	t.Helper()
	srv := httptest.NewServer(h)
	transport := &http.Transport{}
	t.Cleanup(srv.Close)
	t.Cleanup(transport.CloseIdleConnections)
	return bucket(t, s3.New(s3.Config{
		Endpoint: srv.URL, Region: "us-east-1", HTTPClient: &http.Client{Transport: transport},
		Credentials: credentials.NewStaticCredentialsProvider("A", "a", ""),
	}), "far")
}

// A KMS key goes to the store with every way of writing.
func TestKMSKey(t *testing.T) {
	const key = "arn:aws:kms:eu-west-1:111111111111:key/k"
	var seen atomic.Int32
	d := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Server-Side-Encryption") == "aws:kms" && r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") == key {
			seen.Add(1)
		}
		_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`)
	})
	if _, err := d.Put(t.Context(), "k", strings.NewReader("x"), blob.Options{KMSKey: key}); err != nil {
		t.Error(err)
	}
	if _, err := d.Begin(t.Context(), "k", blob.Options{KMSKey: key}); err != nil {
		t.Error(err)
	}
	if n := seen.Load(); n != 2 {
		t.Errorf("the key arrived with %d of 2 requests", n)
	}
}

// A key that the store cannot use is the caller's to put right, and the store's words say how.
func TestKMSKeyRefused(t *testing.T) {
	d := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<Error><Code>KMS.DisabledException</Code><Message>key k is disabled</Message></Error>`)
	})
	_, err := d.Put(t.Context(), "k", strings.NewReader("x"), blob.Options{KMSKey: "k"})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Sentence(err), "key k is disabled") {
		t.Errorf("Put with a disabled key = %v (%q), want invalid with the store's words", err, fault.Sentence(err))
	}
}

// A connection that breaks in the middle of an object is taken up where it broke, for that object only.
func TestReadingGoesOn(t *testing.T) {
	const whole = "0123456789"
	var asked []string
	d := fake(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range")+" "+r.Header.Get("If-Match"))
		off := 0
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &off)
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)-off))
		_, _ = io.WriteString(w, whole[off:min(off+4, len(whole))]) // and the connection closes
	})
	r, err := d.Open(t.Context(), "k", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil || string(got) != whole {
		t.Errorf("read %q, %v; want %q", got, err, whole)
	}
	want := []string{" ", `bytes=4-9 "e"`, `bytes=8-9 "e"`}
	if strings.Join(asked, "|") != strings.Join(want, "|") {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}
