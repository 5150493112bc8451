package blend

import (
	"context"
	"math"
	"slices"

	"github.com/kindredrec/kindred/internal/num/als"
	"github.com/kindredrec/kindred/internal/num/topk"
)

// weigh sets the level of the voices and the weights of the signals that are to be used by the tests.
//
// The weights make what the tests' users did next as likely as possible under a softmax over what could come:
// a concave problem in a few numbers with one answer.
func (s *settings) weigh(ctx context.Context, l *learned, tests []test, use [signals]bool, threads int) error {
	before := make([][]int32, len(tests))
	for k, t := range tests {
		before[k] = t.before
	}
	if err := s.setLevels(ctx, l, before, threads); err != nil {
		return err
	}
	examples, err := s.examples(ctx, l, tests, threads)
	if err != nil {
		return err
	}
	again := use[againSignal]
	use[againSignal] = false
	if s.Weights, err = rising(ctx, examples, prior(s.Recency), use, threads); err != nil {
		return err
	}
	s.keepOrder(l)
	if err := s.alone(ctx, l, examples, threads); err != nil {
		return err
	}
	if !again {
		return nil
	}
	return s.weighAgain(ctx, l, tests, threads)
}

// examples makes an example of each test, in their order.
func (s *settings) examples(ctx context.Context, l *learned, tests []test, threads int) ([]example, error) {
	out := make([]example, len(tests))
	err := als.Spread(ctx, threads, len(tests), 16, func(lo, hi int) {
		w := newListener(l, s.Recency)
		for k := lo; k < hi; k++ {
			out[k] = newExample(w, &s.Level, tests[k])
		}
	})
	return out, err
}

// weighAgain sets the weight of the newest item coming once more, everything else being as it is. Tests hold whole
// moments back, but events are told one by one: where a click and a view of one thing are logged at one moment, the
// second of them is what comes next. So it is weighed by the next event alone, wherever that cuts.
func (s *settings) weighAgain(ctx context.Context, l *learned, tests []test, threads int) error {
	single := make([]test, len(tests))
	for k, t := range tests {
		single[k] = t.atEvent()
	}
	examples, err := s.examples(ctx, l, single, threads)
	if err != nil {
		return err
	}
	for k := range examples {
		e := &examples[k]
		for c := range e.x {
			for a, x := range e.x[c] {
				e.stands[c] += s.Weights[a] * float64(x)
			}
		}
	}
	w, err := maximise(ctx, examples, [signals]float64{}, [signals]bool{againSignal: true}, threads)
	s.Weights[againSignal] = max(0, w[againSignal])
	return err
}

// rising finds the weights that are best while no voice in proportion weighs below zero: beside a rising
// logarithm such a weight means that what is loudest is worth less, which is seldom so and fits a few histories.
func rising(ctx context.Context, examples []example, prior [signals]float64, use [signals]bool, threads int) ([signals]float64, error) {
	for {
		w, err := maximise(ctx, examples, prior, use, threads)
		fell := false
		for v := range voices {
			if w[2*v] < 0 {
				use[2*v], fell = false, true
			}
			if v == contentVoice && w[2*v+1] < 0 {
				use[2*v+1], fell = false, true
			}
		}
		if err != nil || !fell {
			return w, err
		}
	}
}

// keepOrder has items that nothing but their metadata speaks of in the order of that.
func (s *settings) keepOrder(l *learned) {
	if l.content != nil {
		s.Weights[2*contentVoice+1] = max(contentFloor, s.Weights[2*contentVoice+1])
	}
}

// setLevels sets the mean of each voice's loudest item.
func (s *settings) setLevels(ctx context.Context, l *learned, histories [][]int32, threads int) error {
	loudest := make([][voices]float32, len(histories))
	err := als.Spread(ctx, threads, len(histories), 16, func(lo, hi int) {
		w := newListener(l, s.Recency)
		for k := lo; k < hi; k++ {
			w.listen(histories[k], nil)
			loudest[k] = w.loudest
		}
	})
	s.Level = [voices]float64{}
	for _, one := range loudest {
		for v, x := range one {
			s.Level[v] += float64(x) / float64(len(histories))
		}
	}
	for v := range s.Level {
		if s.Level[v] <= 0 {
			s.Level[v] = 1
		}
	}
	return err
}

// An example is one test: what the items that could come next look like, and which did.
type example struct {
	x      [][signals]float32
	stands []float64 // what is added to the logit
	truth  []float64 // share of what came next; sums to mass
	mass   float64   // how much the test counts: the mean weight of what came next, 1 without weights; 0 if it is empty
}

// hardest is how many items by each voice, by the network and by popularity could come next. Whatever is in the
// first places of a list is among them. Weights that were fitted to everything else as well would be better at telling what
// nobody is shown.
const hardest = 60

// newExample takes the items that are hard to tell from the truth. What came next counts if it is one of them.
func newExample(w *listener, level *[voices]float64, t test) (e example) {
	w.listen(t.before, t.times)
	share, worth := map[int32]float64{}, map[int32]float64{}
	for k, i := range t.next {
		now := 1 / float64(t.late[k]+1) // what comes at once says most
		share[i] += now
		worth[i] += now * float64(at(t.worth, k))
	}
	candidates := w.candidates()
	var total float64
	for _, i := range candidates {
		total += share[i]
	}
	if total == 0 {
		return e
	}
	n := len(candidates)
	e.x, e.truth, e.stands = make([][signals]float32, n), make([]float64, n), make([]float64, n)
	var x [signals]float64
	for c, i := range candidates {
		w.signals(i, level, &x)
		for k, v := range x {
			e.x[c][k] = float32(v)
		}
		e.truth[c] = worth[i] / total
		e.mass += e.truth[c]
	}
	return e
}

