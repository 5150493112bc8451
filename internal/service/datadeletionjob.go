package service

import (
	"context"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// CreateDataDeletionJob starts deleting the records of users from a dataset group. Data deletion jobs have
// words of their own for their status: PENDING, IN_PROGRESS, COMPLETED, FAILED.
func (s *Service) CreateDataDeletionJob(ctx context.Context, in *api.CreateDataDeletionJobRequest) (*api.CreateDataDeletionJobResponse, error) {
	if in.DataSource == nil || in.DataSource.DataLocation == "" {
		return nil, fault.Newf(fault.Invalid, "dataSource.dataLocation must be given: s3://bucket/file.csv, or s3://bucket/folder/ for every .csv file in it and below it.")
	}
	if _, err := blob.ParseLocation(in.DataSource.DataLocation); err != nil {
		return nil, fault.Newf(fault.Invalid, "Invalid Data location. %s", fault.Sentence(err))
	}
	name, err := s.begin(ctx, arn.DataDeletionJob, in.JobName, func(tx catalog.Store, sc scope, c *creation) error {
		_, group, err := activeGroup(ctx, tx, sc, in.DatasetGroupArn)
		if err != nil {
			return err
		}
		c.status, c.parent, c.tags = dataset.DeletionPending, group.ARN, in.Tags
		c.flow, c.payload = dataset.DeletionFlow, dataset.DeletionOrder{Group: group.ARN, Location: in.DataSource.DataLocation}
		c.doc = api.DataDeletionJob{
			JobName: in.JobName, DataDeletionJobArn: c.arn.String(), DatasetGroupArn: in.DatasetGroupArn, DataSource: in.DataSource,
			RoleArn: in.RoleArn, Status: c.status, CreationDateTime: api.NewTime(c.at), LastUpdatedDateTime: api.NewTime(c.at),
		}
		waiting := catalog.Query{Account: sc.key(), Kind: c.kind, Parent: group.ARN, Status: []string{c.status}}
		return room(ctx, tx, s.quotas.RunningDeletions, waiting,
			"More than %d data deletion jobs with PENDING status in dataset group %s.", s.quotas.RunningDeletions, group.ARN)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateDataDeletionJobResponse{DataDeletionJobArn: name}, nil
}

// DescribeDataDeletionJob tells of a deletion; once it is COMPLETED, also how many records it deleted.
func (s *Service) DescribeDataDeletionJob(ctx context.Context, in *api.DescribeDataDeletionJobRequest) (*api.DescribeDataDeletionJobResponse, error) {
	doc, err := describe[api.DataDeletionJob](ctx, s, arn.DataDeletionJob, "dataDeletionJobArn", in.DataDeletionJobArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeDataDeletionJobResponse{DataDeletionJob: doc}, nil
}

// ListDataDeletionJobs lists the deletions of a group, or of the account, newest first.
func (s *Service) ListDataDeletionJobs(ctx context.Context, in *api.ListDataDeletionJobsRequest) (*api.ListDataDeletionJobsResponse, error) {
	q := catalog.Query{Kind: arn.DataDeletionJob, Parent: arn.ARN(in.DatasetGroupArn), Newest: true}
	page, next, err := list[api.DataDeletionJobSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListDataDeletionJobsResponse{DataDeletionJobs: page, NextToken: next}, nil
}
