package filter

import (
	"slices"
	"strings"
	"sync"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Column is one field of the records being filtered, by record index. The second result is false
// for a null and for a record that the dataset does not have.
type Column interface {
	// Text returns the value of a text field; several values are joined with '|'.
	Text(i int) (string, bool)
	// Number returns the value of a number field. For a text field it is always false.
	Number(i int) (float64, bool)
}

// Data is the records being filtered: items for ItemID, users for UserID, actions for ActionID, numbered as
// the model numbers them.
type Data interface {
	Len() int
	// Column returns a field of the records' own dataset (Items, Users or Actions). It is found
	// whatever the case of field, as in [Schemas].
	Column(dataset, field string) (Column, bool)
}

// EventData is Data over users that also knows what each of them did. A UserID filter on Interactions
// cannot be compiled without it.
type EventData interface {
	Data
	// EventTypes yields the types of the events of user i, in any order, repeated or not.
	EventTypes(i int, yield func(eventType string) bool)
}

// Compile builds the indexes that the filter needs over d and works out all that no request can change.
// The Program is safe for concurrent use and reads from d as long as it is used if the filter uses
// CurrentItem.
//
// For n records a Program keeps n/8 bytes for the part that is fixed, and an index of each field that is
// compared with a placeholder or with CurrentItem: 16 n bytes for a number; for a text 4 bytes for each value of
// each record and about 80 for each distinct value. Every Apply that runs at the same time needs 3/8 n bytes more.
// While compiling, fields compared only with literals have such an index too.
//
// An error is fault.Invalid: d lacks a field or the events.
func (f *Filter) Compile(d Data) (*Program, error) {
	required, optional := f.Parameters()
	c := &compiler{data: d, n: d.Len(), target: f.target, columns: map[string]*column{}}
	c.params = append(required, optional...)
	c.scalar = make([]*condition, len(c.params))
	p := &Program{n: c.n, params: c.params, required: len(required), scalar: c.scalar}
	for i := range f.rules {
		r, err := c.rule(&f.rules[i])
		if err != nil {
			return nil, err
		}
		p.addRule(r, f.rules[i].include)
	}
	p.pool = sync.Pool{New: func() any { return newRun(p) }}
	return p, nil
}

// addRule adds a compiled rule, folding those that are the same for every request into one set.
func (p *Program) addRule(r *ruleProgram, include bool) {
	fixed, rules := &p.exclude, &p.excludes
	if include {
		fixed, rules = &p.include, &p.includes
	}
	switch {
	case len(r.terms) > 0 || len(r.when) > 0:
		*rules = append(*rules, r)
	case *fixed == nil:
		*fixed = r.fixed
	default:
		(*fixed).Or(r.fixed)
	}
}

type compiler struct {
	data    Data
	n       int
	target  Target
	params  []string
	scalar  []*condition
	columns map[string]*column // by folded field
	events  *textIndex         // of EventData, built when first needed
}

// A column is a field with its indexes, built when first needed.
type column struct {
	Column
	numeric bool
	texts   *textIndex
	numbers *numberIndex
}

// column returns the column of a field of the records' own dataset.
func (c *compiler) column(field string) (*column, error) {
	key := strings.ToUpper(field)
	if col := c.columns[key]; col != nil {
		return col, nil
	}
	dataset := targetDatasets[c.target][0]
	found, ok := c.data.Column(dataset, field)
	if !ok {
		return nil, fault.Newf(fault.Invalid, "The filter uses %s.%s, and the %s dataset has no such field.", dataset, field, dataset)
	}
	col := &column{Column: found, numeric: numeric(found, c.n)}
	c.columns[key] = col
	return col, nil
}

// compare returns the matcher that compares a column with values from src. A column that is null
// throughout shows no kind of its own; then that of the current item's field counts.
func (c *compiler) compare(col *column, op *operator, src source) matcher {
	if op.ordered || col.numeric || src.item != nil && src.item.numeric {
		if col.numbers == nil {
			col.numbers = indexNumbers(col, c.n)
		}
		return &numberMatcher{index: col.numbers, op: op, source: src}
	}
	if col.texts == nil {
		col.texts = indexText(col, c.n)
	}
	return &textMatcher{index: col.texts, negated: op.negated, source: src}
}

func (c *compiler) rule(r *rule) (*ruleProgram, error) {
	rp := &ruleProgram{fixed: bitset.New(c.n)}
	for _, conditions := range r.terms {
		t, err := c.term(conditions, rp)
		if err != nil {
			return nil, err
		}
		if len(t.matchers) == 0 {
			rp.fixed.Or(t.fixed)
		} else {
			rp.terms = append(rp.terms, t)
		}
	}
	for i := range r.when {
		w, err := c.when(&r.when[i], rp)
		if err != nil {
			return nil, err
		}
		rp.when = append(rp.when, w)
	}
	return rp, nil
}

// term compiles conditions of which all must hold; those that no request changes become one set.
func (c *compiler) term(conditions []condition, rp *ruleProgram) (termProgram, error) {
	var t termProgram
	for i := range conditions {
		m, err := c.condition(&conditions[i], rp)
		if err != nil {
			return t, err
		}
		if !m.fixed() {
			t.matchers = append(t.matchers, m)
			continue
		}
		set := bitset.New(c.n)
		if err := m.match(&run{}, set); err != nil {
			return t, err
		}
		if t.fixed == nil {
			t.fixed = set
		} else {
			t.fixed.And(set)
		}
	}
	return t, nil
}

func (c *compiler) condition(cond *condition, rp *ruleProgram) (matcher, error) {
	src, err := c.source(cond, rp)
	if err != nil {
		return nil, err
	}
	if cond.onEvents() {
		return c.eventCondition(cond, src)
	}
	col, err := c.column(cond.field)
	if err != nil {
		return nil, err
	}
	return c.compare(col, cond.op, src), nil
}

// source compiles the right-hand side of a condition.
func (c *compiler) source(cond *condition, rp *ruleProgram) (source, error) {
	o := &cond.operand
	s := source{cond: cond, param: -1}
	switch {
	case o.placeholder != "":
		s.param = slices.Index(c.params, o.placeholder)
		rp.params = append(rp.params, s.param)
		if !cond.op.list {
			c.scalar[s.param] = cond
		}
	case o.itemField != "":
		col, err := c.column(o.itemField)
		if err != nil {
			return s, err
		}
		s.item = col
	default:
		for _, l := range o.literals {
			s.texts = append(s.texts, l.text)
			if v, ok := parseNumber(l.text); ok {
				s.numbers = append(s.numbers, v)
			}
		}
	}
	return s, nil
}

func (c *compiler) eventCondition(cond *condition, src source) (matcher, error) {
	for i, t := range src.texts {
		src.texts[i] = foldEvent(t)
	}
	if c.target != UserID {
		return &historyMatcher{source: src, negated: cond.op.negated, limit: eventLimits[cond.dataset]}, nil
	}
	err := c.indexEvents()
	return &textMatcher{index: c.events, negated: cond.op.negated, source: src, fold: true}, err
}

// indexEvents builds the index of the users by the types of their events, and of those who have any
// under "*".
func (c *compiler) indexEvents() error {
	if c.events != nil {
		return nil
	}
	data, ok := c.data.(EventData)
	if !ok {
		return fault.Newf(fault.Invalid, "A filter on Interactions cannot be used here.")
	}
	b := newTextBuilder(c.n)
	for i := range c.n {
		previous := ""
		data.EventTypes(i, func(eventType string) bool {
			b.add(i, anyEvent)
			if eventType != previous { // folding may allocate, and events of one type often come together
				b.add(i, foldEvent(eventType))
				previous = eventType
			}
			return true
		})
	}
	c.events = b.build()
	return nil
}

func (c *compiler) when(cond *condition, rp *ruleProgram) (whenProgram, error) {
	src, err := c.source(cond, rp)
	return whenProgram{source: src}, err
}
