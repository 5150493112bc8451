// Package s3 reaches objects in any S3: the embedded one, another implementation, or AWS.
//
// Buckets are named in the path. Only what every implementation has is used: no checksums beyond
// what an operation requires, no ACLs. A Put holds at most 16 MiB in memory, an Upload its part.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// partSize is what Put sends at once; 10,000 parts make 156 GiB.
const partSize = 16 << 20

// Config says which S3.
type Config struct {
	Endpoint    string // "" for AWS
	Region      string
	Credentials aws.CredentialsProvider
	HTTPClient  *http.Client // nil for one of the SDK's
	Private     bool         // nobody else is on the way to the endpoint, so the bodies need not be signed
}

// A Store is an S3 with its buckets. It is a blob.Buckets.
type Store struct {
	client *s3.Client
}

var (
	_ blob.Buckets = (*Store)(nil)
	_ blob.Driver  = (*Bucket)(nil)
)

// New returns a store. It does not connect.
func New(c Config) *Store {
	o := s3.Options{
		Region:                     c.Region,
		Credentials:                c.Credentials,
		UsePathStyle:               true,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		RetryMaxAttempts:           5,
	}
	if c.Endpoint != "" {
		o.BaseEndpoint = &c.Endpoint
	}
	if c.HTTPClient != nil {
		o.HTTPClient = c.HTTPClient
	}
	if c.Private {
		o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
	}
	return &Store{client: s3.New(o)}
}

// Bucket returns the bucket of that name, whether it is there or not.
func (s *Store) Bucket(_ context.Context, name string) (blob.Driver, error) {
	if name == "" || strings.ContainsAny(name, "/?#") {
		return nil, fault.Newf(fault.Invalid, "%q is not the name of a bucket.", name)
	}
	return &Bucket{client: s.client, name: name}, nil
}

// CreateBucket makes a bucket; one that the caller's account already has is no error.
func (s *Store) CreateBucket(ctx context.Context, name string) error {
	_, err := s.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	if _, ok := errors.AsType[*types.BucketAlreadyOwnedByYou](err); ok {
		return nil
	}
	return (&Bucket{client: s.client, name: name}).explain(ctx, err, "create bucket", "")
}

// A Bucket is a blob.Driver over one bucket.
type Bucket struct {
	client *s3.Client
	name   string
}

// Open is blob.Driver's. If the connection breaks while the object is read, reading goes on over a
// new one, as long as the object is the same.
func (b *Bucket) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if n == 0 { // a range cannot say this
		_, err := b.Stat(ctx, key)
		return io.NopCloser(strings.NewReader("")), err
	}
	r := &reader{ctx: ctx, b: b, key: key, off: off, left: n}
	if err := r.open(); err != nil {
		return nil, b.explain(ctx, err, "open", key)
	}
	return r, nil
}

// Stat is blob.Driver's.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Info, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return blob.Info{}, b.explain(ctx, err, "stat", key)
	}
	return blob.Info{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: unquote(out.ETag), Modified: aws.ToTime(out.LastModified)}, nil
}

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

// Put is blob.Driver's. What does not fit one part goes as a multipart upload.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	head, err := io.ReadAll(io.LimitReader(r, partSize))
	if err != nil {
		return blob.Info{}, fmt.Errorf("put s3://%s/%s: %w", b.name, key, err)
	}
	if len(head) == partSize {
		return b.putParts(ctx, key, head, r, o)
	}
	in := &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(head), ContentType: contentType(o)}
	in.ServerSideEncryption, in.SSEKMSKeyId = encryption(o)
	out, err := b.client.PutObject(ctx, in)
	if err != nil {
		return blob.Info{}, b.explain(ctx, err, "put", key)
	}
	return blob.Info{Key: key, Size: int64(len(head)), ETag: unquote(out.ETag)}, nil
}

func contentType(o blob.Options) *string {
	if o.ContentType == "" {
		return nil
	}
	return &o.ContentType
}

func encryption(o blob.Options) (types.ServerSideEncryption, *string) {
	if o.KMSKey == "" {
		return "", nil
	}
	return types.ServerSideEncryptionAwsKms, &o.KMSKey
}

// putParts sends buf and what follows it part by part. A failure leaves no upload behind, as far as
// the store can be reached.
func (b *Bucket) putParts(ctx context.Context, key string, buf []byte, r io.Reader, o blob.Options) (blob.Info, error) {
	up, err := b.Begin(ctx, key, o)
	if err != nil {
		return blob.Info{}, err
	}
	if err := b.sendParts(ctx, key, up, buf, r); err != nil {
		return blob.Info{}, errors.Join(err, b.Abort(context.WithoutCancel(ctx), key, up))
	}
	return b.Stat(ctx, key)
}

func (b *Bucket) sendParts(ctx context.Context, key, up string, buf []byte, r io.Reader) error {
	var parts []blob.Part
	for n := 1; len(buf) > 0; n++ {
		p, err := b.Upload(ctx, key, up, n, buf)
		if err != nil {
			return err
		}
		parts = append(parts, p)
		got, err := io.ReadFull(r, buf[:cap(buf)][:partSize])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("put s3://%s/%s: %w", b.name, key, err)
		}
		buf = buf[:got]
	}
	return b.Complete(ctx, key, up, parts)
}

// List is blob.Driver's; the order is the store's, which for S3 is that of the keys' bytes. It holds
// one page of 1000 in memory.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(blob.Info{}, b.explain(ctx, err, "list", prefix))
				return
			}
			for _, o := range page.Contents {
				info := blob.Info{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ETag: unquote(o.ETag), Modified: aws.ToTime(o.LastModified)}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// Delete is blob.Driver's.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	if code(err) == "NoSuchKey" {
		return nil
	}
	return b.explain(ctx, err, "delete", key)
}

// Begin is blob.Driver's.
func (b *Bucket) Begin(ctx context.Context, key string, o blob.Options) (string, error) {
	in := &s3.CreateMultipartUploadInput{Bucket: &b.name, Key: &key, ContentType: contentType(o)}
	in.ServerSideEncryption, in.SSEKMSKeyId = encryption(o)
	out, err := b.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return "", b.explain(ctx, err, "begin upload", key)
	}
	return aws.ToString(out.UploadId), nil
}

// Upload is blob.Driver's.
func (b *Bucket) Upload(ctx context.Context, key, upload string, n int, data []byte) (blob.Part, error) {
	out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &b.name, Key: &key, UploadId: &upload, PartNumber: aws.Int32(int32(n)), Body: bytes.NewReader(data),
	})
	if err != nil {
		return blob.Part{}, b.explain(ctx, err, fmt.Sprintf("upload part %d", n), key)
	}
	return blob.Part{Number: n, ETag: unquote(out.ETag), Size: int64(len(data))}, nil
}

// Complete is blob.Driver's.
func (b *Bucket) Complete(ctx context.Context, key, upload string, parts []blob.Part) error {
	done := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		done[i] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: aws.String(`"` + p.ETag + `"`)}
	}
	_, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.name, Key: &key, UploadId: &upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	return b.explain(ctx, err, "complete upload", key)
}

// Abort is blob.Driver's.
func (b *Bucket) Abort(ctx context.Context, key, upload string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: &key, UploadId: &upload})
	if code(err) == "NoSuchUpload" {
		return nil
	}
	return b.explain(ctx, err, "abort upload", key)
}
