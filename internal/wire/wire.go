// Package wire carries operations over HTTP.
//
// The control plane speaks AWS JSON 1.1: one path, and X-Amz-Target names the operation. Runtime and
// events speak REST-JSON: method and path name it. Both meet here: a request becomes a checked input
// struct, an answer or a fault becomes bytes. Only this package knows exception names and status
// codes. Signatures are somebody else's; whoever checks them reports failures with WriteError.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
)

// DefaultMaxBody is the largest request body accepted unless Options say otherwise. The largest
// legal input, CreateSchema's, is a fraction of it.
const DefaultMaxBody = 1 << 20

// Options adjust a handler. The zero value works.
type Options struct {
	MaxBody int64        // largest request body in bytes; 0 is DefaultMaxBody
	Log     *slog.Logger // one line per request; nil is slog.Default

	// Account tells whose request it is, for the log. Nil leaves it out.
	Account func(context.Context) string

	// Authorize decides whether the caller in the context may do an action, "personalize:" and the name of
	// the operation, with a resource: see Resource. Its error is the answer. Nil lets everything pass.
	Authorize func(ctx context.Context, action, resource string) error

	// OnDone is told about every answer. The operation is one of the model's names, or "Unknown".
	OnDone func(op string, status int, d time.Duration)
}

// unknown stands for an operation that no model has, where a name of bounded variety is needed.
const unknown = "Unknown"

type handler struct {
	handlers map[string]api.Handler
	byTarget map[string]*api.Operation
	byPath   map[string]*api.Operation // by method, a blank, and path
	opts     Options
}

// NewHandler answers requests for the operations of handlers. Operations of the model without a
// handler are answered with 501 and NotImplementedException, all others with UnknownOperationException.
// A request in flight holds a few times its body in memory.
func NewHandler(handlers map[string]api.Handler, opts Options) http.Handler {
	if opts.MaxBody <= 0 {
		opts.MaxBody = DefaultMaxBody
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	h := &handler{
		handlers: handlers,
		byTarget: map[string]*api.Operation{},
		byPath:   map[string]*api.Operation{},
		opts:     opts,
	}
	for i := range api.Operations {
		op := &api.Operations[i]
		if op.Target != "" {
			h.byTarget[op.Target] = op
		} else {
			h.byPath[op.Method+" "+op.Path] = op
		}
	}
	return h
}

// ServeHTTP answers one request and tells the log and OnDone about it.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	r = ensureID(r)
	op, status, err := h.serve(w, r)
	took := time.Since(start)
	h.log(r, op, status, took, err)
	if h.opts.OnDone != nil {
		h.opts.OnDone(nameOf(op), status, took)
	}
}

// serve writes the answer. It returns what was asked for, the status, and what went wrong.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) (*api.Operation, int, error) {
	p := ProtocolOf(r)
	op, err := h.route(r, p)
	var body []byte
	if err == nil {
		body, err = h.answer(w, r, op)
	}
	if err != nil {
		return op, writeError(w, r, p, op, err), err
	}
	write(w, r, p, http.StatusOK, body)
	return op, http.StatusOK, nil
}

func nameOf(op *api.Operation) string {
	if op == nil {
		return unknown
	}
	return op.Name
}

// route finds the operation that a request is for.
func (h *handler) route(r *http.Request, p Protocol) (*api.Operation, error) {
	if p == RestJSON {
		if op := h.byPath[r.Method+" "+r.URL.Path]; op != nil {
			return op, nil
		}
		return nil, &exception{"UnknownOperationException", http.StatusNotFound,
			fmt.Sprintf("There is no operation at %s %s.", cut(r.Method, 16), cut(r.URL.Path, 128))}
	}
	target := r.Header.Get("X-Amz-Target")
	if op := h.byTarget[target]; op != nil && r.Method == op.Method {
		return op, nil
	}
	return nil, &exception{"UnknownOperationException", http.StatusBadRequest,
		fmt.Sprintf("Expected POST with X-Amz-Target AmazonPersonalize.<Operation>, got %s with %q.", cut(r.Method, 16), cut(target, 128))}
}

// answer does the operation and returns the body of a success. Whatever panics underneath ends up
// as an error with the stack.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, op *api.Operation) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			body, err = nil, &panicked{v, debug.Stack()}
		} else if v != nil {
			panic(v) // net/http's own way of dropping a connection
		}
	}()
	hd, ok := h.handlers[op.Name]
	if !ok {
		return nil, fault.Newf(fault.Unsupported, "Kindred does not implement %s yet; docs/coverage.md lists what it does.", op.Name)
	}
	in := hd.New()
	if err := h.read(w, r, op, in); err != nil {
		return nil, err
	}
	if err := h.authorize(r.Context(), op, in); err != nil {
		return nil, err
	}
	out, err := hd.Call(r.Context(), in)
	if err != nil || op.Output == "" {
		return nil, err
	}
	return encode(out)
}

