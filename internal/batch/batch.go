// Package batch is the batch inference job and the batch segment job: each reads JSON Lines from a bucket,
// asks a model a question per line and writes one output file per input file.
//
// A first reading: flow.go tells the job from plan to settled, plan.go finds the inputs and cuts them
// into shards, shard.go turns a shard into parts of a multipart upload, line.go and answer.go turn a
// line into its answer; rank.go asks for items and segment.go for users. docs/decisions/batch-parts.md says why the parts are as they are.
//
// # Memory
//
// A running job holds, whatever the size of its input,
//
//	Width × (PartBytes + 5 MiB + 2 × MaxLine + block)  +  2 × id bytes + 8 bytes per item  +  plan
//
// where block is at most 256 questions: their lines (1 MiB and one line more), their answers (12 bytes
// × results each) and, with a filter, their item sets (8 MiB, but at least 16 sets of items/8 bytes);
// where the table over the items is their ids as quoted for the output; and where plan is some 300 bytes
// per input file and per shard. A segment job has no such table, and its block is the lines, their segments
// (12 bytes × results each, together at most 32 MiB unless one is larger) and sets over the users in
// place of those over the items; a segment is written 64 KiB at a time, whatever its length. The model, the view and the filter's indexes come on top: they belong to
// the [Source] and to package filter.
package batch

import (
	"context"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The flows.
const (
	Kind        = "batch-inference" // batch inference jobs
	SegmentKind = "batch-segment"   // batch segment jobs
)

// A View is what is known of users and items beside the model. It is safe for concurrent use.
type View interface {
	// Histories calls each for every user, in their order, with the user's events as indexes of the model's
	// items, oldest first, and their times in Unix seconds. The slices stay as they are until the [Bound] is
	// released. known is false for a user without any record or event.
	Histories(userIDs []string, each func(k int, items []int32, times []int64, known bool))
	// FilterData returns the items as filters see them, numbered as the model numbers them.
	FilterData() filter.Data
	// FilterUser returns a user as filters see one; a user nobody knows has no attributes and no events.
	FilterUser(userID string) filter.User
}

// A Bound is a solution version opened for asking: one that ranks items has Model and View, one that ranks
// users Segments and Users.
type Bound struct {
	Info  recipe.Info
	Model recipe.Model
	View  View
	Seed  uint64 // of the solution version, for exploration

	Segments recipe.SegmentModel
	Users    filter.EventData // the users of Segments as filters see them

	Release func() // gives the model back; called once; may be nil
}

// A Source opens solution versions.
type Source interface {
	Open(ctx context.Context, solutionVersion arn.ARN) (*Bound, error)
}
