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
// oldest first. It changes in one transaction with the import that brought a segment.
type State struct {
	Segments []Segment `json:"segments,omitempty"`
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
	return slices.ContainsFunc(s.Segments, func(g Segment) bool { return g.Origin == Bulk })
}

// With returns the state after an import: a full one takes the place of all bulk segments, an incremental
// one comes after them. What was put record by record stays.
func (s State) With(g Segment, full bool) State {
	out := slices.Clone(s.Segments)
	if full {
		out = slices.DeleteFunc(out, func(old Segment) bool { return old.Origin == Bulk })
	}
	return State{Segments: append(out, g)}
}

// Prefix is where the artifacts of a dataset are kept.
func Prefix(dataset arn.ARN) string { return "datasets/" + folder(dataset) + "/" }

// folder turns an ARN into a path: region, account and name, which hold no unsafe characters.
func folder(a arn.ARN) string {
	return strings.Join([]string{a.Region(), a.Account(), a.Name()}, "/")
}
