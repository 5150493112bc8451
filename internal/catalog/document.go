package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
)

// Load returns a resource's document as a T, and its record. fault.NotFound.
func Load[T any](ctx context.Context, s Store, a arn.ARN) (doc T, rec Record, err error) {
	rec, err = s.Get(ctx, a)
	if err != nil {
		return doc, rec, err
	}
	if err := json.Unmarshal(rec.Doc, &doc); err != nil {
		return doc, rec, fmt.Errorf("document of %s: %w", a, err)
	}
	return doc, rec, nil
}

// Insert stores rec with doc as its document and hands over its work, if any, in one transaction:
// neither exists without the other. fault.Exists.
func Insert(ctx context.Context, s Store, rec Record, doc any, work *Work) error {
	b, err := encode(doc)
	if err != nil {
		return fmt.Errorf("document of %s: %w", rec.ARN, err)
	}
	rec.Doc = b
	if work == nil {
		return s.Insert(ctx, rec)
	}
	return s.Tx(ctx, func(tx Store) error {
		if err := tx.Insert(ctx, rec); err != nil {
			return err
		}
		return tx.Enqueue(ctx, *work)
	})
}

// Transition moves a resource to a status at a moment: it sets the record's status and time of update
// and, in the document, the members "status", "lastUpdatedDateTime" and those of patch. A nil in patch
// removes the member. What other requests changed meanwhile is kept. fault.NotFound if it is gone.
func Transition(ctx context.Context, s Store, a arn.ARN, now time.Time, status string, patch map[string]any) error {
	return Change(ctx, s, a, func(rec *Record) error {
		all := map[string]any{"status": status, "lastUpdatedDateTime": api.NewTime(now)}
		for member, v := range patch {
			all[member] = v
		}
		doc, err := patched(rec.Doc, all)
		if err != nil {
			return fmt.Errorf("document of %s: %w", a, err)
		}
		rec.Doc, rec.Status, rec.Updated = doc, status, millis(now)
		return nil
	})
}

// Change reads a record, lets do change it and stores it, in one transaction, and again from the start
// if another change came between. fault.NotFound, or what do returned.
func Change(ctx context.Context, s Store, a arn.ARN, do func(rec *Record) error) error {
	return s.Tx(ctx, func(tx Store) error {
		// A serialisable transaction sees no change of others, so one turn is enough for a sound
		// driver; a few more cost nothing and keep a weaker one honest.
		var err error
		for range 5 {
			var rec Record
			if rec, err = tx.Get(ctx, a); err != nil {
				return err
			}
			if err = do(&rec); err != nil {
				return err
			}
			if err = tx.Update(ctx, rec); !fault.Is(err, fault.InUse) {
				return err
			}
		}
		return err
	})
}

// patched returns doc with its top-level members set from patch, or removed where that is nil.
func patched(doc json.RawMessage, patch map[string]any) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if len(doc) > 0 {
		if err := json.Unmarshal(doc, &members); err != nil {
			return nil, err
		}
	}
	if members == nil { // no document yet, or null
		members = make(map[string]json.RawMessage, len(patch))
	}
	for name, v := range patch {
		if v == nil {
			delete(members, name)
			continue
		}
		b, err := encode(v)
		if err != nil {
			return nil, err
		}
		members[name] = b
	}
	return encode(members)
}

// encode writes v as JSON without escaping <, > and &: documents go to programs, never into HTML.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
