// Package artifact is the file form of what Kindred makes for itself: models, snapshots and indexes.
//
// An artifact is one file of named, aligned arrays behind a JSON table, checksummed, written once and
// then memory-mapped by whoever reads it. See format.go for the bytes.
package artifact

// Element is what an array may hold.
type Element interface {
	~int8 | ~uint8 | ~int16 | ~uint16 | ~int32 | ~uint32 | ~int64 | ~uint64 | ~float32 | ~float64
}
