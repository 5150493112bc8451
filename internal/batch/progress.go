package batch

import (
	"sync"
	"time"

	"github.com/kindredrec/kindred/internal/job"
)

// A progress counts the lines of a running job. How many there are in all is told from their bytes: at first
// from the plan's estimate, then from what has been read.
type progress struct {
	run   job.Runner
	now   func() time.Time
	bytes int64 // of all input

	mu   sync.Mutex
	p    job.Progress
	read int64
	line float64 // bytes of a line, estimated
}

func newProgress(j *work) *progress {
	p := &progress{run: j.run, now: j.cfg.Now, bytes: j.plan.bytes(), line: j.plan.LineBytes}
	p.p = job.Progress{Stage: "scoring", Unit: "lines", Started: p.now()}
	p.add(0, 0)
	return p
}

// add reports lines answered and bytes read.
func (p *progress) add(lines, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Done += lines
	p.read += bytes
	if p.p.Done > 0 {
		p.line = float64(p.read) / float64(p.p.Done)
	}
	if p.line > 0 {
		p.p.Total = max(p.p.Done, int64(float64(p.bytes)/p.line))
	}
	p.report()
}

func (p *progress) stage(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Stage = name
	p.report()
}

// finish reports that all lines are done, however many of them earlier runs did.
func (p *progress) finish(lines int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.p.Done, p.p.Total = lines, lines
	p.report()
}

func (p *progress) report() {
	p.p.Updated = p.now()
	p.run.Report(p.p)
}
