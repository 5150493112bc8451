package service

import (
	"context"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// Quotas are the limits on what one account may have in a region. Zero means no limit.
type Quotas struct {
	Schemas          int // schemas
	DatasetGroups    int // dataset groups
	Solutions        int // solutions of a dataset group
	Filters          int // filters of a dataset group
	Campaigns        int // campaigns of a dataset group
	Recommenders     int // recommenders of a dataset group
	AllRecommenders  int // recommenders
	Metrics          int // metrics of a metric attribution
	FilterFields     int // distinct dataset fields in one filter
	GroupFields      int // distinct dataset fields over all filters of a dataset group
	RunningImports   int // import jobs pending or in progress
	RunningVersions  int // solution versions pending or in progress
	RunningBatches   int // batch inference jobs pending or in progress
	RunningSegments  int // batch segment jobs pending or in progress
	RunningDeletions int // data deletion jobs pending or in progress
	EventKinds       int // event types and metadata columns of interactions together
	MaxNumResults    int // numResults of a batch inference job
	MaxSegmentUsers  int // numResults of a batch segment job
	BatchFiles       int // input files of a batch job
	BatchBytes       int // bytes of all input files of a batch job
	BatchLines       int // lines of an input file of a batch inference job
	ItemQueries      int // lines of an input file for aws-item-affinity
	AttributeQueries int // lines of an input file for aws-item-attribute-affinity
}

// AWSQuotas are the service's own, for tests that want to run into them.
func AWSQuotas() Quotas {
	return Quotas{
		Schemas: 500, DatasetGroups: 5, Solutions: 10, Filters: 30, Campaigns: 5, Recommenders: 5, AllRecommenders: 15, Metrics: 10, FilterFields: 10, GroupFields: 20,
		RunningImports: 5, RunningVersions: 20, RunningBatches: 5, RunningSegments: 5, RunningDeletions: 5, EventKinds: 10, MaxNumResults: 500, MaxSegmentUsers: maxSegmentUsers,
		BatchFiles: 1000, BatchBytes: 1 << 30, BatchLines: 50_000_000, ItemQueries: 500, AttributeQueries: 10,
	}
}

// DefaultQuotas lift every limit that exists to bill or to protect a shared service.
func DefaultQuotas() Quotas {
	return Quotas{MaxNumResults: 500, MaxSegmentUsers: maxSegmentUsers}
}

// within refuses one more when the quota is used up.
func within(quota, have int, format string, args ...any) error {
	if quota == 0 || have < quota {
		return nil
	}
	return fault.Newf(fault.Limit, format, args...)
}

// roomToRun checks the quota of jobs of a kind that are not settled.
func roomToRun(ctx context.Context, tx catalog.Store, sc scope, quota int, kind string) error {
	return room(ctx, tx, quota, catalog.Query{Account: sc.key(), Kind: kind, Status: unsettled},
		"More than %d resources with PENDING or IN_PROGRESS status.", quota)
}

// roomIn checks the quota of resources of a kind in a dataset group.
func roomIn(ctx context.Context, tx catalog.Store, sc scope, quota int, kind string, group arn.ARN) error {
	return room(ctx, tx, quota, catalog.Query{Account: sc.key(), Kind: kind, Parent: group},
		"Cannot create a %s. More than %d resources in dataset group %s. Please delete some and try again.", noun(kind), quota, group)
}
