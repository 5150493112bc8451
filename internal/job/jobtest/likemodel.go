package jobtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
)

// A modelJob is a job as the obvious queue keeps it.
type modelJob struct {
	id             int64 // learned when it is first claimed
	owner          arn.ARN
	kind           string
	due, lease     time.Time
	worker         string
	attempts, lost int
	cancelled      bool
	results        map[string]string
}

// A model is the obvious queue: a slice in order of making, read from the front.
type model struct {
	jobs  []*modelJob
	clock *clock
}

func (m *model) of(owner arn.ARN) *modelJob {
	for _, j := range m.jobs {
		if j.owner == owner {
			return j
		}
	}
	return nil
}

func (m *model) next(kinds []string) *modelJob {
	now := m.clock.now()
	for _, j := range m.jobs {
		if slices.Contains(kinds, j.kind) && !j.lease.After(now) && (j.cancelled || !j.due.After(now)) {
			return j
		}
	}
	return nil
}

func (m *model) remove(j *modelJob) {
	m.jobs = slices.DeleteFunc(m.jobs, func(x *modelJob) bool { return x == j })
}

// The outcomes of a call: nil, or a kind of fault.
const none = fault.Kind(-1)

// held says what a call by worker on a job comes to.
func (j *modelJob) held(worker string) fault.Kind {
	switch {
	case j == nil:
		return fault.NotFound
	case j.worker != worker:
		return fault.InUse
	}
	return none
}

func kindOf(err error) fault.Kind {
	if err == nil {
		return none
	}
	return fault.KindOf(err)
}

// testLikeModel does random calls on a queue and on the obvious one and compares every answer.
func testLikeModel(t *testing.T, d Driver) {
	c := newClock()
	s, run := d.Open(t, c.now), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		p := &play{T: rt, s: s, m: &model{clock: c}, run: run}
		defer p.clear()
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			p.step()
		}
	})
}

// A play is one run of random calls. Its owners and kinds are its own.
type play struct {
	*rapid.T
	s   Store
	m   *model
	run int
}

func (p *play) kind(n int) string { return fmt.Sprint("run", p.run, "kind", n) }

func (p *play) owner() arn.ARN {
	return owner(fmt.Sprint("run", p.run, rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(p.T, "owner")))
}

func (p *play) worker() string { return rapid.SampledFrom([]string{"w1", "w2"}).Draw(p.T, "worker") }

// target draws a job that was claimed at some time, with its id; the job is nil if there is none.
func (p *play) target() (*modelJob, int64) {
	j := p.m.of(p.owner())
	if j == nil || j.id == 0 {
		return nil, 1 << 40
	}
	return j, j.id
}

func (p *play) want(call string, err error, want fault.Kind) {
	if got := kindOf(err); got != want {
		p.Fatalf("%s = %v, want kind %v", call, err, want)
	}
}

func (p *play) step() {
	ops := map[string]func(){
		"enqueue": p.enqueue, "claim": p.claim, "claim again": p.claim, "extend": p.extend, "release": p.release,
		"retry": p.retry, "finish": p.finish, "cancel": p.cancel, "put": p.put, "results": p.results, "expire": p.expire,
		"time": func() { p.m.clock.pass(time.Duration(rapid.IntRange(1, 90).Draw(p.T, "seconds")) * time.Second) },
	}
	names := make([]string, 0, len(ops))
	for n := range ops {
		names = append(names, n)
	}
	slices.Sort(names)
	ops[rapid.SampledFrom(names).Draw(p.T, "op")]()
}

func (p *play) enqueue() {
	o, k := p.owner(), p.kind(rapid.IntRange(0, 1).Draw(p.T, "kind"))
	want := none
	if p.m.of(o) != nil {
		want = fault.Exists
	} else {
		p.m.jobs = append(p.m.jobs, &modelJob{owner: o, kind: k, due: p.m.clock.now(), results: map[string]string{}})
	}
	p.want("Enqueue", p.s.Enqueue(p.Context(), catalog.Work{Owner: o, Kind: k}), want)
}

