package filter

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/fault"
)

// Parse reads a filter expression.
//
// It checks all that can be known without schemas: the grammar, which datasets a target allows, one
// dataset in an expression, where placeholders, CurrentUser, CurrentItem and "*" may stand. Keywords and the
// names of targets and datasets are accepted in any case. An error is fault.Invalid and begins as the
// service's own, "Could not create filter. Invalid input symbol: …"; then comes what was expected, and
// the line and column. The length of the expression is the caller's to limit.
func Parse(expr string) (*Filter, error) {
	p := &parser{tokens: lex(expr)}
	f := p.filter()
	if p.err != nil {
		return nil, p.err
	}
	return f, nil
}

// A parser walks over tokens. At its first error it jumps to the last token and stays there, so only
// the top needs to look at err.
type parser struct {
	tokens []token
	i      int
	err    error
}

func (p *parser) peek() token { return p.tokens[p.i] }

// next returns the token under the cursor and moves on, but never beyond the last.
func (p *parser) next() token {
	t := p.tokens[p.i]
	if p.i < len(p.tokens)-1 {
		p.i++
	}
	return t
}

// take moves over the keyword or symbol s if it comes next.
func (p *parser) take(s string) bool {
	if p.err != nil || !p.peek().is(s) {
		return false
	}
	p.next()
	return true
}

// fail records that the token t is wrong.
func (p *parser) fail(t token, problem string) {
	if p.err != nil {
		return
	}
	if t.kind == bad {
		problem = t.problem
	}
	p.err = fault.Newf(fault.Invalid, "Could not create filter. Invalid input symbol: %s. %s At %d:%d.",
		excerpt(t.source), problem, t.at.line, t.at.column)
	p.i = len(p.tokens) - 1
}

