package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/wire/awsxml"
)

func TestMain(m *testing.M) {
	gateway.Main()
	if dir := os.Getenv(parentVariable); dir != "" {
		beParent(dir)
	}
	goleak.VerifyTestMain(m)
}

var keys = []auth.Key{
	{AccessKeyID: "ONE", SecretAccessKey: "one", Account: "111111111111"},
	{AccessKeyID: "UNO", SecretAccessKey: "uno", Account: "111111111111"},
	{AccessKeyID: "TWO", SecretAccessKey: "two", Account: "222222222222"},
}

func start(t *testing.T, dir string) *gateway.Gateway {
	t.Helper()
	g, err := gateway.Start(t.Context(), gateway.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// serve puts a verifier before the gateway, as the server does.
func serve(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	return front(t, g).URL
}

func front(t *testing.T, g *gateway.Gateway) *httptest.Server {
	t.Helper()
	ring, err := auth.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	v, s3 := &auth.Verifier{Keys: ring}, g.Handler()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		sig, err := auth.Parse(r)
		var caller auth.Caller
		if err == nil {
			caller, err = v.Verify(r, sig, 0)
		}
		if e, ok := errors.AsType[*auth.Error](err); ok {
			name, status := e.Exception()
			awsxml.WriteS3Error(w, r, status, name, e.Sentence)
			return
		}
		s3.ServeHTTP(w, r.WithContext(auth.WithCaller(r.Context(), caller)))
	}))
	t.Cleanup(srv.Close)
	return srv
}

func client(t *testing.T, endpoint string, k auth.Key, region string) *s3.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return s3.New(s3.Options{
		BaseEndpoint: &endpoint, Region: region, UsePathStyle: true,
		Credentials:      credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
		HTTPClient:       &http.Client{Transport: transport},
		RetryMaxAttempts: 1,
	})
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func content(t *testing.T, c *s3.Client, bucket, key string, ranges ...string) string {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if len(ranges) > 0 {
		in.Range = &ranges[0]
	}
	out := must[*s3.GetObjectOutput](t)(c.GetObject(t.Context(), in))
	defer func() { _ = out.Body.Close() }()
	return string(must[[]byte](t)(io.ReadAll(out.Body)))
}

func put(t *testing.T, c *s3.Client, bucket, key, body string) {
	t.Helper()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatalf("PutObject(%s) = %v", key, err)
	}
}

func makeBucket(t *testing.T, c *s3.Client, bucket string) {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
}

// What clients do with buckets and objects works, with keys that are hard to sign.
func TestObjects(t *testing.T) {
	c := client(t, serve(t, start(t, t.TempDir())), keys[0], "us-east-1")
	bucket := aws.String("shop-data")
	makeBucket(t, c, *bucket)
	if _, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("HeadBucket = %v", err)
	}
	all := []string{"a b+c&d=e?.csv", "data/items.csv", "data/ünïcode €.json", "data/~tilde_(1)!'*:;,@$.txt", "plain"}
	for _, key := range all {
		put(t, c, *bucket, key, "content of "+key)
		if got := content(t, c, *bucket, key); got != "content of "+key {
			t.Errorf("GetObject(%s) = %q", key, got)
		}
	}
	if got := content(t, c, *bucket, "plain", "bytes=3-6"); got != "tent" {
		t.Errorf("ranged GetObject = %q, want %q", got, "tent")
	}
	list := must[*s3.ListObjectsV2Output](t)(c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("data/")}))
	if len(list.Contents) != 3 {
		t.Errorf("ListObjectsV2(data/) = %d objects, want 3", len(list.Contents))
	}
	must[*s3.CopyObjectOutput](t)(c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(*bucket + "/plain")}))
	if got := content(t, c, *bucket, "copy"); got != "content of plain" {
		t.Errorf("content of the copy = %q", got)
	}
	var ids []types.ObjectIdentifier
	for _, key := range append(all, "copy") {
		ids = append(ids, types.ObjectIdentifier{Key: aws.String(key)})
	}
	deleted := must[*s3.DeleteObjectsOutput](t)(c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: ids}}))
	if len(deleted.Errors) > 0 {
		t.Errorf("DeleteObjects: %v", deleted.Errors)
	}
	if _, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("plain")}); code(err) != "NoSuchKey" {
		t.Errorf("GetObject of a deleted object = %v, want NoSuchKey", err)
	}
	if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("DeleteBucket = %v", err)
	}
}

func TestMultipart(t *testing.T) {
	c := client(t, serve(t, start(t, t.TempDir())), keys[0], "us-east-1")
	bucket, key := aws.String("parts"), aws.String("folder/whole")
	makeBucket(t, c, *bucket)
	up := must[*s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key}))
	whole := make([]byte, 5<<20+100)
	_, _ = rand.Read(whole)
	var parts []types.CompletedPart
	for i, data := range [][]byte{whole[:5<<20], whole[5<<20:]} {
		n := aws.Int32(int32(i + 1))
		out := must[*s3.UploadPartOutput](t)(c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: n, Body: bytes.NewReader(data)}))
		parts = append(parts, types.CompletedPart{PartNumber: n, ETag: out.ETag})
	}
	if _, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key}); err == nil {
		t.Error("the object is there before its upload is complete")
	}
	must[*s3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	}))
	if content(t, c, *bucket, *key) != string(whole) {
		t.Error("the object is not its parts in order")
	}
}

