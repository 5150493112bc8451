// Package dataset keeps the records of a dataset group: schemas, imports and snapshots.
//
//	CSV objects ──Importer──▶ segments (one immutable artifact per import, blocks of columns)
//	segments ──Snapshots──▶ snapshot (one artifact: ids sorted, duplicates gone, events by user)
//	snapshot ──Data──▶ training        snapshot ──View──▶ histories and filters against a model's items
//
// A dataset's content is a manifest: its segments, oldest first. A FULL import replaces the bulk
// segments of the manifest and an INCREMENTAL one appends; nothing is ever rewritten, so a failed import
// leaves everything as it was.
package dataset
