package service

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// CreateSchema keeps a schema as it was written, once it obeys the rules of its dataset type.
func (s *Service) CreateSchema(ctx context.Context, in *api.CreateSchemaRequest) (*api.CreateSchemaResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := dataset.ParseSchema(in.Schema, in.Domain); err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.Schema, in.Name)
	doc := api.DatasetSchema{
		Name: in.Name, SchemaArn: name.String(), Schema: in.Schema, Domain: in.Domain,
		CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
	}
	err = s.store.Tx(ctx, func(tx catalog.Store) error {
		if err := s.roomForSchema(ctx, tx, sc); err != nil {
			return err
		}
		return s.create(ctx, tx, sc, creation{arn: name, kind: arn.Schema, doc: doc, at: at})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateSchemaResponse{SchemaArn: name.String()}, nil
}

func (s *Service) roomForSchema(ctx context.Context, tx catalog.Store, sc scope) error {
	return room(ctx, tx, s.quotas.Schemas, catalog.Query{Account: sc.key(), Kind: arn.Schema},
		"Cannot create a schema. More than %d schemas. Please delete some and try again.", s.quotas.Schemas)
}

// DescribeSchema returns a schema with its text as it was submitted.
func (s *Service) DescribeSchema(ctx context.Context, in *api.DescribeSchemaRequest) (*api.DescribeSchemaResponse, error) {
	doc, err := describe[api.DatasetSchema](ctx, s, arn.Schema, "schemaArn", in.SchemaArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeSchemaResponse{Schema: doc}, nil
}

// ListSchemas lists the schemas of the account.
func (s *Service) ListSchemas(ctx context.Context, in *api.ListSchemasRequest) (*api.ListSchemasResponse, error) {
	page, next, err := list[api.DatasetSchemaSummary](ctx, s, catalog.Query{Kind: arn.Schema}, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListSchemasResponse{Schemas: page, NextToken: next}, nil
}

// DeleteSchema removes a schema that no dataset uses.
func (s *Service) DeleteSchema(ctx context.Context, in *api.DeleteSchemaRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.store.Tx(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", in.SchemaArn)
		if err != nil {
			return err
		}
		err = each(ctx, tx, catalog.Query{Account: sc.key(), Kind: arn.Dataset}, func(d api.Dataset, _ catalog.Record) error {
			if d.SchemaArn == in.SchemaArn || coming(d.LatestDatasetUpdate) == in.SchemaArn {
				return fault.Newf(fault.InUse, "The schema %s is used by dataset %s; delete that first.", in.SchemaArn, d.DatasetArn)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Delete(ctx, rec.ARN, rec.Version)
	})
}

// coming returns the schema that an update is about to give to a dataset, "" for none.
func coming(u *api.DatasetUpdateSummary) string {
	if u == nil || u.Status == Active || u.Status == "UPDATE FAILED" {
		return ""
	}
	return u.SchemaArn
}

// each calls do for every record of a query, in order.
func each[T any](ctx context.Context, tx catalog.Store, q catalog.Query, do func(doc T, rec catalog.Record) error) error {
	q.Limit = 100
	for {
		page, next, err := tx.List(ctx, q)
		if err != nil {
			return err
		}
		for _, rec := range page {
			var doc T
			if err := json.Unmarshal(rec.Doc, &doc); err != nil {
				return fmt.Errorf("document of %s: %w", rec.ARN, err)
			}
			if err := do(doc, rec); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}