func TestPresigned(t *testing.T) {
	c := client(t, serve(t, start(t, t.TempDir())), keys[0], "us-east-1")
	makeBucket(t, c, "links")
	pre := s3.NewPresignClient(c)
	in := &s3.PutObjectInput{Bucket: aws.String("links"), Key: aws.String("a b"), ContentType: aws.String("text/csv")}
	req, err := pre.PresignPutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	do(t, req.Method, req.URL, req.SignedHeader, "x,y\n")
	get, err := pre.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("links"), Key: aws.String("a b"), ResponseContentType: aws.String("text/plain")})
	if err != nil {
		t.Fatal(err)
	}
	if body := do(t, get.Method, get.URL, nil, ""); body != "x,y\n" {
		t.Errorf("presigned GET = %q, want %q", body, "x,y\n")
	}
	if body := do(t, "GET", strings.Replace(get.URL, "a%20b", "other", 1), nil, ""); !strings.Contains(body, "<Code>SignatureDoesNotMatch</Code>") {
		t.Errorf("presigned GET of another key = %s, want SignatureDoesNotMatch", body)
	}
}

func do(t *testing.T, method, address string, h http.Header, body string) string {
	t.Helper()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body)))
	for name, v := range h {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = v
		}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res := must[*http.Response](t)(transport.RoundTrip(r))
	defer func() { _ = res.Body.Close() }()
	return string(must[[]byte](t)(io.ReadAll(res.Body)))
}

// Buckets belong to accounts: another key of the account opens them, another account's does not, and
// lists them not. A client may sign for any region.
func TestAccountsAreWalls(t *testing.T) {
	endpoint := serve(t, start(t, t.TempDir()))
	one, uno, two := client(t, endpoint, keys[0], "us-east-1"), client(t, endpoint, keys[1], "eu-west-1"), client(t, endpoint, keys[2], "us-east-1")
	bucket := aws.String("mine")
	if _, err := uno.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}}); err != nil {
		t.Fatalf("CreateBucket in eu-west-1 = %v", err)
	}
	put(t, uno, *bucket, "k", "secret")
	if got := content(t, one, *bucket, "k"); got != "secret" {
		t.Errorf("another key of the account reads %q", got)
	}
	if _, err := two.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("k")}); code(err) != "AccessDenied" {
		t.Errorf("GetObject by another account = %v, want AccessDenied", err)
	}
	if _, err := two.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")}); code(err) != "AccessDenied" {
		t.Errorf("PutObject by another account = %v, want AccessDenied", err)
	}
	for c, want := range map[*s3.Client][]string{one: {"mine"}, two: nil} {
		out := must[*s3.ListBucketsOutput](t)(c.ListBuckets(t.Context(), &s3.ListBucketsInput{}))
		var got []string
		for _, b := range out.Buckets {
			got = append(got, *b.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("ListBuckets = %v, want %v", got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	endpoint := serve(t, start(t, t.TempDir()))
	makeBucket(t, client(t, endpoint, keys[0], "us-east-1"), "box")
	for name, c := range map[string]struct {
		key  auth.Key
		want string
	}{
		"wrong secret": {auth.Key{AccessKeyID: "ONE", SecretAccessKey: "two"}, "SignatureDoesNotMatch"},
		"unknown key":  {auth.Key{AccessKeyID: "TEN", SecretAccessKey: "ten"}, "InvalidAccessKeyId"},
	} {
		_, err := client(t, endpoint, c.key, "us-east-1").ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("box")})
		if code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A child that dies is replaced, and what was stored is there.
func TestChildIsReplaced(t *testing.T) {
	dir := t.TempDir()
	g := start(t, dir)
	c := client(t, serve(t, g), keys[0], "us-east-1")
	makeBucket(t, c, "box")
	put(t, c, "box", "k", "kept")
	g.KillChild()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for { // a request that meets the dying child fails; clients try again
		out, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("box"), Key: aws.String("k")})
		if err == nil {
			b, err := io.ReadAll(out.Body)
			_ = out.Body.Close()
			if err != nil || string(b) != "kept" {
				t.Errorf("GetObject after a restart = %q, %v", b, err)
			}
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("no answer a minute after the child was killed: %v", err)
		}
	}
}

// The bytes survive the gateway: another one over the same folder serves them.
func TestFolderOutlivesGateway(t *testing.T) {
	dir := t.TempDir()
	first, err := gateway.Start(t.Context(), gateway.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, serve(t, first), keys[0], "us-east-1")
	makeBucket(t, c, "box")
	put(t, c, "box", "k", "kept")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if first.Healthy() == nil {
		t.Error("Healthy() of a closed gateway = nil")
	}
	if got := content(t, client(t, serve(t, start(t, dir)), keys[0], "us-east-1"), "box", "k"); got != "kept" {
		t.Errorf("content = %q, want %q", got, "kept")
	}
}

// A folder that cannot be used is told at the start.
func TestStartFails(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.Start(t.Context(), gateway.Config{Dir: file}); err == nil {
		t.Error("Start over a file = nil, want an error")
	}
}
