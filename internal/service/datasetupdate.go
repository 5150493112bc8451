package service

import (
	"context"
	"encoding/json"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// UpdateDataset gives a dataset of items or users another schema, which has all fields of the old one. What
// the dataset holds stays; it is null in fields that are new.
func (s *Service) UpdateDataset(ctx context.Context, in *api.UpdateDatasetRequest) (*api.UpdateDatasetResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	err = s.change(ctx, func(tx catalog.Store) error {
		doc, rec, err := load[api.Dataset](ctx, sc, tx, arn.Dataset, "datasetArn", in.DatasetArn)
		if err != nil {
			return err
		}
		added, err := s.replacesSchema(ctx, tx, sc, doc, in.SchemaArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.Dataset, rec.ARN, rec.Status); err != nil {
			return err
		}
		if err := notImporting(ctx, tx, sc, rec.ARN); err != nil {
			return err
		}
		if err := s.noteAdded(ctx, tx, rec.ARN, added); err != nil {
			return err
		}
		r := revision{Member: "latestDatasetUpdate", Verb: "UPDATE", Whole: true}
		return s.revise(ctx, tx, rec, r, api.DatasetUpdateSummary{SchemaArn: in.SchemaArn}, map[string]any{"schemaArn": in.SchemaArn})
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateDatasetResponse{DatasetArn: in.DatasetArn}, nil
}

// replacesSchema checks that a schema may take the place of a dataset's, and returns the fields it adds.
func (s *Service) replacesSchema(ctx context.Context, tx catalog.Store, sc scope, ds api.Dataset, schemaArn string) (added []string, err error) {
	if ds.DatasetType != dataset.Items && ds.DatasetType != dataset.Users {
		return nil, fault.Newf(fault.Invalid, "The schema of a dataset of type %s cannot be replaced: only those of Items and Users.", ds.DatasetType)
	}
	schema, _, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", schemaArn)
	if err != nil {
		return nil, err
	}
	group, _, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", ds.DatasetGroupArn)
	if err != nil {
		return nil, err
	}
	if err := fits(ds.DatasetType, group, schema); err != nil {
		return nil, err
	}
	old, _, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", ds.SchemaArn)
	if err != nil {
		return nil, err
	}
	from, err := dataset.ParseSchema(old.Schema, old.Domain)
	if err != nil {
		return nil, err
	}
	to, err := dataset.ParseSchema(schema.Schema, schema.Domain)
	if err != nil {
		return nil, err
	}
	return from.Replace(to)
}

// notImporting refuses to change a dataset while an import writes into it.
func notImporting(ctx context.Context, tx catalog.Store, sc scope, dataset arn.ARN) error {
	n, err := tx.Count(ctx, catalog.Query{Account: sc.key(), Kind: arn.DatasetImportJob, Parent: dataset, Status: unsettled})
	if err == nil && n > 0 {
		err = fault.Newf(fault.InUse, "The dataset %s is in use: %d %s(s) are pending or in progress.", dataset, n, noun(arn.DatasetImportJob))
	}
	return err
}

// noteAdded writes down when fields came, for solutions that are older.
func (s *Service) noteAdded(ctx context.Context, tx catalog.Store, name arn.ARN, added []string) error {
	if len(added) == 0 {
		return nil
	}
	at := s.moment().UnixMilli()
	return catalog.Change(ctx, tx, name, func(rec *catalog.Record) error {
		st, err := dataset.StateOf(*rec)
		if err != nil {
			return err
		}
		if st.Added == nil {
			st.Added = map[string]int64{}
		}
		for _, field := range added {
			st.Added[field] = at
		}
		rec.Extra, err = json.Marshal(st)
		return err
	})
}
