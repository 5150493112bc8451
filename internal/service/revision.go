package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// updateFlow brings a change of a resource into force.
const updateFlow = "update"

// A revision is a change on its way: it shows in a member of its own, such as latestCampaignUpdate, and
// comes into force when it is settled. It is the payload of its flow.
type revision struct {
	Member string                     `json:"member"`
	Verb   string                     `json:"verb"`  // CREATE or UPDATE: the first word of the member's status
	Whole  bool                       `json:"whole"` // the resource's own status moves along; otherwise it stays ACTIVE
	Apply  map[string]json.RawMessage `json:"apply"` // members of the document once it is in force
}

// revise starts a revision of a resource inside tx. summary is the member's document; its status and times
// are set here. apply are the members of the resource that change when the revision is in force.
func (s *Service) revise(ctx context.Context, tx catalog.Store, rec catalog.Record, r revision, summary any, apply map[string]any) error {
	return s.reviseBy(ctx, tx, rec, r, summary, apply, updateFlow, func(r revision) any { return r })
}

// reviseBy is revise with a flow of its own, and that flow's payload.
func (s *Service) reviseBy(ctx context.Context, tx catalog.Store, rec catalog.Record, r revision, summary any, apply map[string]any, flow string, payload func(revision) any) error {
	r.Apply = map[string]json.RawMessage{}
	for k, v := range apply {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("revision of %s: %w", rec.ARN, err)
		}
		r.Apply[k] = b
	}
	member, err := members(summary)
	if err != nil {
		return fmt.Errorf("revision of %s: %w", rec.ARN, err)
	}
	at := s.moment()
	member["creationDateTime"], err = json.Marshal(api.NewTime(at))
	if err != nil {
		return err
	}
	if err := r.move(ctx, tx, rec, member, at, r.Verb+" PENDING", nil); err != nil {
		return err
	}
	b, err := json.Marshal(payload(r))
	if err != nil {
		return err
	}
	return enqueue(ctx, tx, catalog.Work{Owner: rec.ARN, Kind: flow, Payload: b})
}

// members returns the members of a document.
func members(doc any) (map[string]json.RawMessage, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var m map[string]json.RawMessage
	return m, json.Unmarshal(b, &m)
}

// move writes the member with a status, and the resource's own where it moves along.
func (r revision) move(ctx context.Context, tx catalog.Store, rec catalog.Record, member map[string]json.RawMessage, at time.Time, status string, patch map[string]any) error {
	for k, v := range map[string]any{"status": status, "lastUpdatedDateTime": api.NewTime(at)} {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		member[k] = b
	}
	own, all := rec.Status, map[string]any{r.Member: member}
	if r.Whole {
		own = status
	}
	if own == Failed && status == Active { // what failed at first came to life by a change
		own, all["failureReason"] = Active, nil
	}
	for k, v := range patch {
		all[k] = v
	}
	return catalog.Transition(ctx, tx, rec.ARN, at, own, all)
}

// advance reads the member as it stands and moves it.
func (r revision) advance(ctx context.Context, tx catalog.Store, j job.Job, at time.Time, status string, reason string, patch map[string]any) error {
	doc, rec, err := catalog.Load[map[string]json.RawMessage](ctx, tx, j.Owner)
	if err != nil {
		return err
	}
	var member map[string]json.RawMessage
	if err := json.Unmarshal(doc[r.Member], &member); err != nil {
		return fmt.Errorf("%s of %s: %w", r.Member, j.Owner, err)
	}
	if reason != "" {
		if member["failureReason"], err = json.Marshal(reason); err != nil {
			return err
		}
	}
	return r.move(ctx, tx, rec, member, at, status, patch)
}

// inForce are the members that change when the revision comes into force.
func (r revision) inForce() map[string]any {
	patch := map[string]any{}
	for k, v := range r.Apply {
		patch[k] = v
	}
	return patch
}

// begin moves the member as the work begins.
func (r revision) begin(ctx context.Context, tx catalog.Store, j job.Job, at time.Time) error {
	return r.advance(ctx, tx, j, at, r.Verb+" IN_PROGRESS", "", nil)
}

// end brings the revision into force, or leaves the resource as it was before.
func (r revision) end(ctx context.Context, tx catalog.Store, j job.Job, at time.Time, failure error) error {
	if failure == nil {
		return r.advance(ctx, tx, j, at, Active, "", r.inForce())
	}
	if err := r.advance(ctx, tx, j, at, r.Verb+" FAILED", fault.Sentence(failure), nil); err != nil || !r.Whole {
		return err
	}
	return catalog.Transition(ctx, tx, j.Owner, at, Active, nil)
}

// updates is the flow of revisions. Nothing has to be done for one but to bring it into force.
func updates(now func() time.Time) job.Flow {
	read := func(j job.Job) (r revision, err error) {
		if err = json.Unmarshal(j.Payload, &r); err != nil {
			err = fmt.Errorf("payload of revision: %w", err)
		}
		return r, err
	}
	return job.Flow{
		Kind:  updateFlow,
		Width: 4,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			r, err := read(j)
			if err != nil {
				return err
			}
			return r.begin(ctx, tx, j, now())
		},
		Run: func(context.Context, *job.Run) error { return nil },
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			r, err := read(j)
			if err != nil {
				return err
			}
			return r.end(ctx, tx, j, now(), failure)
		},
	}
}
