package batch

import (
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

const (
	// blockUsers bounds the memory of a block's segments: heaps and lists, 12 bytes a user.
	blockUsers = 32 << 20
	userBytes  = 12
	// flushBytes is how much of a long list of users is written before it is given away.
	flushBytes = 64 << 10
)

// spaced is the frame of segment jobs: a space behind every colon and comma but those of the list.
// (docs/decisions/segments.md)
var spaced = frame{
	input: `{"input": `, output: `, "output": `, end: ", \"error\": null}\n", failure: `, "error": `, endFailure: "}\n",
	echo: appendSpaced,
}

// appendSpaced appends a JSON text that has no white space with a space behind every colon and comma.
func appendSpaced(out, text []byte) []byte {
	inside := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		out = append(out, c)
		switch {
		case c == '"':
			inside = !inside
		case inside && c == '\\':
			i++
			out = append(out, text[i])
		case !inside && (c == ',' || c == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

// A segmentOracle is what a segment job knows of its model.
type segmentOracle struct {
	model recipe.SegmentModel
	users recipe.Names
	items recipe.Names
}

func newSegmentOracle(o *Order, b *Bound) (*oracle, error) {
	s := &segmentOracle{model: b.Segments, users: b.Segments.Users(), items: b.Segments.Items()}
	n := s.users.Len()
	or := &oracle{
		asks: b.Info.Asks, records: n, count: max(1, min(o.NumResults, n)), longest: longestQuoted(s.users), burst: 2 * flushBytes, frame: spaced,
		sample: 4, serve: func(d *desk) asker { return &segmenting{segmentOracle: s, desk: d} },
	}
	or.block = min(blockLines, max(1, blockUsers/(userBytes*or.count)))
	if o.Filter == "" {
		return or, nil
	}
	if b.Users.Len() != n {
		return nil, fmt.Errorf("batch: the filter's data has %d users and the model %d", b.Users.Len(), n)
	}
	return or, or.compile(o.Filter, b.Users)
}

// longestQuoted bounds the bytes of an id as a JSON string. Ids with characters that need six are rare, so
// only those that have one are quoted to be measured.
func longestQuoted(ids recipe.Names) (longest int) {
	var buf []byte
	for i := range ids.Len() {
		id := ids.At(i)
		if 3*len(id)+2 <= longest {
			continue // even U+FFFD for every byte would not be longer
		}
		buf = appendQuoted(buf[:0], id)
		longest = max(longest, len(buf))
	}
	return longest
}

// A segmenting asks for users: the queries and answers of one block.
type segmenting struct {
	*segmentOracle
	desk    *desk
	queries []recipe.SegmentQuery
	answers [][]int32
}

// prepare makes the model's query of a question.
func (s *segmenting) prepare(q *question, e *entry) problem {
	items, p := s.find(q)
	if !p.none() {
		return p
	}
	e.query = len(s.queries)
	query := recipe.SegmentQuery{Items: items, Count: s.desk.count}
	if s.desk.program != nil {
		query.Allow = s.desk.set(e.query)
		if err := s.desk.program.Apply(filter.Request{Values: q.values, Item: -1}, query.Allow); err != nil {
			return problem{"filterValues", clip(fault.Sentence(err), maxSentence)}
		}
	}
	s.queries = append(s.queries, query)
	return problem{}
}

// find returns the items that a question is about.
func (s *segmenting) find(q *question) ([]int32, problem) {
	if s.desk.asks == recipe.UsersByItem {
		i, ok := s.items.Find(q.item)
		if !ok {
			return nil, problem{"itemId", clip("Invalid itemId: the item "+q.item+" was not in the data that the solution version was trained on.", maxSentence)}
		}
		return []int32{int32(i)}, problem{}
	}
	conditions, err := parseAttributes(q.attributes)
	if err == nil {
		var items []int32
		if items, err = s.model.Select(conditions); err == nil {
			return items, problem{}
		}
	}
	return nil, problem{attributesKey, clip("Invalid itemAttributes: "+fault.Sentence(err), maxSentence)}
}

func (s *segmenting) ask(ctx context.Context) error {
	n := len(s.queries)
	if n == 0 {
		return ctx.Err()
	}
	for len(s.answers) < n {
		s.answers = append(s.answers, nil)
	}
	return s.model.Segment(ctx, s.queries, s.answers[:n])
}

func (s *segmenting) reset() {
	clear(s.queries)
	s.queries = s.queries[:0]
}

// write gives away what it has of a long list now and then, so that a segment is never in memory as text.
func (s *segmenting) write(out []byte, e *entry, flush func([]byte) ([]byte, error)) ([]byte, error) {
	out = append(out, `{"usersList": [`...)
	room := len(out) + flushBytes
	for i, u := range s.answers[e.query] {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendQuoted(out, s.users.At(int(u)))
		if len(out) < room {
			continue
		}
		var err error
		if out, err = flush(out); err != nil {
			return out, err
		}
		room = len(out) + flushBytes
	}
	return append(out, "]}"...), nil
}
