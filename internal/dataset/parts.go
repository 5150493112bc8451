package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A Part is the content of one dataset: its schema and its segments, oldest first. A nil Schema stands
// for a dataset that does not exist.
type Part struct {
	Schema   *Schema
	Segments []Segment
	Added    map[string]int64 `json:",omitempty"` // see State
}

// AddedAfter returns the fields that came after a moment (Unix milliseconds), in ascending order.
func (p Part) AddedAfter(moment int64) (fields []string) {
	for name, at := range p.Added {
		if at > moment {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}

// Parts are the datasets of a group.
type Parts struct {
	Group                      arn.ARN `json:",omitzero"`
	Interactions, Items, Users Part

	Actions, ActionInteractions Part `json:",omitzero"`
}

// ReadParts returns the content of a group's datasets as it is now. A dataset that is being deleted has
// none any more.
func ReadParts(ctx context.Context, s catalog.Store, group arn.ARN) (Parts, error) {
	p := Parts{Group: group}
	// One transaction, so that no deletion of users shows in one dataset and not in another.
	err := s.Tx(ctx, func(tx catalog.Store) error {
		for kind, part := range map[string]*Part{
			Interactions: &p.Interactions, Items: &p.Items, Users: &p.Users, Actions: &p.Actions, ActionInteractions: &p.ActionInteractions,
		} {
			var err error
			if *part, err = readPart(ctx, tx, Name(group, kind)); err != nil {
				return err
			}
		}
		return nil
	})
	return p, err
}

// Name returns the ARN of a group's dataset of a type.
func Name(group arn.ARN, datasetType string) arn.ARN {
	return arn.New(group.Region(), group.Account(), arn.Dataset, group.Name()+"/"+datasetType)
}

func readPart(ctx context.Context, s catalog.Store, name arn.ARN) (Part, error) {
	doc, rec, err := catalog.Load[api.Dataset](ctx, s, name)
	if fault.Is(err, fault.NotFound) || err == nil && leaving(rec) {
		return Part{}, nil
	}
	if err != nil {
		return Part{}, err
	}
	schema, err := schemaOf(ctx, s, arn.ARN(doc.SchemaArn))
	if err != nil {
		return Part{}, err
	}
	st, err := StateOf(rec)
	return Part{Schema: schema, Segments: st.Segments, Added: st.Added}, err
}

// leaving reports whether a dataset is on its way out.
func leaving(rec catalog.Record) bool {
	return rec.Status == "DELETE PENDING" || rec.Status == "DELETE IN_PROGRESS"
}

// schemaOf reads a schema that was accepted when it was created.
func schemaOf(ctx context.Context, s catalog.Store, name arn.ARN) (*Schema, error) {
	doc, _, err := catalog.Load[api.DatasetSchema](ctx, s, name)
	if err != nil {
		return nil, err
	}
	parsed, err := ParseSchema(doc.Schema, doc.Domain)
	if err != nil {
		return nil, fmt.Errorf("schema %s was accepted once: %w", name, err)
	}
	return parsed, nil
}

// A goneError says that a file is not there any more: the content of the dataset changed after somebody
// read what it is. It hides that the cause is a fault.NotFound, which would be taken for the caller's.
type goneError struct {
	key   string
	cause error
}

func (e *goneError) Error() string { return fmt.Sprintf("%s is gone: %v", e.key, e.cause) }

// IsGone reports whether data could not be opened because it has been replaced since. Reading again what
// the datasets hold leads to the data that took its place.
func IsGone(err error) bool {
	_, ok := errors.AsType[*goneError](err)
	return ok
}

// goneIf turns the error of a file that is not there into a goneError.
func goneIf(key string, err error) error {
	if fault.Is(err, fault.NotFound) || errors.Is(err, fs.ErrNotExist) {
		return &goneError{key, err}
	}
	return err
}

// Latest opens the snapshot of what a group's datasets hold now. If an import or a deletion takes the data
// away between reading what it is and opening it, what took its place is opened.
func (s *Snapshots) Latest(ctx context.Context, store catalog.Store, group arn.ARN) (*Snapshot, error) {
	for last := ""; ; {
		p, err := ReadParts(ctx, store, group)
		if err != nil {
			return nil, err
		}
		snap, err := s.Open(ctx, p)
		key := SnapshotKey(p)
		if !IsGone(err) || key == last { // twice the same: it was not replaced but lost
			return snap, err
		}
		last = key
	}
}
