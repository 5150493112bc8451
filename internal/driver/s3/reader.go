package s3

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// attempts is how often in a row a reader takes up again without having got a byte.
const attempts = 3

// A reader reads an object's bytes from off, left of them or all if negative. It asks for the same
// ETag when it takes up again, so that it never joins pieces of two objects.
type reader struct {
	ctx  context.Context
	b    *Bucket
	key  string
	off  int64
	left int64
	etag *string
	body io.ReadCloser
	idle int // times taken up since the last byte
}

func (r *reader) open() error {
	in := &s3.GetObjectInput{Bucket: &r.b.name, Key: &r.key, IfMatch: r.etag}
	switch {
	case r.left > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", r.off, r.off+r.left-1))
	case r.off > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.off))
	}
	out, err := r.b.client.GetObject(r.ctx, in)
	if code(err) == "InvalidRange" { // behind the end
		r.left, r.body = 0, io.NopCloser(strings.NewReader(""))
		return nil
	}
	if err != nil {
		return err
	}
	r.body, r.etag, r.left = out.Body, out.ETag, aws.ToInt64(out.ContentLength)
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.off += int64(n)
	r.left -= int64(n)
	if n > 0 {
		r.idle = 0
	}
	if r.left == 0 || err == nil {
		return n, nil
	}
	return n, r.again(err)
}

// again takes up reading after err, if that is worth it.
func (r *reader) again(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if r.idle++; r.idle > attempts || r.ctx.Err() != nil {
		return r.b.explain(r.ctx, err, "read", r.key)
	}
	_ = r.body.Close() // it is broken
	r.body = io.NopCloser(strings.NewReader(""))
	return r.b.explain(r.ctx, r.open(), "read", r.key)
}

func (r *reader) Close() error { return r.body.Close() }
