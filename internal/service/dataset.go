package service

import (
	"context"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// CreateDataset makes the one dataset of a type that a group may have.
func (s *Service) CreateDataset(ctx context.Context, in *api.CreateDatasetRequest) (*api.CreateDatasetResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	at := s.moment()
	kind := strings.ToUpper(in.DatasetType)
	var name arn.ARN
	err = s.change(ctx, func(tx catalog.Store) error {
		group, rec, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", in.DatasetGroupArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.DatasetGroup, rec.ARN, rec.Status); err != nil {
			return err
		}
		schema, _, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", in.SchemaArn)
		if err != nil {
			return err
		}
		if err := fits(kind, group, schema); err != nil {
			return err
		}
		name = sc.arn(arn.Dataset, group.Name+"/"+kind)
		if kind == dataset.Interactions {
			if err := makeWay(ctx, tx, name); err != nil {
				return err
			}
		}
		doc := api.Dataset{
			Name: in.Name, DatasetArn: name.String(), DatasetGroupArn: in.DatasetGroupArn, DatasetType: kind,
			SchemaArn: in.SchemaArn, Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		if kind == dataset.ActionInteractions {
			doc.TrackingId = newTrackingID() // what PutActionInteractions is called with
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.Dataset, parent: rec.ARN, status: Pending, doc: doc, extra: dataset.State{}, tags: in.Tags,
			flow: createFlow, at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateDatasetResponse{DatasetArn: name.String()}, nil
}

// fits checks a schema against the dataset type and the group it is to be used in.
func fits(kind string, group api.DatasetGroup, schema api.DatasetSchema) error {
	switch kind {
	case dataset.Interactions, dataset.Users, dataset.Items:
	case dataset.Actions, dataset.ActionInteractions:
		if group.Domain != "" {
			return fault.Newf(fault.Invalid, "A domain dataset group has no %s dataset: only Interactions, Users and Items.", kind)
		}
	default:
		return fault.Newf(fault.Invalid, "datasetType %s is not one of Interactions, Items, Users, Actions, Action_Interactions.", kind)
	}
	if schema.Domain != group.Domain {
		return fault.Newf(fault.Invalid, "The schema %s is for %s and the dataset group %s for %s; they must be the same.",
			schema.SchemaArn, inDomain(schema.Domain), group.DatasetGroupArn, inDomain(group.Domain))
	}
	parsed, err := dataset.ParseSchema(schema.Schema, schema.Domain)
	if err != nil {
		return err
	}
	if parsed.Type != kind {
		return fault.Newf(fault.Invalid, "The schema %s is for %s and cannot be used for a dataset of type %s.", schema.SchemaArn, parsed.Type, kind)
	}
	return nil
}

// inDomain spells a domain for a sentence.
func inDomain(domain string) string {
	if domain == "" {
		return "no domain"
	}
	return "the domain " + domain
}

// DescribeDataset tells of a dataset.
func (s *Service) DescribeDataset(ctx context.Context, in *api.DescribeDatasetRequest) (*api.DescribeDatasetResponse, error) {
	doc, err := describe[api.Dataset](ctx, s, arn.Dataset, "datasetArn", in.DatasetArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeDatasetResponse{Dataset: doc}, nil
}

// ListDatasets lists the datasets of a group, or of the account.
func (s *Service) ListDatasets(ctx context.Context, in *api.ListDatasetsRequest) (*api.ListDatasetsResponse, error) {
	q := catalog.Query{Kind: arn.Dataset, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.DatasetSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListDatasetsResponse{Datasets: page, NextToken: next}, nil
}

// DeleteDataset removes a dataset and its data.
func (s *Service) DeleteDataset(ctx context.Context, in *api.DeleteDatasetRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		doc, rec, err := load[api.Dataset](ctx, sc, tx, arn.Dataset, "datasetArn", in.DatasetArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		running := func(kind string, parent arn.ARN) error {
			n, err := tx.Count(ctx, catalog.Query{Account: sc.key(), Kind: kind, Parent: parent, Status: unsettled})
			if err == nil && n > 0 {
				err = fault.Newf(fault.InUse, "The dataset %s is in use: %d %s(s) are pending or in progress.", rec.ARN, n, noun(kind))
			}
			return err
		}
		if err := running(arn.DatasetImportJob, rec.ARN); err != nil {
			return err
		}
		err = each(ctx, tx, catalog.Query{Account: sc.key(), Kind: arn.Solution, Parent: arn.ARN(doc.DatasetGroupArn)},
			func(_ api.Solution, sol catalog.Record) error { return running(arn.SolutionVersion, sol.ARN) })
		if err != nil {
			return err
		}
		// The snapshots of the group hold this dataset's data too, and are made again without it.
		return s.remove(ctx, tx, rec, removal{Prefixes: []string{dataset.Prefix(rec.ARN), dataset.SnapshotPrefix(arn.ARN(doc.DatasetGroupArn))}})
	})
}
