// Package mem keeps objects in memory: for tests, and as the plainest implementation of blob.Driver.
package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// A Bucket is a blob.Driver in memory. Its memory is what was put into it.
type Bucket struct {
	mu      sync.Mutex
	objects map[string]object
	uploads map[string]*upload
	last    int // number of the newest ETag or upload
}

type object struct {
	blob.Info
	data []byte
}

type upload struct {
	key   string
	parts map[int]object
}

var _ blob.Driver = (*Bucket)(nil)

// New returns an empty bucket.
func New() *Bucket {
	return &Bucket{objects: map[string]object{}, uploads: map[string]*upload{}}
}

func (b *Bucket) find(key string) (object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.objects[key]
	if !ok {
		return object{}, fault.Newf(fault.NotFound, "There is no object %s.", key)
	}
	return o, nil
}

// Open is blob.Driver's.
func (b *Bucket) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := b.find(key)
	if err != nil {
		return nil, err
	}
	rest := o.data[min(off, o.Size):]
	if n >= 0 {
		rest = rest[:min(n, int64(len(rest)))]
	}
	return io.NopCloser(bytes.NewReader(rest)), nil
}

// Stat is blob.Driver's.
func (b *Bucket) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := ctx.Err(); err != nil {
		return blob.Info{}, err
	}
	o, err := b.find(key)
	return o.Info, err
}

// Put is blob.Driver's.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, _ blob.Options) (blob.Info, error) {
	data, err := io.ReadAll(r)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return blob.Info{}, fmt.Errorf("put %s: %w", key, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.object(key, data)
	b.objects[key] = o
	return o.Info, nil
}

// object gives data a name and an ETag of its own; the caller holds the lock.
func (b *Bucket) object(key string, data []byte) object {
	b.last++
	return object{blob.Info{Key: key, Size: int64(len(data)), ETag: fmt.Sprintf("%08x", b.last), Modified: time.Now()}, data}
}

// List is blob.Driver's: the objects that were there when it began.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		b.mu.Lock()
		objects := maps.Clone(b.objects)
		b.mu.Unlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(blob.Info{}, err)
				return
			}
			if strings.HasPrefix(key, prefix) && !yield(objects[key].Info, nil) {
				return
			}
		}
	}
}

// Delete is blob.Driver's.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.objects, key)
	return ctx.Err()
}

// Begin is blob.Driver's.
func (b *Bucket) Begin(ctx context.Context, key string, _ blob.Options) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	id := fmt.Sprint(b.last)
	b.uploads[id] = &upload{key: key, parts: map[int]object{}}
	return id, ctx.Err()
}

// upload returns an upload; the caller holds the lock.
func (b *Bucket) upload(key, id string) (*upload, error) {
	up := b.uploads[id]
	if up == nil || up.key != key {
		return nil, fault.Newf(fault.NotFound, "There is no upload %s of the object %s.", id, key)
	}
	return up, nil
}

// Upload is blob.Driver's.
func (b *Bucket) Upload(ctx context.Context, key, id string, n int, data []byte) (blob.Part, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	up, err := b.upload(key, id)
	if err != nil {
		return blob.Part{}, err
	}
	o := b.object(key, bytes.Clone(data))
	up.parts[n] = o
	return blob.Part{Number: n, ETag: o.ETag, Size: o.Size}, ctx.Err()
}

// Complete is blob.Driver's.
func (b *Bucket) Complete(ctx context.Context, key, id string, parts []blob.Part) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	up, err := b.upload(key, id)
	if err != nil {
		return err
	}
	var data []byte
	for _, p := range parts {
		o, ok := up.parts[p.Number]
		if !ok || o.ETag != p.ETag {
			return fault.Newf(fault.Invalid, "The upload of %s has no part %d with ETag %s.", key, p.Number, p.ETag)
		}
		data = append(data, o.data...)
	}
	delete(b.uploads, id)
	b.objects[key] = b.object(key, data)
	return nil
}

// Abort is blob.Driver's.
func (b *Bucket) Abort(ctx context.Context, key, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if up := b.uploads[id]; up != nil && up.key == key {
		delete(b.uploads, id)
	}
	return ctx.Err()
}
