package catalog

import (
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
)

// The failures that every Store reports alike.

// NotFound is the failure for a resource that is not there.
func NotFound(a arn.ARN) error {
	return fault.Newf(fault.NotFound, "Resource Arn %s does not exist.", a)
}

// Exists is the failure for a name that is taken.
func Exists(a arn.ARN) error {
	return fault.Newf(fault.Exists, "Another resource with Arn %s already exists.", a)
}

// Stale is the failure for a change to a version that is no longer the stored one.
func Stale(a arn.ARN) error {
	return fault.Newf(fault.InUse, "Resource %s was changed by another request; try again.", a)
}

// Busy is the failure for work handed over while the owner has unfinished work.
func Busy(owner arn.ARN) error {
	return fault.Newf(fault.Exists, "Resource %s has unfinished work.", owner)
}

// badToken is the failure for a position or page token that this server did not give out.
func badToken() error {
	return fault.Newf(fault.BadToken, "The token is not valid.")
}
