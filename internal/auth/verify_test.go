package auth_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/fault"
)

const (
	keyID  = "KINDTEST"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func verifier(t interface{ Fatal(...any) }, now time.Time) *auth.Verifier {
	ring, err := auth.NewKeyring(auth.Key{AccessKeyID: keyID, SecretAccessKey: secret, Account: "123456789012"})
	if err != nil {
		t.Fatal(err)
	}
	return &auth.Verifier{Keys: ring, Now: func() time.Time { return now }}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// arrive writes r as a client does and reads it as a server does.
func arrive(t interface{ Fatal(...any) }, r *http.Request) *http.Request {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	in := httptest.NewUnstartedServer(nil)
	got := make(chan *http.Request, 1)
	in.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(b))
		got <- r
	})
	in.Start()
	defer in.Close()
	conn, err := net.Dial("tcp", in.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(wire.Bytes()); err != nil {
		t.Fatal(err)
	}
	return <-got
}

// A signed request is drawn with everything that the canonical form has to deal with.
type request struct {
	*http.Request
	body    []byte
	service string
	region  string
}

func draw(t *rapid.T) request {
	service := rapid.SampledFrom([]string{"personalize", "s3", "sts", "iam"}).Draw(t, "service")
	segment := rapid.StringMatching(`[a-zA-Z0-9 +=&?:@~._%ü€\-]{1,8}`)
	path := "/" + strings.Join(rapid.SliceOfN(segment, 0, 3).Draw(t, "path"), "/")
	query := url.Values{}
	for _, name := range rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9 +/~\-]{1,5}`), 0, 4).Draw(t, "names") {
		query.Add(name, rapid.StringMatching(`[a-zA-Z0-9 +&=/%ü]{0,6}`).Draw(t, "value"))
	}
	body := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "body")
	method := rapid.SampledFrom([]string{"GET", "POST", "PUT", "DELETE"}).Draw(t, "method")
	u := &url.URL{Scheme: "http", Host: "kindred.example:8570", Path: path, RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")}
	if service == "s3" { // the S3 client escapes keys itself, and more than net/url does
		u.RawPath = escapeKey(path)
	}
	r, err := http.NewRequest(method, u.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		name := "X-Amz-" + rapid.StringMatching(`[A-Z][a-z]{1,3}`).Draw(t, "header")
		r.Header.Add(name, rapid.StringMatching(`[a-z]{0,3} {0,3}[a-z,]{0,3}`).Draw(t, "text"))
	}
	return request{r, body, service, rapid.SampledFrom([]string{"us-east-1", "eu-west-1", "moon"}).Draw(t, "region")}
}

// escapeKey writes a path as S3 clients do.
func escapeKey(path string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(path), "+", "%20"), "%2F", "/")
}

func signer(service string) (*v4.Signer, func(*v4.SignerOptions)) {
	return v4.NewSigner(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }
}

func (r request) sign(t *rapid.T, at time.Time) {
	s, opt := signer(r.service)
	payload := hash(r.body)
	if r.service == "s3" {
		payload = rapid.SampledFrom([]string{payload, auth.UnsignedPayload, auth.UnsignedTrailer}).Draw(t, "payload")
		r.Header.Set("X-Amz-Content-Sha256", payload)
	}
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := s.SignHTTP(context.Background(), creds, r.Request, payload, r.service, r.region, at, opt); err != nil {
		t.Fatal(err)
	}
}

func (r request) presign(t *rapid.T, at time.Time) {
	s, opt := signer(r.service)
	payload := hash(r.body)
	if r.service == "s3" {
		payload = auth.UnsignedPayload
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", "3600")
	r.URL.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	signed, header, err := s.PresignHTTP(context.Background(), creds, r.Request, payload, r.service, r.region, at, opt)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.Header = u, header.Clone()
	r.Header.Del("Host")
}

func verify(v *auth.Verifier, r *http.Request) (auth.Caller, error) {
	s, err := auth.Parse(r)
	if err != nil {
		return auth.Caller{}, err
	}
	return v.Verify(r, s, 1<<20)
}

// What the SDK's signer signs, the verifier accepts, in the header and in the query, and the body is
// still there to be read.
func TestVerifyAcceptsTheSDKsSignatures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		if rapid.Bool().Draw(t, "presign") {
			r.presign(t, noon)
		} else {
			r.sign(t, noon)
		}
		in := arrive(t, r.Request)
		caller, err := verify(verifier(t, noon.Add(3*time.Minute)), in)
		if err != nil {
			e, _ := err.(*auth.Error)
			t.Fatalf("Verify(%s %s) = %v, want no error\n%+v", r.Method, r.URL, err, e)
		}
		if want := (auth.Caller{Account: "123456789012", Region: r.region, AccessKeyID: keyID}); caller != want {
			t.Fatalf("Verify = %+v, want %+v", caller, want)
		}
		if b, _ := io.ReadAll(in.Body); !bytes.Equal(b, r.body) {
			t.Fatalf("body after Verify = %q, want %q", b, r.body)
		}
	})
}

// Whatever of a signed request is changed on the way, the signature does not hold any more.
func TestVerifyRefusesChanges(t *testing.T) {
	changes := map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = "PATCH" },
		"path":   func(r *http.Request) { r.URL.Path += "x"; r.URL.RawPath = "" },
		"query":  func(r *http.Request) { r.URL.RawQuery += "&more=1" },
		"host":   func(r *http.Request) { r.Host = "elsewhere:8570" },
		"header": func(r *http.Request) { r.Header.Set("X-Amz-Meta-Added", "1") },
		"body": func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader("another body, longer than any that is drawn, to be different"))
		},
		"signature": func(r *http.Request) {
			h := r.Header.Get("Authorization")
			last := map[bool]string{true: "0", false: "1"}[h[len(h)-1] == '1']
			r.Header.Set("Authorization", h[:len(h)-1]+last)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := draw(t)
				if name == "body" {
					r.service = "personalize" // for S3 the gateway compares the body
				}
				r.sign(t, noon)
				in := arrive(t, r.Request)
				change(in)
				_, err := verify(verifier(t, noon), in)
				if !auth.IsReason(err, auth.Mismatch) && !auth.IsReason(err, auth.Unsigned) {
					t.Fatalf("Verify after change of %s = %v, want a mismatch", name, err)
				}
				if !fault.Is(err, fault.Unauthentic) {
					t.Fatalf("kind of %v = %v, want unauthentic", err, fault.KindOf(err))
				}
			})
		})
	}
}

func signed(t testing.TB, service string, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", "http://kindred.example/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AmazonPersonalize.ListRecipes")
	if service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hash([]byte("{}")))
	}
	s, opt := signer(service)
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := s.SignHTTP(context.Background(), creds, r, hash([]byte("{}")), service, "us-east-1", at, opt); err != nil {
		t.Fatal(err)
	}
	r.Host = "kindred.example"
	return r
}

// Every way of not being authentic has the name and the status that clients of the service know.
func TestExceptions(t *testing.T) {
	cases := []struct {
		what    string
		service string
		spoil   func(*http.Request)
		late    time.Duration
		name    string
		status  int
		says    string
	}{
		{"no signature", "personalize", func(r *http.Request) { r.Header.Del("Authorization") }, 0, "MissingAuthenticationToken", 403, "not signed"},
		{"other algorithm", "personalize", set("Authorization", "Bearer abc"), 0, "IncompleteSignature", 400, `"Bearer"`},
		{"two headers", "personalize", func(r *http.Request) { r.Header.Add("Authorization", "x") }, 0, "IncompleteSignature", 400, "2 Authorization"},
		{"no date", "personalize", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 0, "IncompleteSignature", 400, "X-Amz-Date"},
		{"another day", "personalize", set("X-Amz-Date", "20260305T120000Z"), 0, "IncompleteSignature", 400, "same day"},
		{"unknown key", "personalize", replace(keyID, "NOBODY"), 0, "UnrecognizedClientException", 400, `"NOBODY"`},
		{"unknown key", "s3", replace(keyID, "NOBODY"), 0, "InvalidAccessKeyId", 403, `"NOBODY"`},
		{"unknown key", "sts", replace(keyID, "NOBODY"), 0, "InvalidClientTokenId", 403, `"NOBODY"`},
		{"late", "personalize", nil, 16 * time.Minute, "RequestExpired", 400, "difference of 16m0s"},
		{"early", "personalize", nil, -16 * time.Minute, "RequestExpired", 400, "difference of 16m0s"},
		{"late", "s3", nil, 16 * time.Minute, "RequestTimeTooSkewed", 403, "difference of 16m0s"},
		{"target not signed", "personalize", replace("x-amz-target", "x-amz-targe"), 0, "InvalidSignatureException", 403, "x-amz-target"},
		{"other region", "personalize", replace("us-east-1", "us-east-2"), 0, "InvalidSignatureException", 403, "secret"},
		{"other region", "s3", replace("us-east-1", "us-east-2"), 0, "SignatureDoesNotMatch", 403, "secret"},
		{"host not signed", "personalize", replace("host;", ""), 0, "IncompleteSignature", 400, "host"},
	}
	for _, c := range cases {
		t.Run(c.service+" "+c.what, func(t *testing.T) {
			r := signed(t, c.service, noon)
			if c.spoil != nil {
				c.spoil(r)
			}
			_, err := verify(verifier(t, noon.Add(c.late)), r)
			e, ok := err.(*auth.Error)
			if !ok {
				t.Fatalf("Verify = %v, want an *auth.Error", err)
			}
			name, status := e.Exception()
			if name != c.name || status != c.status || !strings.Contains(e.Sentence, c.says) {
				t.Errorf("Verify = %s %d %q, want %s %d with %q", name, status, e.Sentence, c.name, c.status, c.says)
			}
		})
	}
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func replace(from, to string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
	}
}

// A signature within fifteen minutes holds; a known key's session token does not matter.
func TestVerifyAllowsSkewAndToken(t *testing.T) {
	for _, late := range []time.Duration{-auth.Skew, 0, auth.Skew} {
		if _, err := verify(verifier(t, noon.Add(late)), signed(t, "personalize", noon)); err != nil {
			t.Errorf("Verify with the clock off by %v = %v, want no error", late, err)
		}
	}
	r, _ := http.NewRequest("POST", "http://kindred.example/", http.NoBody)
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "token"}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hash(nil), "personalize", "us-east-1", noon); err != nil {
		t.Fatal(err)
	}
	r.Host = "kindred.example"
	if _, err := verify(verifier(t, noon), r); err != nil {
		t.Errorf("Verify with a session token = %v, want no error", err)
	}
}

func TestVerifyBoundsTheBody(t *testing.T) {
	v := verifier(t, noon)
	r := signed(t, "personalize", noon)
	s, err := auth.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(r, s, 1); !auth.IsReason(err, auth.TooLarge) {
		t.Errorf("Verify of 2 bytes with a limit of 1 = %v, want too large", err)
	}
}

// A presigned address ends when it says, and not fifteen minutes after it was made.
func TestPresignedExpires(t *testing.T) {
	r, _ := http.NewRequest("GET", "http://kindred.example/b/k?X-Amz-Expires=3600", http.NoBody)
	s, opt := signer("s3")
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	address, _, err := s.PresignHTTP(context.Background(), creds, r, auth.UnsignedPayload, "s3", "us-east-1", noon, opt)
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]bool{-16 * time.Minute: false, 0: true, 59 * time.Minute: true, 61 * time.Minute: false} {
		in := httptest.NewRequest("GET", address, http.NoBody)
		_, err := verify(verifier(t, noon.Add(after)), in)
		if (err == nil) != want {
			t.Errorf("Verify %v after presigning = %v, want accepted: %v", after, err, want)
		}
	}
}
