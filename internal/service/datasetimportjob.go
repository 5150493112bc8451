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

// CreateDatasetImportJob starts reading files from S3 into a dataset.
func (s *Service) CreateDatasetImportJob(ctx context.Context, in *api.CreateDatasetImportJobRequest) (*api.CreateDatasetImportJobResponse, error) {
	if in.DataSource == nil || in.DataSource.DataLocation == "" {
		return nil, fault.Newf(fault.Invalid, "dataSource.dataLocation must be given: s3://bucket/file.csv, or s3://bucket/folder/ for every file directly in it.")
	}
	if _, err := blob.ParseLocation(in.DataSource.DataLocation); err != nil {
		return nil, fault.Newf(fault.Invalid, "Invalid Data location. %s", fault.Sentence(err))
	}
	if or(in.PublishAttributionMetricsToS3, false) {
		return nil, fault.Newf(fault.Unsupported, "Kindred does not publish attribution metrics yet; leave publishAttributionMetricsToS3 out.")
	}
	mode := in.ImportMode
	if mode == "" {
		mode = api.ImportModeFULL
	}
	name, err := s.begin(ctx, arn.DatasetImportJob, in.JobName, func(tx catalog.Store, sc scope, c *creation) error {
		order, parent, err := s.importOrder(ctx, tx, sc, in, mode)
		if err != nil {
			return err
		}
		c.parent, c.tags, c.flow, c.payload = parent, in.Tags, dataset.ImportFlow, order
		c.doc = api.DatasetImportJob{
			JobName: in.JobName, DatasetImportJobArn: c.arn.String(), DatasetArn: in.DatasetArn, DataSource: in.DataSource,
			RoleArn: in.RoleArn, ImportMode: mode, PublishAttributionMetricsToS3: ptr(false), Status: c.status,
			CreationDateTime: api.NewTime(c.at), LastUpdatedDateTime: api.NewTime(c.at),
		}
		return roomToRun(ctx, tx, sc, s.quotas.RunningImports, c.kind)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateDatasetImportJobResponse{DatasetImportJobArn: name}, nil
}

// importOrder checks the dataset and writes down what the import needs to know of it.
func (s *Service) importOrder(ctx context.Context, tx catalog.Store, sc scope, in *api.CreateDatasetImportJobRequest, mode string) (dataset.ImportOrder, arn.ARN, error) {
	none := dataset.ImportOrder{}
	ds, rec, err := load[api.Dataset](ctx, sc, tx, arn.Dataset, "datasetArn", in.DatasetArn)
	if err != nil {
		return none, "", err
	}
	if err := needActive(arn.Dataset, rec.ARN, rec.Status); err != nil {
		return none, "", err
	}
	schema, _, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", ds.SchemaArn)
	if err != nil {
		return none, "", err
	}
	if mode == api.ImportModeINCREMENTAL {
		if err := s.hasBulk(ctx, tx, sc, rec); err != nil {
			return none, "", err
		}
	}
	return dataset.ImportOrder{
		Dataset: rec.ARN, Name: ds.Name, Location: in.DataSource.DataLocation, Schema: schema.Schema, Domain: schema.Domain, Mode: mode,
	}, rec.ARN, nil
}

// hasBulk refuses an incremental import into a dataset that never had a full one.
func (s *Service) hasBulk(ctx context.Context, tx catalog.Store, sc scope, rec catalog.Record) error {
	st, err := dataset.StateOf(rec)
	if err != nil || st.Bulk() {
		return err
	}
	n, err := tx.Count(ctx, catalog.Query{Account: sc.key(), Kind: arn.DatasetImportJob, Parent: rec.ARN, Status: unsettled})
	if err != nil || n > 0 {
		return err
	}
	return fault.Newf(fault.Invalid, "The dataset %s has no bulk data yet: its first import must have importMode FULL.", rec.ARN)
}

// DescribeDatasetImportJob tells of an import.
func (s *Service) DescribeDatasetImportJob(ctx context.Context, in *api.DescribeDatasetImportJobRequest) (*api.DescribeDatasetImportJobResponse, error) {
	doc, err := describe[api.DatasetImportJob](ctx, s, arn.DatasetImportJob, "datasetImportJobArn", in.DatasetImportJobArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeDatasetImportJobResponse{DatasetImportJob: doc}, nil
}

// ListDatasetImportJobs lists the imports of a dataset, or of the account.
func (s *Service) ListDatasetImportJobs(ctx context.Context, in *api.ListDatasetImportJobsRequest) (*api.ListDatasetImportJobsResponse, error) {
	q := catalog.Query{Kind: arn.DatasetImportJob, Parent: arn.ARN(in.DatasetArn), Newest: true}
	page, next, err := list[api.DatasetImportJobSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListDatasetImportJobsResponse{DatasetImportJobs: page, NextToken: next}, nil
}
