// Package server is the one address: it verifies who calls, and the service name in the signature
// decides who answers.
//
//	personalize   the handler of the Personalize API
//	s3            the embedded S3
//	sts, iam      here: the few calls that Personalize clients make before they start
//	unsigned      /healthz, /metrics, and / for people
//
// Whoever answers finds the caller in the context (auth.From) and a body that is what was signed.
package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/wire"
	"github.com/kindredrec/kindred/internal/wire/awsxml"
)

// Config says who answers. Verifier, Personalize and Roles are needed, the rest is not.
type Config struct {
	Verifier    *auth.Verifier
	Personalize http.Handler
	S3          http.Handler // nil where jobs use an external S3
	Roles       Roles        // of iam
	Health      func() error // nil error: the server can work
	Metrics     http.Handler // answers /metrics
	Home        http.Handler // answers / and below for people; nil for a line of text
	MaxBody     int64        // of requests but S3's; 0 is wire.DefaultMaxBody
	Log         *slog.Logger // nil for silence
}

// A front routes requests.
type front struct {
	Config
	services map[string]http.Handler
}

// New returns the handler of the one address. A request but S3's is held in memory while it is
// verified, at most MaxBody; S3's bodies stream.
func New(c Config) (http.Handler, error) {
	if c.Verifier == nil || c.Personalize == nil || c.Roles == nil {
		return nil, errors.New("server: Verifier, Personalize and Roles are needed")
	}
	if c.MaxBody == 0 {
		c.MaxBody = wire.DefaultMaxBody
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.S3 == nil {
		c.S3 = http.HandlerFunc(noS3)
	}
	return &front{c, map[string]http.Handler{
		auth.Personalize: c.Personalize,
		auth.S3:          c.S3,
		auth.STS:         query{stsNamespace, stsOperations(), c.Log},
		auth.IAM:         query{iamNamespace, iamOperations(c.Roles), c.Log},
	}}, nil
}

func noS3(w http.ResponseWriter, r *http.Request) {
	awsxml.WriteS3Error(w, r, http.StatusNotImplemented, "NotImplemented",
		"This server has no S3 of its own; it uses another one. Set AWS_ENDPOINT_URL_S3 to that one's address.")
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(wire.WithRequestID(r.Context(), uuid.NewString())) // a copy, for Verify to change
	goOn(w, r)
	if !auth.Signed(r) && f.unsigned(w, r) {
		return
	}
	sig, err := auth.Parse(r)
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	h, ok := f.services[sig.Service]
	if !ok {
		f.refuse(w, r, unknownService(sig.Service))
		return
	}
	if sig.Service == auth.S3 {
		r = r.Clone(r.Context()) // its headers may be changed too
	}
	caller, err := f.Verifier.Verify(r, sig, f.MaxBody)
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	h.ServeHTTP(w, r.WithContext(auth.WithCaller(r.Context(), caller)))
}

// goOn answers the Expect of a request without a body, which net/http leaves out since there is nothing to go
// on with. boto3 takes an answer without it for a refusal and then misreads the next one on the connection,
// which costs it a minute until it asks again: an upload after that of an empty object.
func goOn(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 && r.ProtoAtLeast(1, 1) && strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		w.WriteHeader(http.StatusContinue)
	}
}

// unsigned answers what needs no signature, and reports whether r is such.
func (f *front) unsigned(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch {
	case r.URL.Path == "/healthz":
		f.health(w)
	case r.URL.Path == "/metrics" && f.Metrics != nil:
		f.Metrics.ServeHTTP(w, r)
	case r.URL.Path == "/" && r.Header.Get("X-Amz-Target") == "":
		f.home(w, r)
	default:
		return false
	}
	return true
}

func (f *front) health(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if f.Health != nil {
		if err := f.Health(); err != nil {
			f.Log.Warn("not healthy", "error", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (f *front) home(w http.ResponseWriter, r *http.Request) {
	if f.Home != nil {
		f.Home.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "This is Kindred, which answers the Amazon Personalize API.\n\n"+
		"Set AWS_ENDPOINT_URL=http://%s and the access key that the server printed at its start,\n"+
		"then try: aws personalize list-recipes\n", r.Host)
}
