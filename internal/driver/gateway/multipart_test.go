package gateway_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/kindredrec/kindred/internal/auth"
	"github.com/kindredrec/kindred/internal/driver/gateway"
)

const minPart = 5 << 20 // S3's rule for all parts but the last

var noise = func() []byte {
	b := make([]byte, 3*minPart)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}()

// An account is a client of one account with a bucket, over a gateway that may be killed.
type account struct {
	t       *testing.T
	g       *gateway.Gateway
	plain   *s3.Client // sends no checksums
	careful *s3.Client // sends what the SDK sends unless told otherwise: a CRC behind each body
}

const multi = "multi"

func newAccount(t *testing.T) *account {
	t.Helper()
	g := start(t, t.TempDir())
	url := serve(t, g)
	a := &account{t: t, g: g, careful: client(t, url, keys[0], "us-east-1")}
	o := a.careful.Options()
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	a.plain = s3.New(o)
	makeBucket(t, a.plain, multi)
	return a
}

func (a *account) begin(key string) (id string) {
	a.t.Helper()
	out := must[*s3.CreateMultipartUploadOutput](a.t)(a.plain.CreateMultipartUpload(a.t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(multi), Key: &key}))
	return *out.UploadId
}

func (a *account) upload(c *s3.Client, key, id string, n int, body []byte) error {
	out, err := c.UploadPart(a.t.Context(), &s3.UploadPartInput{Bucket: aws.String(multi), Key: &key, UploadId: &id, PartNumber: aws.Int32(int32(n)), Body: bytes.NewReader(body)})
	if err == nil && *out.ETag != etag(body) {
		a.t.Errorf("UploadPart(%d) = ETag %s, want %s", n, *out.ETag, etag(body))
	}
	return err
}

func (a *account) complete(ctx context.Context, key, id string, numbers []int, parts map[int][]byte) (*s3.CompleteMultipartUploadOutput, error) {
	var list []types.CompletedPart
	for _, n := range numbers {
		list = append(list, types.CompletedPart{PartNumber: aws.Int32(int32(n)), ETag: aws.String(etag(parts[n]))})
	}
	return a.plain.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: aws.String(multi), Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: list}})
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// joined is what an object of parts is and its ETag.
func joined(numbers []int, parts map[int][]byte) (body []byte, tag string) {
	var sums []byte
	for _, n := range numbers {
		sum := md5.Sum(parts[n])
		sums = append(sums, sum[:]...)
		body = append(body, parts[n]...)
	}
	sum := md5.Sum(sums)
	return body, fmt.Sprintf(`"%x-%d"`, sum, len(numbers))
}

// file is the object's file, and folder that of an upload.
func (a *account) file(key string) string { return filepath.Join(a.g.Dir(), "objects", multi, key) }

func (a *account) folder(key, id string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(a.g.Dir(), "objects", multi, ".sgwtmp", "multipart", hex.EncodeToString(sum[:]), id)
}

// restart kills the child, calls do before there is another one, and waits for that.
func (a *account) restart() {
	a.t.Helper()
	a.g.KillChild()
	a.answers()
}

// answers waits until the child answers.
func (a *account) answers() {
	a.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := a.plain.HeadBucket(a.t.Context(), &s3.HeadBucketInput{Bucket: aws.String(multi)})
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("a minute after the child was killed: %v", err)
		}
	}
}

// Parts that come in order, or are all of a size, are never copied: the file they lie in becomes the object.
func TestPartsBecomeObject(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the backend publishes files without names on Linux only")
	}
	tests := []struct {
		name  string
		size  func(n int) int
		order []int
		same  bool // file
	}{
		{"in order, of many sizes", func(n int) int { return minPart + 1000*n + 7 }, []int{1, 2, 3, 4}, true},
		{"with gaps between the numbers", func(n int) int { return minPart + 1000*n + 7 }, []int{1, 101, 201, 202}, true},
		{"of one size, in any order", func(int) int { return minPart }, []int{3, 4, 1, 2}, true},
		{"two for each other", func(n int) int { return minPart + 1000*n + 7 }, []int{1, 3, 2, 4, 5, 6, 7}, true},
		{"backwards", func(n int) int { return minPart + 1000*n + 7 }, []int{4, 3, 2, 1}, false},
	}
	a := newAccount(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a.t = t
			const key = "a/b"
			id, parts := a.begin(key), map[int][]byte{}
			for i, n := range tt.order {
				parts[n] = noise[n : n+tt.size(n)]
				c := a.plain
				if i == 1 {
					c = a.careful
				}
				if err := a.upload(c, key, id, n, parts[n]); err != nil {
					t.Fatal(err)
				}
			}
			before := must[os.FileInfo](t)(os.Stat(filepath.Join(a.folder(key, id), gateway.AssemblyName)))
			numbers := slices.Sorted(slices.Values(tt.order))
			body, tag := joined(numbers, parts)
			out := must[*s3.CompleteMultipartUploadOutput](t)(a.complete(t.Context(), key, id, numbers, parts))
			if *out.ETag != tag {
				t.Errorf("ETag %s, want %s", *out.ETag, tag)
			}
			if got := content(t, a.plain, multi, key); got != string(body) {
				t.Errorf("the object has %d bytes, want the %d of the parts", len(got), len(body))
			}
			after := must[os.FileInfo](t)(os.Stat(a.file(key)))
			if same := os.SameFile(before, after); same != tt.same {
				t.Errorf("the assembly became the object: %t, want %t", same, tt.same)
			}
			a.nothingLeft(key, id)
		})
	}
}

