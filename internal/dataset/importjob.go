package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// ImportFlow names the flow of dataset import jobs.
const ImportFlow = "import"

// An ImportOrder is the payload of an import job: all it needs to know, as it was when it was created.
type ImportOrder struct {
	Dataset  arn.ARN `json:"dataset"`
	Name     string  `json:"name"` // of the dataset, for messages
	Location string  `json:"location"`
	Schema   string  `json:"schema"` // Avro text
	Domain   string  `json:"domain,omitempty"`
	Mode     string  `json:"mode"` // FULL or INCREMENTAL
}

// ImportConfig is what import jobs work with.
type ImportConfig struct {
	Importer *Importer
	MinRows  int64 // of an import of interactions or action interactions
	Limits   Limits
	Now      func() time.Time
}

// Imports returns the flow of import jobs. One runs at a time, so imports of one dataset never meet.
//
// The segment is written under the job's own name, then becomes part of the dataset in the transaction
// that makes the job ACTIVE: until then the old data is untouched, and an import that a crash interrupted
// is done again from the start.
func Imports(c ImportConfig) job.Flow {
	return job.Flow{
		Kind: ImportFlow,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE IN_PROGRESS", nil)
		},
		Run: c.run,
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			return c.settle(ctx, tx, j, failure)
		},
	}
}

// segmentKey is where the segment of a job goes.
func segmentKey(o ImportOrder, j job.Job) string {
	return Prefix(o.Dataset) + j.Owner.Name() + importSuffix
}

// run imports, and leaves the segment's description for settle.
func (c ImportConfig) run(ctx context.Context, r *job.Run) error {
	var o ImportOrder
	if err := json.Unmarshal(r.Payload, &o); err != nil {
		return fmt.Errorf("payload of import: %w", err)
	}
	schema, err := ParseSchema(o.Schema, o.Domain)
	if err != nil {
		return fmt.Errorf("schema was accepted once: %w", err)
	}
	started := c.Now()
	order := Order{
		Name: o.Name, Location: o.Location, Schema: schema, Key: segmentKey(o, r.Job), Limits: c.Limits,
		Progress: func(rows, done, total int64) {
			r.Report(job.Progress{Stage: "reading", Done: done, Total: total, Unit: "bytes", Started: started})
		},
	}
	if schema.Type == Interactions || schema.Type == ActionInteractions {
		order.MinRows = c.MinRows
	}
	r.Outcome, err = r.Once(ctx, "segment", func(ctx context.Context) ([]byte, error) {
		seg, err := c.Importer.Import(ctx, order)
		if err != nil {
			return nil, err
		}
		return json.Marshal(seg)
	})
	return err
}

// settle makes the segment part of the dataset.
func (c ImportConfig) settle(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
	if failure != nil {
		return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE FAILED", map[string]any{"failureReason": fault.Sentence(failure)})
	}
	var o ImportOrder
	if err := json.Unmarshal(j.Payload, &o); err != nil {
		return err
	}
	var seg Segment
	if err := json.Unmarshal(j.Outcome, &seg); err != nil {
		return fmt.Errorf("result of import: %w", err)
	}
	err := catalog.Change(ctx, tx, o.Dataset, func(rec *catalog.Record) error {
		st, err := StateOf(*rec)
		if err != nil {
			return err
		}
		rec.Extra, err = json.Marshal(st.With(seg, o.Mode == "FULL"))
		return err
	})
	if err != nil {
		return err
	}
	return catalog.Transition(ctx, tx, j.Owner, c.Now(), "ACTIVE", nil)
}
