// Package auth finds out who sends a request: it verifies Signature Version 4 in the header, in the
// query and over the chunks of an upload, and keeps the access keys it verifies against.
//
// What a verified caller may do is asked through an Authorizer; by default, everything in their account.
package auth

import "context"

// A Caller is who signed a request.
type Caller struct {
	Account     string // twelve digits
	Region      string // as in the credential scope: any non-empty name
	AccessKeyID string
}

type callerKey struct{}

// WithCaller returns a context that tells who calls.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// From returns who calls, and false when nobody was verified.
func From(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// An Authorizer decides whether the caller in ctx may do an action ("personalize:CreateSolution") on
// a resource (an ARN, or "" where there is none yet). It returns nil or a fault.Denied with a
// sentence for the caller.
type Authorizer func(ctx context.Context, action, resource string) error

// AllowAll lets every verified caller do everything; the account is the wall.
func AllowAll(context.Context, string, string) error { return nil }