// nothingLeft checks that no file is left of an upload.
func (a *account) nothingLeft(key, id string) {
	a.t.Helper()
	for _, d := range []string{a.folder(key, id), a.beside(key, id)} {
		if _, err := os.Lstat(d); !os.IsNotExist(err) {
			a.t.Errorf("%s is left of an upload that has ended", d)
		}
	}
}

// A history is what a test did to the keys of a bucket, and what must be there after it.
type history struct {
	*account
	rand    *rand.Rand
	objects map[string][]byte
	tags    map[string]string
	uploads map[string]*unfinished
	took    []string // what was done, for the reader of a failure
}

type unfinished struct {
	key   string
	parts map[int][]byte
}

var histories = flag.Uint64("histories", 2, "random histories of multipart uploads to compare with a model")

// Whatever is done to uploads, with crashes in between, objects and lists of parts are those of a model that keeps
// bytes in maps.
func TestUploadsLikeModel(t *testing.T) {
	for seed := range *histories {
		t.Run(strconv.Itoa(int(seed)), func(t *testing.T) {
			h := &history{account: newAccount(t), rand: rand.New(rand.NewPCG(seed, 1)), objects: map[string][]byte{}, tags: map[string]string{}, uploads: map[string]*unfinished{}}
			h.begin()
			for range 25 {
				h.step()
				if t.Failed() {
					t.Fatalf("after\n%s", h.took)
				}
			}
			h.checkObjects()
		})
	}
}

func (h *history) did(format string, args ...any) {
	h.took = append(h.took, fmt.Sprintf(format, args...)+"\n")
}

func (h *history) step() {
	switch n := h.rand.IntN(100); {
	case len(h.uploads) == 0 || n < 8:
		h.begin()
	case n < 65:
		h.part()
	case n < 72:
		h.partCopy()
	case n < 90:
		h.complete(n < 76)
	case n < 93:
		h.abort()
	case n < 95:
		h.did("kill")
		h.restart()
	default:
		h.checkParts()
	}
}

func (h *history) begin() {
	key := []string{"k", "dir/k", "dir/sub dir/ü"}[h.rand.IntN(3)]
	id := h.account.begin(key)
	h.uploads[id] = &unfinished{key, map[int][]byte{}}
	h.did("begin %s %s", key, id)
}

// any returns one of the uploads.
func (h *history) any() (id string, u *unfinished) {
	ids := slices.Sorted(maps.Keys(h.uploads))
	id = ids[h.rand.IntN(len(ids))]
	return id, h.uploads[id]
}

// number is mostly the next one.
func (h *history) number(u *unfinished) int {
	if len(u.parts) == 0 || h.rand.IntN(5) == 0 {
		return 1 + h.rand.IntN(6)
	}
	return slices.Max(slices.Collect(maps.Keys(u.parts))) + 1
}

func (h *history) part() {
	id, u := h.any()
	n, size := h.number(u), minPart
	switch h.rand.IntN(5) {
	case 0, 1:
		size += h.rand.IntN(1000)
	case 2:
		size = 1 + h.rand.IntN(100)
	}
	from := h.rand.IntN(minPart)
	body := noise[from : from+size]
	c := h.plain
	if h.rand.IntN(3) == 0 {
		c = h.careful
	}
	h.did("part %d of %s: %d bytes", n, id, size)
	if err := h.account.upload(c, u.key, id, n, body); err != nil {
		h.t.Errorf("UploadPart = %v", err)
	}
	u.parts[n] = body
}

