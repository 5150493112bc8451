package batch

import (
	"testing"

	"github.com/kindredrec/kindred/internal/blob"
)

// Shards are as large as a part when there is much output, smaller when there is less, and never so small that half of
// what was expected makes no part.
func TestAim(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		output, part, width int
		want                float64
	}{
		{output: 22 * mib, part: 16 * mib, width: 3, want: 2 * blob.MinPart},
		{output: 600 * mib, part: 16 * mib, width: 3, want: 12.5 * mib},
		{output: 6000 * mib, part: 16 * mib, width: 3, want: 16 * mib},
		{output: 6000 * mib, part: 16 * mib, width: 65, want: 2 * blob.MinPart},
		{output: 22 * mib, part: blob.MinPart, width: 3, want: blob.MinPart},
	} {
		cfg := Config{PartBytes: c.part, Width: c.width}.withDefaults()
		j := &work{cfg: cfg, part: cfg.PartBytes, minPart: cfg.minPart}
		if got := j.aim(float64(c.output)); got != c.want {
			t.Errorf("%d MiB of output, parts of %d MiB, %d at a time: a shard aims at %g bytes, want %g", c.output/mib, c.part/mib, c.width, got, c.want)
		}
	}
}
