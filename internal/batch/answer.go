package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/kindredrec/kindred/internal/fault"
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
	scores  bool
	model   recipe.Model
	items   recipe.Names
	view    View
	program *filter.Program // nil for none
	extra   int             // 1 if the program knows a last item without records, see phantom
	explore *recipe.Exploration
	count   int
	seed    uint64
	quoted  *quoted
	block   int // lines
}

func newOracle(o *Order, b *Bound) (*oracle, error) {
	explore, err := o.exploration(b.Info)
	if err != nil {
		return nil, err
	}
	items := b.Model.Items()
	or := &oracle{
		asks: b.Info.Asks, scores: b.Info.Scores, model: b.Model, items: items, view: b.View,
		explore: explore, count: max(o.NumResults, 1), seed: b.Seed, quoted: quoteAll(items), block: blockLines,
	}
	if o.Filter == "" {
		return or, nil
	}
	or.block = min(blockLines, max(fewestSets, blockSets/(items.Len()/8+1)))
	return or, or.compile(o.Filter)
}

func (or *oracle) compile(expr string) error {
	f, err := filter.Parse(expr)
	if err != nil {
		return err
	}
	data := or.view.FilterData()
	if data.Len() != or.items.Len() {
		return fmt.Errorf("batch: the filter's data has %d items and the model %d", data.Len(), or.items.Len())
	}
	if or.asks == recipe.ByUserList {
		data, or.extra = phantom{data}, 1
	}
	or.program, err = f.Compile(data)
	return err
}

// phantom is Data with one more item that has no records. It stands for the items of a list that nobody
// knows: whether a filter lets them pass is then the filter's own answer.
type phantom struct{ filter.Data }

func (p phantom) Len() int { return p.Data.Len() + 1 }

func (p phantom) Column(dataset, field string) (filter.Column, bool) {
	c, ok := p.Data.Column(dataset, field)
	return phantomColumn{c, p.Data.Len()}, ok
}

type phantomColumn struct {
	filter.Column
	n int
}

func (c phantomColumn) Text(i int) (string, bool) {
	if i >= c.n {
		return "", false
	}
	return c.Column.Text(i)
}

func (c phantomColumn) Number(i int) (float64, bool) {
	if i >= c.n {
		return 0, false
	}
	return c.Column.Number(i)
}

// Seed mixes a solution version's seed with a user's id, so that every user explores differently and the
// same user always in the same way. (FNV-1a over the id, then a 64-bit finaliser.)
func Seed(solution uint64, user string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(user) {
		h = (h ^ uint64(user[i])) * 1099511628211
	}
	h ^= solution
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// A Tally counts lines.
type Tally struct {
	Lines   int64            `json:"lines"`   // answered or not; blank ones are not counted
	Bytes   int64            `json:"bytes"`   // of input
	Failed  int64            `json:"failed"`  // lines with an error
	Reasons map[string]int64 `json:"reasons"` // failed lines by what was wrong, such as "userId"
}

func (t *Tally) fail(reason string) {
	t.Failed++
	if t.Reasons == nil {
		t.Reasons = map[string]int64{}
	}
	t.Reasons[reason]++
}

func (t *Tally) add(u Tally) {
	t.Lines += u.Lines
	t.Bytes += u.Bytes
	t.Failed += u.Failed
	for reason, n := range u.Reasons {
		if t.Reasons == nil {
			t.Reasons = map[string]int64{}
		}
		t.Reasons[reason] += n
	}
}

// LogValue shows the tally as a group.
func (t Tally) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int64("lines", t.Lines), slog.Int64("failed", t.Failed)}
	for _, reason := range sortedKeys(t.Reasons) {
		attrs = append(attrs, slog.Int64("failed."+reason, t.Reasons[reason]))
	}
	return slog.GroupValue(attrs...)
}

// An entry is one line of a block on its way to its output line.
type entry struct {
	from, to int // its echo in desk.echo
	problem  problem
	query    int      // index into desk.queries; without meaning if there is a problem
	unknown  []string // ByUserList: ids to put at the end, without score
}

// A desk is where one task works: memory for one block, used again for the next.
type desk struct {
	*oracle
	echo    []byte
	entries []entry
	queries []recipe.Query
	answers []recipe.Answer
	sets    []*bitset.Set // by query
	wide    *bitset.Set   // over the items and the phantom
	asked   question
}

func newDesk(or *oracle) *desk {
	d := &desk{oracle: or}
	if or.extra > 0 && or.program != nil {
		d.wide = bitset.New(or.items.Len() + 1)
	}
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
		e.problem = d.prepare(q, &e)
	}
	d.entries = append(d.entries, e)
}