// excerpt shortens what an error repeats to 60 characters.
func excerpt(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// filter = rule { "|" rule }
func (p *parser) filter() *Filter {
	f := new(Filter)
	for {
		f.rules = append(f.rules, p.rule(f))
		if !p.take("|") {
			break
		}
	}
	if t := p.peek(); t.kind != end {
		p.fail(t, f.rules[len(f.rules)-1].after(t))
	}
	return f
}

// after says what was expected in place of t behind a finished rule.
func (r *rule) after(t token) string {
	switch {
	case r.when == nil:
		return "Expected AND, OR, IF, | or the end of the filter."
	case t.is("OR"):
		return "The conditions of an IF can only be joined with AND."
	case t.is("IF"):
		return "An expression has at most one IF."
	}
	return "Expected AND, | or the end of the filter."
}

// rule = ( "INCLUDE" | "EXCLUDE" ) target "WHERE" terms [ "IF" term ]
func (p *parser) rule(f *Filter) rule {
	var r rule
	switch {
	case p.take("INCLUDE"):
		r.include = true
	case p.take("EXCLUDE"):
	default:
		p.fail(p.peek(), "Expected INCLUDE or EXCLUDE.")
	}
	p.target(f)
	if !p.take("WHERE") {
		p.fail(p.peek(), "Expected WHERE after "+string(f.target)+".")
	}
	where := scope{target: f.target, datasets: targetDatasets[f.target]}
	for {
		r.terms = append(r.terms, p.term(&where))
		if !p.take("OR") {
			break
		}
	}
	if p.take("IF") {
		r.when = p.term(&scope{target: f.target, inIf: true})
	}
	return r
}

// target reads a target, which must be that of the rules before it.
func (p *parser) target(f *Filter) {
	t := p.next()
	for _, target := range []Target{ItemID, UserID, ActionID} {
		if !t.is(string(target)) {
			continue
		}
		if f.target != "" && f.target != target {
			p.fail(t, "All expressions of a filter have the same target, and the first has "+string(f.target)+".")
		}
		f.target = target
		return
	}
	p.fail(t, "Expected ItemID, UserID or ActionID.")
}

// A scope is what a condition may use where it stands.
type scope struct {
	target   Target
	datasets []string // narrowed to one by the first condition
	inIf     bool
}

var targetDatasets = map[Target][]string{
	ItemID:   {items, interactions},
	UserID:   {users, interactions},
	ActionID: {actions, actionInteractions},
}

// term = condition { "AND" condition }
func (p *parser) term(s *scope) []condition {
	var term []condition
	for {
		term = append(term, p.condition(s))
		if !p.take("AND") {
			return term
		}
	}
}

// condition = dataset "." field operator operand
func (p *parser) condition(s *scope) condition {
	c := condition{at: p.peek().at}
	c.dataset = p.dataset(s)
	c.field = p.field(c.dataset)
	if c.onEvents() {
		if t := p.tokens[p.i-1]; p.err == nil && !strings.EqualFold(c.field, eventType) {
			p.fail(t, "EVENT_TYPE is the only field of "+c.dataset+" that a filter can use.")
		}
		c.field = eventType
	}
	t := p.peek()
	c.op = p.operator(c.dataset + "." + c.field)
	if p.err == nil && c.onEvents() && !c.op.events {
		p.fail(t, "Expected IN or NOT IN after "+c.dataset+"."+eventType+".")
	}
	if p.err == nil {
		c.operand = p.operand(s, &c)
	}
	return c
}

// dataset reads a dataset that is allowed in the scope.
func (p *parser) dataset(s *scope) string {
	t := p.next()
	if s.inIf {
		if !t.is(currentUser) {
			p.fail(t, "Expected CurrentUser, a dot and a field: IF is about the current user.")
		}
		if s.target == UserID {
			p.fail(t, "IF CurrentUser cannot be used with UserID.")
		}
		return currentUser
	}
	name := datasetNamed(t)
	if slices.Contains(s.datasets, name) {
		s.datasets = []string{name}
		return name
	}
	p.fail(t, s.refusal(t, name))
	return ""
}

// refusal says why the scope does not allow the token t, the dataset name or not one at all.
func (s *scope) refusal(t token, name string) string {
	switch {
	case t.is("("):
		return "Conditions cannot be grouped with parentheses."
	case t.is(currentUser):
		return "CurrentUser can only stand after IF."
	case t.is(currentItem):
		return "CurrentItem can only stand to the right of an operator."
	case name == "":
		return "Expected " + strings.Join(s.datasets, " or ") + ", a dot and a field."
	case len(s.datasets) == 1:
		return "All conditions of an expression use the same dataset, and the first uses " + s.datasets[0] +
			"; join two expressions with |."
	case name == users && s.target == ItemID:
		return "Users cannot be used with ItemID; IF CurrentUser tells about the requesting user."
	}
	return name + " cannot be used with " + string(s.target) + "; expected " + strings.Join(s.datasets, " or ") + "."
}

// datasetNamed returns the canonical name of a dataset, "" if t is none.
func datasetNamed(t token) string {
	for _, name := range []string{items, users, interactions, actions, actionInteractions} {
		if t.is(name) {
			return name
		}
	}
	if t.is("Action") { // the documentation writes it both ways
		return actions
	}
	return ""
}

// field reads the dot and the name behind a dataset. Any word can be a field, even a keyword.
func (p *parser) field(of string) string {
	if !p.take(".") {
		p.fail(p.peek(), "Expected a dot and a field after "+of+".")
		return ""
	}
	t := p.next()
	if t.kind != word {
		p.fail(t, "Expected a field after "+of+".")
	}
	return t.text
}

// operator reads an operator behind a field.
func (p *parser) operator(field string) *operator {
	t := p.next()
	name := strings.ToUpper(t.source)
	if t.is("NOT") {
		if !p.take("IN") {
			p.fail(p.peek(), "Expected IN after NOT.")
		}
		name = "NOT IN"
	}
	op := operatorNamed(name)
	if op == nil || t.kind != symbol && t.kind != word {
		p.fail(t, "Expected IN, NOT IN, =, !=, <, <=, > or >= after "+field+".")
	}
	return op
}

// operand reads what stands to the right of c's operator.
func (p *parser) operand(s *scope, c *condition) operand {
	o := operand{at: p.peek().at}
	if t := p.peek(); t.is(currentItem) {
		p.next()
		if s.target != ItemID || c.onEvents() {
			p.fail(t, "CurrentItem can only be compared with a field of an item or of the current user.")
		}
		o.itemField = p.field(currentItem)
		return o
	}
	open := p.take("(")
	if t := p.peek(); c.op.list && !open {
		p.fail(t, "Expected ( or CurrentItem after "+c.op.symbol+".")
	}
	switch t := p.peek(); {
	case t.kind == placeholder:
		o.placeholder = p.placeholder(c)
	case open && !c.op.list:
		p.fail(t, "Only a placeholder can stand in parentheses after "+c.op.symbol+".")
	default:
		o.literals = p.literals(c)
	}
	if open && !p.take(")") {
		p.fail(p.peek(), o.unclosed(p.peek()))
	}
	return o
}

// unclosed says what was expected in place of t inside parentheses.
func (o *operand) unclosed(t token) string {
	switch {
	case o.placeholder != "" && t.kind != end:
		return "A placeholder stands alone in its parentheses."
	case o.placeholder != "":
		return "Expected )."
	}
	return "Expected a comma or )."
}

func (p *parser) placeholder(c *condition) string {
	t := p.next()
	if !c.op.placeholder {
		p.fail(t, "Placeholders are not allowed with "+strings.ReplaceAll(c.op.symbol, " ", "_")+" operator.")
	}
	return t.text
}

// literals reads one literal, or several with commas between them if the operator takes a list.
func (p *parser) literals(c *condition) []literal {
	var list []literal
	for {
		list = append(list, p.literal(c, len(list) == 0))
		if !c.op.list || !p.take(",") {
			return list
		}
	}
}

func (p *parser) literal(c *condition, first bool) literal {
	t := p.next()
	switch {
	case c.onEvents() && first && t.is("*") && p.peek().is(")"):
		return literal{text: anyEvent}
	case t.kind == quoted && t.text == anyEvent && c.op.list && !c.onEvents(), t.is("*"):
		p.fail(t, `"*" can only stand for all event types, alone after EVENT_TYPE IN or NOT IN.`)
	case t.kind == quoted:
		return literal{text: t.text}
	case t.kind == number && !c.onEvents():
		return literal{text: formatNumber(t.value), number: t.value, isNumber: true}
	}
	p.fail(t, c.wanted(t, first))
	return literal{}
}

// wanted says what literal c would take in place of t.
func (c *condition) wanted(t token, first bool) string {
	switch {
	case t.kind == placeholder:
		return "A placeholder stands alone in its parentheses."
	case t.is(currentItem):
		return "CurrentItem is written without parentheses."
	case t.is("true") || t.is("false"):
		return "Expected a number, a quoted string, a placeholder or CurrentItem after " + c.op.symbol +
			"; a boolean field cannot be filtered on."
	case c.onEvents():
		if first && c.op.placeholder {
			return "Expected an event type in quotes or a placeholder."
		}
		return "Expected an event type in quotes."
	case c.op.list:
		if first && c.op.placeholder {
			return "Expected a number, a quoted string or a placeholder."
		}
		return "Expected a number or a quoted string."
	}
	return "Expected a number, a quoted string, a placeholder or CurrentItem after " + c.op.symbol + "."
}
