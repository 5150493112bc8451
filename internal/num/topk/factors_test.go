package topk

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/kindredrec/kindred/internal/num/bitset"
)

// factorsFile names a model that somebody has trained: three uint32, the numbers of items, users and dimensions, then
// as float32 the vectors of items and users, the biases and the users' weights of it, all little-endian.
var factorsFile = flag.String("factors", "", "file of trained factors, for TestFactors and BenchmarkFactors (see factors_test.go)")

// userScale makes scores spread as wide as wanted.
var userScale = flag.Float64("scale", 1, "factor of the users' vectors of -factors")

// mostUsers shortens the test.
var mostUsers = flag.Int("users", math.MaxInt, "how many of the users of -factors count")

// factors reads factorsFile.
func factors(t testing.TB) *world {
	t.Helper()
	if *factorsFile == "" {
		t.Skip("-factors names no file of trained factors")
	}
	f, err := os.Open(*factorsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var size [3]uint32
	read := func(to any) {
		if err := binary.Read(in, binary.LittleEndian, to); err != nil {
			t.Fatalf("%s: %v", *factorsFile, err)
		}
	}
	read(&size)
	n, users, dims := int(size[0]), int(size[1]), int(size[2])
	items, vectors := make([]float32, n*dims), make([]float32, users*dims)
	bias, weights := make([]float32, n), make([]float32, users)
	read(items)
	read(vectors)
	read(bias)
	read(weights)
	if _, err := in.ReadByte(); err != io.EOF {
		t.Fatalf("%s goes on after the weights", *factorsFile)
	}
	for k := range vectors {
		vectors[k] *= float32(*userScale)
	}
	m, err := NewMatrix(n, dims, items, bias)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{m: m, weights: weights}
	for u := range min(users, *mostUsers) {
		w.vectors = append(w.vectors, vectors[u*dims:(u+1)*dims])
	}
	return w
}

// Every user's best are those of scoring everything, with Best and with Scan, and Scan's sums are as near as
// Scan says.
func TestFactors(t *testing.T) {
	w := factors(t)
	const k = 100
	var off []float64
	for first := 0; first < len(w.vectors); first += 1000 {
		part := &world{m: w.m, vectors: w.vectors[first:min(first+1000, len(w.vectors))], weights: w.weights[first:]}
		jobs, sums, plain := part.jobs(t, k), part.jobs(t, k), part.jobs(t, k)
		if err := cmp.Or(Best(t.Context(), w.m, jobs), Scan(t.Context(), w.m, sums)); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for lane := range 2 {
			wait.Go(func() {
				for u := lane; u < len(jobs); u += 2 {
					each(w.m, plain[u:u+1])
				}
			})
		}
		wait.Wait()
		for u := range jobs {
			want := plain[u].Best.Sorted()
			if got := jobs[u].Best.Sorted(); !slices.Equal(got, want) {
				t.Errorf("user %d: Best finds %v, want %v", first+u, got, want)
			}
			if got := sums[u].Best.Sorted(); !slices.Equal(got, want) {
				t.Errorf("user %d: Scan finds %v, want %v", first+u, got, want)
			}
			off = append(off, math.Abs(sums[u].Sum*math.Exp(sums[u].Shift)/plain[u].Sum-1))
		}
	}
	slices.Sort(off)
	p50, p99, most := off[len(off)/2], off[len(off)*99/100], off[len(off)-1]
	t.Logf("%d users: sums are off by %.3g %% (median), %.3g %% (99th percentile), %.3g %% at most", len(off), 100*p50, 100*p99, 100*most)
	if p99 > 0.005 {
		t.Errorf("the 99th percentile of the sums' relative errors is %v, want at most 0.005", p99)
	}
}

func BenchmarkFactors(b *testing.B) {
	w := factors(b)
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(w.vectors), func(i, j int) {
		w.vectors[i], w.vectors[j] = w.vectors[j], w.vectors[i]
		w.weights[i], w.weights[j] = w.weights[j], w.weights[i]
	})
	w.vectors = w.vectors[:min(len(w.vectors), 4800)]
	w.m.byLength() // once for a matrix
	for _, k := range []int{25, 100, 500} {
		for _, way := range ways {
			b.Run(fmt.Sprintf("K=%d/%s", k, way.name), func(b *testing.B) {
				jobs := w.jobs(b, k)
				if way.name == "each" {
					jobs = jobs[:20]
				}
				start := clock()
				for b.Loop() {
					for u := range jobs {
						jobs[u].Best.Reset(k)
					}
					if err := way.scan(b.Context(), w.m, jobs); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((clock()-start).Nanoseconds())/float64(1000*b.N*len(jobs)), "µs/user")
			})
		}
	}
}

// manyUsers is how many users TestManyUsers makes up, and manySeed which: parts of many can run side by side.
var (
	manyUsers = flag.Int("many", 5_000, "number of users of TestManyUsers")
	manySeed  = flag.Uint64("manyseed", 11, "seed of the users of TestManyUsers")
)

// Every made-up user's best are those of scoring everything, for -many users and every set of kernels in turn: of
// all kinds of numbers, K from 1 to all, alone and in blocks.
func TestManyUsers(t *testing.T) {
	r := rand.New(rand.NewPCG(*manySeed, 0))
	for done := 0; done < *manyUsers; {
		kind, n, dim := r.IntN(kinds), 1+r.IntN(400), 1+r.IntN(40)
		users, k := 1+r.IntN(400), 1+r.IntN(min(n, 1+r.IntN(n)))
		w := newWorld(t, r, kind, n, dim, dim, users, r.IntN(2) == 0)
		eachSet(t, func(name string) {
			jobs, sums := w.jobs(t, k), w.jobs(t, k)
			if err := cmp.Or(Best(t.Context(), w.m, jobs), Scan(t.Context(), w.m, sums)); err != nil {
				t.Fatal(err)
			}
			for u := range jobs {
				want := w.quick(u, k)
				if got := jobs[u].Best.Sorted(); !slices.Equal(got, want) {
					t.Fatalf("%s, user %d of %d: Best finds %v, want %v", name, u, done, got, want)
				}
				if got := sums[u].Best.Sorted(); !slices.Equal(got, want) {
					t.Fatalf("%s, user %d of %d: Scan finds %v, want %v", name, u, done, got, want)
				}
			}
		})
		done += users
	}
}

// quick is slow's best with a heap.
func (w *world) quick(u, k int) []Key {
	var j Job
	if err := j.Set(w.vectors[u], w.weights[u]); err != nil {
		panic(err)
	}
	j.Allow = w.allow[u]
	j.Best.Reset(k)
	skip := bitset.New(w.m.N)
	for _, i := range w.skip[u] {
		skip.Add(int(i))
	}
	for i := range w.m.N {
		if (j.Allow == nil || j.Allow.Has(i)) && !skip.Has(i) {
			j.Best.Push(Make(w.m.Score(&j, i), int32(i)))
		}
	}
	return j.Best.Sorted()
}
