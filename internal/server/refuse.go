package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/wire"
	"github.com/kindredrec/kindred/internal/wire/awsxml"
)

// A refusal is an exception outside the models. It is a wire.Named.
type refusal struct {
	name   string
	status int
	text   string
}

func (e *refusal) Error() string            { return e.text }
func (e *refusal) Exception() (string, int) { return e.name, e.status }

func unknownService(name string) error {
	return &refusal{"UnknownOperationException", http.StatusBadRequest,
		fmt.Sprintf("The request is signed for the service %q; this server answers personalize, s3, sts and iam.", name)}
}

// refuse answers a request that reaches no service, in the words of the service it is meant for.
func (f *front) refuse(w http.ResponseWriter, r *http.Request, err error) {
	service := meant(r)
	if e, ok := errors.AsType[*auth.Error](err); ok {
		own := *e
		if own.Service == "" {
			own.Service = service
		}
		service, err = own.Service, &own
		f.log(r, &own)
	}
	named, ok := errors.AsType[wire.Named](err)
	if !ok {
		f.Log.Warn("request cannot be read", "error", err, "path", r.URL.Path)
		named = &refusal{"RequestTimeout", http.StatusBadRequest, "The request ended before its body did."}
	}
	name, status := named.Exception()
	switch service {
	case auth.S3:
		awsxml.WriteS3Error(w, r, status, name, named.Error())
	case auth.STS, auth.IAM:
		awsxml.WriteQueryError(w, "", status, name, named.Error())
	default:
		wire.WriteError(w, r, wire.ProtocolOf(r), named)
	}
}

// log tells the operator why a signature was refused. What was signed may hold what callers keep to
// themselves, so it is for debugging only.
func (f *front) log(r *http.Request, e *auth.Error) {
	name, _ := e.Exception()
	f.Log.Info("request refused", "exception", name, "reason", e.Sentence, "method", r.Method, "path", r.URL.Path,
		"remote", r.RemoteAddr, "request", wire.RequestID(r.Context()))
	if e.Detail != "" {
		f.Log.Log(context.WithoutCancel(r.Context()), slog.LevelDebug, "what was signed", "detail", e.Detail, "request", wire.RequestID(r.Context()))
	}
}

// restPaths are the first parts of the paths of the runtime and events APIs, and of Kindred's own.
var restPaths = map[string]bool{
	"recommendations": true, "personalize-ranking": true, "action-recommendations": true,
	"events": true, "items": true, "users": true, "actions": true, "action-interactions": true, "kindred": true,
}

// meant guesses the service of a request whose signature does not say: by the header of the JSON
// protocol, the form of the query protocol, or a path of the runtime; everything else is S3.
func meant(r *http.Request) string {
	if r.Header.Get("X-Amz-Target") != "" {
		return auth.Personalize
	}
	if form, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); form == "application/x-www-form-urlencoded" && r.URL.Path == "/" {
		return auth.STS
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.Method == http.MethodPost && (restPaths[first] || first == "") {
		return auth.Personalize
	}
	if first == "kindred" {
		return auth.Personalize
	}
	return auth.S3
}
