package dataset

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
)

// ExportFlow names the flow of dataset export jobs.
const ExportFlow = "export"

// An ExportOrder is the payload of an export job.
type ExportOrder struct {
	Dataset arn.ARN `json:"dataset"`
	JobName string  `json:"jobName"`
	Output  string  `json:"output"` // s3://bucket/folder/
	KMSKey  string  `json:"kmsKey,omitempty"`
	Mode    string  `json:"mode"` // BULK, PUT or ALL
}

// ExportConfig is what export jobs work with.
type ExportConfig struct {
	Store   catalog.Store
	Buckets blob.Buckets
	Own     blob.Driver
	Cache   string // folder for copies of what Own does not keep as files
	Now     func() time.Time

	part int // bytes of the first parts; partBytes but in tests
	most int // rows compared at a time; passRows but in tests
}

const (
	partBytes = 8 << 20
	// uploadTries is how often an upload that vanished is begun anew before the attempt fails.
	uploadTries = 3
)

// Exports returns the flow of export jobs. Two run at a time.
//
// An export writes one object, <output>/<job name>/part-00000.csv, which appears whole or not at all. It
// holds what the dataset holds when the export runs. One that was interrupted begins anew and replaces the
// parts that it had uploaded.
func Exports(c ExportConfig) job.Flow {
	return job.Flow{
		Kind:  ExportFlow,
		Width: 2,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE IN_PROGRESS", nil)
		},
		Run: c.run,
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
			if failure != nil {
				return catalog.Transition(ctx, tx, j.Owner, c.Now(), "CREATE FAILED", map[string]any{"failureReason": fault.Sentence(failure)})
			}
			return catalog.Transition(ctx, tx, j.Owner, c.Now(), "ACTIVE", nil)
		},
	}
}

// ExportKey returns the object that an export job writes.
func ExportKey(output blob.Location, jobName string) string {
	return output.Folder().Key + jobName + "/part-00000.csv"
}

// run does an export, and takes away what was uploaded by one that has failed for good.
func (c ExportConfig) run(ctx context.Context, r *job.Run) error {
	var o ExportOrder
	if err := json.Unmarshal(r.Payload, &o); err != nil {
		return fmt.Errorf("payload of export: %w", err)
	}
	loc, err := blob.ParseLocation(o.Output)
	if err != nil {
		return err
	}
	loc.Key = ExportKey(loc, o.JobName)
	out, err := c.Buckets.Bucket(ctx, loc.Bucket)
	if err != nil {
		return unwritable(err, loc)
	}
	err = c.export(ctx, r, o, out, loc)
	if err != nil && ctx.Err() == nil && final(r, err) {
		abandon(ctx, r, out, loc.Key)
	}
	return err
}

func (c ExportConfig) export(ctx context.Context, r *job.Run, o ExportOrder, out blob.Driver, loc blob.Location) error {
	e, err := c.open(ctx, o)
	if err != nil {
		return err
	}
	defer e.close()
	r.Report(job.Progress{Stage: "comparing", Total: e.rows, Unit: "rows"})
	if err := e.compare(ctx); err != nil {
		return err
	}
	for try := 0; ; try++ {
		err := c.write(ctx, r, o, e, out, loc, try)
		if _, lost := errors.AsType[*uploadLostError](err); !lost || try+1 == uploadTries {
			return unwritable(err, loc)
		}
	}
}

// final reports whether the job has failed for good: the failure will not pass by itself, or this was the
// last attempt.
func final(r *job.Run, err error) bool {
	k := fault.KindOf(err)
	return k != fault.Internal && k != fault.Unavailable || r.Attempt >= job.MaxAttempts
}

// abandon drops the uploads that this or an earlier attempt began. The job has failed already; an upload that
// stays is not visible and costs only space.
func abandon(ctx context.Context, r *job.Run, out blob.Driver, key string) {
	for try := range uploadTries {
		id, err := r.Once(ctx, uploadName(try), func(context.Context) ([]byte, error) { return nil, errNotBegun })
		if err == nil {
			_ = out.Abort(ctx, key, string(id))
		}
	}
}

var errNotBegun = errors.New("no upload was begun")

func uploadName(try int) string { return fmt.Sprintf("upload.%d", try) }

// open opens the records of the dataset as it is now.
func (c ExportConfig) open(ctx context.Context, o ExportOrder) (*export, error) {
	for last := ""; ; {
		doc, rec, err := catalog.Load[api.Dataset](ctx, c.Store, o.Dataset)
		if err != nil {
			return nil, err
		}
		schema, err := schemaOf(ctx, c.Store, arn.ARN(doc.SchemaArn))
		if err != nil {
			return nil, err
		}
		st, err := StateOf(rec)
		if err != nil {
			return nil, err
		}
		e, err := newExport(ctx, c.Own, c.Cache, schema, st.Segments, o.Mode)
		if err == nil {
			e.most = cmp.Or(c.most, passRows)
			return e, nil
		}
		now := fmt.Sprint(st.Segments)
		if !IsGone(err) || now == last { // twice the same: it was not replaced but lost
			return nil, err
		}
		last = now
	}
}

// write writes the object. The upload is noted before anything is sent, so that whoever goes on after an
// interruption uses the same, and whoever gives up knows what to take away.
func (c ExportConfig) write(ctx context.Context, r *job.Run, o ExportOrder, e *export, out blob.Driver, loc blob.Location, try int) error {
	w := &partWriter{ctx: ctx, out: out, key: loc.Key, opts: blob.Options{ContentType: "text/csv", KMSKey: o.KMSKey}, first: cmp.Or(c.part, partBytes)}
	w.begin = func() (string, error) {
		begun := ""
		noted, err := r.Once(ctx, uploadName(try), func(ctx context.Context) ([]byte, error) {
			id, err := out.Begin(ctx, loc.Key, w.opts)
			begun = id
			return []byte(id), err
		})
		if begun != "" && begun != string(noted) { // nobody will know of it
			_ = out.Abort(context.WithoutCancel(ctx), loc.Key, begun)
		}
		return string(noted), err
	}
	err := e.write(ctx, w, func(rows int64) {
		r.Report(job.Progress{Stage: "writing", Done: rows, Total: e.rows, Unit: "rows"})
	})
	if err != nil {
		return err
	}
	return w.finish()
}

// unwritable says why a location cannot be written. nil stays nil.
func unwritable(err error, loc blob.Location) error {
	switch fault.KindOf(err) {
	case fault.Denied:
		return fault.Wrap(fault.Denied, err, "Insufficient privileges for accessing data in Amazon S3. Access to %s was denied.", loc)
	case fault.NotFound, fault.Invalid:
		return fault.Wrap(fault.Invalid, err, "Invalid S3 output path. %s: %s", loc, fault.Sentence(err))
	}
	return err
}
