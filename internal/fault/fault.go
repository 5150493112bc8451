// Package fault names the ways a call can fail.
//
// An error has two readers. The caller gets a kind and one sentence about their own resource; the
// operator gets the chain that led there. Only package wire knows exception names and status codes.
package fault

import (
	"errors"
	"fmt"
)

// A Kind is one of the closed list of failures that a caller can act on.
type Kind int

// The kinds. Internal is everything nobody foresaw: its sentence is never shown to a caller.
const (
	Internal       Kind = iota
	Invalid             // the input breaks a rule; the sentence names the member and the rule
	NotFound            // no such resource in this account
	Exists              // the name is taken
	InUse               // the resource is not in a state that allows this
	Limit               // a quota; the sentence names it
	BadToken            // a nextToken that this server did not give out
	TooManyTags         // more tags than a resource may have
	TooManyTagKeys      // more tag keys in one request than a resource may have
	Unsupported         // Kindred does not do this yet
	Denied              // the caller may not do this
	Malformed           // the body cannot be read at all: not JSON, wrong JSON type, invalid UTF-8
	Unauthentic         // the signature is missing, wrong or out of date; see auth.Error for which
	Unavailable         // shutting down, or a store that does not answer; trying again helps
)

var kindNames = [...]string{"internal", "invalid", "not found", "exists", "in use", "limit", "bad token",
	"too many tags", "too many tag keys", "unsupported", "denied", "malformed", "unauthentic", "unavailable"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// An Error is a failure with a kind and a sentence for the caller, and perhaps a cause for the operator.
type Error struct {
	Kind     Kind
	Sentence string
	Cause    error
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Sentence + ": " + e.Cause.Error()
	}
	return e.Sentence
}

func (e *Error) Unwrap() error { return e.Cause }

// Newf returns a failure with a sentence for the caller.
func Newf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Sentence: fmt.Sprintf(format, args...)}
}

// Wrap returns a failure with a sentence for the caller and the cause kept for the operator.
func Wrap(k Kind, cause error, format string, args ...any) error {
	return &Error{Kind: k, Sentence: fmt.Sprintf(format, args...), Cause: cause}
}

// KindOf returns the kind of the outermost fault in err's chain, and Internal if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a fault of kind k.
func Is(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}

// Sentence returns what a caller may read of err: the sentence of the outermost fault, or a
// sentence that tells nothing of the inside.
func Sentence(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind != Internal {
		return e.Sentence
	}
	return "An internal error occurred; the server's log has the details."
}
