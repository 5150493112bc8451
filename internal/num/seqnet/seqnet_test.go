package seqnet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/f32"
)

// tiny is a trainer of a small network over sequences of all lengths up to beyond its window.
func tiny(t *testing.T, kind Kind, size int) *trainer {
	r := newRandom(7)
	s := &Sequences{Items: 11, Start: []int64{0}}
	for n := range 9 {
		for range n {
			s.Item = append(s.Item, int32(r.below(s.Items)))
			s.Weight = append(s.Weight, float32(1+r.below(3)))
		}
		s.Start = append(s.Start, int64(len(s.Item)))
	}
	o := Options{Shape: Shape{Kind: kind, Width: 8, Layers: 2, Hidden: 12, Window: 6}, Batch: 40, Candidates: size, Seed: 3, Threads: 2, Events: 4000}
	if err := o.fill(); err != nil {
		t.Fatal(err)
	}
	tr := newTrainer(s, o, nil)
	for k := range tr.model.vectors { // far from the start, where everything is nearly linear
		tr.model.vectors[k] = 0.5 * r.normal()
	}
	for k := range tr.model.params {
		tr.model.params[k] += 0.3 * r.normal()
	}
	return tr
}

// loss is the batch's loss as it stands, and leaves its gradients in the shards.
func (t *trainer) lossNow() float64 {
	var sum float64
	for k := range t.c.item {
		copy(t.c.vectors[k*t.o.Width:(k+1)*t.o.Width], t.model.vector(t.c.item[k]))
	}
	for k := range t.shards {
		t.learn(&t.shards[k])
		sum += t.shards[k].loss
	}
	return sum
}

// Every gradient is what the loss changes by when its parameter is moved a little.
func TestGradients(t *testing.T) {
	for _, kind := range []Kind{Transformer, Recurrent} {
		for _, size := range []int{5, 11} {
			tr := tiny(t, kind, size)
			tr.load()
			tr.lossNow()
			params, vectors := make([]float64, len(tr.model.params)), make([]float64, len(tr.model.vectors))
			for k := range tr.shards {
				h := &tr.shards[k]
				for j, g := range h.params {
					params[j] += float64(g)
				}
				for j, i := range tr.touched {
					for c := range tr.o.Width {
						vectors[int(i)*tr.o.Width+c] += float64(h.vectors[j*tr.o.Width+c])
					}
				}
			}
			checkGradient(t, tr, "parameter", tr.model.params, params)
			checkGradient(t, tr, "vector element", tr.model.vectors, vectors)
		}
	}
}

func checkGradient(t *testing.T, tr *trainer, name string, at []float32, gradient []float64) {
	t.Helper()
	wrong := 0
	for k := 0; k < len(at); k += 7 { // some of every layer
		// Rectifiers have corners, so the smallest of three differences counts.
		best := math.Inf(1)
		var want float64
		for _, h := range []float32{4e-3, 1e-3, 3e-4} {
			was := at[k]
			at[k] = was + h
			up := tr.lossNow()
			at[k] = was - h
			down := tr.lossNow()
			at[k] = was
			slope := (up - down) / (2 * float64(h))
			if off := math.Abs(slope-gradient[k]) / (1 + math.Abs(slope)); off < best {
				best, want = off, slope
			}
		}
		if best > 0.01 {
			if wrong++; wrong < 10 {
				t.Errorf("%s with %d candidates: the gradient of %s %d is %v, want %v", tr.o.Kind, len(tr.c.item), name, k, gradient[k], want)
			}
		}
	}
}

// chain is sequences in which every item but the last is followed by the one three further on.
func chain() *Sequences {
	s := &Sequences{Items: 20, Start: []int64{0}}
	for u := range 60 {
		for k := range 10 {
			s.Item = append(s.Item, int32((u*7+k*3)%20))
		}
		s.Start = append(s.Start, int64(len(s.Item)))
	}
	return s
}

func options() Options {
	return Options{Shape: Shape{Width: 16, Window: 8}, Batch: 128, Events: 60000, Rate: 0.01, Dropout: 0.1, Seed: 1, Threads: 2}
}

