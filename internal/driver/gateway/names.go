package gateway

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// The backend makes paths of names, and the front of the gateway looks only at those in a request's path. Names of
// uploads and the keys in the body of DeleteObjects are looked at here: "../" in one would lead to others' buckets.

// uploadName is what the backend calls uploads. The folder of one that is being completed has another name.
var uploadName = regexp.MustCompile(`^[0-9a-f-]+$`)

// known returns an error for what cannot be the name of an upload. No name at all is left to the backend.
func known(upload *string) error {
	if upload == nil || uploadName.MatchString(*upload) {
		return nil
	}
	return s3err.GetNoSuchUploadErr(*upload)
}

// ListParts implements backend.Backend.
func (s *store) ListParts(ctx context.Context, in *s3.ListPartsInput) (s3response.ListPartsResult, error) {
	if err := known(in.UploadId); err != nil {
		return s3response.ListPartsResult{}, err
	}
	return s.Posix.ListParts(ctx, in)
}

// UploadPartCopy implements backend.Backend.
func (s *store) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	if err := known(in.UploadId); err != nil {
		return s3response.CopyPartResult{}, err
	}
	return s.Posix.UploadPartCopy(ctx, in)
}

// DeleteObjects implements backend.Backend. A key that no object can have is an error of its own.
func (s *store) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (s3response.DeleteResult, error) {
	var refused []types.Error
	if in.Delete != nil {
		good := make([]types.ObjectIdentifier, 0, len(in.Delete.Objects))
		for _, o := range in.Delete.Objects {
			if o.Key == nil || utils.IsObjectNameValid(*o.Key) {
				good = append(good, o)
				continue
			}
			refused = append(refused, types.Error{Key: o.Key, VersionId: o.VersionId,
				Code: aws.String("InvalidArgument"), Message: aws.String("The key is not the name of an object.")})
		}
		only := *in.Delete
		only.Objects = good
		rest := *in
		rest.Delete = &only
		in = &rest
	}
	out, err := s.Posix.DeleteObjects(ctx, in)
	out.Error = append(out.Error, refused...)
	return out, err
}
