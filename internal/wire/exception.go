package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
)

// A Named is an error with an exception name and status of its own, beside those of the models.
// Signature errors are such. Its text is shown to the caller.
type Named interface {
	error
	Exception() (name string, status int)
}

// An exception is a Named for what goes wrong in this package.
type exception struct {
	name   string
	status int
	text   string
}

func (e *exception) Error() string            { return e.text }
func (e *exception) Exception() (string, int) { return e.name, e.status }

// invalidInput is what every broken rule is called that has no name of its own.
const invalidInput = "InvalidInputException"

// modelled maps the kinds of fault to exceptions of the models. Where an operation does not model
// the exception, it answers InvalidInputException.
var modelled = map[fault.Kind]string{
	fault.Invalid:        invalidInput,
	fault.NotFound:       "ResourceNotFoundException",
	fault.Exists:         "ResourceAlreadyExistsException",
	fault.InUse:          "ResourceInUseException",
	fault.Limit:          "LimitExceededException",
	fault.BadToken:       "InvalidNextTokenException",
	fault.TooManyTags:    "TooManyTagsException",
	fault.TooManyTagKeys: "TooManyTagKeysException",
}

// common maps the kinds that mean the same everywhere to exceptions outside the models.
var common = map[fault.Kind]exception{
	fault.Internal:    {name: "InternalFailure", status: http.StatusInternalServerError},
	fault.Unsupported: {name: "NotImplementedException", status: http.StatusNotImplemented},
	fault.Denied:      {name: "AccessDeniedException", status: http.StatusBadRequest},
	fault.Malformed:   {name: "SerializationException", status: http.StatusBadRequest},
	fault.Unauthentic: {name: "InvalidSignatureException", status: http.StatusForbidden},
	fault.Unavailable: {name: "ServiceUnavailable", status: http.StatusServiceUnavailable},
}

// translate turns an error into what the caller of op gets to see. Op may be nil.
func translate(op *api.Operation, err error) exception {
	if n, ok := errors.AsType[Named](err); ok {
		name, status := n.Exception()
		return exception{name, status, n.Error()}
	}
	kind, text := fault.KindOf(err), fault.Sentence(err)
	if name, ok := modelled[kind]; ok {
		name, status := fit(op, name)
		return exception{name, status, text}
	}
	if kind == fault.Internal && givenUp(err) {
		kind, text = fault.Unavailable, "The request was given up before it was done; try again."
	}
	e, ok := common[kind]
	if !ok {
		e, text = common[fault.Internal], fault.Sentence(nil)
	}
	e.text = text
	return e
}

// fit returns the exception that op answers with for one that it may or may not model.
func fit(op *api.Operation, name string) (string, int) {
	if op == nil {
		return invalidInput, http.StatusBadRequest
	}
	if !op.Models(name) {
		name = invalidInput
	}
	if status, ok := op.ErrorStatus[name]; ok {
		return name, status
	}
	return name, http.StatusBadRequest
}

// givenUp reports whether err came of a context's end, which is nobody's mistake.
func givenUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// WriteError answers a request with an error in the given protocol. It is for those who refuse a
// request before it has an operation, such as the check of its signature.
func WriteError(w http.ResponseWriter, r *http.Request, p Protocol, err error) {
	writeError(w, ensureID(r), p, nil, err)
}

// writeError answers with an error and returns the status.
func writeError(w http.ResponseWriter, r *http.Request, p Protocol, op *api.Operation, err error) int {
	e := translate(op, err)
	body := struct {
		Type    string `json:"__type,omitzero"`
		Message string `json:"message"`
	}{Message: e.text}
	if p == JSON11 {
		body.Type = e.name
	} else {
		w.Header().Set("X-Amzn-Errortype", e.name)
	}
	text, _ := encode(body) // two strings always encode
	write(w, r, p, e.status, text)
	return e.status
}
