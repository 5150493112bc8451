package gateway_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kindredrec/kindred/internal/auth"
)

// An upload that breaks off in the middle leaves no object, and an object of that name as it was.
func TestCutUpload(t *testing.T) {
	g := start(t, t.TempDir())
	srv := front(t, g)
	c := client(t, srv.URL, keys[0], "us-east-1")
	makeBucket(t, c, "cut")
	put(t, c, "cut", "old", "as it was")
	for _, key := range []string{"old", "new"} {
		broken := io.MultiReader(strings.NewReader(strings.Repeat("x", 300_000)), failing{})
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "PUT", srv.URL+"/cut/"+key, broken))
		r.ContentLength = 600_000
		r.Header.Set("X-Amz-Content-Sha256", auth.UnsignedPayload)
		creds := aws.Credentials{AccessKeyID: keys[0].AccessKeyID, SecretAccessKey: keys[0].SecretAccessKey}
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, auth.UnsignedPayload, "s3", "us-east-1", time.Now()); err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{}
		if res, err := transport.RoundTrip(r); err == nil {
			t.Errorf("a broken upload was answered with %s", res.Status)
			_ = res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
	// Both wait for the requests under way, so what is there afterwards is what stays.
	srv.Close()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	c = client(t, serve(t, start(t, g.Dir())), keys[0], "us-east-1")
	if got := content(t, c, "cut", "old"); got != "as it was" {
		t.Errorf("the old object has %d bytes, want it as it was", len(got))
	}
	if _, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("cut"), Key: aws.String("new")}); code(err) != "NotFound" {
		t.Errorf("HeadObject(new) = %v, want NotFound", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the line is cut") }
