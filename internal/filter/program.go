package filter

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Request is what a filter needs to know of one request.
type Request struct {
	Values map[string]string // filterValues as received
	User   User              // nil when the request has none
	Item   int               // index of the request's item in Data; negative if it has none or one unknown
}

// A User is the requesting user. A user nobody knows has no attributes and no events.
type User interface {
	// Attribute returns a field of the user's record in Users, found whatever the case of field: a text
	// field's text, values joined with '|', or a number field's number. It is false for a null and when
	// there is no record.
	Attribute(field string) (text string, number float64, ok bool)
	// Events yields the user's events, the newest first: item interactions, or for ActionID action
	// interactions with the action's index. An index outside the data is passed over. The program itself
	// keeps to the most recent 100 (item) or 300 (action) events of each type.
	Events(yield func(item int32, eventType string) bool)
}

// A Program is a filter compiled over some records. It is safe for concurrent use.
type Program struct {
	n        int
	params   []string // the required ones first
	required int
	scalar   []*condition // by parameter: one that compares it with a single value, or nil

	include, exclude   *bitset.Set // what needs no request; nil if nothing does
	includes, excludes []*ruleProgram
	pool               sync.Pool // of *run
}

// A ruleProgram is a compiled INCLUDE or EXCLUDE: the records in fixed and those of some term.
type ruleProgram struct {
	fixed  *bitset.Set
	terms  []termProgram
	when   []whenProgram
	params []int // the placeholders it needs, as indexes into Program.params
}

// A termProgram stands for the records that are in fixed, unless nil, and in every matcher's set.
type termProgram struct {
	fixed    *bitset.Set
	matchers []matcher // not empty
}

// A matcher sets out to the records for which a condition holds in a request.
type matcher interface {
	match(r *run, out *bitset.Set) error
	fixed() bool // whether the set is the same for every request
}

// A run is one request on its way through a program, with memory that is used again by the next.
type run struct {
	request Request
	values  [][]string // by parameter
	given   []bool     // by parameter

	sum, term, cond *bitset.Set
	texts           []string
	numbers         []float64
	walk            walk
}

func newRun(p *Program) *run {
	r := &run{
		values: make([][]string, len(p.params)),
		given:  make([]bool, len(p.params)),
		sum:    bitset.New(p.n),
		term:   bitset.New(p.n),
		cond:   bitset.New(p.n),
	}
	r.walk.visit = r.walk.event
	return r
}

// Apply sets out, a subset of the data's records, to exactly the records that the filter permits.
//
// An INCLUDE permits what it matches and several permit the union; without one that has an effect
// everything is permitted. What an EXCLUDE matches is then taken away.
//
// An error is fault.Invalid: a required placeholder without a value, a malformed value, no user where
// the filter needs one. out is then of no use.
func (p *Program) Apply(req Request, out *bitset.Set) error {
	if out.Len() != p.n {
		return fmt.Errorf("filter: a set over %d records given to a program over %d", out.Len(), p.n)
	}
	r := p.pool.Get().(*run)
	defer func() {
		r.forget()
		p.pool.Put(r)
	}()
	r.request = req
	if req.Item >= p.n {
		r.request.Item = -1
	}
	if err := r.read(p); err != nil {
		return err
	}
	if err := p.applyIncludes(r, out); err != nil {
		return err
	}
	return p.applyExcludes(r, out)
}

func (p *Program) applyIncludes(r *run, out *bitset.Set) error {
	limited := p.include != nil
	if limited {
		out.Copy(p.include)
	} else {
		out.Clear()
	}
	for _, rule := range p.includes {
		effective, err := rule.apply(r)
		if err != nil {
			return err
		}
		if effective {
			limited = true
			out.Or(r.sum)
		}
	}
	if !limited {
		out.Fill()
	}
	return nil
}

func (p *Program) applyExcludes(r *run, out *bitset.Set) error {
	if p.exclude != nil {
		out.AndNot(p.exclude)
	}
	for _, rule := range p.excludes {
		effective, err := rule.apply(r)
		if err != nil {
			return err
		}
		if effective {
			out.AndNot(r.sum)
		}
	}
	return nil
}

// read parses the values of the program's placeholders.
func (r *run) read(p *Program) error {
	if err := checkValues(r.request.Values); err != nil {
		return err
	}
	if err := p.missing(r.request.Values); err != nil {
		return err
	}
	for i, name := range p.params {
		raw, ok := r.request.Values[name]
		r.given[i] = ok
		if !ok {
			continue
		}
		list, err := appendValues(r.values[i][:0], name, raw)
		r.values[i] = list
		if err != nil {
			return err
		}
		if c := p.scalar[i]; c != nil && len(list) != 1 {
			return fault.Newf(fault.Invalid, "filterValues: %s must be one value for %s, not %d.", name, c, len(list))
		}
	}
	return nil
}

// missing names the required placeholders that have no value.
func (p *Program) missing(values map[string]string) error {
	var names []string
	for _, name := range p.params[:p.required] {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil
	}
	return fault.Newf(fault.Invalid, "The filter needs filterValues for %s.", strings.Join(names, ", "))
}

// forget lets go of everything that belongs to the request.
func (r *run) forget() {
	r.request = Request{}
	for _, list := range r.values {
		clear(list[:cap(list)])
	}
	clear(r.texts[:cap(r.texts)])
}