func (p *play) claim() {
	kinds := []string{p.kind(0), p.kind(1)}[:rapid.IntRange(1, 2).Draw(p.T, "kinds")]
	w, want := p.worker(), p.m.next(kinds)
	got, ok, err := p.s.Claim(p.Context(), w, kinds, lease, nil)
	if err != nil || ok != (want != nil) {
		p.Fatalf("Claim = %+v, %t, %v, want %+v", got, ok, err, want)
	}
	if want == nil {
		return
	}
	if want.worker != "" {
		want.lost++
	}
	want.worker, want.lease = w, p.m.clock.now().Add(lease)
	if got.Owner != want.owner || got.Attempt != want.attempts+1 || got.Lost != want.lost || got.Cancelled != want.cancelled ||
		want.id != 0 && want.id != got.ID {
		p.Fatalf("Claim = %+v, want %+v", got, want)
	}
	want.id = got.ID
}

func (p *play) extend() {
	j, id := p.target()
	w := p.worker()
	want := j.held(w)
	if want == none && j.cancelled {
		want = fault.NotFound
	}
	if want == none {
		j.lease = p.m.clock.now().Add(lease)
	}
	p.want("Extend", p.s.Extend(p.Context(), id, w, lease), want)
}

func (p *play) release() {
	j, id := p.target()
	w := p.worker()
	want := j.held(w)
	if want == none {
		j.worker, j.lease = "", time.Time{}
	}
	p.want("Release", p.s.Release(p.Context(), id, w), want)
}

func (p *play) retry() {
	j, id := p.target()
	w := p.worker()
	after := time.Duration(rapid.IntRange(0, 60).Draw(p.T, "after")) * time.Second
	want := j.held(w)
	if want == none {
		j.worker, j.lease, j.lost, j.due = "", time.Time{}, 0, p.m.clock.now().Add(after)
		j.attempts++
	}
	p.want("Retry", p.s.Retry(p.Context(), id, w, after), want)
}

func (p *play) finish() {
	j, id := p.target()
	w := p.worker()
	want := j.held(w)
	fail := want == none && rapid.Bool().Draw(p.T, "settle fails")
	switch {
	case fail:
		want = fault.Internal
	case want == none:
		p.m.remove(j)
	}
	p.want("Finish", p.s.Finish(p.Context(), id, w, func(catalog.Store) error {
		if fail {
			return errWanted
		}
		return nil
	}), want)
}

func (p *play) cancel() {
	o := p.owner()
	want := fault.NotFound
	if j := p.m.of(o); j != nil {
		j.cancelled, want = true, none
	}
	p.want("Cancel", p.s.Cancel(p.Context(), o), want)
}

func (p *play) put() {
	j, id := p.target()
	g, n := rapid.SampledFrom([]string{"g", "h"}).Draw(p.T, "group"), rapid.IntRange(0, 2).Draw(p.T, "task")
	value := rapid.StringN(0, 4, -1).Draw(p.T, "result")
	kept, err := p.s.PutResult(p.Context(), id, g, n, []byte(value))
	if j == nil {
		p.want("PutResult", err, fault.NotFound)
		return
	}
	key := fmt.Sprint(g, n)
	if first, ok := j.results[key]; ok {
		value = first
	}
	j.results[key], j.lost = value, 0
	if err != nil || string(kept) != value {
		p.Fatalf("PutResult = %q, %v, want %q", kept, err, value)
	}
}

func (p *play) results() {
	j, id := p.target()
	count := 0
	for _, g := range []string{"g", "h"} {
		got, err := p.s.Results(p.Context(), id, g)
		p.want("Results", err, none)
		for n, r := range got {
			count++
			if want, ok := j.results[fmt.Sprint(g, n)]; !ok || want != string(r) {
				p.Fatalf("result %d of %s = %q, want %q, %t", n, g, r, want, ok)
			}
		}
	}
	if j != nil && count != len(j.results) {
		p.Fatalf("Results has %d, want %d", count, len(j.results))
	}
}

func (p *play) expire() {
	for _, j := range p.m.jobs {
		j.lease = time.Time{}
	}
	p.want("Expire", p.s.Expire(p.Context()), none)
}

// clear leaves nothing to the next play, whose kinds are others but whose ids are not.
func (p *play) clear() {
	p.m.clock.pass(2 * time.Hour)
	for {
		j, ok, err := p.s.Claim(p.Context(), "clear", []string{p.kind(0), p.kind(1)}, lease, nil)
		if err != nil || !ok {
			return
		}
		_ = p.s.Finish(p.Context(), j.ID, "clear", nil)
	}
}
