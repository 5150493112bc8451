// Package blob is the port through which everything reads and writes objects: the users' own on S3,
// and Kindred's artifacts in its data folder or a bucket.
//
// An object appears whole or not at all: Put and Complete publish, nothing else does.
package blob

import (
	"context"
	"io"
	"iter"
	"time"
)

// MinPart is the smallest part of a multipart upload but the last, in bytes (S3's rule).
const MinPart = 5 << 20

// Info tells of one object without opening it.
type Info struct {
	Key      string
	Size     int64
	ETag     string // as the store gives it, without quotes
	Modified time.Time
}

// Options are what an object is to be written with.
type Options struct {
	ContentType string
	KMSKey      string // ARN of the key for SSE-KMS; "" for none
}

// A Part is a piece of a multipart upload that the store has taken.
type Part struct {
	Number int // from 1; the object is its parts in ascending order
	ETag   string
	Size   int64
}

// A Driver is one bucket, or one folder that stands for a bucket. Keys use slashes. All methods may
// be called from several goroutines.
type Driver interface {
	// Open reads n bytes from off; n < 0 reads to the end. fault.NotFound if there is no such object.
	// A range behind the end gives an empty reader.
	Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error)
	// Stat tells of an object. fault.NotFound if there is none.
	Stat(ctx context.Context, key string) (Info, error)
	// Put writes an object whole, replacing one of that name.
	Put(ctx context.Context, key string, r io.Reader, o Options) (Info, error)
	// List yields the objects whose key begins with prefix, in ascending order of key (bytes).
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Delete removes an object; one that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Begin starts a multipart upload and returns its name.
	Begin(ctx context.Context, key string, o Options) (upload string, err error)
	// Upload sends part number n (from 1). Sending a number again replaces the part.
	Upload(ctx context.Context, key, upload string, n int, data []byte) (Part, error)
	// Complete publishes the object made of parts, in the order given. Of an upload that was completed
	// before, a driver says fault.NotFound or nothing; of one that was aborted, fault.NotFound.
	Complete(ctx context.Context, key, upload string, parts []Part) error
	// Abort drops an upload and its parts; an unknown one is no error.
	Abort(ctx context.Context, key, upload string) error
}

// A Local driver keeps objects as files that may be memory-mapped while they exist.
type Local interface {
	// Path returns the file that holds key.
	Path(key string) string
}

// An Ordered driver has less to do when an upload is completed if its parts came one after the other, in the order of
// their numbers.
type Ordered interface {
	// InOrder reports whether that is so.
	InOrder() bool
}

// Buckets opens buckets by name. Access is checked when an object is touched, not here.
type Buckets interface {
	Bucket(ctx context.Context, name string) (Driver, error)
}
