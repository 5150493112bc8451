package dataset

import (
	"context"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A Part is the content of one dataset: its schema and its segments, oldest first. A nil Schema stands
// for a dataset that does not exist.
type Part struct {
	Schema   *Schema
	Segments []Segment
}

// Parts are the datasets of a group.
type Parts struct {
	Interactions, Items, Users Part
}

// Snapshots builds and opens snapshots.
type Snapshots struct {
	Own   blob.Driver // where segments are and snapshots go
	Cache string      // folder for building, and for copies of what Own does not keep as files
}

// A Snapshot is an immutable merged view of a group's data. It is safe for concurrent use until Close.
type Snapshot struct {
}

// Open returns the snapshot of the parts, building it if this is the first time.
func (s *Snapshots) Open(ctx context.Context, p Parts) (*Snapshot, error) {
	return nil, fault.Newf(fault.Unsupported, "Snapshots are not supported yet.")
}

// Close gives the snapshot back. What it handed out must no longer be used.
func (s *Snapshot) Close() error { return nil }

// A Selection says which interactions and columns count.
type Selection struct {
	EventType string   // only events of this type, in any letter case; "" for all
	Threshold *float64 // only events whose EVENT_VALUE is at least this; nil for all
	// Included and Excluded choose item columns by dataset type, as trainingDataConfig does. Nil for all.
	Included, Excluded map[string][]string
	// Minimums below which Data refuses; 0 for none.
	MinInteractions int64 // interactions after selection
	MinUsers        int   // users with at least two of them
}

// Counts tell how much a selection holds.
type Counts struct {
	Interactions  int64
	Users         int // with at least one interaction
	UsersWithTwo  int // with at least two
	Items         int // with a record or an interaction in the snapshot
	ItemsWithSome int // with at least one selected interaction
}

// Data returns what a recipe learns from. It shares the snapshot's memory.
func (s *Snapshot) Data(sel Selection) (*recipe.Data, Counts, error) {
	return nil, Counts{}, fault.Newf(fault.Unsupported, "Snapshots are not supported yet.")
}
