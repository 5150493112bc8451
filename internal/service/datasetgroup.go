package service

import (
	"context"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// CreateDatasetGroup makes an empty group.
func (s *Service) CreateDatasetGroup(ctx context.Context, in *api.CreateDatasetGroupRequest) (*api.CreateDatasetGroupResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if (in.KmsKeyArn == "") != (in.RoleArn == "") {
		return nil, fault.Newf(fault.Invalid, "kmsKeyArn and roleArn go together: give both or neither.")
	}
	at := s.moment()
	group := sc.arn(arn.DatasetGroup, in.Name)
	doc := api.DatasetGroup{
		Name: in.Name, DatasetGroupArn: group.String(), Domain: in.Domain, KmsKeyArn: in.KmsKeyArn, RoleArn: in.RoleArn,
		Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
	}
	err = s.change(ctx, func(tx catalog.Store) error {
		if err := room(ctx, tx, s.quotas.DatasetGroups, catalog.Query{Account: sc.key(), Kind: arn.DatasetGroup},
			"Cannot create a dataset group. More than %d resources in ACTIVE state. Please delete some and try again.", s.quotas.DatasetGroups); err != nil {
			return err
		}
		return s.create(ctx, tx, sc, creation{arn: group, kind: arn.DatasetGroup, status: Pending, doc: doc, tags: in.Tags, flow: createFlow, at: at})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateDatasetGroupResponse{DatasetGroupArn: group.String(), Domain: in.Domain}, nil
}

// DescribeDatasetGroup tells of a group.
func (s *Service) DescribeDatasetGroup(ctx context.Context, in *api.DescribeDatasetGroupRequest) (*api.DescribeDatasetGroupResponse, error) {
	doc, err := describe[api.DatasetGroup](ctx, s, arn.DatasetGroup, "datasetGroupArn", in.DatasetGroupArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeDatasetGroupResponse{DatasetGroup: doc}, nil
}

// describe returns the document of a resource.
func describe[T any](ctx context.Context, s *Service, kind, member, name string) (*T, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	doc, _, err := load[T](ctx, sc, s.store, kind, member, name)
	if err != nil {
		return nil, err
	}
	return &doc, nil
}

// ListDatasetGroups lists the groups of the account.
func (s *Service) ListDatasetGroups(ctx context.Context, in *api.ListDatasetGroupsRequest) (*api.ListDatasetGroupsResponse, error) {
	page, next, err := list[api.DatasetGroupSummary](ctx, s, catalog.Query{Kind: arn.DatasetGroup}, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListDatasetGroupsResponse{DatasetGroups: page, NextToken: next}, nil
}

// inGroup are the kinds that must be gone before their group can go.
var inGroup = []string{arn.EventTracker, arn.Solution, arn.Dataset, arn.Recommender, arn.Filter, arn.MetricAttribution}

// DeleteDatasetGroup removes a group that is empty.
func (s *Service) DeleteDatasetGroup(ctx context.Context, in *api.DeleteDatasetGroupRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", in.DatasetGroupArn)
		if fault.Is(err, fault.NotFound) {
			return fault.Newf(fault.NotFound, "The given dataset group does not exist: %s", in.DatasetGroupArn)
		}
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		for _, kind := range inGroup {
			n, err := tx.Count(ctx, catalog.Query{Account: sc.key(), Kind: kind, Parent: rec.ARN})
			if err != nil {
				return err
			}
			if n > 0 {
				return fault.Newf(fault.InUse, "The dataset group %s still has %d resource(s) of kind %s; delete them first.", rec.ARN, n, noun(kind))
			}
		}
		return s.remove(ctx, tx, rec, removal{})
	})
}
