package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// attributesDir is the folder of an object's attributes in that of what is kept beside it.
const attributesDir = "meta"

// calls is how many requests may be at the disk at a time.
const calls = 256

// A store is the backend with multipart uploads that become an object without a copy of all bytes: see assembly. It
// works below the current directory, as the backend does.
type store struct {
	*posix.Posix
	meta       string // folder of what S3 keeps beside the objects
	attributes meta.SideCar
	slots      chan struct{} // one is taken by each request that is not left to the backend, which counts the others

	mu   sync.Mutex
	open map[string]*assembly // by folder of the upload: those that requests have touched and that are unfinished
}

// newStore opens the backend over the folders of a configuration, after clearing up what a child before left behind.
func newStore(cfg config) (*store, error) {
	if err := sweep(cfg.Objects, cfg.Meta, abandonedAfter); err != nil {
		fmt.Fprintln(os.Stderr, "clearing up uploads:", err) // the next start tries again
	}
	attributes, err := meta.NewSideCar(cfg.Meta)
	if err != nil {
		return nil, err
	}
	opts := posix.PosixOpts{SideCarDir: cfg.Meta, CopyObjectThreshold: largestCopy, Concurrency: calls}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	backend, err := posix.New(cfg.Objects, attributes, opts)
	if err != nil {
		return nil, err
	}
	return &store{Posix: backend, meta: cfg.Meta, attributes: attributes, slots: make(chan struct{}, calls), open: map[string]*assembly{}}, nil
}

// enter takes a slot and returns what gives it back.
func (s *store) enter(ctx context.Context) (leave func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// UploadPart implements backend.Backend. The backend checks the part and writes it to a file without a name; before that
// gets its name, the bytes go to where they belong in the object.
func (s *store) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	if err := known(in.UploadId); err != nil {
		return nil, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s.plainPart(in) {
		return s.uploadPlain(in)
	}
	var under *assembly
	out, err := s.UploadPartWithPostFunc(ctx, in, func(f *os.File) error {
		under = s.assembly(uploadDir(*in.Bucket, *in.Key, *in.UploadId))
		under.making.RLock() // until the part has its name
		return under.take(int(*in.PartNumber), f)
	})
	if under != nil {
		under.making.RUnlock()
	}
	return out, err
}

// CompleteMultipartUpload implements backend.Backend.
func (s *store) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (res s3response.CompleteMultipartUploadResult, version string, err error) {
	if err := known(in.UploadId); err != nil {
		return res, "", err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return res, "", err
	}
	defer leave()
	if in.Bucket == nil || in.Key == nil || in.UploadId == nil || in.MultipartUpload == nil {
		return s.CompleteMultipartUploadWithCopy(ctx, in, nil) // says what is missing
	}
	dir := uploadDir(*in.Bucket, *in.Key, *in.UploadId)
	under := s.assembly(dir)
	under.making.Lock()
	defer under.making.Unlock()
	m := making{under: under}
	for _, p := range in.MultipartUpload.Parts {
		m.numbers = append(m.numbers, int(aws.ToInt32(p.PartNumber)))
	}
	defer s.forget(dir)
	defer under.turn()
	defer func() { m.end(recover(), &err) }()
	return s.CompleteMultipartUploadWithCopy(ctx, in, m.add)
}

// AbortMultipartUpload implements backend.Backend.
func (s *store) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	if err := known(in.UploadId); err != nil {
		return err
	}
	if in.Bucket == nil || in.Key == nil || in.UploadId == nil {
		return s.Posix.AbortMultipartUpload(ctx, in)
	}
	dir := uploadDir(*in.Bucket, *in.Key, *in.UploadId)
	under := s.assembly(dir)
	under.making.Lock()
	defer under.making.Unlock()
	defer s.forget(dir)
	defer under.turn()
	return s.Posix.AbortMultipartUpload(ctx, in)
}

// assembly returns that of the upload in dir.
func (s *store) assembly(dir string) *assembly {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.open[dir]
	if a == nil {
		a = &assembly{dir: dir}
		s.open[dir] = a
	}
	return a
}

// forget drops what is kept of the upload in dir if the upload is gone. The backend leaves behind what it kept beside
// the parts.
func (s *store) forget(dir string) {
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		return
	}
	s.mu.Lock()
	delete(s.open, dir)
	s.mu.Unlock()
	_ = os.RemoveAll(filepath.Join(s.meta, dir)) // what stays is swept at the next start
}

// uploadDir is where the backend keeps the parts of an upload.
func uploadDir(bucket, key, upload string) string {
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(bucket, posix.MetaTmpMultipartDir, hex.EncodeToString(sum[:]), upload)
}
