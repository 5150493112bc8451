package topk

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/num/f32"
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

// A world is a matrix and users, drawn from a seed.
type world struct {
	m       *Matrix
	vectors [][]float32
	weights []float32
	allow   []*bitset.Set
	skip    [][]int32
}

// The kinds of numbers worlds are made of.
const (
	normal  = iota
	integer // −1, 0, 1: ties are common
	spread  // lengths over many orders of magnitude
	tiny    // denormal
	huge    // near MaxNorm
	kinds
)

// draw returns a number of a kind.
func draw(r *rand.Rand, kind int) float32 {
	switch kind {
	case integer:
		return float32(r.IntN(3) - 1)
	case spread:
		return float32(r.NormFloat64() * math.Exp(min(30, 10*r.NormFloat64())))
	case tiny:
		return float32(r.IntN(9)-4) * math.SmallestNonzeroFloat32
	case huge:
		return float32(r.NormFloat64() * MaxNorm / 100)
	}
	return float32(r.NormFloat64())
}

func newWorld(t testing.TB, r *rand.Rand, kind, n, stride, dim, users int, filter bool) *world {
	t.Helper()
	negative := float32(math.Copysign(0, -1))
	rows, bias := make([]float32, n*stride), make([]float32, n)
	for i := range n {
		for k := range dim {
			rows[i*stride+k] = draw(r, kind)
			if r.IntN(50) == 0 {
				rows[i*stride+k] = negative
			}
		}
		if bias[i] = draw(r, kind); r.IntN(3) == 0 && i > 0 { // a duplicate
			j := r.IntN(i)
			copy(rows[i*stride:(i+1)*stride], rows[j*stride:])
			bias[i] = bias[j]
		}
	}
	m, err := NewMatrix(n, stride, rows, bias)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{m: m}
	for u := range users {
		v := make([]float32, stride)
		if u%5 != 4 { // strangers have no vector
			for k := range dim {
				v[k] = draw(r, kind)
			}
		}
		w.vectors, w.weights = append(w.vectors, v), append(w.weights, draw(r, min(kind, integer)))
		var set *bitset.Set
		if filter && u%3 != 2 {
			set = bitset.New(n)
			for i := range n {
				if r.IntN(3) == 0 {
					set.Add(i)
				}
			}
		}
		w.allow = append(w.allow, set)
		var skip []int32
		for _, i := range r.Perm(n)[:n/10*(u%2)] {
			skip = append(skip, int32(i))
		}
		w.skip = append(w.skip, skip)
	}
	return w
}

// jobs returns a job per user for the best k.
func (w *world) jobs(t testing.TB, k int) []Job {
	jobs := make([]Job, len(w.vectors))
	for u := range jobs {
		if err := jobs[u].Set(w.vectors[u], w.weights[u]); err != nil {
			t.Fatal(err)
		}
		if w.allow != nil {
			jobs[u].Allow, jobs[u].Skip = w.allow[u], w.skip[u]
		}
		jobs[u].Best.Reset(k)
	}
	return jobs
}

// score is the documented score.
func (w *world) score(u, i int) float32 {
	wide := make([]float64, w.m.Stride)
	for k, x := range w.vectors[u] {
		wide[k] = float64(x)
	}
	return f32.Score(wide, w.m.Rows[i*w.m.Stride:(i+1)*w.m.Stride]) + float32(w.weights[u]*w.m.Bias[i])
}

// slow is the obvious way: score everything, sort everything. sum is of exp(score − shift).
func (w *world) slow(u, k int, shift float64) (best []Key, sum float64) {
	for i := range w.m.N {
		if (w.allow[u] == nil || w.allow[u].Has(i)) && !slices.Contains(w.skip[u], int32(i)) {
			s := w.score(u, i)
			best = append(best, Make(s, int32(i)))
			sum += math.Exp(float64(s) - shift)
		}
	}
	sort.Slice(best, func(a, b int) bool {
		if sa, sb := best[a].Score(), best[b].Score(); sa != sb {
			return sa > sb
		}
		return best[a].Index() < best[b].Index()
	})
	return best[:min(k, len(best))], sum
}

func scanned(t testing.TB, m *Matrix, jobs []Job) {
	t.Helper()
	if err := Scan(context.Background(), m, jobs); err != nil {
		t.Fatal(err)
	}
}

