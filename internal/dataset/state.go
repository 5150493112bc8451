package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
)

// A State is what the catalog keeps of a dataset's content beside the resource: which segments make it,
// oldest first. It changes in one transaction with the import or the deletion that made a segment.
type State struct {
	Segments []Segment `json:"segments,omitempty"`
	// Imported tells that an import job has brought data once, whether any of it is left or not.
	Imported bool `json:"imported,omitempty"`
	// Added are the fields that came by replacing the schema, and when (Unix milliseconds). A solution that
	// is older does not learn from them.
	Added map[string]int64 `json:"added,omitempty"`
	// Brought tells that an event tracker made the dataset: while it is empty, one that somebody makes
	// takes its place.
	Brought bool `json:"brought,omitempty"`
}

// StateOf returns the state in a dataset's record.
func StateOf(rec catalog.Record) (State, error) {
	var st State
	if len(rec.Extra) == 0 {
		return st, nil
	}
	if err := json.Unmarshal(rec.Extra, &st); err != nil {
		return st, fmt.Errorf("state of %s: %w", rec.ARN, err)
	}
	return st, nil
}

// Bulk reports whether an import job has brought data.
func (s State) Bulk() bool {
	return s.Imported || slices.ContainsFunc(s.Segments, func(g Segment) bool { return g.Origin == Bulk })
}

// With returns the state after an import: a full one takes the place of all bulk segments, an incremental
// one comes after them. What was put record by record stays.
func (s State) With(g Segment, full bool) State {
	out := slices.Clone(s.Segments)
	if full {
		out = slices.DeleteFunc(out, func(old Segment) bool { return old.Origin == Bulk })
	}
	s.Segments, s.Imported = append(out, g), true
	return s
}

// Rewritten returns the state after segments were rewritten without some of their rows, and how many rows
// that took away. A segment that the state does not have any more is not replaced.
func (s State) Rewritten(all []Rewrite) (State, int64) {
	by := make(map[string]Rewrite, len(all))
	for _, r := range all {
		by[r.Old] = r
	}
	s.Imported = s.Bulk()
	var out []Segment
	dropped := int64(0)
	for _, g := range s.Segments {
		r, ok := by[g.Key]
		dropped += r.Dropped
		switch {
		case !ok || r.Dropped == 0:
			out = append(out, g)
		case r.New != nil:
			out = append(out, *r.New)
		}
	}
	s.Segments = out
	return s, dropped
}

// Prefix is where the artifacts of a dataset are kept.
func Prefix(dataset arn.ARN) string { return "datasets/" + folder(dataset) + "/" }

// folder turns an ARN into a path: region, account and name, which hold no unsafe characters.
func folder(a arn.ARN) string {
	return strings.Join([]string{a.Region(), a.Account(), a.Name()}, "/")
}
