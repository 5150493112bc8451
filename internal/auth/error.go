package auth

import (
	"fmt"

	"github.com/kindredrec/kindred/internal/fault"
)

// A Reason is why a request was not accepted as authentic.
type Reason int

// The reasons. Services spell them differently; see Error.Exception.
const (
	Missing    Reason = iota // no signature at all
	Incomplete               // a signature that cannot be read
	UnknownKey               // a well-formed signature by an access key that is not in the keyring
	Mismatch                 // the signature is not the one the key makes over this request
	Skewed                   // signed too far from now
	Expired                  // a presigned address whose time is over
	Unsigned                 // a header that must be signed is not
	BodyHash                 // the body is not the one that was signed for
	TooLarge                 // the body is longer than the service takes
)

// An Error says that a request is not authentic, and why. It is a fault.Unauthentic for whoever does
// not look closer.
type Error struct {
	Reason   Reason
	Service  string // of the credential scope, "" if unknown
	Query    bool   // the signature came in the query
	Sentence string // for the caller
	Detail   string // for the operator's debug log: what was signed; may be empty
}

func (e *Error) Error() string { return e.Sentence }

func (e *Error) Unwrap() error { return fault.Newf(fault.Unauthentic, "%s", e.Sentence) }

// exceptions holds, for each reason, the exception that JSON services, query services (sts, iam) and
// S3 answer with.
var exceptions = [...]struct{ json, query, s3 exception }{
	Missing:    {exception{"MissingAuthenticationToken", 403}, exception{"MissingAuthenticationToken", 403}, exception{"AccessDenied", 403}},
	Incomplete: {exception{"IncompleteSignature", 400}, exception{"IncompleteSignature", 400}, exception{"AuthorizationHeaderMalformed", 400}},
	UnknownKey: {exception{"UnrecognizedClientException", 400}, exception{"InvalidClientTokenId", 403}, exception{"InvalidAccessKeyId", 403}},
	Mismatch:   {exception{"InvalidSignatureException", 403}, exception{"SignatureDoesNotMatch", 403}, exception{"SignatureDoesNotMatch", 403}},
	Skewed:     {exception{"RequestExpired", 400}, exception{"RequestExpired", 400}, exception{"RequestTimeTooSkewed", 403}},
	Expired:    {exception{"RequestExpired", 400}, exception{"RequestExpired", 400}, exception{"AccessDenied", 403}},
	Unsigned:   {exception{"InvalidSignatureException", 403}, exception{"SignatureDoesNotMatch", 403}, exception{"AccessDenied", 403}},
	BodyHash:   {exception{"InvalidSignatureException", 403}, exception{"SignatureDoesNotMatch", 403}, exception{"XAmzContentSHA256Mismatch", 400}},
	TooLarge:   {exception{"RequestEntityTooLargeException", 413}, exception{"RequestEntityTooLarge", 413}, exception{"EntityTooLarge", 400}},
}

type exception struct {
	name   string
	status int
}

// Exception returns the name and the HTTP status under which the service that was asked reports e.
func (e *Error) Exception() (name string, status int) {
	row := exceptions[e.Reason]
	x := row.json
	switch e.Service {
	case S3:
		x = row.s3
		if e.Query && e.Reason == Incomplete {
			x.name = "AuthorizationQueryParametersError"
		}
	case STS, IAM:
		x = row.query
	}
	return x.name, x.status
}

func (s *Signature) errorf(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Service: s.Service, Query: s.Query, Sentence: fmt.Sprintf(format, args...)}
}
