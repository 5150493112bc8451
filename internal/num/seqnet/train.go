package seqnet

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
)

// initial is the standard deviation of what vectors start as.
const initial = 0.02

// A batch has a shard for every so many events, and a few at least. Each is worked on by one goroutine and has
// gradients of its own, which are added in order: that makes sums the same for any number of threads.
const (
	shardEvents = 512
	leastShards = 2
)

// Train learns a network from sequences; from is where it starts, nil for a new one.
//
// Memory: seven times the items' vectors and the parameters; and for each shard of 512 events, the vectors of the
// items of the batch, and some 50·Width+4·Window numbers an event and layer for two heads.
func Train(ctx context.Context, s *Sequences, o Options, from *Model) (*Model, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	return newTrainer(s, o, from).run(ctx)
}

type trainer struct {
	o        Options
	s        *Sequences
	model    *Model // being trained
	averaged *Model // the average of it
	params   *adam
	vectors  *adam

	feed    feed
	sampler *sampler
	random  *random
	batch   []span
	c       candidates
	touched []int32 // items of the batch, candidates first
	local   []int32 // by item: its place in touched, or -1
	shards  []shard
	norms   []float64
}

// A shard is one part of a batch, with its gradients.
type shard struct {
	work
	target  []int32
	weight  []float32
	params  []float32
	vectors []float32 // a row for each of touched
	loss    float64
	logits  []float32
}

func newTrainer(s *Sequences, o Options, from *Model) *trainer {
	t := &trainer{o: o, s: s, model: from.clone(), sampler: newSampler(s, o.Candidates)}
	if from == nil {
		t.model = newModel(s.Items, o.Shape)
		r := newRandom(o.Seed, 0)
		t.model.layout.fill(t.model.params, r)
		for k := range t.model.vectors {
			t.model.vectors[k] = initial * r.normal()
		}
	}
	t.params, t.vectors = newAdam(t.model.params), newAdam(t.model.vectors)
	t.averaged = t.model.with(t.params.average, t.vectors.average)
	t.feed = feed{sequences: s, window: o.Window, seed: o.Seed}
	t.random = newRandom(o.Seed, 2)
	t.local, t.c.at = make([]int32, s.Items), make([]int32, s.Items)
	for i := range s.Items {
		t.local[i], t.c.at[i] = -1, -1
	}
	t.shards = make([]shard, max(leastShards, o.Batch/shardEvents))
	for k := range t.shards {
		h := &t.shards[k]
		h.params = make([]float32, len(t.model.params))
		h.work.dropout = newDropout(o.Dropout)
		h.work.random = newRandom(o.Seed, 3, uint64(k))
	}
	return t
}

func (t *trainer) run(ctx context.Context) (*Model, error) {
	if len(spans(t.s, t.o.Window, 0, 0)) == 0 {
		return t.averaged, nil
	}
	steps := max(1, int(t.o.Events/int64(t.o.Batch)))
	every := max(1, steps/t.o.Checks)
	var loss, events float64
	best, bestAt := (*Model)(nil), math.Inf(1)
	stale := 0
	for step := 1; step <= steps; step++ {
		l, n, err := t.step(ctx, step, steps)
		if err != nil {
			return nil, err
		}
		loss, events = loss+l, events+n
		if step%every != 0 && step != steps {
			continue
		}
		r := Report{Step: step, Steps: steps, Loss: loss / events, State: t.averaged}
		loss, events = 0, 0
		if len(t.o.Tests) > 0 {
			if r.Held, err = t.averaged.Surprise(ctx, t.o.Tests, t.o.Threads); err != nil {
				return nil, err
			}
			if stale++; r.Held < bestAt {
				best, bestAt, stale = t.averaged.clone(), r.Held, 0
			}
		}
		if t.o.Progress != nil {
			t.o.Progress(r)
		}
		if stale >= t.o.Patience {
			break
		}
	}
	if best == nil {
		best = t.averaged
	}
	return best, best.check()
}

// rate is the learning rate of a step: it rises over the first twentieth and falls to nothing.
func (t *trainer) rate(step, steps int) float64 {
	at := float64(step) / float64(steps)
	return float64(t.o.Rate) * min(at/0.05, (1-at)/0.95+1/float64(steps))
}

// longestNorm is what the gradient is shortened to.
const longestNorm = 1

// step learns from one batch, and returns its loss and how many events it told.
func (t *trainer) step(ctx context.Context, step, steps int) (loss, events float64, err error) {
	t.load()
	err = als.Spread(ctx, t.o.Threads, len(t.shards), 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			t.learn(&t.shards[k])
		}
	})
	if err != nil {
		return 0, 0, err
	}
	for k := range t.shards {
		loss += t.shards[k].loss
		for _, w := range t.shards[k].weight {
			events += float64(w)
		}
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return 0, 0, fmt.Errorf("%w: the loss at step %d is %v", ErrDiverged, step, loss)
	}
	return loss, events, t.descend(ctx, step, steps, events)
}

