package gateway

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/crc64nvme"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
)

// The names under which the backend keeps what it needs of a part to complete an upload.
const (
	etagAttribute      = "etag"
	crcAttribute       = "part-crc64nvme"
	checksumsAttribute = "checksums" // of an upload that was begun with an algorithm
)

// plainPart reports whether a part can be written to its assembly as it comes: all that is asked for is its ETag.
// Others go through the backend, which compares them with the checksums that came with them.
func (s *store) plainPart(in *s3.UploadPartInput) bool {
	if in.Bucket == nil || in.Key == nil || in.UploadId == nil || aws.ToInt64(in.ContentLength) < noteSize || hasChecksum(in) {
		return false
	}
	if r, ok := in.Body.(middlewares.ChecksumReader); ok && r.Algorithm() != "" {
		return false
	}
	dir := uploadDir(*in.Bucket, *in.Key, *in.UploadId)
	if _, err := os.Stat(dir); err != nil {
		return false // the backend says what is missing
	}
	_, err := os.Stat(filepath.Join(s.meta, dir, attributesDir, checksumsAttribute))
	return errors.Is(err, fs.ErrNotExist)
}

// hasChecksum reports whether a member named Checksum… is set.
func hasChecksum(in *s3.UploadPartInput) bool {
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		if strings.HasPrefix(v.Type().Field(i).Name, "Checksum") && !v.Field(i).IsZero() {
			return true
		}
	}
	return false
}

// uploadPlain writes a part to its assembly as it comes. It takes one buffer of memory.
func (s *store) uploadPlain(in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	a := s.assembly(uploadDir(*in.Bucket, *in.Key, *in.UploadId))
	n, size := int(*in.PartNumber), *in.ContentLength
	p, turn, err := a.reserve(n, size)
	if err != nil {
		return nil, a.explain(err)
	}
	w := &writer{a: a, turn: turn, at: p.off, md5: md5.New(), crc: crc64nvme.New()}
	err = w.copy(in.Body, size)
	if err == nil {
		err = w.name(s, n, p)
	}
	if err != nil {
		a.release(p)
		_, _ = io.Copy(io.Discard, in.Body) // so that the connection can go on
		return nil, a.explain(err)
	}
	return &s3.UploadPartOutput{ETag: aws.String(w.etag())}, nil
}

// explain says what a failure means to the client.
func (a *assembly) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s3err.GetNoSuchUploadErr(filepath.Base(a.dir))
	case errors.Is(err, syscall.EDQUOT):
		return s3err.GetAPIError(s3err.ErrQuotaExceeded)
	case errors.Is(err, syscall.ENOSPC):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	}
	return err
}

// A writer writes one part.
type writer struct {
	a        *assembly
	turn     int // of the assembly, when the part got its place
	at       int64
	md5, crc hash.Hash
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// copy writes size bytes from r.
func (w *writer) copy(r io.Reader, size int64) error {
	to, err := w.a.file()
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for left := size; left > 0; {
		n, err := io.ReadFull(r, (*buf)[:min(left, int64(len(*buf)))])
		if err != nil {
			return incomplete(err)
		}
		if err := w.write(to, (*buf)[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return drained(r)
}

// incomplete is what the end of a body before its length means.
func incomplete(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return err
}

// drained reads the end of a body, where its hash is compared.
func drained(r io.Reader) error {
	var b [1]byte
	n, err := io.ReadFull(r, b[:])
	if n > 0 {
		return s3err.GetAPIError(s3err.ErrInvalidRequest)
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (w *writer) write(to *os.File, b []byte) error {
	w.md5.Write(b)
	w.crc.Write(b)
	w.a.making.RLock()
	defer w.a.making.RUnlock()
	if err := w.a.still(w.turn); err != nil {
		return err
	}
	n, err := to.WriteAt(b, w.at)
	w.at += int64(n)
	return err
}

func (w *writer) etag() string { return `"` + hex.EncodeToString(w.md5.Sum(nil)) + `"` }

// name makes the part known to the backend.
func (w *writer) name(s *store, n int, p place) error {
	w.a.making.RLock()
	defer w.a.making.RUnlock()
	if err := w.a.still(w.turn); err != nil {
		return err
	}
	f, err := os.CreateTemp(w.a.dir, "standin-")
	if err != nil {
		return err
	}
	if err := errors.Join(stand(f, p), f.Close()); err != nil {
		return err
	}
	file := filepath.Join(w.a.dir, strconv.Itoa(n))
	bucket, object, _ := strings.Cut(file, "/")
	if err := s.attributes.StoreAttribute(nil, bucket, object, etagAttribute, []byte(w.etag())); err != nil {
		return err
	}
	crc := base64.StdEncoding.EncodeToString(w.crc.Sum(nil))
	if err := s.attributes.StoreAttribute(nil, bucket, object, crcAttribute, []byte(crc)); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
