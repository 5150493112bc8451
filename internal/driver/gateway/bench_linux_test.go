package gateway_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/driver/gateway"
	"github.com/kindredrec/kindred/internal/driver/s3"
)

// BenchmarkUpload uploads an object in parts one after the other, as batch jobs do, and tells the child's processor time.
func BenchmarkUpload(b *testing.B) {
	g, err := gateway.Start(b.Context(), gateway.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	c, creds := g.Client(keys[0].Account)
	defer c.CloseIdleConnections()
	store := s3.New(s3.Config{Endpoint: gateway.Endpoint, Region: g.Region(), Credentials: creds, HTTPClient: c, Private: true})
	if err := store.CreateBucket(b.Context(), multi); err != nil {
		b.Fatal(err)
	}
	bucket, err := store.Bucket(b.Context(), multi)
	if err != nil {
		b.Fatal(err)
	}
	for _, parts := range []int{4, 64} { // of 16 MiB, the size of batch jobs' parts
		b.Run(fmt.Sprintf("parts=%d", parts), func(b *testing.B) {
			data := make([]byte, 16<<20+777)
			b.SetBytes(int64(parts * len(data)))
			before := childTime(b)
			for b.Loop() {
				send(b, bucket, parts, data)
			}
			took := childTime(b) - before
			b.ReportMetric(took.Seconds()*1e9/float64(b.N*parts*len(data)), "s/GB")
		})
	}
}

func send(b *testing.B, bucket blob.Driver, parts int, data []byte) {
	const key = "k"
	id, err := bucket.Begin(b.Context(), key, blob.Options{})
	if err != nil {
		b.Fatal(err)
	}
	sent := make([]blob.Part, parts)
	for n := range sent {
		if sent[n], err = bucket.Upload(b.Context(), key, id, n+1, data); err != nil {
			b.Fatal(err)
		}
	}
	if err := bucket.Complete(b.Context(), key, id, sent); err != nil {
		b.Fatal(err)
	}
}

// childTime is the processor time of the child so far, in ticks of 10 ms.
func childTime(b *testing.B) (all time.Duration) {
	b.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, child := range strings.Fields(string(children)) {
			stat, err := os.ReadFile("/proc/" + child + "/stat")
			if err != nil {
				b.Fatal(err)
			}
			_, numbers, _ := strings.Cut(string(stat), ") ")
			var skipped string
			var user, system int64
			if _, err := fmt.Sscan(numbers, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &skipped, &user, &system); err != nil {
				b.Fatal(err)
			}
			all += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return all
}