func (h *history) partCopy() {
	id, u := h.any()
	if len(h.objects) == 0 {
		return
	}
	keys := slices.Sorted(maps.Keys(h.objects))
	from := keys[h.rand.IntN(len(keys))]
	body := h.objects[from]
	n, size := h.number(u), min(len(body), minPart+3)
	_, err := h.plain.UploadPartCopy(h.t.Context(), &s3.UploadPartCopyInput{Bucket: aws.String(multi), Key: &u.key, UploadId: &id, PartNumber: aws.Int32(int32(n)),
		CopySource: aws.String(url.PathEscape(multi + "/" + from)), CopySourceRange: aws.String(fmt.Sprintf("bytes=0-%d", size-1))})
	h.did("part %d of %s: %d bytes of %s", n, id, size, from)
	if err != nil {
		h.t.Errorf("UploadPartCopy = %v", err)
	}
	u.parts[n] = body[:size]
}

// complete ends an upload, with all its parts or some, and perhaps kills the child meanwhile.
func (h *history) complete(kill bool) {
	id, u := h.any()
	if len(u.parts) == 0 {
		return
	}
	numbers := slices.Sorted(maps.Keys(u.parts))
	if h.rand.IntN(4) == 0 {
		numbers = slices.DeleteFunc(numbers, func(int) bool { return len(numbers) > 1 && h.rand.IntN(4) == 0 })
	}
	small := slices.ContainsFunc(numbers[:max(0, len(numbers)-1)], func(n int) bool { return len(u.parts[n]) < minPart })
	if len(numbers) == 0 {
		return
	}
	h.did("complete %s with %v, kill %t", id, numbers, kill)
	if kill {
		time.AfterFunc(time.Duration(h.rand.IntN(12))*time.Millisecond, h.g.KillChild)
	}
	body, tag := joined(numbers, u.parts)
	_, err := h.account.complete(h.t.Context(), u.key, id, numbers, u.parts)
	if kill {
		h.restart()
		if _, stat := os.Lstat(h.folder(u.key, id)); err != nil && !small && stat == nil { // a client tries again what it could not finish
			h.whole(u.key, body)
			_, err = h.account.complete(h.t.Context(), u.key, id, numbers, u.parts)
		} else if err != nil && !small {
			err = nil // it was done, and nobody could say so
		}
	}
	switch {
	case small && code(err) == "EntityTooSmall", small && kill && err != nil:
		return
	case err != nil || small:
		h.t.Errorf("CompleteMultipartUpload = %v, want EntityTooSmall: %t", err, small)
		return
	}
	h.objects[u.key], h.tags[u.key] = body, tag
	delete(h.uploads, id)
	h.nothingLeft(u.key, id)
	h.checkObject(u.key)
}

// whole checks that after a crash an object is the one before or the next one.
func (h *history) whole(key string, next []byte) {
	h.t.Helper()
	got, err := os.ReadFile(h.file(key))
	before, was := h.objects[key]
	if bytes.Equal(got, next) || was && bytes.Equal(got, before) || os.IsNotExist(err) && !was {
		return
	}
	h.t.Errorf("after a crash %s has %d bytes (%v), want the %d there were or the %d there will be", key, len(got), err, len(before), len(next))
}

func (h *history) abort() {
	id, u := h.any()
	h.did("abort %s", id)
	if _, err := h.plain.AbortMultipartUpload(h.t.Context(), &s3.AbortMultipartUploadInput{Bucket: aws.String(multi), Key: &u.key, UploadId: &id}); err != nil {
		h.t.Errorf("AbortMultipartUpload = %v", err)
	}
	delete(h.uploads, id)
	h.nothingLeft(u.key, id)
}

func (h *history) checkParts() {
	id, u := h.any()
	out := must[*s3.ListPartsOutput](h.t)(h.plain.ListParts(h.t.Context(), &s3.ListPartsInput{Bucket: aws.String(multi), Key: &u.key, UploadId: &id}))
	if len(out.Parts) != len(u.parts) {
		h.t.Errorf("ListParts has %d parts, want %d", len(out.Parts), len(u.parts))
	}
	for _, p := range out.Parts {
		want := u.parts[int(*p.PartNumber)]
		if *p.Size != int64(len(want)) || *p.ETag != etag(want) {
			h.t.Errorf("part %d has %d bytes and ETag %s, want %d and %s", *p.PartNumber, *p.Size, *p.ETag, len(want), etag(want))
		}
	}
}

func (h *history) checkObjects() {
	listed := map[string]int64{}
	out := must[*s3.ListObjectsV2Output](h.t)(h.plain.ListObjectsV2(h.t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(multi)}))
	for _, o := range out.Contents {
		listed[*o.Key] = *o.Size
	}
	if len(listed) != len(h.objects) {
		h.t.Errorf("the bucket lists %v, want %d objects", listed, len(h.objects))
	}
	for key, body := range h.objects {
		if listed[key] != int64(len(body)) {
			h.t.Errorf("%s is listed with %d bytes, want %d", key, listed[key], len(body))
		}
		h.checkObject(key)
	}
}

