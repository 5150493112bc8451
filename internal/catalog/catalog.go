// Package catalog keeps resources: documents with a name, a parent, a version and tags.
//
// The catalog knows nothing of what a resource means. A resource that takes time is inserted together
// with its work in one transaction, so that neither exists without the other.
package catalog

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kindredrec/kindred/internal/arn"
)

// A Record is one resource as it is stored.
type Record struct {
	ARN     arn.ARN
	Account string
	Kind    string          // arn.Solution, …; internal kinds begin with a dot and are never listed to users
	Parent  arn.ARN         // "" for a resource that stands alone
	Status  string          // as the API reports it; "" for a resource without one
	Created time.Time       // milliseconds, UTC
	Updated time.Time       // milliseconds, UTC
	Version int64           // 1 at insertion, one more at each update
	Doc     json.RawMessage // the API's shape
	Extra   json.RawMessage // what Kindred keeps beside it and never shows; nil for nothing
	Tags    map[string]string
}

// A Work is something to be done for a resource, handed to the job engine when the transaction that
// holds it commits.
type Work struct {
	Owner   arn.ARN // the resource it is for; one unfinished Work per owner
	Kind    string  // names the flow that does it
	Payload json.RawMessage
}

// A Query selects records to list or count. Account and Kind are required; the rest narrows.
type Query struct {
	Account string
	Kind    string
	Parent  arn.ARN
	Status  []string // any of these; nil for all
	Limit   int      // page size, at least 1 (List only)
	After   string   // position from a previous page, "" for the first (List only)
	Newest  bool     // newest first; otherwise oldest first (List only)
}

// A Store keeps resources by ARN. It knows parents and versions and nothing of what a resource means.
type Store interface {
	// Get returns a record. fault.NotFound.
	Get(ctx context.Context, a arn.ARN) (Record, error)
	// Insert adds a record as version 1. fault.Exists if the ARN is taken.
	Insert(ctx context.Context, r Record) error
	// Update replaces a record whose stored version is r.Version, and stores it as r.Version+1. Account,
	// kind, parent and time of creation stay as they were inserted. fault.InUse if the version is
	// stale, fault.NotFound if it is gone.
	Update(ctx context.Context, r Record) error
	// Delete removes a record of that version and the progress kept for it. fault.InUse if the version
	// is stale, fault.NotFound.
	Delete(ctx context.Context, a arn.ARN, version int64) error
	// List returns one page in order of creation (ties by ARN) and the position of the next page, ""
	// on the last. The order is stable while records come and go. fault.BadToken if After is no position.
	List(ctx context.Context, q Query) (page []Record, next string, err error)
	// Count counts what List would return over all pages.
	Count(ctx context.Context, q Query) (int, error)
	// Enqueue hands over work. fault.Exists if the owner has unfinished work.
	Enqueue(ctx context.Context, w Work) error
	// Secret returns a random value of this installation, made at first use and kept: the key that
	// signs page tokens.
	Secret(ctx context.Context, name string) ([]byte, error)
	// Tx runs do in one serialisable transaction: all or nothing. Inside, only the Store given to do
	// may be used; Tx in Tx joins: if the inner do fails, what it wrote is undone and the outer one
	// decides. A panic in do undoes all and goes on.
	Tx(ctx context.Context, do func(Store) error) error
}