// candidates returns the items that could come next, ascending: what each voice and the network speak loudest for, the
// best-known, and what the user had.
func (w *listener) candidates() []int32 {
	out := append([]int32(nil), w.learned.order[:min(hardest, len(w.learned.order))]...)
	for v := range voices {
		w.best.Reset(hardest)
		for _, i := range w.touched {
			if s := w.sum[i][v]; s > 0 {
				w.best.Push(topk.Make(s, i))
			}
		}
		for _, key := range w.best.Sorted() {
			out = append(out, key.Index())
		}
	}
	for _, i := range w.touched {
		if w.age[i] > 0 {
			out = append(out, i)
		}
	}
	out = append(out, w.ear.likely[:min(hardest, len(w.ear.likely))]...)
	slices.Sort(out)
	return slices.Compact(out)
}

// pull is how strongly the weights are drawn to the prior, in examples: nothing beside a thousand, much
// beside twenty.
const pull = 2

// maximise finds the weights by Newton's method; those that are not to be used stay 0.
func maximise(ctx context.Context, examples []example, prior [signals]float64, use [signals]bool, threads int) ([signals]float64, error) {
	for k := range prior {
		if !use[k] {
			prior[k] = 0
		}
	}
	w := prior
	at, err := sum(ctx, examples, &w, threads)
	for range 30 {
		if err != nil {
			break
		}
		before := at.value - penalty(&w, &prior)
		step := at.newton(&w, &prior, use)
		w, at, err = along(ctx, examples, w, at, step, prior, threads)
		if at.value-penalty(&w, &prior) <= before+1e-6*math.Abs(before) {
			break
		}
	}
	return w, err
}

// along takes as much of a step as makes things better, or none.
func along(ctx context.Context, examples []example, w [signals]float64, at moments, step, prior [signals]float64, threads int) ([signals]float64, moments, error) {
	value := at.value - penalty(&w, &prior)
	for size := 1.0; size > 0.05; size /= 2 {
		next := w
		for k := range next {
			next[k] += size * step[k]
		}
		there, err := sum(ctx, examples, &next, threads)
		if err != nil {
			return w, at, err
		}
		if there.value-penalty(&next, &prior) > value {
			return next, there, nil
		}
	}
	return w, at, nil
}

func penalty(w, prior *[signals]float64) (p float64) {
	for k := range w {
		p += pull / 2 * (w[k] - prior[k]) * (w[k] - prior[k])
	}
	return p
}

// moments are the log-likelihood with its gradient and negated curvature.
type moments struct {
	value float64
	slope [signals]float64
	curve [signals][signals]float64
}

// sum adds the examples up in their order, whatever the threads.
func sum(ctx context.Context, examples []example, w *[signals]float64, threads int) (moments, error) {
	const size = 32
	parts := make([]moments, (len(examples)+size-1)/size)
	err := als.Spread(ctx, threads, len(parts), 1, func(lo, hi int) {
		for p := lo; p < hi; p++ {
			for k := p * size; k < min(len(examples), (p+1)*size); k++ {
				parts[p].add(&examples[k], w)
			}
		}
	})
	var all moments
	for p := range parts {
		all.value += parts[p].value
		for a := range all.slope {
			all.slope[a] += parts[p].slope[a]
			for b := range all.curve[a] {
				all.curve[a][b] += parts[p].curve[a][b]
			}
		}
	}
	return all, err
}

func (m *moments) add(e *example, w *[signals]float64) {
	logits := make([]float64, len(e.x))
	top := math.Inf(-1)
	for k := range e.x {
		logits[k] = e.stands[k]
		for a, x := range e.x[k] {
			logits[k] += w[a] * float64(x)
		}
		top = max(top, logits[k])
	}
	var z float64
	for _, l := range logits {
		z += math.Exp(l - top)
	}
	var mean [signals]float64
	for k := range e.x {
		p := math.Exp(logits[k]-top) / z
		if e.truth[k] > 0 {
			m.value += e.truth[k] * (logits[k] - top - math.Log(z))
		}
		for a, x := range e.x[k] {
			mean[a] += p * float64(x)
			m.slope[a] += e.truth[k] * float64(x)
		}
		if p < 1e-7 {
			continue
		}
		for a, x := range e.x[k] {
			px := e.mass * p * float64(x)
			for b := range a + 1 {
				m.curve[a][b] += px * float64(e.x[k][b])
			}
		}
	}
	for a := range mean {
		m.slope[a] -= e.mass * mean[a]
		for b := range a + 1 {
			m.curve[a][b] -= e.mass * mean[a] * mean[b]
		}
	}
}

// newton solves for the step: a Cholesky factorisation of the curvature, which the pull makes definite.
func (m *moments) newton(w, prior *[signals]float64, use [signals]bool) (step [signals]float64) {
	c := m.curve
	for a := range c {
		step[a] = m.slope[a] - pull*(w[a]-prior[a])
		c[a][a] += pull
		if !use[a] {
			step[a] = 0
		}
		for b := range a {
			if !use[a] || !use[b] {
				c[a][b] = 0
			}
		}
	}
	for a := range c {
		for b := range a + 1 {
			for k := range b {
				c[a][b] -= c[a][k] * c[b][k]
			}
			if a == b {
				c[a][a] = math.Sqrt(max(c[a][a], 1e-9))
			} else {
				c[a][b] /= c[b][b]
			}
		}
		for b := range a {
			step[a] -= c[a][b] * step[b]
		}
		step[a] /= c[a][a]
	}
	for a := signals - 1; a >= 0; a-- {
		step[a] /= c[a][a]
		for b := range a {
			step[b] -= c[a][b] * step[a]
		}
	}
	return step
}
