package dataset

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// A source is the objects of one import in the order in which they are read: ascending by key.
type source struct {
	bucket  blob.Driver
	loc     blob.Location
	objects []blob.Info
	total   int64 // bytes as stored
	done    int64 // bytes read so far
}

// locate lists what a location names: one object, or those in a folder. A deep one are the objects that end in
// .csv, in the folder and below it; otherwise all objects directly in it.
func locate(ctx context.Context, buckets blob.Buckets, location string, deep bool) (*source, error) {
	loc, err := blob.ParseLocation(location)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "Invalid Data location. %s", fault.Sentence(err))
	}
	bucket, err := buckets.Bucket(ctx, loc.Bucket)
	if err != nil {
		return nil, unreachable(err, loc)
	}
	src := &source{bucket: bucket, loc: loc}
	switch {
	case loc.Key != "" && !strings.HasSuffix(loc.Key, "/"):
		err = src.object(ctx, loc)
	case deep:
		err = src.tree(ctx, loc)
	default:
		err = src.folder(ctx, loc)
	}
	for _, o := range src.objects {
		src.total += o.Size
	}
	return src, err
}

// unreachable says why a location cannot be read.
func unreachable(err error, loc blob.Location) error {
	switch fault.KindOf(err) {
	case fault.Denied:
		return fault.Wrap(fault.Denied, err, "Insufficient privileges for accessing data in Amazon S3. Access to %s was denied.", loc)
	case fault.NotFound, fault.Invalid:
		return fault.Wrap(fault.Invalid, err, "Invalid Data location. %s", fault.Sentence(err))
	}
	return fmt.Errorf("read %s: %w", loc, err)
}

// folder takes the objects directly in a folder; what lies deeper is not part of it.
func (s *source) folder(ctx context.Context, loc blob.Location) error {
	for o, err := range s.bucket.List(ctx, loc.Key) {
		if err != nil {
			return unreachable(err, loc)
		}
		name := o.Key[len(loc.Key):]
		if name == "" || strings.Contains(name, "/") {
			continue
		}
		s.objects = append(s.objects, o)
	}
	if len(s.objects) == 0 {
		return fault.Newf(fault.Invalid, "Invalid Data location. There is no object directly in the folder %s.", loc)
	}
	return nil
}

// tree takes the CSV objects in a folder and below it.
func (s *source) tree(ctx context.Context, loc blob.Location) error {
	for o, err := range s.bucket.List(ctx, loc.Key) {
		if err != nil {
			return unreachable(err, loc)
		}
		if strings.HasSuffix(strings.ToLower(o.Key), ".csv") {
			s.objects = append(s.objects, o)
		}
	}
	if len(s.objects) == 0 {
		return fault.Newf(fault.Invalid, "Invalid Data location. There is no .csv object in the folder %s or below it.", loc)
	}
	return nil
}

// object takes one object, and tells a folder's name without its slash from a name that is wrong.
func (s *source) object(ctx context.Context, loc blob.Location) error {
	o, err := s.bucket.Stat(ctx, loc.Key)
	if err == nil {
		s.objects = []blob.Info{o}
		return nil
	}
	if !fault.Is(err, fault.NotFound) {
		return unreachable(err, loc)
	}
	for _, listErr := range s.bucket.List(ctx, loc.Key+"/") {
		if listErr == nil {
			return fault.Newf(fault.Invalid, "Invalid Data location. %s is a folder: write it with a slash at the end.", loc)
		}
		return unreachable(listErr, loc)
	}
	return fault.Wrap(fault.Invalid, err, "Invalid Data location. There is no object %s.", loc)
}

// open begins to read an object, unpacked if it is gzip by its first bytes. Reading stops with ctx.
func (s *source) open(ctx context.Context, o blob.Info) (io.ReadCloser, error) {
	body, err := s.bucket.Open(ctx, o.Key, 0, -1)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(&counted{ctx: ctx, r: body, n: &s.done}, 256<<10)
	if head, _ := r.Peek(2); string(head) != "\x1f\x8b" {
		return pair{r, body}, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		body.Close()
		return nil, err
	}
	return pair{z, body}, nil
}

// A pair reads one thing and closes another.
type pair struct {
	io.Reader
	io.Closer
}

// counted counts the bytes read, and ends when its context does.
type counted struct {
	ctx context.Context
	r   io.Reader
	n   *int64
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// base is an object's name in messages: objects of one import differ in nothing else.
func base(o blob.Info) string { return o.Key[strings.LastIndexByte(o.Key, '/')+1:] }
