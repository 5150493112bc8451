package topk

import (
	"context"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

func TestKeyOrder(t *testing.T) {
	scores := []float32{float32(math.Inf(1)), 3, 1, math.SmallestNonzeroFloat32, 0, -math.SmallestNonzeroFloat32, -1, float32(math.Inf(-1))}
	for k := 1; k < len(scores); k++ {
		if a, b := Make(scores[k-1], 7), Make(scores[k], 1); a <= b {
			t.Errorf("Make(%v) <= Make(%v)", scores[k-1], scores[k])
		}
	}
	if Make(1, 3) <= Make(1, 4) {
		t.Error("of equal scores the lower index must be better")
	}
	if a, b := Make(float32(math.Copysign(0, -1)), 3), Make(0, 3); a != b {
		t.Errorf("Make(-0) = %x, want %x", a, b)
	}
	for _, s := range scores {
		if k := Make(s, 12345); k.Score() != s || k.Index() != 12345 {
			t.Errorf("Make(%v, 12345) reads back as %v, %d", s, k.Score(), k.Index())
		}
	}
}

// slow is the obvious way: score everything, sort everything.
func slow(m *Matrix, j *Job, k int) (items []int32, sum float64) {
	type pair struct {
		s float32
		i int32
	}
	var all []pair
	for i := range m.N {
		if j.Allow == nil || j.Allow.Has(i) {
			s := m.Score(j, i)
			all = append(all, pair{s, int32(i)})
			sum += math.Exp(float64(s))
		}
	}
	sort.Slice(all, func(a, b int) bool {
		return all[a].s > all[b].s || all[a].s == all[b].s && all[a].i < all[b].i
	})
	for _, p := range all[:min(k, len(all))] {
		items = append(items, p.i)
	}
	return items, sum
}

// FuzzScan compares Scan with sorting everything, on small integer factors so that ties are common.
func FuzzScan(f *testing.F) {
	f.Add(uint64(1), uint16(200), uint8(10), true)
	f.Add(uint64(2), uint16(64), uint8(0), false)
	f.Add(uint64(3), uint16(1), uint8(200), true)
	f.Fuzz(func(t *testing.T, seed uint64, n16 uint16, k8 uint8, filter bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		n, k := int(n16)%700, int(k8)
		m := &Matrix{N: n, Stride: 16, Rows: make([]float32, n*16), Bias: make([]float32, n)}
		for i := range m.Rows {
			m.Rows[i] = float32(r.IntN(3) - 1)
		}
		for i := range m.Bias {
			m.Bias[i] = float32(r.IntN(2))
		}
		jobs := make([]Job, 3)
		for j := range jobs {
			jobs[j].Vector = make([]float64, 16)
			for i := range 3 {
				jobs[j].Vector[i] = float64(r.IntN(3) - 1)
			}
			jobs[j].Weight = float32(r.IntN(2))
			if filter {
				jobs[j].Allow = bitset.New(n)
				for i := range n {
					if r.IntN(3) == 0 {
						jobs[j].Allow.Add(i)
					}
				}
			}
			jobs[j].Best.Reset(k)
		}
		if err := Scan(context.Background(), m, jobs); err != nil {
			t.Fatal(err)
		}
		for j := range jobs {
			want, sum := slow(m, &jobs[j], k)
			got := jobs[j].Best.Sorted()
			if len(got) != len(want) {
				t.Fatalf("job %d: %d items, want %d", j, len(got), len(want))
			}
			for r := range want {
				if got[r].Index() != want[r] {
					t.Fatalf("job %d rank %d: item %d, want %d", j, r, got[r].Index(), want[r])
				}
			}
			if jobs[j].Sum != sum {
				t.Fatalf("job %d: Sum = %v, want %v", j, jobs[j].Sum, sum)
			}
		}
	})
}

func TestScanStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := &Matrix{N: 1, Stride: 16, Rows: make([]float32, 16), Bias: make([]float32, 1)}
	if err := Scan(ctx, m, make([]Job, 1)); err != context.Canceled {
		t.Errorf("Scan = %v, want %v", err, context.Canceled)
	}
}
