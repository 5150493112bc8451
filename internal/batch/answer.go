package batch

import (
	"context"
	"errors"
	"io"

	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The bounds of a block of questions, whichever comes first.
const (
	blockLines = 256
	blockBytes = 1 << 20 // of lines
	blockSets  = 8 << 20 // of item sets
	fewestSets = 16

	maxSentence = 400 // bytes of a line's error
)

// An oracle answers the lines of one job. It is read-only and shared by all tasks.
type oracle struct {
	asks    recipe.Asks
	program *filter.Program // nil for none
	records int             // what the filter's sets are over: items, or users for segments
	count   int             // results of a line
	longest int             // bytes of a result in the output, without its score
	burst   int             // most bytes of results that are written before some are given away
	block   int             // lines
	frame   frame
	sample  int // lines that the plan answers to measure the output
	serve   func(d *desk) asker
}

// An asker makes queries to a model of the questions of a block, and writes the model's answers.
type asker interface {
	// prepare adds the query of a question, or says why there is none.
	prepare(q *question, e *entry) problem
	// ask answers the queries.
	ask(ctx context.Context) error
	// write appends what stands behind "output" for an entry. It may call flush in between, as desk.answer
	// calls line.
	write(out []byte, e *entry, flush func([]byte) ([]byte, error)) ([]byte, error)
	// reset forgets the queries.
	reset()
}

// A frame is what stands around the parts of an output line.
type frame struct {
	input, output, end, failure, endFailure string
	echo                                    func(out, object []byte) []byte
}

func newOracle(o *Order, b *Bound) (*oracle, error) {
	switch {
	case b.Segments != nil:
		return newSegmentOracle(o, b)
	case o.Theme != nil:
		return newThemeOracle(o, b)
	}
	return newRankOracle(o, b)
}

// compile makes the order's filter, if there is one, a program over data.
func (or *oracle) compile(expr string, data filter.Data) error {
	if expr == "" {
		return nil
	}
	or.block = min(or.block, max(fewestSets, blockSets/(or.records/8+1)))
	f, err := filter.Parse(expr)
	if err != nil {
		return err
	}
	or.program, err = f.Compile(data)
	return err
}

// An entry is one line of a block on its way to its output line.
type entry struct {
	from, to int // its echo in desk.echo
	problem  problem
	query    int      // of the asker's; without meaning if there is a problem
	unknown  []string // ByUserList: ids to put at the end, without score
}

// A desk is where one task works: memory for one block, used again for the next.
type desk struct {
	*oracle
	asker
	echo    []byte
	entries []entry
	sets    []*bitset.Set // by query
	asked   question
}

func newDesk(or *oracle) *desk {
	d := &desk{oracle: or}
	d.asker = or.serve(d)
	return d
}

// full reports whether the block must be answered before more lines come.
func (d *desk) full() bool { return len(d.entries) >= d.block || len(d.echo) >= blockBytes }

// take adds the next line, if it is not blank. It is false when there are no more.
func (d *desk) take(lines *lineReader) (more bool, err error) {
	line, cut, err := lines.next()
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	case cut:
		d.refuse(line, tooLongLine)
	case !blank(line):
		d.put(line)
	}
	return true, nil
}

// put adds a line that is not blank to the block.
func (d *desk) put(line []byte) {
	q := &d.asked
	*q = question{list: q.list[:0]}
	from := len(d.echo)
	var p problem
	d.echo, p = readLine(d.asks, line, d.echo, q)
	e := entry{from: from, to: len(d.echo), problem: p}
	if e.problem.none() {
		e.problem = d.asker.prepare(q, &e)
	}
	d.entries = append(d.entries, e)
}

// refuse adds a line that was not read whole: head is its beginning.
func (d *desk) refuse(head []byte, p problem) {
	from := len(d.echo)
	d.echo = appendQuoted(d.echo, clip(string(head), len(head)-1))
	d.entries = append(d.entries, entry{from: from, to: len(d.echo), problem: p})
}

// set returns the memory for the set of a query.
func (d *desk) set(query int) *bitset.Set {
	for len(d.sets) <= query {
		d.sets = append(d.sets, bitset.New(d.records))
	}
	return d.sets[query]
}

// answer asks the model, appends the block's output lines to out in order, and empties the block. After each
// line it calls line with all that is written, which returns what to go on appending to.
func (d *desk) answer(ctx context.Context, out []byte, t *Tally, line func([]byte) ([]byte, error)) ([]byte, error) {
	if err := d.asker.ask(ctx); err != nil {
		return out, err
	}
	var err error
	for i := range d.entries {
		e := &d.entries[i]
		t.Lines++
		if !e.problem.none() {
			t.fail(e.problem.reason)
		}
		if out, err = d.appendLine(out, e, line); err != nil {
			return out, err
		}
	}
	d.reset()
	return out, nil
}

// reset empties the block.
func (d *desk) reset() {
	clear(d.entries)
	d.echo, d.entries = d.echo[:0], d.entries[:0]
	d.asker.reset()
}

func (d *desk) appendLine(out []byte, e *entry, flush func([]byte) ([]byte, error)) ([]byte, error) {
	out = append(out, d.frame.input...)
	out = d.frame.echo(out, d.echo[e.from:e.to])
	if !e.problem.none() {
		out = append(out, d.frame.failure...)
		out = appendQuoted(out, e.problem.sentence)
		return flush(append(out, d.frame.endFailure...))
	}
	out = append(out, d.frame.output...)
	out, err := d.asker.write(out, e, flush)
	if err != nil {
		return out, err
	}
	return flush(append(out, d.frame.end...))
}
