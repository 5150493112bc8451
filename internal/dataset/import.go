package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/table"
)

// Where a segment's records came from.
const (
	Bulk = "BULK" // an import job
	Put  = "PUT"  // PutEvents, PutItems, PutUsers
)

// A Segment is one immutable piece of a dataset: what one import brought. A dataset is an ordered list
// of segments, oldest ingestion first.
type Segment struct {
	Key     string `json:"key"`    // of the artifact in the store of own artifacts
	Origin  string `json:"origin"` // Bulk or Put
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`   // of the artifact
	Created int64  `json:"created"` // time of ingestion, Unix milliseconds
	MinTime int64  `json:"minTime"` // oldest and newest TIMESTAMP, Unix seconds; 0 without that column
	MaxTime int64  `json:"maxTime"`
}

// Limits are the quotas of an import; a zero means the service's default.
type Limits struct {
	ID       int   // characters of an id, 256
	Value    int   // characters of a categorical or plain string, 1,000
	Text     int   // characters of a textual value, the rest is cut off; 20,000
	CJKText  int   // the same for a text with Chinese or Japanese characters; 7,000
	MaxBytes int64 // of all input objects together; no limit when 0
}

// An Order is one import to do.
type Order struct {
	Name     string // of the dataset, for messages
	Location string // s3://bucket/key, or s3://bucket/folder/ for the objects directly in it
	Schema   *Schema
	Key      string // where the segment goes in Own
	MinRows  int64  // fewer rows are fault.Invalid
	Limits   Limits
	// Progress is called about once per block, with compressed bytes; nil for none.
	Progress func(rows, bytesDone, bytesTotal int64)
}

// An Importer turns CSV objects into segments.
type Importer struct {
	Buckets blob.Buckets
	Own     blob.Driver
	Scratch string // folder for a segment that Own does not keep as a file; what a crash leaves in it may be deleted
}

// Import reads the order's objects and writes one segment at its Key, whole or not at all, so an import
// that was interrupted is simply done again. Columns may come in any order and in any letter case; those
// that the schema does not name are ignored.
//
// Memory does not depend on the size of the input: one block of rows (at most 262,144, and at most
// 64 MiB of text and coding), the record at hand (at most 32 MiB), and about 100 bytes per column and
// block for the segment's table of contents.
//
// What is wrong with the input is fault.Invalid, or fault.Denied when it may not be read, with a sentence
// for DescribeDatasetImportJob's failureReason that names the file, the line and the column.
func (im *Importer) Import(ctx context.Context, o Order) (Segment, error) {
	o.Limits = o.Limits.withDefaults()
	seg, err := im.run(ctx, o)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal {
		return Segment{}, fault.Wrap(f.Kind, f.Cause, "Failed to create a data import job for %s dataset %s. %s", title(o.Schema.Type), o.Name, f.Sentence)
	}
	if err != nil {
		return Segment{}, fmt.Errorf("import %s: %w", o.Location, err)
	}
	return seg, nil
}

func (im *Importer) run(ctx context.Context, o Order) (Segment, error) {
	src, err := locate(ctx, im.Buckets, o.Location, false)
	if err != nil {
		return Segment{}, err
	}
	if o.Limits.MaxBytes > 0 && src.total > o.Limits.MaxBytes {
		return Segment{}, invalid("The data is %d bytes; expected at most %d.", src.total, o.Limits.MaxBytes)
	}
	var seg Segment
	err = blob.Publish(ctx, im.Own, o.Key, im.Scratch, func(path string) error {
		seg, err = o.read(ctx, src, path)
		return err
	})
	return seg, err
}

// read makes the segment's file out of all objects.
func (o *Order) read(ctx context.Context, src *source, path string) (Segment, error) {
	w, err := newSegmentWriter(path, o.Schema)
	if err != nil {
		return Segment{}, err
	}
	defer w.w.Discard()
	r := newRows(o, w, src)
	for _, obj := range src.objects {
		if err := r.object(ctx, obj); err != nil {
			return Segment{}, err
		}
	}
	rows := w.rows()
	if rows < o.MinRows {
		return Segment{}, invalid("The data has %d rows; expected at least %d.", rows, o.MinRows)
	}
	if rows == 0 {
		return Segment{}, invalid("The data has no rows below the header.")
	}
	if err := w.commit(); err != nil {
		return Segment{}, err
	}
	r.progress()
	st, err := os.Stat(path)
	if err != nil {
		return Segment{}, err
	}
	return Segment{Key: o.Key, Origin: Bulk, Rows: rows, Bytes: st.Size(), Created: time.Now().UnixMilli(), MinTime: r.min, MaxTime: r.max}, nil
}

// rows reads the records of CSV objects into a segment.
type rows struct {
	order    *Order
	w        *segmentWriter
	src      *source
	kinds    []cellKind // of the schema's fields
	time     int        // index of TIMESTAMP among the fields, -1 for none
	min, max int64      // of TIMESTAMP

	file   string // the object at hand
	header []string
	at     []int // for each field of the schema, its position in the header
}

func newRows(o *Order, w *segmentWriter, src *source) *rows {
	r := &rows{order: o, w: w, src: src, kinds: make([]cellKind, len(o.Schema.Fields)), time: o.Schema.index("TIMESTAMP")}
	key := keys(o.Schema.Type)
	for i, f := range o.Schema.Fields {
		r.kinds[i] = kindOf(f, slices.Contains(key, f.Name))
		if o.Schema.Type == ActionInteractions && f.Name == "EVENT_TYPE" {
			r.kinds[i] = actionCell
		}
	}
	if r.time >= 0 && o.Schema.Fields[r.time].Type != Long {
		r.time = -1 // somebody's own column of that name
	}
	return r
}

func (r *rows) progress() {
	if r.order.Progress != nil {
		r.order.Progress(r.w.rows(), r.src.done, r.src.total)
	}
}

// object adds the records of one object.
func (r *rows) object(ctx context.Context, obj blob.Info) error {
	r.file = base(obj)
	body, err := r.src.open(ctx, obj)
	if err != nil {
		return r.broken(err, obj)
	}
	defer body.Close()
	csv := table.NewReader(body)
	header, err := csv.Read()
	if err == io.EOF {
		return invalid("%s is empty: expected a header line with the names of the columns.", r.file)
	}
	if err == nil {
		err = r.readHeader(header)
	}
	for err == nil {
		var rec [][]byte
		if rec, err = csv.Read(); err == nil {
			err = r.add(rec, csv.Line())
		}
	}
	if err == io.EOF {
		return nil
	}
	return r.broken(err, obj)
}

// broken gives an error of reading a sentence, where it is the input's fault.
func (r *rows) broken(err error, obj blob.Info) error {
	if e, ok := errors.AsType[*table.SyntaxError](err); ok {
		return r.syntax(e)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || isCorrupt(err) {
		return fault.Wrap(fault.Invalid, err, "%s is no whole gzip file: it is damaged or cut short.", r.file)
	}
	if fault.Is(err, fault.Invalid) {
		return err
	}
	return unreachable(err, blob.Location{Bucket: r.src.loc.Bucket, Key: obj.Key})
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[flate.CorruptInputError](err)
	return ok
}

func (r *rows) syntax(e *table.SyntaxError) error {
	if e.Field >= 0 && e.Field < len(r.header) {
		return invalid("%s, line %d, column %s: %s.", r.file, e.Line, r.header[e.Field], e.Text)
	}
	return invalid("%s, line %d: %s.", r.file, e.Line, e.Text)
}

// readHeader finds the schema's columns. An exact name goes before one in other letter case.
func (r *rows) readHeader(header [][]byte) error {
	r.header = r.header[:0]
	exact, folded := map[string]int{}, map[string]int{}
	for i, h := range header {
		name := string(h)
		r.header = append(r.header, name)
		if _, twice := exact[name]; twice && r.order.Schema.has(name) {
			return invalid("%s, line 1: the column %s stands in the header twice.", r.file, name)
		}
		exact[name] = i
		folded[strings.ToUpper(name)] = i
	}
	var missing []string
	r.at = make([]int, len(r.order.Schema.Fields))
	for i, f := range r.order.Schema.Fields {
		at, ok := exact[f.Name]
		if !ok {
			at, ok = folded[strings.ToUpper(f.Name)]
		}
		if !ok {
			missing = append(missing, f.Name)
		}
		r.at[i] = at
	}
	if len(missing) > 0 {
		return invalid("Input CSV is missing the following columns:[%s].", strings.Join(missing, ", "))
	}
	return nil
}

// add checks a record and adds it to the block, writing the block first if it is full.
func (r *rows) add(rec [][]byte, line int) error {
	if len(rec) != len(r.header) {
		return invalid("%s, line %d: there are %d values; the header has %d columns.", r.file, line, len(rec), len(r.header))
	}
	b := r.w.block
	if b.full() {
		if err := r.w.flush(); err != nil {
			return err
		}
		r.progress()
	}
	text := 0
	for i, at := range r.at {
		cell := rec[at]
		text += len(cell)
		if err := b.cols[i].add(r.kinds[i], b.rows, cell, &r.order.Limits); err != nil {
			return r.cellFault(err, b.cols[i].field.Name, line)
		}
	}
	if r.time >= 0 {
		r.span(b.cols[r.time].ints[b.rows])
	}
	b.end(text)
	return nil
}

// span widens the time between the oldest and the newest record.
func (r *rows) span(t int64) {
	if r.w.rows() == 0 {
		r.min, r.max = t, t
	}
	r.min, r.max = min(r.min, t), max(r.max, t)
}

// cellFault puts file, line and column to what is wrong with a cell.
func (r *rows) cellFault(err error, column string, line int) error {
	e, ok := errors.AsType[*rowFault](err)
	switch {
	case !ok:
		return err
	case e.whole != "":
		return invalid("%s (%s, line %d)", e.whole, r.file, line)
	}
	return invalid("%s, line %d: %s %s", r.file, line, column, e.rest)
}
