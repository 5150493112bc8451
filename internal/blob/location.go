package blob

import (
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
)

// A Location is a parsed s3://bucket/key address; the key may be empty or a prefix.
type Location struct {
	Bucket string
	Key    string
}

// ParseLocation takes apart s3://bucket/key. Other schemes and a missing bucket are fault.Invalid.
func ParseLocation(s string) (Location, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	if !ok {
		return Location{}, fault.Newf(fault.Invalid, "%q is not an S3 location: expected s3://bucket/key.", s)
	}
	bucket, key, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return Location{}, fault.Newf(fault.Invalid, "%q names no bucket: expected s3://bucket/key.", s)
	}
	return Location{Bucket: bucket, Key: key}, nil
}

func (l Location) String() string { return "s3://" + l.Bucket + "/" + l.Key }

// Folder returns l with a key that is empty or ends in a slash.
func (l Location) Folder() Location {
	if l.Key != "" && !strings.HasSuffix(l.Key, "/") {
		l.Key += "/"
	}
	return l
}

// Base returns the part of the key behind the last slash.
func (l Location) Base() string { return l.Key[strings.LastIndexByte(l.Key, '/')+1:] }
