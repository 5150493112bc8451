package service

import (
	"context"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// maxSegmentUsers is how many users a segment may have.
const maxSegmentUsers = 5_000_000

// CreateBatchSegmentJob starts finding users for the lines of input files, from a solution version that
// ranks users.
func (s *Service) CreateBatchSegmentJob(ctx context.Context, in *api.CreateBatchSegmentJobRequest) (*api.CreateBatchSegmentJobResponse, error) {
	order, err := s.segmentOrder(in)
	if err != nil {
		return nil, err
	}
	name, err := s.begin(ctx, arn.BatchSegmentJob, in.JobName, func(tx catalog.Store, sc scope, c *creation) (err error) {
		if order.Filter, err = s.checkSegments(ctx, tx, sc, in); err != nil {
			return err
		}
		c.parent, c.tags, c.flow, c.payload = arn.ARN(in.SolutionVersionArn), in.Tags, batch.SegmentKind, order
		c.doc = api.BatchSegmentJob{
			JobName: in.JobName, BatchSegmentJobArn: c.arn.String(), SolutionVersionArn: in.SolutionVersionArn, FilterArn: in.FilterArn,
			NumResults: ptr(int32(order.NumResults)), JobInput: in.JobInput, JobOutput: in.JobOutput, RoleArn: in.RoleArn, Status: c.status,
			CreationDateTime: api.NewTime(c.at), LastUpdatedDateTime: api.NewTime(c.at),
		}
		return roomToRun(ctx, tx, sc, s.quotas.RunningSegments, c.kind)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateBatchSegmentJobResponse{BatchSegmentJobArn: name}, nil
}

// segmentOrder checks what can be checked of a request by itself.
func (s *Service) segmentOrder(in *api.CreateBatchSegmentJobRequest) (batch.Order, error) {
	o := batch.Order{JobName: in.JobName, SolutionVersion: arn.ARN(in.SolutionVersionArn)}
	var err error
	if o.NumResults, err = numResults(in.NumResults, s.quotas.MaxSegmentUsers, "max-segment-users"); err != nil {
		return o, err
	}
	if in.JobInput == nil || in.JobOutput == nil {
		return o, fault.Newf(fault.Invalid, "jobInput and jobOutput must be given.")
	}
	err = locate(&o, in.JobInput.S3DataSource, in.JobOutput.S3DataDestination)
	return o, err
}

// checkSegments checks the request against the solution version and the filter, and returns the expression.
func (s *Service) checkSegments(ctx context.Context, tx catalog.Store, sc scope, in *api.CreateBatchSegmentJobRequest) (string, error) {
	sv, e, err := s.batchVersion(ctx, tx, sc, in.SolutionVersionArn)
	if err != nil {
		return "", err
	}
	if e.Type != recipe.UserSegmentation {
		return "", fault.Newf(fault.Invalid, "The recipe %s does not make user segments: use CreateBatchInferenceJob.", e.Name)
	}
	if in.FilterArn == "" {
		return "", nil
	}
	f, err := batchFilter(ctx, tx, sc, in.FilterArn, sv)
	if err != nil {
		return "", err
	}
	switch {
	case f.Target() != filter.UserID:
		return "", fault.Newf(fault.Invalid, "The filter %s selects %s; a batch segment job needs one for UserID.", in.FilterArn, f.Target())
	case f.UsesInteractions() && e.Asks == recipe.UsersByAttributes:
		return "", fault.Newf(fault.Invalid, "The filter %s uses Interactions, which cannot be done with %s.", in.FilterArn, e.Name)
	case f.UsesCurrentItem() || f.UsesCurrentUser():
		return "", fault.Newf(fault.Invalid, "The filter %s refers to CurrentUser or CurrentItem, which a batch segment job has not.", in.FilterArn)
	}
	return f.String(), nil
}

// DescribeBatchSegmentJob tells of a job.
func (s *Service) DescribeBatchSegmentJob(ctx context.Context, in *api.DescribeBatchSegmentJobRequest) (*api.DescribeBatchSegmentJobResponse, error) {
	doc, err := describe[api.BatchSegmentJob](ctx, s, arn.BatchSegmentJob, "batchSegmentJobArn", in.BatchSegmentJobArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeBatchSegmentJobResponse{BatchSegmentJob: doc}, nil
}

// ListBatchSegmentJobs lists the jobs of a solution version, or of the account, newest first.
func (s *Service) ListBatchSegmentJobs(ctx context.Context, in *api.ListBatchSegmentJobsRequest) (*api.ListBatchSegmentJobsResponse, error) {
	q := catalog.Query{Kind: arn.BatchSegmentJob, Parent: arn.ARN(in.SolutionVersionArn), Newest: true}
	page, next, err := list[api.BatchSegmentJobSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListBatchSegmentJobsResponse{BatchSegmentJobs: page, NextToken: next}, nil
}
