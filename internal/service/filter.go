package service

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
)

// CreateFilter keeps an expression that fits the schemas of its dataset group.
func (s *Service) CreateFilter(ctx context.Context, in *api.CreateFilterRequest) (*api.CreateFilterResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	f, err := filter.Parse(in.FilterExpression)
	if err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.Filter, in.Name)
	err = s.change(ctx, func(tx catalog.Store) error {
		_, group, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", in.DatasetGroupArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.DatasetGroup, group.ARN, group.Status); err != nil {
			return err
		}
		schemas, err := groupSchemas(ctx, tx, sc, group.ARN)
		if err != nil {
			return err
		}
		if err := f.Check(dataset.FilterSchemas(schemas)); err != nil {
			return err
		}
		if err := s.roomForFilter(ctx, tx, sc, group.ARN, f); err != nil {
			return err
		}
		doc := api.Filter{
			Name: in.Name, FilterArn: name.String(), DatasetGroupArn: in.DatasetGroupArn, FilterExpression: in.FilterExpression,
			Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.Filter, parent: group.ARN, status: Pending, doc: doc, tags: in.Tags, flow: createFlow, at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateFilterResponse{FilterArn: name.String()}, nil
}

// roomForFilter checks the quotas on filters and the fields they use.
func (s *Service) roomForFilter(ctx context.Context, tx catalog.Store, sc scope, group arn.ARN, f *filter.Filter) error {
	if err := roomIn(ctx, tx, sc, s.quotas.Filters, arn.Filter, group); err != nil {
		return err
	}
	fields := map[filter.FieldRef]bool{}
	for _, r := range f.Fields() {
		fields[r] = true
	}
	if q := s.quotas.FilterFields; q > 0 && len(fields) > q {
		return named(fault.Newf(fault.Limit, "Could not create filter. It uses %d distinct dataset fields; at most %d are allowed in one filter.", len(fields), q), "filter-fields")
	}
	if s.quotas.GroupFields == 0 {
		return nil
	}
	err := each(ctx, tx, catalog.Query{Account: sc.key(), Kind: arn.Filter, Parent: group}, func(doc api.Filter, _ catalog.Record) error {
		other, err := filter.Parse(doc.FilterExpression)
		if err != nil {
			return fmt.Errorf("filter %s was accepted once: %w", doc.FilterArn, err)
		}
		for _, r := range other.Fields() {
			fields[r] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	return named(within(s.quotas.GroupFields+1, len(fields), "Could not create filter. The filters of dataset group %s would use %d distinct dataset fields; at most %d are allowed.",
		group, len(fields), s.quotas.GroupFields), "group-fields")
}

// DescribeFilter tells of a filter.
func (s *Service) DescribeFilter(ctx context.Context, in *api.DescribeFilterRequest) (*api.DescribeFilterResponse, error) {
	doc, err := describe[api.Filter](ctx, s, arn.Filter, "filterArn", in.FilterArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeFilterResponse{Filter: doc}, nil
}

// ListFilters lists the filters of a group, or of the account.
func (s *Service) ListFilters(ctx context.Context, in *api.ListFiltersRequest) (*api.ListFiltersResponse, error) {
	q := catalog.Query{Kind: arn.Filter, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.FilterSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListFiltersResponse{Filters: page, NextToken: next}, nil
}

// DeleteFilter removes a filter that no running batch job uses.
func (s *Service) DeleteFilter(ctx context.Context, in *api.DeleteFilterRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.Filter](ctx, sc, tx, arn.Filter, "filterArn", in.FilterArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		if err := noBatch(ctx, tx, sc, func(j batchUse) bool { return j.FilterArn == in.FilterArn }, rec.ARN); err != nil {
			return err
		}
		return s.remove(ctx, tx, rec, removal{})
	})
}
