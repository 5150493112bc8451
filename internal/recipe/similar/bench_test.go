package similar_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/recipe/recipetest"
	"github.com/kindredrec/kindred/internal/recipe/similar"
)

var interactions = flag.String("interactions", "", "CSV file of interactions for BenchmarkTrain; made up without")

// crowd is made-up interactions: 2,000 users with 30 of 5,000 items, a few of which most like.
func crowd() *recipe.Data {
	rng := rand.New(rand.NewPCG(1, 2))
	var events []recipetest.Event
	for u := range 2000 {
		for k := range 30 {
			i := int(5000 * rng.Float64() * rng.Float64() * rng.Float64())
			events = append(events, recipetest.Event{User: fmt.Sprint(u), Item: fmt.Sprint(i), Time: int64(k)})
		}
	}
	return recipetest.Build(events)
}

// BenchmarkTrain reports, beside time, the most memory that the heap held over what it held before.
func BenchmarkTrain(b *testing.B) {
	d := crowd()
	if *interactions != "" {
		events, err := recipetest.ReadEvents(*interactions)
		if err != nil {
			b.Fatal(err)
		}
		d = recipetest.Build(events)
	}
	for _, r := range []recipe.Recipe{similar.Sims(), similar.Items()} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprintf("%s/threads=%d", r.Info().Name, threads), func(b *testing.B) {
				params, err := recipe.Resolve(r.Info(), nil, nil)
				if err != nil {
					b.Fatal(err)
				}
				path := filepath.Join(b.TempDir(), "m")
				peak, began := watchHeap(), processor(b)
				for b.Loop() {
					w, err := artifact.Create(path)
					if err != nil {
						b.Fatal(err)
					}
					order := recipe.Training{Data: d, Params: params, Threads: threads, Out: w, Log: slog.New(slog.DiscardHandler)}
					if err := r.Train(context.Background(), order); err != nil {
						b.Fatal(err)
					}
					w.Discard()
				}
				b.ReportMetric(float64((processor(b)-began).Milliseconds())/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(peak())/1e6, "peak-MB")
			})
		}
	}
	runtime.KeepAlive(d)
}

// watchHeap follows how much the heap grows until the returned function is called, which says how much it was.
func watchHeap() (grown func() uint64) {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			peak.Store(max(peak.Load(), now.HeapAlloc))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		return peak.Load() - min(peak.Load(), before.HeapAlloc)
	}
}

// processor is how long this process has computed.
func processor(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