// check compares a scan of all users with the obvious way, and with scans of fewer users.
func (w *world) check(t *testing.T, k int) {
	t.Helper()
	jobs, plain := w.jobs(t, k), w.jobs(t, k)
	scanned(t, w.m, jobs)
	if err := Best(t.Context(), w.m, plain); err != nil {
		t.Fatal(err)
	}
	for u := range jobs {
		alone := w.jobs(t, k)[u : u+1]
		scanned(t, w.m, alone)
		if alone[0].Sum != jobs[u].Sum || alone[0].Shift != jobs[u].Shift {
			t.Fatalf("user %d: the sum alone is %v, in a block %v", u, alone[0].Sum, jobs[u].Sum)
		}
		want, sum := w.slow(u, k, jobs[u].Shift)
		w.checkBest(t, k, u, &plain[u], want)
		got, single := jobs[u].Best.Sorted(), alone[0].Best.Sorted()
		if len(got) != len(want) || len(single) != len(want) {
			t.Fatalf("user %d: %d items, %d alone, want %d", u, len(got), len(single), len(want))
		}
		for r := range want {
			if got[r] != want[r] || single[r] != want[r] {
				t.Fatalf("user %d, rank %d: item %d with %v, alone %d with %v, want %d with %v", u, r,
					got[r].Index(), got[r].Score(), single[r].Index(), single[r].Score(), want[r].Index(), want[r].Score())
			}
		}
		if k > 0 && len(want) > 0 {
			w.checkSum(t, u, &jobs[u], sum)
		}
	}
}

// checkBest compares a job of Best, in a block and alone, with the obvious way.
func (w *world) checkBest(t *testing.T, k, u int, job *Job, want []Key) {
	t.Helper()
	alone := w.jobs(t, k)[u : u+1]
	if err := Best(t.Context(), w.m, alone); err != nil {
		t.Fatal(err)
	}
	for _, j := range []*Job{job, &alone[0]} {
		if got := j.Best.Sorted(); !slices.Equal(got, want) {
			t.Fatalf("user %d: Best finds %v, want %v", u, got, want)
		}
	}
}

// FuzzScan compares Scan with sorting everything.
func FuzzScan(f *testing.F) {
	f.Add(uint64(1), uint16(200), uint8(10), uint8(16), true)
	f.Add(uint64(2), uint16(64), uint8(0), uint8(3), false)
	f.Add(uint64(3), uint16(1), uint8(200), uint8(9), true)
	f.Add(uint64(4), uint16(699), uint8(25), uint8(64), false)
	f.Fuzz(func(t *testing.T, seed uint64, n16 uint16, k8, d8 uint8, filter bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		n, k, dim := int(n16)%700, int(k8), int(d8)
		for kind := range kinds {
			newWorld(t, r, kind, n, (dim+15)&^15, dim, 8, filter).check(t, k)
		}
	})
}

// Everything at least once, without a fuzzer: K from none to all, tails of blocks, users beyond a block.
func TestScan(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 0))
	for kind := range kinds {
		for _, n := range []int{0, 1, 63, 64, 65, 1000} {
			for _, k := range []int{0, 1, 25, n} {
				newWorld(t, r, kind, n, 48, 37, 7, k != 1).check(t, k)
			}
		}
	}
	newWorld(t, r, normal, 300, 16, 16, 3*tileUsers+9, true).check(t, 10)
	newWorld(t, r, normal, 900, 16, 16, mostTiles*tileUsers+2, true).check(t, 3)
	newWorld(t, r, normal, 300, 16, 0, 3, false).check(t, 10) // no item has a vector
}

func TestMatrixRefuses(t *testing.T) {
	for _, x := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 2e18} {
		rows, bias := make([]float32, 32), make([]float32, 2)
		rows[17] = x
		if _, err := NewMatrix(2, 16, rows, bias); err == nil {
			t.Errorf("a matrix of %v is accepted", x)
		}
		rows[17], bias[1] = 0, x
		if _, err := NewMatrix(2, 16, rows, bias); err == nil {
			t.Errorf("a bias of %v is accepted", x)
		}
		var j Job
		if err := j.Set([]float32{0, x}, 0); err == nil {
			t.Errorf("a user of %v is accepted", x)
		}
		if err := j.Set([]float32{0, 0}, x); err == nil {
			t.Errorf("a weight of %v is accepted", x)
		}
	}
}

func TestScanStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m, err := NewMatrix(1, 16, make([]float32, 16), make([]float32, 1))
	if err != nil {
		t.Fatal(err)
	}
	jobs := make([]Job, 1)
	if err := jobs[0].Set(make([]float32, 16), 0); err != nil {
		t.Fatal(err)
	}
	if err := Scan(ctx, m, jobs); err != context.Canceled {
		t.Errorf("Scan = %v, want %v", err, context.Canceled)
	}
}

// each is a scan of one exact score and one exponential per item.
func each(m *Matrix, jobs []Job) {
	for b := 0; b < m.N; b += 64 {
		for u := range jobs {
			j := &jobs[u]
			for i := b; i < min(b+64, m.N); i++ {
				s := m.Score(j, i)
				j.Sum += math.Exp(float64(s))
				if key := Make(s, int32(i)); key > j.Best.Floor() {
					j.Best.Push(key)
				}
			}
		}
	}
}

