package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// The flows of resources that need no long work: they only come and go.
const (
	createFlow = "create"
	deleteFlow = "delete"
)

// A removal is the payload of a deletion: whatever goes with the resource.
type removal struct {
	Prefixes []string  `json:"prefixes,omitempty"` // own artifacts under these
	Children []arn.ARN `json:"children,omitempty"` // records that go too
}

// Flows returns the flows that bring resources to life and remove them. own holds their artifacts.
func Flows(own blob.Driver, now func() time.Time) []job.Flow {
	if now == nil {
		now = time.Now
	}
	return []job.Flow{
		updates(now),
		turns(now),
		{
			Kind:  createFlow,
			Width: 4,
			Begin: moveTo(InProgress, now),
			Run:   func(context.Context, *job.Run) error { return nil },
			Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
				return Settle(ctx, tx, j.Owner, now(), failure, nil)
			},
		},
		{
			Kind:   deleteFlow,
			Width:  4,
			Begin:  moveTo(DeleteInProgress, now),
			Run:    func(ctx context.Context, r *job.Run) error { return removeArtifacts(ctx, own, r.Job) },
			Settle: removeRecords,
		},
	}
}

// moveTo returns a Begin that reports a status.
func moveTo(status string, now func() time.Time) func(context.Context, catalog.Store, job.Job) error {
	return func(ctx context.Context, tx catalog.Store, j job.Job) error {
		return catalog.Transition(ctx, tx, j.Owner, now(), status, nil)
	}
}

// Settle moves the owner of a finished job to ACTIVE, with patch, or to CREATE FAILED with the reason.
func Settle(ctx context.Context, tx catalog.Store, owner arn.ARN, now time.Time, failure error, patch map[string]any) error {
	if failure != nil {
		return catalog.Transition(ctx, tx, owner, now, Failed, map[string]any{"failureReason": fault.Sentence(failure)})
	}
	return catalog.Transition(ctx, tx, owner, now, Active, patch)
}

// removeArtifacts deletes the files that belong to a resource on its way out.
func removeArtifacts(ctx context.Context, own blob.Driver, j job.Job) error {
	var r removal
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return fmt.Errorf("payload of deletion: %w", err)
	}
	for _, prefix := range r.Prefixes {
		if err := removeUnder(ctx, own, prefix); err != nil {
			return err
		}
	}
	return nil
}

func removeUnder(ctx context.Context, own blob.Driver, prefix string) error {
	for info, err := range own.List(ctx, prefix) {
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		if err := own.Delete(ctx, info.Key); err != nil {
			return fmt.Errorf("delete %s: %w", info.Key, err)
		}
	}
	return nil
}

// removeRecords ends a deletion: the resource and its children are gone. A deletion that failed leaves the
// resource in DELETE IN_PROGRESS, and the operator's log says why.
func removeRecords(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	if failure != nil {
		return nil
	}
	var r removal
	if err := json.Unmarshal(j.Payload, &r); err != nil {
		return err
	}
	for _, a := range append(r.Children, j.Owner) {
		rec, err := tx.Get(ctx, a)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := tx.Delete(ctx, a, rec.Version); err != nil {
			return err
		}
	}
	return nil
}

// remove starts a deletion inside tx.
func (s *Service) remove(ctx context.Context, tx catalog.Store, rec catalog.Record, r removal) error {
	payload, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := catalog.Transition(ctx, tx, rec.ARN, s.moment(), DeletePending, nil); err != nil {
		return err
	}
	return enqueue(ctx, tx, catalog.Work{Owner: rec.ARN, Kind: deleteFlow, Payload: payload})
}

// enqueue hands over work for a resource that is there already. One whose earlier work goes on is in use.
func enqueue(ctx context.Context, tx catalog.Store, w catalog.Work) error {
	err := tx.Enqueue(ctx, w)
	if fault.Is(err, fault.Exists) {
		return fault.Newf(fault.InUse, "The %s %s is being changed; try again when that is done.", noun(w.Owner.Kind()), w.Owner)
	}
	return err
}

// needSettled refuses to delete what is being made or already going.
func needSettled(rec catalog.Record) error {
	if rec.Status == Active || rec.Status == Failed || rec.Status == Stopped {
		return nil
	}
	return fault.Newf(fault.InUse, "The %s %s is %s and cannot be deleted now.", noun(rec.Kind), rec.ARN, rec.Status)
}
