package gateway_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Names of uploads are names, not ways to other folders.
func TestForeignUploadNames(t *testing.T) {
	a := newAccount(t)
	put(t, a.plain, multi, "precious", "as it was")
	open := a.begin("k")
	bucket, key := aws.String(multi), aws.String("k")
	for _, id := range []string{"..", "../..", "../../..", "../../../../" + multi, "./" + open, open + "/", open + ".0123-2.inprogress"} {
		_, aborted := a.plain.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: &id})
		_, listed := a.plain.ListParts(t.Context(), &s3.ListPartsInput{Bucket: bucket, Key: key, UploadId: &id})
		_, sent := a.plain.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: &id, PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
		_, copied := a.plain.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: bucket, Key: key, UploadId: &id, PartNumber: aws.Int32(1), CopySource: aws.String(multi + "/precious")})
		_, completed := a.complete(t.Context(), *key, id, []int{1}, map[int][]byte{1: []byte("part")})
		for operation, err := range map[string]error{"AbortMultipartUpload": aborted, "ListParts": listed, "UploadPart": sent, "UploadPartCopy": copied, "CompleteMultipartUpload": completed} {
			if code(err) != "NoSuchUpload" {
				t.Errorf("%s(%q) = %v, want NoSuchUpload", operation, id, err)
			}
		}
	}
	if got := content(t, a.plain, multi, "precious"); got != "as it was" {
		t.Errorf("an object of the bucket is %q now", got)
	}
	if err := a.upload(a.plain, *key, open, 1, []byte("part")); err != nil {
		t.Errorf("the upload that was there: %v", err)
	}
}

// A list of keys to delete reaches no other account's objects.
func TestForeignKeysToDelete(t *testing.T) {
	url := serve(t, start(t, t.TempDir()))
	one, two := client(t, url, keys[0], "us-east-1"), client(t, url, keys[2], "us-east-1")
	makeBucket(t, one, "one")
	makeBucket(t, two, "two")
	put(t, one, "one", "mine", "")
	put(t, two, "two", "theirs", "as it was")
	list := []types.ObjectIdentifier{{Key: aws.String("../two/theirs")}, {Key: aws.String("mine")}, {Key: aws.String("a/../../two/theirs")}}
	out := must[*s3.DeleteObjectsOutput](t)(one.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("one"), Delete: &types.Delete{Objects: list}}))
	if len(out.Deleted) != 1 || *out.Deleted[0].Key != "mine" || len(out.Errors) != 2 {
		t.Errorf("DeleteObjects deleted %d and refused %d, want 1 and 2", len(out.Deleted), len(out.Errors))
	}
	if got := content(t, two, "two", "theirs"); got != "as it was" {
		t.Errorf("the other account's object is %q now", got)
	}
}