// apply sets r.sum to the records the rule matches and reports whether the rule has an effect.
func (rule *ruleProgram) apply(r *run) (effective bool, err error) {
	for _, i := range rule.params {
		if !r.given[i] { // only a rule that is an EXCLUDE gets here
			return false, nil
		}
	}
	for i := range rule.when {
		if ok, err := rule.when[i].holds(r); !ok || err != nil {
			return false, err
		}
	}
	r.sum.Copy(rule.fixed)
	for i := range rule.terms {
		if err := rule.terms[i].match(r, r.term); err != nil {
			return false, err
		}
		r.sum.Or(r.term)
	}
	return true, nil
}

func (t *termProgram) match(r *run, out *bitset.Set) error {
	if err := t.matchers[0].match(r, out); err != nil {
		return err
	}
	if t.fixed != nil {
		out.And(t.fixed)
	}
	for _, m := range t.matchers[1:] {
		if err := m.match(r, r.cond); err != nil {
			return err
		}
		out.And(r.cond)
	}
	return nil
}

// A textMatcher compares a text column, or the users' event types, with values.
type textMatcher struct {
	index   *textIndex
	source  source
	negated bool
	fold    bool // event types ignore case
}

func (m *textMatcher) fixed() bool { return m.source.constant() }

func (m *textMatcher) match(r *run, out *bitset.Set) error {
	values, known := m.source.textsOf(r)
	if !known {
		out.Clear()
		return nil
	}
	if m.fold && !m.source.constant() {
		for i, v := range values {
			values[i] = foldEvent(v)
		}
	}
	m.index.match(values, m.negated, out)
	return nil
}

// A numberMatcher compares a number column with values.
type numberMatcher struct {
	index  *numberIndex
	op     *operator
	source source
}

func (m *numberMatcher) fixed() bool { return m.source.constant() }

func (m *numberMatcher) match(r *run, out *bitset.Set) error {
	values, known, err := m.source.numbersOf(r)
	if !known || err != nil {
		out.Clear()
		return err
	}
	m.index.match(m.op, values, out)
	return nil
}

// A source gives the values on the right of a condition: its literals, or what a request has for a
// placeholder, or a field of the current item.
type source struct {
	cond    *condition
	texts   []string // literals
	numbers []float64
	param   int // index into Program.params, or -1
	item    *column
}

// constant reports whether the values are the same for every request.
func (s *source) constant() bool { return s.param < 0 && s.item == nil }

// textsOf returns the values as texts, to be used until the next call. It is false if the current
// item's field is null.
func (s *source) textsOf(r *run) (values []string, known bool) {
	r.texts = r.texts[:0]
	switch {
	case s.param >= 0:
		r.texts = append(r.texts, r.values[s.param]...)
	case s.item == nil:
		return s.texts, true
	case r.request.Item >= 0:
		text, _ := s.item.Text(r.request.Item)
		for part := range parts(text) {
			r.texts = append(r.texts, part)
		}
		return r.texts, len(r.texts) > 0
	default:
		return nil, false
	}
	return r.texts, true
}

// numbersOf returns the values as numbers, to be used until the next call. In a list, what is not
// a number matches nothing; elsewhere the request is refused.
func (s *source) numbersOf(r *run) (values []float64, known bool, err error) {
	switch {
	case s.param >= 0:
		r.numbers, err = s.parse(r.numbers[:0], r.values[s.param])
		return r.numbers, true, err
	case s.item == nil:
		return s.numbers, true, nil
	case r.request.Item >= 0:
		v, ok := s.item.Number(r.request.Item)
		r.numbers = append(r.numbers[:0], v)
		return r.numbers, ok, nil
	}
	return nil, false, nil
}

func (s *source) parse(numbers []float64, texts []string) ([]float64, error) {
	for _, text := range texts {
		v, ok := parseNumber(text)
		if ok {
			numbers = append(numbers, v)
		} else if !s.cond.op.list {
			return numbers, fault.Newf(fault.Invalid, "filterValues: %s must be a number for %s, and %q is none.",
				s.cond.operand.placeholder, s.cond, excerpt(text))
		}
	}
	return numbers, nil
}

// A whenProgram is one condition of an IF.
type whenProgram struct{ source source }

// holds reports whether the condition holds for the requesting user. A null attribute never does.
func (w *whenProgram) holds(r *run) (bool, error) {
	s := &w.source
	if r.request.User == nil {
		return false, fault.Newf(fault.Invalid, "The filter uses CurrentUser, so the request needs a userId.")
	}
	text, number, ok := r.request.User.Attribute(s.cond.field)
	if !ok {
		return false, nil
	}
	op := s.cond.op
	if !op.ordered && !isNumber(text, number) {
		values, known := s.textsOf(r)
		return known && sharesPart(text, values) != op.negated, nil
	}
	values, known, err := s.numbersOf(r)
	if err != nil || !known {
		return false, err
	}
	for _, v := range values {
		if op.holds(cmp.Compare(number, v)) {
			return !op.negated, nil
		}
	}
	return op.negated, nil
}

// isNumber tells a number field from a text field. Some users spell the number out as text as well.
func isNumber(text string, number float64) bool {
	if text == "" {
		return true
	}
	v, err := strconv.ParseFloat(text, 64)
	return err == nil && v == number
}

// sharesPart reports whether a multi-valued text has one of the values.
func sharesPart(text string, values []string) bool {
	for part := range parts(text) {
		for _, v := range values {
			if part == v {
				return true
			}
		}
	}
	return false
}
