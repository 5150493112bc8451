package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/wire"
	"github.com/kindredrec/kindred/internal/wire/awsxml"
)

// An operation of a service of the query protocol takes the form's values and returns a struct with
// the members of its result, nil if it has none, or a fault or *refusal.
type operation func(ctx context.Context, in url.Values) (any, error)

// A query answers a service of the query protocol: Action in the form names the operation.
type query struct {
	namespace  string
	operations map[string]operation
	log        *slog.Logger
}

func (q query) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		awsxml.WriteQueryError(w, q.namespace, http.StatusBadRequest, "MalformedQueryString", "The form in the request cannot be read.")
		return
	}
	action := r.Form.Get("Action")
	do, ok := q.operations[action]
	if !ok {
		awsxml.WriteQueryError(w, q.namespace, http.StatusBadRequest, "InvalidAction", "The action "+clip(action)+" is not one that this server answers.")
		return
	}
	out, err := do(r.Context(), r.Form)
	if err != nil {
		q.fail(w, r, action, err)
		return
	}
	awsxml.WriteQuery(w, q.namespace, action, out)
}

// queryExceptions are IAM's names for kinds of fault.
var queryExceptions = map[fault.Kind]refusal{
	fault.Invalid:  {name: "ValidationError", status: http.StatusBadRequest},
	fault.NotFound: {name: "NoSuchEntity", status: http.StatusNotFound},
	fault.Exists:   {name: "EntityAlreadyExists", status: http.StatusConflict},
	fault.InUse:    {name: "DeleteConflict", status: http.StatusConflict},
	fault.Limit:    {name: "LimitExceeded", status: http.StatusConflict},
	fault.Denied:   {name: "AccessDenied", status: http.StatusForbidden},
}

func (q query) fail(w http.ResponseWriter, r *http.Request, action string, err error) {
	if n, ok := errors.AsType[*refusal](err); ok {
		awsxml.WriteQueryError(w, q.namespace, n.status, n.name, n.text)
		return
	}
	e, ok := queryExceptions[fault.KindOf(err)]
	if !ok {
		q.log.Error("request failed", "action", action, "error", err, "request", wire.RequestID(r.Context()))
		e = refusal{name: "ServiceFailure", status: http.StatusInternalServerError}
	}
	awsxml.WriteQueryError(w, q.namespace, e.status, e.name, fault.Sentence(err))
}

// clip keeps a caller's text short enough to be repeated.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