func (h *history) checkObject(key string) {
	h.t.Helper()
	body := h.objects[key]
	out := must[*s3.GetObjectOutput](h.t)(h.plain.GetObject(h.t.Context(), &s3.GetObjectInput{Bucket: aws.String(multi), Key: &key}))
	defer func() { _ = out.Body.Close() }()
	if got := must[[]byte](h.t)(io.ReadAll(out.Body)); !bytes.Equal(got, body) || *out.ETag != h.tags[key] {
		h.t.Errorf("%s has %d bytes and ETag %s, want %d and %s", key, len(got), *out.ETag, len(body), h.tags[key])
	}
	from := h.rand.IntN(len(body))
	to := from + h.rand.IntN(len(body)-from)
	if got := content(h.t, h.plain, multi, key, fmt.Sprintf("bytes=%d-%d", from, to)); got != string(body[from:to+1]) {
		h.t.Errorf("bytes %d-%d of %s are not those of its parts", from, to, key)
	}
}

// A completion that is refused leaves the upload as it was: it can get more parts and be completed.
func TestRefusedCompletion(t *testing.T) {
	a := newAccount(t)
	const key = "k"
	put(t, a.plain, multi, key, "as it was")
	id, parts := a.begin(key), map[int][]byte{1: noise[:minPart+3], 2: noise[5 : minPart+9], 3: noise[2:1000]}
	for _, n := range []int{2, 1} {
		if err := a.upload(a.plain, key, id, n, parts[n]); err != nil {
			t.Fatal(err)
		}
	}
	list := &types.CompletedMultipartUpload{}
	for n := range 2 {
		list.Parts = append(list.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(n + 1)), ETag: aws.String(etag(parts[n+1]))})
	}
	_, err := a.plain.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: aws.String(multi), Key: aws.String(key), UploadId: &id, MultipartUpload: list, IfNoneMatch: aws.String("*")})
	if code(err) != "PreconditionFailed" {
		t.Errorf("CompleteMultipartUpload of what is there = %v, want PreconditionFailed", err)
	}
	if _, err := a.complete(t.Context(), key, id, []int{1, 2}, map[int][]byte{1: parts[2], 2: parts[1]}); code(err) != "InvalidPart" {
		t.Errorf("CompleteMultipartUpload with other ETags = %v, want InvalidPart", err)
	}
	if got := content(t, a.plain, multi, key); got != "as it was" {
		t.Errorf("the object has %d bytes now", len(got))
	}
	if err := a.upload(a.plain, key, id, 3, parts[3]); err != nil {
		t.Fatal(err)
	}
	must[*s3.CompleteMultipartUploadOutput](t)(a.complete(t.Context(), key, id, []int{1, 2, 3}, parts))
	body, _ := joined([]int{1, 2, 3}, parts)
	if got := content(t, a.plain, multi, key); got != string(body) {
		t.Errorf("the object has %d bytes, want the %d of the parts", len(got), len(body))
	}
}

// A part that is still coming when its upload is completed fails, and what it writes reaches no object.
func TestLatePart(t *testing.T) {
	a := newAccount(t)
	const key = "k"
	id, parts := a.begin(key), map[int][]byte{2: noise[5 : minPart+9], 3: noise[2:1000]}
	late, more := io.Pipe()
	c, creds := a.g.Client(keys[0].Account)
	defer c.CloseIdleConnections()
	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "PUT", gateway.Endpoint+"/"+multi+"/"+key+"?partNumber=1&uploadId="+id, late))
	r.ContentLength = minPart
	r.Header.Set("X-Amz-Content-Sha256", auth.UnsignedPayload)
	if err := v4.NewSigner().SignHTTP(t.Context(), must[aws.Credentials](t)(creds.Retrieve(t.Context())), r, auth.UnsignedPayload, "s3", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	answer := make(chan *http.Response, 1)
	go func() {
		res, err := c.Do(r)
		if err != nil { // a server may hang up on a body that it does not want
			t.Logf("the late part: %v", err)
		}
		answer <- res
	}()
	must[int](t)(more.Write(noise[:minPart/2]))
	for n := range parts {
		if err := a.upload(a.plain, key, id, n, parts[n]); err != nil {
			t.Fatal(err)
		}
	}
	must[*s3.CompleteMultipartUploadOutput](t)(a.complete(t.Context(), key, id, []int{2, 3}, parts))
	go func() {
		_, _ = more.Write(noise[minPart/2 : minPart])
		_ = more.Close()
	}()
	if res := <-answer; res != nil {
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("the late part was answered with %s, want 404", res.Status)
		}
		_ = res.Body.Close()
	}
	body, _ := joined([]int{2, 3}, parts)
	if got := content(t, a.plain, multi, key); got != string(body) {
		t.Errorf("the object has %d bytes, want the %d of the parts", len(got), len(body))
	}
	a.nothingLeft(key, id)
}