func train(t *testing.T, s *Sequences, o Options, from *Model) *Model {
	t.Helper()
	m, err := Train(context.Background(), s, o, from)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A chain of items is learned to certainty, with a softmax over all items and over some.
func TestTrainLearnsChain(t *testing.T) {
	for _, kind := range []Kind{Transformer, Recurrent} {
		for _, candidates := range []int{8, 20} {
			o := options()
			o.Kind, o.Candidates = kind, candidates
			m := train(t, chain(), o, nil)
			got, err := m.Surprise(context.Background(), []Test{{[]int32{4, 7, 10}, 13}, {[]int32{19}, 2}}, 1)
			if err != nil || got > 0.1 {
				t.Errorf("%s with %d candidates: surprise %v (%v), want at most 0.1", kind, candidates, got, err)
			}
		}
	}
}

// The number of threads changes no bit, and another seed does.
func TestThreadsChangeNothing(t *testing.T) {
	for _, kind := range []Kind{Transformer, Recurrent} {
		o := options()
		o.Kind, o.Events, o.Batch, o.Candidates = kind, 20000, 2048, 10
		o.Tests = []Test{{[]int32{4, 7}, 10}}
		o.Threads = 1
		one := train(t, chain(), o, nil)
		o.Threads = 3
		three := train(t, chain(), o, nil)
		o.Seed++
		other := train(t, chain(), o, nil)
		if !slices.Equal(one.Params(), three.Params()) || !slices.Equal(one.Vectors(), three.Vectors()) {
			t.Errorf("%s: a training on 3 threads differs from one on 1", kind)
		}
		if slices.Equal(one.Vectors(), other.Vectors()) {
			t.Errorf("%s: two seeds gave the same vectors", kind)
		}
	}
}

// A network is put together again from its parts, and goes on from where it was.
func TestOf(t *testing.T) {
	o := options()
	o.Events = 20000
	m := train(t, chain(), o, nil)
	again, err := Of(m.Shape(), m.Params(), m.Vectors())
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]float32, 16), make([]float32, 16)
	m.Encode([]int32{1, 4, 7}, a)
	again.Encode([]int32{1, 4, 7}, b)
	if !slices.Equal(a, b) {
		t.Errorf("state %v after Of, want %v", b, a)
	}
	tests := []Test{{[]int32{4, 7, 10}, 13}}
	before, _ := m.Surprise(context.Background(), tests, 1)
	o.Events, o.Rate = 2000, 0.0001
	after, _ := train(t, chain(), o, again).Surprise(context.Background(), tests, 1)
	if after > 2*before+0.01 {
		t.Errorf("surprise %v after a little more training, was %v", after, before)
	}
	for name, err := range map[string]error{
		"no parameters":  second(Of(m.Shape(), nil, m.Vectors())),
		"broken vectors": second(Of(m.Shape(), m.Params(), m.Vectors()[1:])),
		"a NaN":          second(Of(m.Shape(), m.Params(), append([]float32{float32(math.NaN())}, m.Vectors()[1:]...))),
		"three heads":    second(Of(Shape{Width: 16, Heads: 3}, m.Params(), m.Vectors())),
	} {
		if err == nil {
			t.Errorf("Of took %s", name)
		}
	}
}

func second(_ *Model, err error) error { return err }

// States do not depend on what is encoded beside them, nor on events beyond the window.
func TestEncodeAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]Kind{Transformer, Recurrent}).Draw(t, "kind")
		m := newModel(20, Shape{Kind: kind, Width: 8, Layers: 2, Heads: 2, Hidden: 8, Window: 70})
		r := newRandom(5)
		m.layout.fill(m.params, r)
		for k := range m.vectors {
			m.vectors[k] = r.normal()
		}
		history := rapid.SliceOfN(rapid.Int32Range(0, 19), 0, 150)
		histories := rapid.SliceOfN(history, 1, 5).Draw(t, "histories")
		all, one := make([]float32, 8*len(histories)), make([]float32, 8)
		m.EncodeAll(histories, all)
		for k, h := range histories {
			m.Encode(h[max(0, len(h)-70):], one)
			if !slices.Equal(one, all[k*8:(k+1)*8]) {
				t.Fatalf("state of %v is %v beside others, %v alone", h, all[k*8:(k+1)*8], one)
			}
		}
	})
}

