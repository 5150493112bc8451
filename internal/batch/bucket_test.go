package batch

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// A bucket is a blob.Driver in memory with S3's rules: ETags are MD5 sums, parts but the last have a least
// size. fail, if not nil, is asked before each call; what it returns is the call's answer. after is asked when
// the call has been done, for answers that get lost on the way.
type bucket struct {
	minPart     int64
	fail, after func(call string) error

	mu      sync.Mutex
	objects map[string]object
	uploads map[string]map[int][]byte // by upload
	begun   int
	calls   atomic.Int64
}

// testPart is the least size of a part in tests, in bytes.
const testPart = 4 << 10

type object struct {
	data []byte
	etag string
	kms  string
}

func newBucket() *bucket {
	return &bucket{minPart: testPart, objects: map[string]object{}, uploads: map[string]map[int][]byte{}}
}

// Bucket implements blob.Buckets: the bucket "b" exists.
func (b *bucket) Bucket(_ context.Context, name string) (blob.Driver, error) {
	if name != "b" {
		return nil, fault.Newf(fault.NotFound, "There is no bucket %s.", name)
	}
	return b, nil
}

// call does one call under the lock.
func (b *bucket) call(ctx context.Context, name string, do func() error) error {
	b.calls.Add(1)
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.fail != nil {
		if err := b.fail(name); err != nil {
			return err
		}
	}
	b.mu.Lock()
	err := do()
	b.mu.Unlock()
	if err == nil && b.after != nil {
		return b.after(name)
	}
	return err
}

func missing(key string) error { return fault.Newf(fault.NotFound, "There is no object %s.", key) }

func (b *bucket) Open(ctx context.Context, key string, off, n int64) (r io.ReadCloser, err error) {
	err = b.call(ctx, "Open", func() error {
		o, ok := b.objects[key]
		if !ok {
			return missing(key)
		}
		data := o.data[min(off, int64(len(o.data))):]
		if n >= 0 {
			data = data[:min(n, int64(len(data)))]
		}
		r = io.NopCloser(bytes.NewReader(data))
		return nil
	})
	return r, err
}

func (b *bucket) Stat(ctx context.Context, key string) (i blob.Info, err error) {
	err = b.call(ctx, "Stat", func() error {
		o, ok := b.objects[key]
		if !ok {
			return missing(key)
		}
		i = blob.Info{Key: key, Size: int64(len(o.data)), ETag: o.etag}
		return nil
	})
	return i, err
}

func (b *bucket) Put(ctx context.Context, key string, r io.Reader, o blob.Options) (blob.Info, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return blob.Info{}, err
	}
	etag := fmt.Sprintf("%x", md5.Sum(data))
	err = b.call(ctx, "Put", func() error {
		b.objects[key] = object{data, etag, o.KMSKey}
		return nil
	})
	return blob.Info{Key: key, Size: int64(len(data)), ETag: etag}, err
}

func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		var infos []blob.Info
		err := b.call(ctx, "List", func() error {
			for _, key := range slices.Sorted(maps.Keys(b.objects)) {
				if o := b.objects[key]; strings.HasPrefix(key, prefix) {
					infos = append(infos, blob.Info{Key: key, Size: int64(len(o.data)), ETag: o.etag})
				}
			}
			return nil
		})
		if err != nil {
			yield(blob.Info{}, err)
			return
		}
		for _, i := range infos {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func (b *bucket) Delete(ctx context.Context, key string) error {
	return b.call(ctx, "Delete", func() error {
		delete(b.objects, key)
		return nil
	})
}

func (b *bucket) Begin(ctx context.Context, key string, o blob.Options) (id string, err error) {
	err = b.call(ctx, "Begin", func() error {
		b.begun++
		id = fmt.Sprintf("%d %s %s", b.begun, key, o.KMSKey)
		b.uploads[id] = map[int][]byte{}
		return nil
	})
	return id, err
}

func (b *bucket) Upload(ctx context.Context, key, upload string, n int, data []byte) (p blob.Part, err error) {
	p = blob.Part{Number: n, Size: int64(len(data)), ETag: fmt.Sprintf("%x", md5.Sum(data))}
	err = b.call(ctx, "Upload", func() error {
		if b.uploads[upload] == nil {
			return fault.Newf(fault.NotFound, "There is no upload %s.", upload)
		}
		if n < 1 || n > maxParts {
			return fmt.Errorf("part number %d", n)
		}
		b.uploads[upload][n] = bytes.Clone(data)
		return nil
	})
	return p, err
}

func (b *bucket) Complete(ctx context.Context, key, upload string, parts []blob.Part) error {
	return b.call(ctx, "Complete", func() error {
		u := b.uploads[upload]
		if u == nil {
			return fault.Newf(fault.NotFound, "There is no upload %s.", upload)
		}
		var whole []byte
		for i, p := range parts {
			if fmt.Sprintf("%x", md5.Sum(u[p.Number])) != p.ETag || int64(len(u[p.Number])) != p.Size {
				return fmt.Errorf("part %d is not what was uploaded", p.Number)
			}
			if i > 0 && p.Number <= parts[i-1].Number {
				return fmt.Errorf("part %d is not in order", p.Number)
			}
			if i < len(parts)-1 && p.Size < b.minPart {
				return fmt.Errorf("part %d of %d has only %d bytes", i, len(parts), p.Size)
			}
			whole = append(whole, u[p.Number]...)
		}
		words := strings.Split(upload, " ")
		b.objects[key] = object{whole, compositeETag(parts), words[2]}
		delete(b.uploads, upload)
		return nil
	})
}

func (b *bucket) Abort(ctx context.Context, key, upload string) error {
	return b.call(ctx, "Abort", func() error {
		delete(b.uploads, upload)
		return nil
	})
}

// text returns an object, "" if there is none.
func (b *bucket) text(key string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.objects[key].data)
}

func (b *bucket) keys() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.objects))
}

func (b *bucket) set(key, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.objects[key] = object{data: []byte(text), etag: fmt.Sprintf("%x", md5.Sum([]byte(text)))}
}
