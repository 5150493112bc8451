package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/kindredrec/kindred/internal/fault"
)

// code returns the store's name for what went wrong, "" if it is not the store that says so.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// explain turns an error of the store into a fault about the object or, without a key, the bucket.
func (b *Bucket) explain(ctx context.Context, err error, doing, key string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s s3://%s/%s: %w", doing, b.name, key, errors.Join(ctx.Err(), err))
	}
	what := fmt.Sprintf("s3://%s/%s", b.name, key)
	switch c := code(err); c {
	case "NoSuchBucket":
		return fault.Wrap(fault.NotFound, err, "There is no bucket %s.", b.name)
	case "NoSuchKey":
		return fault.Wrap(fault.NotFound, err, "There is no object %s.", what)
	case "NotFound": // the answer to HEAD has no body to say of what
		return b.explainHead(ctx, err, what)
	case "NoSuchUpload":
		return fault.Wrap(fault.NotFound, err, "There is no such upload of %s: it is completed or aborted.", what)
	case "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem":
		return fault.Wrap(fault.Denied, err, "Access to %s is denied.", what)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken":
		return fault.Wrap(fault.Denied, err, "The store of %s does not accept the server's access key (%s).", what, c)
	case "InvalidBucketName":
		return fault.Wrap(fault.Invalid, err, "%q is not the name of a bucket.", b.name)
	case "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "EntityTooLarge", "InvalidArgument", "KeyTooLongError",
		"PreconditionFailed", "NotImplemented", "KMS.NotFoundException", "KMS.DisabledException",
		"KMS.KMSInvalidStateException", "KMS.InvalidStateException", "KMS.InvalidKeyUsageException":
		return fault.Wrap(fault.Invalid, err, "The store refuses to %s %s: %s.", doing, what, message(err))
	}
	return fault.Wrap(fault.Unavailable, err, "The store of %s does not answer as it should.", what)
}

func message(err error) string {
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	return e.ErrorCode() + " " + e.ErrorMessage()
}

// explainHead finds out whether it is the object or the bucket that is not there.
func (b *Bucket) explainHead(ctx context.Context, err error, what string) error {
	_, herr := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name})
	if c := code(herr); c == "NotFound" || c == "NoSuchBucket" {
		return fault.Wrap(fault.NotFound, err, "There is no bucket %s.", b.name)
	}
	return fault.Wrap(fault.NotFound, err, "There is no object %s.", what)
}
