package dataset

import (
	"context"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
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
	Scratch string // folder for the segment while it is made; what a crash leaves in it may be deleted
}

// Import reads the order's objects and writes one segment at its Key, whole or not at all, so an import
// that was interrupted is simply done again.
func (im *Importer) Import(ctx context.Context, o Order) (Segment, error) {
	return Segment{}, fault.Newf(fault.Unsupported, "Imports are not supported yet.")
}