// load takes the next batch, shares it out and draws its candidates.
func (t *trainer) load() {
	for _, i := range t.touched {
		t.local[i], t.c.at[i] = -1, -1
	}
	c := &t.c
	t.touched = t.sampler.draw(t.random, t.touched[:0])
	c.item = append(c.item[:0], t.touched...)
	d := t.o.Width
	c.raise = grow(&c.raise, len(c.item))
	grow(&c.vectors, len(c.item)*d)
	for k, i := range c.item {
		t.local[i], c.at[i] = int32(k), int32(k)
		c.raise[k] = t.sampler.raise[i]
		copy(c.vectors[k*d:(k+1)*d], t.model.vector(i))
	}
	for k := range t.shards {
		h := &t.shards[k]
		h.reset()
		h.target, h.weight = h.target[:0], h.weight[:0]
	}
	t.batch = t.feed.next(t.o.Batch, t.batch)
	for _, b := range t.batch {
		least := &t.shards[0]
		for k := range t.shards {
			if t.shards[k].rows() < least.rows() {
				least = &t.shards[k]
			}
		}
		t.give(least, b)
	}
}

// give adds a window to a shard.
func (t *trainer) give(h *shard, b span) {
	items := t.s.of(int(b.user))
	h.push(items[b.lo:b.hi])
	h.target = append(h.target, items[b.lo+1:b.hi+1]...)
	at := t.s.Start[b.user] + int64(b.lo) + 1
	for k := range int64(b.hi - b.lo) {
		h.weight = append(h.weight, t.s.weight(at+k))
	}
	for _, i := range items[b.lo : b.hi+1] {
		if t.local[i] < 0 {
			t.local[i] = int32(len(t.touched))
			t.touched = append(t.touched, i)
		}
	}
}

// learn computes a shard's loss and gradients.
func (t *trainer) learn(h *shard) {
	d, m := t.o.Width, t.model
	clear(h.params)
	clear(grow(&h.vectors, len(t.touched)*d))
	h.loss = 0
	if h.rows() == 0 {
		return
	}
	m.read(&h.work)
	m.body.forward(m.params, &h.work)
	row := func(i int32) []float32 { at := int(t.local[i]) * d; return h.vectors[at : at+d] }
	h.loss = t.c.loss(d, h.out, grow(&h.dout, h.rows()*d), h.target, h.weight, m.vector,
		h.vectors[:len(t.c.item)*d], func(r int) []float32 { return row(h.target[r]) }, &h.logits)
	m.body.backward(m.params, h.params, &h.work)
	m.unread(&h.work, row)
}

// The sizes of what goroutines take when gradients are summed and parameters moved.
const (
	paramsAtOnce  = 4096
	vectorsAtOnce = 64
)

// descend sums the shards' gradients and moves the parameters.
func (t *trainer) descend(ctx context.Context, step, steps int, events float64) error {
	d := t.o.Width
	flat := (len(t.model.params) + paramsAtOnce - 1) / paramsAtOnce
	rows := (len(t.touched) + vectorsAtOnce - 1) / vectorsAtOnce
	t.norms = slices.Grow(t.norms[:0], flat+rows)[:flat+rows]
	part := func(h *shard, k int) []float32 {
		if k < flat {
			return h.params[k*paramsAtOnce : min(len(h.params), (k+1)*paramsAtOnce)]
		}
		k -= flat
		return h.vectors[k*vectorsAtOnce*d : min(len(h.vectors), (k+1)*vectorsAtOnce*d)]
	}
	err := als.Spread(ctx, t.o.Threads, flat+rows, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			sum := part(&t.shards[0], k)
			for s := 1; s < len(t.shards); s++ {
				add(sum, part(&t.shards[s], k))
			}
			t.norms[k] = squares(sum)
		}
	})
	if err != nil {
		return err
	}
	p := t.pace(step, steps, events)
	err = als.Spread(ctx, t.o.Threads, flat+rows, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			g := part(&t.shards[0], k)
			if k < flat {
				t.params.move(p, k*paramsAtOnce, g)
				t.params.follow(p, k*paramsAtOnce, len(g))
				continue
			}
			for r := 0; r < len(g)/d; r++ {
				i := int(t.touched[(k-flat)*vectorsAtOnce+r])
				t.vectors.move(p, i*d, g[r*d:(r+1)*d])
			}
		}
	})
	if err != nil {
		return err
	}
	return als.Spread(ctx, t.o.Threads, len(t.model.vectors), paramsAtOnce, func(lo, hi int) {
		t.vectors.follow(p, lo, hi-lo)
	})
}

// pace sets a step's constants: gradients are means over events, shortened if they are long, and the average
// looks back over a fiftieth of the training, less at its start.
func (t *trainer) pace(step, steps int, events float64) pace {
	var sum float64
	for _, n := range t.norms {
		sum += n
	}
	norm := math.Sqrt(sum) / events
	by := 1 / events
	if norm > longestNorm {
		by *= longestNorm / norm
	}
	span := min(float64(step+9)/10, max(1, float64(steps)/50))
	return newPace(step, t.rate(step, steps), by, 1/span)
}

func squares(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}
