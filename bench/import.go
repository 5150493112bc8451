package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/driver/fs"
)

// rounds is how often the import runs; the median counts.
const rounds = 5

// oneBucket serves every bucket name from one folder.
type oneBucket struct{ blob.Driver }

func (b oneBucket) Bucket(context.Context, string) (blob.Driver, error) { return b.Driver, nil }

// benchImport reads the MovieLens-1M interactions from a folder into a segment, on one processor.
func benchImport(ctx context.Context, data string) error {
	csv, schema, err := movielens(data)
	if err != nil {
		return err
	}
	parsed, err := dataset.ParseSchema(schema, "")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kindred-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := fs.New(dir)
	if err != nil {
		return err
	}
	if _, err := store.Put(ctx, "interactions.csv", bytes.NewReader(csv), blob.Options{}); err != nil {
		return err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	im := &dataset.Importer{Buckets: oneBucket{store}, Own: store, Scratch: dir}
	var took []time.Duration
	var rows int64
	for range rounds {
		began := time.Now()
		seg, err := im.Import(ctx, dataset.Order{Name: "bench", Location: "s3://bench/interactions.csv", Schema: parsed, Key: "segment"})
		if err != nil {
			return err
		}
		took, rows = append(took, time.Since(began)), seg.Rows
	}
	slices.Sort(took)
	median := took[rounds/2]
	fmt.Printf("import of MovieLens-1M, one processor: %d rows in %v (median of %d): %.0f rows/s; bound 500000\n",
		rows, median.Round(time.Millisecond), rounds, float64(rows)/median.Seconds())
	return nil
}
