package fs

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/blob"
)

// List is blob.Driver's. It holds the names of one folder of each level in memory.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		folder := prefix[:strings.LastIndexByte(prefix, '/')+1]
		b.walk(ctx, folder, prefix, yield)
	}
}

// walk yields the objects of a folder ("" or with a slash at the end) and reports whether to go on.
//
// Keys are ordered by their bytes, and a folder's keys all begin with its name and a slash; so a
// folder is sorted as if the slash were part of its name.
func (b *Bucket) walk(ctx context.Context, folder, prefix string, yield func(blob.Info, error) bool) bool {
	entries, err := os.ReadDir(filepath.Join(b.dir, filepath.FromSlash(folder)))
	if err == nil || isMissing(err) {
		err = ctx.Err()
	}
	if err != nil {
		yield(blob.Info{}, fmt.Errorf("list %s: %w", prefix, err))
		return false
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := folder + e.Name()
		if e.IsDir() {
			name += "/"
		}
		if name != private+"/" && (strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if !b.visit(ctx, name, prefix, yield) {
			return false
		}
	}
	return true
}

func (b *Bucket) visit(ctx context.Context, name, prefix string, yield func(blob.Info, error) bool) bool {
	if strings.HasSuffix(name, "/") {
		return b.walk(ctx, name, prefix, yield)
	}
	info, err := os.Stat(b.Path(name))
	if isMissing(err) || err == nil && !info.Mode().IsRegular() || !strings.HasPrefix(name, prefix) {
		return true // deleted since its folder was read, or never an object
	}
	if err != nil {
		yield(blob.Info{}, fmt.Errorf("list %s: %w", prefix, err))
		return false
	}
	return yield(describe(name, info), nil)
}
