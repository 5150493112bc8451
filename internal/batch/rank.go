package batch

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/num/bitset"
	"github.com/kindredrec/kindred/internal/recipe"
)

// compact is the frame of inference jobs: no white space.
var compact = frame{
	input: `{"input":`, output: `,"output":`, end: ",\"error\":null}\n", failure: `,"error":`, endFailure: "}\n",
	echo: func(out, object []byte) []byte { return append(out, object...) },
}

// A rankOracle is what an inference job knows of its model.
type rankOracle struct {
	scores    bool
	model     recipe.Model
	items     recipe.Names
	view      View
	extra     int // 1 if the program knows a last item without records, see phantom
	explore   *recipe.Exploration
	influence *recipe.Influence
	seed      uint64
	people    bool // the model is told of users' attributes
	quoted    *quoted
}

// A person is the attributes of a user. They are looked up when they are asked for, which few users' are.
type person struct {
	view View
	id   string
}

// Attribute implements recipe.Attributes.
func (p person) Attribute(field string) (string, float64, bool) {
	return p.view.FilterUser(p.id).Attribute(field)
}

func newRankOracle(o *Order, b *Bound) (*oracle, error) {
	explore, err := o.exploration(b.Info)
	if err != nil {
		return nil, err
	}
	items := b.Model.Items()
	r := &rankOracle{scores: b.Info.Scores, model: b.Model, items: items, view: b.View, explore: explore, influence: o.Influence, seed: b.Seed, people: b.Info.UserMetadata, quoted: quoteAll(items)}
	or := &oracle{
		asks: b.Info.Asks, records: items.Len(), count: max(o.NumResults, 1), longest: r.quoted.longest, burst: math.MaxInt, block: blockLines, frame: compact,
		sample: blockLines, serve: func(d *desk) asker { return newRanking(r, d) },
	}
	if o.Filter == "" {
		return or, nil
	}
	data := r.view.FilterData()
	if data.Len() != items.Len() {
		return nil, fmt.Errorf("batch: the filter's data has %d items and the model %d", data.Len(), items.Len())
	}
	if or.asks == recipe.ByUserList {
		data, r.extra = phantom{data}, 1
	}
	return or, or.compile(o.Filter, data)
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

// Circumstances are the context of a line, by field.
type circumstances map[string]string

// Attribute implements recipe.Attributes. Values are texts; one that reads as a number is one as well.
func (c circumstances) Attribute(field string) (string, float64, bool) {
	text, ok := c[field]
	var least string // of several that differ by their case
	for name, value := range c {
		if _, exact := c[field]; !exact && strings.EqualFold(name, field) && (!ok || name < least) {
			text, least, ok = value, name, true
		}
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		number = math.NaN()
	}
	return text, number, ok && text != ""
}

// A ranking asks for items: the queries and answers of one block.
type ranking struct {
	*rankOracle
	desk    *desk
	queries []recipe.Query
	users   []string // by query, unless it asks for an item
	answers []recipe.Answer
	wide    *bitset.Set // over the items and the phantom
}

func newRanking(r *rankOracle, d *desk) *ranking {
	k := &ranking{rankOracle: r, desk: d}
	if r.extra > 0 && d.program != nil {
		k.wide = bitset.New(r.items.Len() + 1)
	}
	return k
}

// prepare makes the model's query of a question. Histories come later, for all users at once.
func (r *ranking) prepare(q *question, e *entry) problem {
	e.query = len(r.queries)
	query := recipe.Query{Item: -1, Count: r.desk.count, Explore: r.explore, Influence: r.influence}
	switch r.desk.asks {
	case recipe.ByItem:
		if i, ok := r.items.Find(q.item); ok {
			query.Item = int32(i)
		}
	case recipe.ByUserList:
		query.List, e.unknown = r.resolve(q.list)
	}
	if r.desk.asks != recipe.ByItem {
		query.Seed = Seed(r.seed, q.user)
		if r.people {
			query.User = person{r.view, q.user}
		}
		if len(q.context) > 0 {
			query.Context = circumstances(q.context)
		}
	}
	if r.desk.program != nil {
		if err := r.permit(q, &query, e); err != nil {
			return problem{"filterValues", clip(fault.Sentence(err), maxSentence)}
		}
	}
	r.queries = append(r.queries, query)
	if r.desk.asks != recipe.ByItem {
		r.users = append(r.users, q.user)
	}
	return problem{}
}

// resolve finds the items of a list: each once, and those that nobody knows apart, in the order given.
func (r *ranking) resolve(ids []string) (list []int32, unknown []string) {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if seen[id] {
			continue
		}
		seen[id] = true
		if i, ok := r.items.Find(id); ok {
			list = append(list, int32(i))
		} else {
			unknown = append(unknown, id)
		}
	}
	return list, unknown
}

// permit sets the query's Allow to what the filter lets pass.
func (r *ranking) permit(q *question, query *recipe.Query, e *entry) error {
	req := filter.Request{Values: q.values, Item: int(query.Item)}
	if q.user != "" {
		req.User = r.view.FilterUser(q.user)
	}
	n := r.items.Len()
	query.Allow = r.desk.set(len(r.queries))
	if r.wide == nil {
		return r.desk.program.Apply(req, query.Allow)
	}
	if err := r.desk.program.Apply(req, r.wide); err != nil {
		return err
	}
	if !r.wide.Has(n) {
		e.unknown = nil
	}
	r.wide.Remove(n)
	query.Allow.Copy(r.wide)
	return nil
}

func (r *ranking) ask(ctx context.Context) error {
	n := len(r.queries)
	if n == 0 {
		return ctx.Err()
	}
	for len(r.answers) < n {
		r.answers = append(r.answers, recipe.Answer{})
	}
	r.view.Histories(r.users, func(k int, items []int32, times []int64, known bool) {
		q := &r.queries[k]
		q.Items, q.Times, q.Known = items, times, known
	})
	return r.model.Rank(ctx, r.queries, r.answers[:n])
}

func (r *ranking) reset() {
	clear(r.queries)
	clear(r.users)
	r.queries, r.users = r.queries[:0], r.users[:0]
}

func (r *ranking) write(out []byte, e *entry, _ func([]byte) ([]byte, error)) ([]byte, error) {
	a := &r.answers[e.query]
	out = append(out, `{"recommendedItems":`...)
	out = r.appendItems(out, a.Items, e.unknown)
	if r.scores {
		out = append(out, `,"scores":`...)
		out = appendScores(out, a, len(e.unknown))
	}
	return append(out, '}'), nil
}

func (r *ranking) appendItems(out []byte, items []int32, unknown []string) []byte {
	from := len(out)
	for _, item := range items {
		out = append(out, r.quoted.at(item)...)
	}
	for _, id := range unknown {
		out = appendQuoted(append(out, ','), id)
	}
	return enclose(out, from)
}

// appendScores writes one score per item, null for those that have none.
func appendScores(out []byte, a *recipe.Answer, unknown int) []byte {
	from := len(out)
	scores := a.Scores[:min(len(a.Scores), len(a.Items))]
	for _, v := range scores {
		out = appendScore(append(out, ','), v)
	}
	for range len(a.Items) - len(scores) + unknown {
		out = append(out, ",null"...)
	}
	return enclose(out, from)
}

// enclose makes an array of elements that were written from a place on, each behind a comma.
func enclose(out []byte, from int) []byte {
	if len(out) == from {
		return append(out, "[]"...)
	}
	out[from] = '['
	return append(out, ']')
}