// What Encode leaves out changes nothing.
func TestEncodeIsLastStateOfForward(t *testing.T) {
	tr := tiny(t, Transformer, 11)
	m := tr.model
	for n := 1; n <= m.shape.Window; n++ {
		history := tr.s.Item[:n]
		var w work
		w.reset()
		w.push(history)
		m.read(&w)
		m.body.forward(m.params, &w)
		want, got := w.out[(n-1)*m.shape.Width:], make([]float32, m.shape.Width)
		m.Encode(history, got)
		for k := range got {
			if math.Abs(float64(got[k]-want[k])) > 1e-5*(1+math.Abs(float64(want[k]))) {
				t.Fatalf("the state after %d events is %v, want %v", n, got, want)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, length := range []int{20, 200} {
		b.Run(fmt.Sprintf("length=%d", length), func(b *testing.B) {
			s := Shape{Window: 200}
			if err := s.fill(); err != nil {
				b.Fatal(err)
			}
			m, r := newModel(3400, s), newRandom(1)
			m.layout.fill(m.params, r)
			history, out := make([]int32, length), make([]float32, s.Width)
			for b.Loop() {
				m.Encode(history, out)
			}
		})
	}
}

// The sum over the candidates has the sum over all items as its mean.
func TestSamplerIsFair(t *testing.T) {
	s := &Sequences{Items: 50, Start: []int64{0}}
	for i := range int32(50) {
		for range i * i {
			s.Item = append(s.Item, i)
		}
	}
	p, r := newSampler(s, 20), newRandom(4)
	const rounds = 20000
	seen := make([]float64, 50)
	var size float64
	for range rounds {
		got := p.draw(r, nil)
		size += float64(len(got)) / rounds
		for _, i := range got {
			seen[i] += math.Exp(float64(p.raise[i])) / rounds
		}
	}
	if math.Abs(size-20) > 0.2 {
		t.Errorf("%v candidates on average, want 20", size)
	}
	for i, v := range seen {
		// The variance of one draw is 1/chance − 1; five standard deviations.
		if math.Abs(v-1) > 5*math.Sqrt((1/float64(p.chance[i])-1)/rounds)+1e-4 {
			t.Errorf("item %d counts for %v on average, want 1", i, v)
		}
	}
}

// Every event but a user's first is told once a round.
func TestSpansCoverSequences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 6).Draw(t, "lengths")
		window := rapid.IntRange(1, 12).Draw(t, "window")
		s := &Sequences{Items: 1, Start: []int64{0}}
		for _, n := range lengths {
			s.Item = append(s.Item, make([]int32, n)...)
			s.Start = append(s.Start, int64(len(s.Item)))
		}
		told := map[[2]int32]int{}
		for _, p := range spans(s, window, 3, rapid.Uint64().Draw(t, "round")) {
			if n := int(p.hi - p.lo); n < 1 || n > window {
				t.Fatalf("a window of %d events, want 1 to %d", n, window)
			}
			for k := p.lo + 1; k <= p.hi; k++ {
				told[[2]int32{p.user, k}]++
			}
		}
		for u, n := range lengths {
			for k := 1; k < n; k++ {
				if got := told[[2]int32{int32(u), int32(k)}]; got != 1 {
					t.Fatalf("event %d of %d is told %d times in windows of %d", k, n, got, window)
				}
			}
		}
	})
}

// A training that leaves the finite numbers says so.
func TestDivergenceIsReported(t *testing.T) {
	o := options()
	o.Rate = 1e30
	if m, err := Train(context.Background(), chain(), o, nil); !errors.Is(err, ErrDiverged) {
		t.Errorf("training at rate %v = %v, %v, want ErrDiverged", o.Rate, m, err)
	}
}

func TestTrainStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := options()
	o.Progress = func(Report) { cancel() }
	if _, err := Train(ctx, chain(), o, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled training returned %v", err)
	}
}

// Where there is nothing to learn, training ends with a network all the same.
func TestTrainOnNothing(t *testing.T) {
	for _, s := range []*Sequences{{Items: 3, Start: []int64{0}}, {Items: 3, Start: []int64{0, 1}, Item: []int32{2}}} {
		m := train(t, s, Options{Events: 100}, nil)
		out := make([]float32, m.Shape().Width)
		m.Encode(nil, out)
		if f32.Max(out) != 0 {
			t.Errorf("the state after nothing is %v, want zeros", out)
		}
	}
}

// A step is one batch; events/s counts what it tells. Long sequences over few items are like films, short ones over
// many like visits of a shop.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		kind                 Kind
		width, length, items int
	}{{Transformer, 64, 150, 3400}, {Transformer, 128, 150, 3400}, {Transformer, 64, 7, 40000}, {Recurrent, 64, 150, 3400}} {
		b.Run(fmt.Sprintf("%s/width=%d/length=%d/items=%d", c.kind, c.width, c.length, c.items), func(b *testing.B) {
			r := newRandom(1)
			s := &Sequences{Items: c.items, Start: []int64{0}}
			for range 30000 / c.length {
				for range c.length {
					s.Item = append(s.Item, int32(r.below(s.Items)))
				}
				s.Start = append(s.Start, int64(len(s.Item)))
			}
			o := Options{Shape: Shape{Kind: c.kind, Width: c.width, Window: 200}, Candidates: 512, Dropout: 0.2, Threads: 2}
			if err := o.fill(); err != nil {
				b.Fatal(err)
			}
			t := newTrainer(s, o, nil)
			var events float64
			for b.Loop() {
				_, n, err := t.step(context.Background(), 1, 100)
				if err != nil {
					b.Fatal(err)
				}
				events += n
			}
			b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
		})
	}
}
