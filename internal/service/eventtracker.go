package service

import (
	"context"

	"github.com/google/uuid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// trackedSchema is the schema of the Interactions dataset that a tracker brings to a group without one: the
// default of both domains, which suits custom groups as well.
const trackedSchema = `{"type":"record","name":"Interactions","namespace":"com.amazonaws.personalize.schema","fields":[` +
	`{"name":"USER_ID","type":"string"},{"name":"ITEM_ID","type":"string"},` +
	`{"name":"EVENT_TYPE","type":"string"},{"name":"TIMESTAMP","type":"long"}],"version":"1.0"}`

// CreateEventTracker gives a group the id that its events are sent with. A group has one tracker. Events
// are kept in the Interactions dataset; a group that has none gets one, with trackedSchema.
func (s *Service) CreateEventTracker(ctx context.Context, in *api.CreateEventTrackerRequest) (*api.CreateEventTrackerResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	id, tracking, at := randomID(), newTrackingID(), s.moment()
	name := sc.arn(arn.EventTracker, id)
	err = s.change(ctx, func(tx catalog.Store) error {
		group, rec, err := activeGroup(ctx, tx, sc, in.DatasetGroupArn)
		if err != nil {
			return err
		}
		if err := onlyOne(ctx, tx, sc, arn.EventTracker, rec.ARN); err != nil {
			return err
		}
		if err := s.tracked(ctx, tx, sc, group, "event-tracker-"+id); err != nil {
			return err
		}
		doc := api.EventTracker{
			Name: in.Name, EventTrackerArn: name.String(), AccountId: sc.account, TrackingId: tracking, DatasetGroupArn: in.DatasetGroupArn,
			Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.EventTracker, parent: rec.ARN, status: Pending, doc: doc, tags: in.Tags, flow: createFlow, at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateEventTrackerResponse{EventTrackerArn: name.String(), TrackingId: tracking}, nil
}

// newTrackingID returns the secret that events are sent with.
func newTrackingID() string { return uuid.NewString() }

// onlyOne refuses a second resource of a kind in a group. It is no quota: nothing lifts it.
func onlyOne(ctx context.Context, tx catalog.Store, sc scope, kind string, group arn.ARN) error {
	page, _, err := tx.List(ctx, catalog.Query{Account: sc.key(), Kind: kind, Parent: group, Limit: 1})
	if err != nil || len(page) == 0 {
		return err
	}
	return fault.Newf(fault.Exists, "Another resource with Arn %s already exists. The dataset group %s can have one %s.", page[0].ARN, group, noun(kind))
}

// tracked makes sure that there is a dataset for events. What it makes, schema and dataset, is named name.
func (s *Service) tracked(ctx context.Context, tx catalog.Store, sc scope, group api.DatasetGroup, name string) error {
	a := sc.arn(arn.Dataset, group.Name+"/"+dataset.Interactions)
	rec, err := tx.Get(ctx, a)
	if err == nil && (rec.Status == DeletePending || rec.Status == DeleteInProgress) {
		return needActive(arn.Dataset, a, rec.Status)
	}
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	if err := s.roomForSchema(ctx, tx, sc); err != nil {
		return err
	}
	at := s.moment()
	schema := sc.arn(arn.Schema, name)
	err = s.create(ctx, tx, sc, creation{arn: schema, kind: arn.Schema, at: at, doc: api.DatasetSchema{
		Name: name, SchemaArn: schema.String(), Schema: trackedSchema, Domain: group.Domain,
		CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
	}})
	if err != nil {
		return err
	}
	doc := api.Dataset{
		Name: name, DatasetArn: a.String(), DatasetGroupArn: group.DatasetGroupArn, DatasetType: dataset.Interactions,
		SchemaArn: schema.String(), Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
	}
	return s.create(ctx, tx, sc, creation{
		arn: a, kind: arn.Dataset, parent: arn.ARN(group.DatasetGroupArn), status: Pending, doc: doc, extra: dataset.State{Brought: true}, flow: createFlow, at: at,
	})
}

// makeWay removes the Interactions dataset that a tracker brought, for one that somebody makes now: as long as
// it is empty it is only a place for events to come. Any other dataset stays, and so does the schema.
func makeWay(ctx context.Context, tx catalog.Store, name arn.ARN) error {
	rec, err := tx.Get(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := dataset.StateOf(rec)
	if err != nil || !st.Brought || st.Imported || len(st.Segments) > 0 || rec.Status != Active {
		return err
	}
	return tx.Delete(ctx, rec.ARN, rec.Version)
}

// DescribeEventTracker tells of a tracker, and its tracking id.
func (s *Service) DescribeEventTracker(ctx context.Context, in *api.DescribeEventTrackerRequest) (*api.DescribeEventTrackerResponse, error) {
	doc, err := describe[api.EventTracker](ctx, s, arn.EventTracker, "eventTrackerArn", in.EventTrackerArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeEventTrackerResponse{EventTracker: doc}, nil
}

// ListEventTrackers lists the trackers of a group, or of the account.
func (s *Service) ListEventTrackers(ctx context.Context, in *api.ListEventTrackersRequest) (*api.ListEventTrackersResponse, error) {
	q := catalog.Query{Kind: arn.EventTracker, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.EventTrackerSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListEventTrackersResponse{EventTrackers: page, NextToken: next}, nil
}

// DeleteEventTracker removes a tracker. The events stay in the dataset, and so does a dataset it brought.
func (s *Service) DeleteEventTracker(ctx context.Context, in *api.DeleteEventTrackerRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.EventTracker](ctx, sc, tx, arn.EventTracker, "eventTrackerArn", in.EventTrackerArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		return s.remove(ctx, tx, rec, removal{})
	})
}
