package als

import (
	"context"
	"sync"
	"sync/atomic"
)

// Spread calls do for every range [lo,hi) of at most size in 0..n-1, on at most threads goroutines. It
// stops handing out ranges when ctx is cancelled and then returns its error. Ranges do not depend on
// threads, so work that writes only its own range has the same result with any number.
func Spread(ctx context.Context, threads, n, size int, do func(lo, hi int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range max(1, threads) {
		wg.Go(func() {
			for ctx.Err() == nil {
				lo := int(next.Add(1)-1) * size
				if lo >= n {
					return
				}
				do(lo, min(lo+size, n))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}
