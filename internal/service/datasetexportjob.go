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

// CreateDatasetExportJob starts writing a dataset's records to S3.
func (s *Service) CreateDatasetExportJob(ctx context.Context, in *api.CreateDatasetExportJobRequest) (*api.CreateDatasetExportJobResponse, error) {
	if in.JobOutput == nil || in.JobOutput.S3DataDestination == nil {
		return nil, fault.Newf(fault.Invalid, "jobOutput.s3DataDestination must be given.")
	}
	to := in.JobOutput.S3DataDestination
	if _, err := blob.ParseLocation(to.Path); err != nil {
		return nil, fault.Newf(fault.Invalid, "Invalid S3 output path. %s", fault.Sentence(err))
	}
	mode := in.IngestionMode
	if mode == "" {
		mode = api.IngestionModePUT
	}
	name, err := s.begin(ctx, arn.DatasetExportJob, in.JobName, func(tx catalog.Store, sc scope, c *creation) error {
		ds, rec, err := load[api.Dataset](ctx, sc, tx, arn.Dataset, "datasetArn", in.DatasetArn)
		if err != nil {
			return err
		}
		if ds.DatasetType == dataset.ActionInteractions {
			return fault.Newf(fault.Invalid, "A dataset of type %s cannot be exported.", ds.DatasetType)
		}
		c.parent, c.tags = rec.ARN, in.Tags
		c.flow, c.payload = dataset.ExportFlow, dataset.ExportOrder{Dataset: rec.ARN, JobName: in.JobName, Output: to.Path, KMSKey: to.KmsKeyArn, Mode: mode}
		c.doc = api.DatasetExportJob{
			JobName: in.JobName, DatasetExportJobArn: c.arn.String(), DatasetArn: in.DatasetArn, IngestionMode: mode, RoleArn: in.RoleArn,
			JobOutput: in.JobOutput, Status: c.status, CreationDateTime: api.NewTime(c.at), LastUpdatedDateTime: api.NewTime(c.at),
		}
		return needActive(arn.Dataset, rec.ARN, rec.Status)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateDatasetExportJobResponse{DatasetExportJobArn: name}, nil
}

// DescribeDatasetExportJob tells of an export.
func (s *Service) DescribeDatasetExportJob(ctx context.Context, in *api.DescribeDatasetExportJobRequest) (*api.DescribeDatasetExportJobResponse, error) {
	doc, err := describe[api.DatasetExportJob](ctx, s, arn.DatasetExportJob, "datasetExportJobArn", in.DatasetExportJobArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeDatasetExportJobResponse{DatasetExportJob: doc}, nil
}

// ListDatasetExportJobs lists the exports of a dataset, or of the account.
func (s *Service) ListDatasetExportJobs(ctx context.Context, in *api.ListDatasetExportJobsRequest) (*api.ListDatasetExportJobsResponse, error) {
	q := catalog.Query{Kind: arn.DatasetExportJob, Parent: arn.ARN(in.DatasetArn), Newest: true}
	page, next, err := list[api.DatasetExportJobSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListDatasetExportJobsResponse{DatasetExportJobs: page, NextToken: next}, nil
}