// refuse adds a line that was not read whole: head is its beginning.
func (d *desk) refuse(head []byte, p problem) {
	from := len(d.echo)
	d.echo = appendQuoted(d.echo, clip(string(head), len(head)-1))
	d.entries = append(d.entries, entry{from: from, to: len(d.echo), problem: p})
}

// prepare makes the model's query of a question.
func (d *desk) prepare(q *question, e *entry) problem {
	e.query = len(d.queries)
	query := recipe.Query{Item: -1, Count: d.count, Explore: d.explore}
	switch d.asks {
	case recipe.ByItem:
		if i, ok := d.items.Find(q.item); ok {
			query.Item = int32(i)
		}
	case recipe.ByUserList:
		query.List, e.unknown = d.resolve(q.list)
	}
	if d.asks != recipe.ByItem {
		query.Items, query.Times, query.Known = d.view.History(q.user)
		query.Seed = Seed(d.seed, q.user)
	}
	if d.program != nil {
		if err := d.permit(q, &query, e); err != nil {
			return problem{"filterValues", clip(fault.Sentence(err), maxSentence)}
		}
	}
	d.queries = append(d.queries, query)
	return problem{}
}

// resolve finds the items of a list: each once, and those that nobody knows apart, in the order given.
func (d *desk) resolve(ids []string) (list []int32, unknown []string) {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if i, ok := d.items.Find(id); ok {
			list = append(list, int32(i))
		} else {
			unknown = append(unknown, id)
		}
	}
	return list, unknown
}

// permit sets the query's Allow to what the filter lets pass.
func (d *desk) permit(q *question, query *recipe.Query, e *entry) error {
	req := filter.Request{Values: q.values, Item: int(query.Item)}
	if q.user != "" {
		req.User = d.view.FilterUser(q.user)
	}
	n := d.items.Len()
	if len(d.queries) == len(d.sets) {
		d.sets = append(d.sets, bitset.New(n))
	}
	query.Allow = d.sets[len(d.queries)]
	if d.wide == nil {
		return d.program.Apply(req, query.Allow)
	}
	if err := d.program.Apply(req, d.wide); err != nil {
		return err
	}
	if !d.wide.Has(n) {
		e.unknown = nil
	}
	d.wide.Remove(n)
	query.Allow.Copy(d.wide)
	return nil
}

// answer asks the model, appends the block's output lines to out in order, and empties the block. After each
// line it calls line with all that is written, which returns what to go on appending to.
func (d *desk) answer(ctx context.Context, out []byte, t *Tally, line func([]byte) ([]byte, error)) ([]byte, error) {
	if err := d.ask(ctx); err != nil {
		return out, err
	}
	var err error
	for i := range d.entries {
		e := &d.entries[i]
		t.Lines++
		if !e.problem.none() {
			t.fail(e.problem.reason)
		}
		if out, err = line(d.appendLine(out, e)); err != nil {
			return out, err
		}
	}
	d.reset()
	return out, nil
}

// reset empties the block.
func (d *desk) reset() {
	clear(d.entries)
	clear(d.queries)
	d.echo, d.entries, d.queries = d.echo[:0], d.entries[:0], d.queries[:0]
}

func (d *desk) ask(ctx context.Context) error {
	n := len(d.queries)
	if n == 0 {
		return ctx.Err()
	}
	for len(d.answers) < n {
		d.answers = append(d.answers, recipe.Answer{})
	}
	return d.model.Rank(ctx, d.queries, d.answers[:n])
}

func (d *desk) appendLine(out []byte, e *entry) []byte {
	out = append(out, `{"input":`...)
	out = append(out, d.echo[e.from:e.to]...)
	if !e.problem.none() {
		out = append(out, `,"error":`...)
		out = appendQuoted(out, e.problem.sentence)
		return append(out, "}\n"...)
	}
	a := &d.answers[e.query]
	out = append(out, `,"output":{"recommendedItems":[`...)
	out = d.appendItems(out, a.Items, e.unknown)
	out = append(out, ']')
	if d.scores {
		out = append(out, `,"scores":[`...)
		out = appendScores(out, a, len(e.unknown))
		out = append(out, ']')
	}
	return append(out, "},\"error\":null}\n"...)
}

func (d *desk) appendItems(out []byte, items []int32, unknown []string) []byte {
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, d.quoted.at(item)...)
	}
	for i, id := range unknown {
		if i+len(items) > 0 {
			out = append(out, ',')
		}
		out = appendQuoted(out, id)
	}
	return out
}

// appendScores writes one score per item, null for those that have none.
func appendScores(out []byte, a *recipe.Answer, unknown int) []byte {
	for i := range len(a.Items) + unknown {
		if i > 0 {
			out = append(out, ',')
		}
		if i < len(a.Items) && i < len(a.Scores) {
			out = appendScore(out, a.Scores[i])
		} else {
			out = append(out, "null"...)
		}
	}
	return out
}