// ways are what BenchmarkScan compares.
var ways = []struct {
	name string
	scan func(ctx context.Context, m *Matrix, jobs []Job) error
}{
	{"each", func(_ context.Context, m *Matrix, jobs []Job) error { each(m, jobs); return nil }},
	{"sum", Scan},
	{"best", Best},
	{"sum/alone", alone(Scan)},
	{"best/alone", alone(Best)},
}

func alone(scan func(context.Context, *Matrix, []Job) error) func(context.Context, *Matrix, []Job) error {
	return func(ctx context.Context, m *Matrix, jobs []Job) error {
		for u := range jobs {
			if err := scan(ctx, m, jobs[u:u+1]); err != nil {
				return err
			}
		}
		return nil
	}
}

// benchWorld has scores with a standard deviation of about 2, and vectors whose lengths differ as those of
// popular and rare items do, or not at all, in which case there is nothing to stop early for.
func benchWorld(b *testing.B, n, d int, unit bool) *world {
	r := rand.New(rand.NewPCG(1, 1))
	w := newWorld(b, r, normal, n, d, d, 192, false)
	clear(w.skip)
	for i := range n {
		row := w.m.row(i)
		scale := math.Exp(0.6 * r.NormFloat64())
		if unit {
			scale = math.Sqrt(float64(d)) / length(row)
		}
		for k := range row {
			row[k] *= float32(scale)
		}
		w.m.Bias[i] = 0
	}
	for u := range w.vectors {
		for k := range w.vectors[u] {
			w.vectors[u][k] = 2 / float32(math.Sqrt(float64(d))) * float32(r.NormFloat64())
		}
	}
	m, err := NewMatrix(n, d, w.m.Rows, w.m.Bias)
	if err != nil {
		b.Fatal(err)
	}
	w.m = m
	return w
}

func BenchmarkScan(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		for _, d := range []int{64, 160} {
			for _, unit := range []bool{false, true} {
				w := benchWorld(b, n, d, unit)
				w.m.byLength() // once for a matrix
				for _, k := range []int{25, 100} {
					for _, way := range ways {
						b.Run(fmt.Sprintf("N=%d/d=%d/K=%d/unit=%v/%s", n, d, k, unit, way.name), func(b *testing.B) {
							jobs := w.jobs(b, k)
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
		}
	}
}

// checkSum allows for the distance of the integers from the vectors, for rounding, and for moments.
func (w *world) checkSum(t *testing.T, u int, job *Job, want float64) {
	t.Helper()
	p := w.m.byLength()
	j := w.jobs(t, 1)[u]
	most := 0.0
	if j.norm > 0 {
		j.pack(p, make([]float64, p.groups*groupDims), 2)
		v := &j.user[1]
		for _, par := range p.pars {
			s := v.scale * float64(par[3])
			most = max(most, s*(float64(v.y)*float64(par[1])+float64(v.z)*float64(par[2])))
		}
	}
	tolerance, got := math.Expm1(most)+1e-5, job.Sum
	if job.sumEnd < len(p.pars) {
		tolerance += 0.02 // of moments of a few random numbers
	}
	if !(math.Abs(got-want) <= want*tolerance) {
		t.Fatalf("user %d: Sum = %v, want %v up to a share of %v", u, got, want, tolerance)
	}
}

func TestExp2(t *testing.T) {
	for x := float32(-125); x < 125; x += 0.000913 {
		want := math.Exp2(min(max(float64(x), exp2Min), exp2Max))
		if got := float64(exp2(x)); math.Abs(got-want) > 4e-6*want {
			t.Fatalf("exp2(%v) = %v, want %v", x, got, want)
		}
	}
	if exp2(0) != 1 || exp2(float32(math.Inf(-1))) != exp2(exp2Min) || exp2(float32(math.Inf(1))) != exp2(exp2Max) {
		t.Error("exp2 is wrong at 0 or beyond its range")
	}
}

// clock is what benchmarks measure by.
var clock = func() time.Duration { return time.Duration(time.Now().UnixNano()) }

// Jobs without a vector are answered as if each were alone, whatever came before.
func TestStrangers(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 0))
	w := newWorld(t, r, integer, 300, 16, 16, 40, true)
	for u := range w.vectors {
		clear(w.vectors[u])
		w.weights[u] = float32(r.IntN(2))
		if r.IntN(2) == 0 {
			w.skip[u] = nil
		}
		w.allow[u] = w.allow[u/8*8]
	}
	w.check(t, 7)
}
