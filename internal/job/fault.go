package job

import (
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
)

// The failures that every Queue reports alike.

// Gone is the failure for a job that is finished or cancelled.
func Gone(id int64) error { return fault.Newf(fault.NotFound, "Job %d is finished or cancelled.", id) }

// Taken is the failure for a lease that another worker has now.
func Taken(id int64) error { return fault.Newf(fault.InUse, "Job %d is leased to another worker.", id) }

// None is the failure for an owner without unfinished work.
func None(owner arn.ARN) error {
	return fault.Newf(fault.NotFound, "Resource %s has no unfinished work.", owner)
}

// TooLarge is the failure for a result over MaxResult.
func TooLarge(group string, n, size int) error {
	return fault.Newf(fault.Limit, "Task %d of %s left %d bytes; at most %d can be kept.", n, group, size, MaxResult)
}
