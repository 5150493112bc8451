package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/wire/awsxml"
)

// Handler answers S3 requests whose caller is in the context (auth.WithCaller); others are refused.
// Bodies stream both ways. Buckets may be named in the path or before the host, as in
// bucket.localhost.
func (g *Gateway) Handler() http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { p.Out.Host = p.In.Host },
		Transport:      signing{g},
		FlushInterval:  -1,
		ModifyResponse: func(r *http.Response) error { r.Header.Del("Server"); return nil },
		ErrorHandler:   g.fail,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := auth.From(r.Context()); !ok {
			awsxml.WriteS3Error(w, r, http.StatusForbidden, "AccessDenied", "Access Denied: the request is not signed.")
			return
		}
		if r.Method == http.MethodPatch { // the gateway's own administration, which is not S3
			awsxml.WriteS3Error(w, r, http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// fail answers when the gateway did not: because the body was not what it was signed for, or because
// the gateway is away.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		name, status := e.Exception()
		awsxml.WriteS3Error(w, r, status, name, e.Sentence)
		return
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, io.ErrUnexpectedEOF) {
		awsxml.WriteS3Error(w, r, http.StatusBadRequest, "IncompleteBody", "The request ended before its body did.")
		return
	}
	g.log.Error("embedded S3 does not answer", "error", err, "path", r.URL.Path)
	awsxml.WriteS3Error(w, r, http.StatusServiceUnavailable, "ServiceUnavailable", "The embedded S3 does not answer; please try again.")
}

// signing sends requests to the gateway, signed for the caller's account. It changes the request it
// is given, which the reverse proxy made for this one trip.
type signing struct{ g *Gateway }

func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	caller, _ := auth.From(r.Context())
	unsign(r)
	bucketToPath(r)
	if err := dropLocation(r); err != nil {
		return nil, err
	}
	// The gateway does not read a body of unknown length to its last byte, which would then be taken
	// for the next request.
	r.Close = r.ContentLength < 0
	r.URL.Scheme, r.URL.Host = "http", "gateway"
	r.URL.RawPath = escapeKey(r.URL.Path)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	err := signer.SignHTTP(r.Context(), s.g.credentials(caller.Account), r, r.Header.Get("X-Amz-Content-Sha256"), auth.S3, s.g.cfg.Region, time.Now())
	if err != nil {
		return nil, err
	}
	return s.g.transport.RoundTrip(r)
}

// unsign takes the client's signature out of r. What a presigned address carries as x-amz-… in its
// query means the same as a header, and becomes one.
func unsign(r *http.Request) {
	for _, name := range []string{"Authorization", "X-Amz-Date", "Date", "X-Amz-Security-Token", "Expect"} {
		r.Header.Del(name)
	}
	if r.Header.Get("X-Amz-Content-Sha256") == "" {
		r.Header.Set("X-Amz-Content-Sha256", auth.UnsignedPayload)
	}
	r.URL.RawQuery = auth.StripQuery(r.URL.RawQuery, r.Header.Set)
}

var locationConstraint = regexp.MustCompile(`(?s)<LocationConstraint[^>]*>.*?</LocationConstraint>`)

// dropLocation lets clients of every region make buckets: the region in the body of CreateBucket
// would have to be the gateway's own. The body is compared to its hash here, since the gateway cannot
// any more.
func dropLocation(r *http.Request) error {
	isObject := strings.Contains(strings.Trim(r.URL.Path, "/"), "/")
	if r.Method != http.MethodPut || isObject || r.URL.RawQuery != "" || r.ContentLength <= 0 || r.ContentLength > 64<<10 {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if want := r.Header.Get("X-Amz-Content-Sha256"); len(want) == 64 && want != sum(body) {
		return &auth.Error{Reason: auth.BodyHash, Service: auth.S3, Sentence: "The x-amz-content-sha256 header does not match the body."}
	}
	short := locationConstraint.ReplaceAll(body, nil)
	if !bytes.Equal(short, body) {
		for name := range r.Header {
			if name == "Content-Md5" || strings.HasPrefix(name, "X-Amz-Checksum-") || name == "X-Amz-Sdk-Checksum-Algorithm" {
				delete(r.Header, name)
			}
		}
		r.Header.Set("X-Amz-Content-Sha256", sum(short))
		r.ContentLength = int64(len(short))
		r.Header.Del("Content-Length")
	}
	r.Body = io.NopCloser(bytes.NewReader(short))
	return nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// virtualBucket returns the bucket that a host such as bucket.localhost:8570 names, or "".
func virtualBucket(host string) string {
	name, _, _ := strings.Cut(host, ":")
	if bucket, ok := strings.CutSuffix(name, ".localhost"); ok {
		return strings.TrimSuffix(bucket, ".s3")
	}
	return ""
}

func bucketToPath(r *http.Request) {
	if bucket := virtualBucket(r.Host); bucket != "" && bucket != "s3" {
		r.URL.Path = "/" + bucket + r.URL.Path
		r.Host = r.Host[strings.Index(r.Host, "localhost"):]
	}
}

// escapeKey writes a path as S3 signs it: everything but letters, digits, - . _ ~ and the slash as %XX.
func escapeKey(path string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(path))
}