// read decodes the body into in.
func (h *handler) read(w http.ResponseWriter, r *http.Request, op *api.Operation, in any) error {
	body, err := readBody(w, r, h.opts.MaxBody)
	if err != nil {
		return err
	}
	ignored, err := Decode(op, body, in)
	if len(ignored) > 0 {
		h.opts.Log.DebugContext(r.Context(), "members ignored that the model does not have",
			"operation", op.Name, "request", RequestID(r.Context()), "members", ignored)
	}
	return err
}

// encode writes an answer. There is no HTML to protect, so <, > and & stay as they are.
func encode(out any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// log writes one line: the operator's view, with the whole chain of an error.
func (h *handler) log(r *http.Request, op *api.Operation, status int, d time.Duration, err error) {
	level := slog.LevelInfo
	if status >= 500 && status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	if !h.opts.Log.Enabled(r.Context(), level) {
		return
	}
	var room [7]slog.Attr
	attrs := append(room[:0], slog.String("operation", nameOf(op)), slog.Int("status", status), slog.Duration("duration", d),
		slog.String("request", RequestID(r.Context())))
	if h.opts.Account != nil {
		attrs = append(attrs, slog.String("account", h.opts.Account(r.Context())))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if p, ok := errors.AsType[*panicked](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	h.opts.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// A panicked is what a handler's panic becomes.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// readBody returns the body of a request, which may be at most limit bytes. The body of a request whose
// signature was verified is in memory already.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if err := checkHeaders(r.Header); err != nil {
		return nil, err
	}
	if held, ok := r.Body.(interface{ Bytes() []byte }); ok && int64(len(held.Bytes())) <= limit {
		return held.Bytes(), nil
	}
	var b bytes.Buffer
	_, err := b.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fault.Newf(fault.Invalid, "The request body is larger than %d bytes.", limit)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "The request body ended early.")
	}
	return b.Bytes(), nil
}

// checkHeaders refuses bodies that are clearly something else than JSON. Any type that could be
// JSON passes, and so does none: clients and curl are careless about it.
func checkHeaders(hdr http.Header) error {
	if enc := hdr.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fault.Newf(fault.Malformed, "The request body must not be encoded; Content-Encoding is %s.", cut(enc, 64))
	}
	full := hdr.Get("Content-Type")
	t, _, err := mime.ParseMediaType(full)
	if err != nil {
		return nil // nothing to go by; the body itself will tell
	}
	for _, other := range []string{"multipart/", "image/", "audio/", "video/", "font/", "text/html", "text/xml", "text/csv",
		"application/xml", "application/cbor", "application/zip", "application/gzip", "application/pdf"} {
		if strings.HasPrefix(t, other) || strings.HasSuffix(t, "+xml") || strings.HasSuffix(t, "+cbor") {
			return fault.Newf(fault.Malformed, "The request body must be JSON; Content-Type is %s.", cut(full, 64))
		}
	}
	return nil
}

// cut returns at most n characters of s, with a mark where it was cut.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// A Protocol is one of the two ways an answer is dressed.
type Protocol int

// The protocols.
const (
	JSON11   Protocol = iota // the control plane
	RestJSON                 // runtime and events
)

// ProtocolOf tells which protocol a request speaks: a target or the root path is the control plane.
func ProtocolOf(r *http.Request) Protocol {
	if r.Header.Get("X-Amz-Target") != "" || r.URL.Path == "/" || r.URL.Path == "" {
		return JSON11
	}
	return RestJSON
}

func (p Protocol) contentType() string {
	if p == JSON11 {
		return "application/x-amz-json-1.1"
	}
	return "application/json"
}

// write sends an answer.
func write(w http.ResponseWriter, r *http.Request, p Protocol, status int, body []byte) {
	w.Header().Set("Content-Type", p.contentType())
	w.Header().Set("X-Amzn-Requestid", RequestID(r.Context()))
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // a client that went away cannot be told
}

type idKey struct{}

// WithRequestID returns a context whose request is known by id. Whoever sees a request first sets
// it; NewHandler's handler does if nobody did.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, idKey{}, id)
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}

// ensureID returns r with a request id.
func ensureID(r *http.Request) *http.Request {
	if RequestID(r.Context()) != "" {
		return r
	}
	return r.WithContext(WithRequestID(r.Context(), uuid.NewString()))
}
