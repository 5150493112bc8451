package auth_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/kindredrec/kindred/internal/auth"
)

// The example of Amazon's documentation of chunked uploads: 65 KiB of "a" in chunks of 64 KiB.
const (
	exampleKey  = "AKIAIOSFODNN7EXAMPLE"
	exampleSeed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
)

var exampleChunks = []struct {
	size      int
	signature string
}{
	{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"},
	{1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"},
	{0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
}

func exampleBody() string {
	var b strings.Builder
	for _, c := range exampleChunks {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s\r\n", c.size, c.signature, strings.Repeat("a", c.size))
	}
	return b.String()
}

func exampleUpload(t *testing.T, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("PUT", "https://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Amz-Date":                   "20130524T000000Z",
		"X-Amz-Storage-Class":          "REDUCED_REDUNDANCY",
		"X-Amz-Content-Sha256":         auth.SignedChunks,
		"Content-Encoding":             "aws-chunked",
		"X-Amz-Decoded-Content-Length": "66560",
		"Authorization": "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/20130524/us-east-1/s3/aws4_request," +
			"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class," +
			"Signature=" + exampleSeed,
	} {
		r.Header.Set(name, value)
	}
	r.Host, r.ContentLength = "s3.amazonaws.com", 66824
	return r
}

func exampleVerifier(t *testing.T) *auth.Verifier {
	t.Helper()
	ring, err := auth.NewKeyring(auth.Key{AccessKeyID: exampleKey, SecretAccessKey: secret})
	if err != nil {
		t.Fatal(err)
	}
	return &auth.Verifier{Keys: ring, Now: func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }}
}

func TestSignedChunksOfTheDocumentation(t *testing.T) {
	r := exampleUpload(t, exampleBody())
	if _, err := verify(exampleVerifier(t), r); err != nil {
		e, _ := err.(*auth.Error)
		t.Fatalf("Verify = %v\n%+v", err, e)
	}
	got, err := io.ReadAll(iotest.OneByteReader(r.Body))
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("a"), 66560)) {
		t.Fatalf("body = %d bytes, %v; want 66560 times a", len(got), err)
	}
	if r.ContentLength != 66560 || r.Header.Get("Content-Encoding") != "" || r.Header.Get("X-Amz-Content-Sha256") != auth.UnsignedPayload {
		t.Errorf("length %d, headers %v; want a plain upload", r.ContentLength, r.Header)
	}
}

// A body that is not what its chunks' signatures say ends in an error, never in io.EOF.
func TestSpoiledChunks(t *testing.T) {
	whole := exampleBody()
	for name, body := range map[string]string{
		"a byte changed":    strings.Replace(whole, "aa", "ab", 1),
		"a last byte":       strings.Replace(whole, "a\r\n0", "b\r\n0", 1),
		"signature changed": strings.Replace(whole, "ad80c7", "ad80c8", 1),
		"chunk missing":     whole[:strings.Index(whole, "400;")] + whole[strings.LastIndex(whole, "0;chunk"):],
		"cut":               whole[:len(whole)-100],
		"cut at a chunk":    whole[:strings.LastIndex(whole, "0;chunk")],
		"longer chunk":      strings.Replace(whole, "a\r\n0;", "aa\r\n0;", 1),
		"no signature":      strings.Replace(whole, ";chunk-signature=", ";", 1),
		"no size":           strings.Replace(whole, "10000;", "x;", 1),
		"negative size":     strings.Replace(whole, "10000;", "-1;", 1),
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			r := exampleUpload(t, body)
			if _, err := verify(exampleVerifier(t), r); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r.Body); err == nil {
				t.Errorf("reading gave %d bytes and no error, want an error", n)
			}
		})
	}
}
