package topk

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// drawKeys draws keys of scores of any kind, some of them equal.
func drawKeys(t *rapid.T, most int) []Key {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	kind, n := rapid.IntRange(0, kinds-1).Draw(t, "kind"), rapid.IntRange(1, most).Draw(t, "n")
	keys := make([]Key, n)
	for k, i := range r.Perm(n) {
		keys[k] = Make(draw(r, kind), int32(i))
	}
	return keys
}

// Whatever the keys are, at least as many as asked for exceed a threshold.
func TestThresholdLeavesEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, 2000)
		n := rapid.IntRange(1, len(keys)).Draw(t, "wanted")
		edge := threshold(keys, n, slices.Min(keys).Score(), slices.Max(keys).Score())
		above := 0
		for _, key := range keys {
			if key > edge {
				above++
			}
		}
		if above < n {
			t.Fatalf("%d of %d keys exceed %v, want %d", above, len(keys), edge.Score(), n)
		}
	})
}

// Of scores that differ, a threshold leaves few more than asked for.
func TestThresholdIsNear(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	keys := make([]Key, 1000)
	for k := range keys {
		keys[k] = Make(float32(r.NormFloat64()), int32(k))
	}
	edge := threshold(keys, 500, slices.Min(keys).Score(), slices.Max(keys).Score())
	slices.Sort(keys)
	if place, _ := slices.BinarySearch(keys, edge); 1000-place > 510 {
		t.Errorf("%d of 1000 keys exceed the threshold for 500", 1000-place)
	}
}

// Keys are sorted whatever they are like, and whatever is in the spare memory.
func TestSortDown(t *testing.T) {
	var spare []Key
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, 1000)
		want := slices.Clone(keys)
		slices.Sort(want)
		slices.Reverse(want)
		if spare = sortDown(keys, spare); !slices.Equal(keys, want) {
			t.Fatalf("sorted keys are %v, want %v", keys, want)
		}
	})
}

// choose has the largest keys in front.
func TestChoose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, 300)
		n := rapid.IntRange(0, len(keys)).Draw(t, "chosen")
		choose(keys, n)
		if n > 0 && n < len(keys) && slices.Min(keys[:n]) < slices.Max(keys[n:]) {
			t.Fatalf("%v are chosen before %v", keys[:n], keys[n:])
		}
	})
}

// Scores of pairs are those of package f32, of any number of pairs, strides, and kinds.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	for kind := range kinds {
		for _, stride := range []int{0, 1, 16, 40, 64, 160} {
			w := newWorld(t, r, kind, 50, stride, stride, 5, false)
			jobs := w.jobs(t, 1)
			eachSet(t, func(name string) {
				var b pairs
				for n := range 20 {
					b.clear()
					for range n {
						b.note(w.m, &jobs[r.IntN(len(jobs))], int32(r.IntN(w.m.N)))
					}
					b.scores(w.m)
					for k, c := range b.what {
						want := f32.Score(c.job.wide, w.m.row(int(c.item)))
						if got := float32(b.sums[k]); math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("%s, stride %d, pair %d of %d: the score is %v, want %v", name, stride, k, n, got, want)
						}
					}
				}
			})
		}
	}
}
