package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
)

// A piece is a range of a file whose output has been, or is to be, uploaded as parts: one shard, or several
// in a row that were joined because the output of each is too small for a part.
type piece struct {
	file  int // index into Plan.Files
	first int // shard
	count int // shards
	out   *output
}

// An output is the result of a task that answered the lines of a piece.
type output struct {
	Parts []blob.Part `json:"parts"` // none if small
	Size  int64       `json:"size"`
	Small bool        `json:"small,omitzero"` // less than a part must have, and not the end of its file: nothing was uploaded
	Lost  bool        `json:"lost,omitzero"`  // the upload is gone
	Tally Tally       `json:"tally"`
}

// errLost says that an upload is gone: aborted by somebody, or completed by a run that could not tell.
var errLost = errors.New("the multipart upload is gone")

// A sink collects output and sends it as parts of a multipart upload. Every part has at least minPart bytes
// but the last, which has them too if the whole output does.
type sink struct {
	buf           []byte
	part, minPart int
	upload        func(number int, data []byte) (blob.Part, error) // nil: everything stays in buf
	turn          func() error                                     // returns when a part may be sent
	next, last    int                                              // part numbers it may use
	parts         []blob.Part
	size          int64
}

// write takes what has been appended to buf and returns what to go on appending to.
func (s *sink) write(buf []byte) ([]byte, error) {
	s.buf = buf
	for s.upload != nil && len(s.buf) >= s.part+s.minPart {
		if err := s.send(s.part); err != nil {
			return s.buf, err
		}
	}
	return s.buf, nil
}

// send uploads the first n bytes of buf.
func (s *sink) send(n int) error {
	if s.next > s.last {
		return fault.Newf(fault.Invalid, "Invalid S3 input path. The lines of a file differ so much in length that its output does not fit into %d parts of %d bytes; split the file.", maxParts, s.part)
	}
	if err := s.turn(); err != nil {
		return err
	}
	p, err := s.upload(s.next, s.buf[:n])
	if err != nil {
		return err
	}
	s.next++
	s.size += int64(n)
	s.parts = append(s.parts, p)
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	return nil
}

// close sends the rest. An output that is too small for a part is sent only if it is the end of its file.
func (s *sink) close(end bool) (small bool, err error) {
	rest := len(s.buf)
	if rest == 0 {
		return false, nil
	}
	if rest < s.minPart && !end {
		s.size += int64(rest)
		return true, nil
	}
	return false, s.send(rest)
}

// score is the task that answers the lines of a piece and uploads the output, each part when turn returns.
func (j *work) score(ctx context.Context, p piece, upload string, lost *atomic.Bool, turn func() error) ([]byte, error) {
	if lost.Load() { // the parts would have nowhere to go
		return json.Marshal(output{Lost: true})
	}
	f := &j.plan.Files[p.file]
	b := j.bench(j.reserve())
	defer j.benches.put(b)
	s := j.partsOf(ctx, f, p, upload, b)
	s.turn = turn
	t, err := j.answer(ctx, p, b.desk, s)
	small := false
	if err == nil {
		small, err = s.close(p.first+p.count == f.shards())
	}
	b.buf = s.buf
	if errors.Is(err, errLost) {
		lost.Store(true)
		return json.Marshal(output{Lost: true})
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(output{Parts: s.parts, Size: s.size, Small: small, Tally: t})
}

// partsOf returns the sink of a piece. Every shard has part numbers of its own, some more than it should need.
func (j *work) partsOf(ctx context.Context, f *File, p piece, upload string, b *bench) *sink {
	each := maxParts / f.shards()
	s := &sink{buf: b.buf[:0], part: j.part, minPart: j.minPart, next: 1 + p.first*each, last: (p.first + p.count) * each}
	s.upload = func(number int, data []byte) (blob.Part, error) {
		part, err := j.out.Upload(ctx, f.Output, upload, number, data)
		if fault.Is(err, fault.NotFound) {
			return part, errLost
		}
		return part, j.outputFault(f.Output, err)
	}
	return s
}

// put is the task that answers a small file whole and writes its output in one go.
func (j *work) put(ctx context.Context, n int) (output, error) {
	f := &j.plan.Files[n]
	b := j.bench(0)
	defer j.benches.put(b)
	s := &sink{buf: b.buf[:0]}
	t, err := j.answer(ctx, piece{file: n, count: 1}, b.desk, s)
	b.buf = s.buf
	if err != nil {
		return output{}, err
	}
	if err := j.checkLines(f, t); err != nil {
		return output{}, err
	}
	if _, err := j.out.Put(ctx, f.Output, bytes.NewReader(s.buf), j.options()); err != nil {
		return output{}, j.outputFault(f.Output, err)
	}
	return output{Size: int64(len(s.buf)), Tally: t}, nil
}

// A bench is the memory of one task, handed on from task to task.
type bench struct {
	desk *desk
	buf  []byte
}

// benches keeps those that no task uses, so that there are never more than tasks at a time.
type benches struct {
	mu   sync.Mutex
	free []*bench
}

func (p *benches) get(or *oracle) *bench {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return &bench{desk: newDesk(or)}
}

func (p *benches) put(b *bench) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, b)
}

// bench returns a free bench whose buffer holds n bytes without growing.
func (j *work) bench(n int) *bench {
	b := j.benches.get(j.oracle)
	b.desk.reset() // the task before may have failed in the middle
	if cap(b.buf) < n {
		b.buf = nil // before there is another
		b.buf = make([]byte, 0, n)
	}
	return b
}

// reserve is the buffer of a shard: what write keeps back, and the longest line on top.
func (j *work) reserve() int {
	return j.part + j.minPart + 2*MaxLine + min(j.oracle.count*(j.oracle.longest+scoreBytes), j.oracle.burst)
}

// answer writes the output of a piece to s.
func (j *work) answer(ctx context.Context, p piece, d *desk, s *sink) (t Tally, err error) {
	began := j.cfg.Now()
	f := &j.plan.Files[p.file]
	sp := f.span(j.in, p.first, p.count)
	if err := j.read(ctx, d, sp, s, &t, p.count == 1); err != nil && !errors.Is(err, errShort) {
		return t, err
	} else if changed := j.unchanged(ctx, f); changed != nil {
		return t, changed
	} else if err != nil {
		return t, err
	}
	t.Bytes = sp.end - sp.start
	j.cfg.observe(t, j.cfg.Now().Sub(began))
	return t, nil
}

// read answers all lines of a span. It counts them as progress unless they have been answered before, and
// takes them back if it fails.
func (j *work) read(ctx context.Context, d *desk, sp *span, s *sink, t *Tally, fresh bool) (err error) {
	lines, err := newLineReader(ctx, sp)
	told := sp.start
	defer func() {
		err = errors.Join(err, j.inputFault(sp.key, lines.Close()))
		if err != nil && fresh {
			j.progress.add(-t.Lines, sp.start-told)
		}
	}()
	if err != nil {
		return j.inputFault(sp.key, err)
	}
	for {
		more, err := d.take(lines)
		if err != nil {
			return j.inputFault(sp.key, err)
		}
		if more && !d.full() {
			continue
		}
		before := t.Lines
		s.buf, err = d.answer(ctx, s.buf, t, s.write)
		if at := min(lines.at, sp.end); fresh {
			j.progress.add(t.Lines-before, at-told)
			told = at
		}
		if err != nil || !more {
			return err
		}
	}
}

// unchanged fails unless an input still is what was planned: no output mixes two versions.
func (j *work) unchanged(ctx context.Context, f *File) error {
	info, err := j.in.Stat(ctx, f.Key)
	if err != nil {
		return j.inputFault(f.Key, err)
	}
	if info.Size != f.Size || info.ETag != f.ETag {
		return fault.Newf(fault.Invalid, "Invalid S3 input path. %s changed while the job was reading it.",
			blob.Location{Bucket: j.input.Bucket, Key: f.Key})
	}
	return nil
}
