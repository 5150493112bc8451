// Package filter reads and applies the filter language: which items, users or actions a request may
// be answered with.
//
//	INCLUDE ItemID WHERE Items.GENRE IN ($GENRES) AND Items.PRICE <= 20 |
//	EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")
//
// The way through the package: [Parse] turns text into a [Filter] (token.go, parse.go), [Filter.Check]
// holds it against the schemas of a dataset group (check.go), [Filter.Compile] builds indexes over
// the records to be filtered (index.go, compile.go), and [Program.Apply] answers one request with
// operations on sets (program.go, events.go). The operators are the rows of ops.go.
//
// What the service's documentation leaves open is decided in docs/decisions/filters.md.
package filter

import (
	"slices"
	"strconv"
	"strings"
)

// A Target is the kind of record that a filter lets through.
type Target string

// The targets, spelled as in an expression.
const (
	ItemID   Target = "ItemID"
	UserID   Target = "UserID"
	ActionID Target = "ActionID"
)

// The datasets, spelled as in an expression. CurrentUser and CurrentItem are the request's own records.
const (
	items              = "Items"
	users              = "Users"
	interactions       = "Interactions"
	actions            = "Actions"
	actionInteractions = "Action_Interactions"
	currentUser        = "CurrentUser"
	currentItem        = "CurrentItem"
)

// eventType is the one field of the event datasets that a filter can use.
const eventType = "EVENT_TYPE"

// anyEvent stands for every event type, alone or in a list.
const anyEvent = "*"

// A Filter is a filter expression, read and well formed. It does not change.
type Filter struct {
	target Target
	rules  []rule
}

// A rule is one INCLUDE or EXCLUDE with its conditions.
type rule struct {
	include bool
	terms   [][]condition // holds where every condition of some term holds
	when    []condition   // IF: the rule has no effect unless all of these hold for the user
}

// A condition compares a field of a record, or of the current user, with something.
type condition struct {
	at      position
	dataset string // canonical; CurrentUser in an IF
	field   string // as written, but EVENT_TYPE always in capitals
	op      *operator
	operand operand
}

// An operand is the right-hand side of a condition: literals, or one placeholder, or a field of the
// current item.
type operand struct {
	literals    []literal
	placeholder string // without the $
	itemField   string // of CurrentItem
	at          position
}

// A literal is a value written in the expression.
type literal struct {
	text     string // of a number, as formatNumber writes it
	number   float64
	isNumber bool // written without quotes
}

func formatNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// A FieldRef names a field of a dataset; Name is in capitals, so that references compare with ==.
type FieldRef struct{ Dataset, Name string }

// Target returns which kind of record the filter is for.
func (f *Filter) Target() Target { return f.target }

// conditions yields every condition, those of an IF after those before it.
func (f *Filter) conditions(yield func(*rule, *condition) bool) {
	for i := range f.rules {
		r := &f.rules[i]
		for _, group := range append(slices.Clone(r.terms), r.when) {
			for j := range group {
				if !yield(r, &group[j]) {
					return
				}
			}
		}
	}
}

// Fields returns the distinct fields of datasets the filter uses, in the order of their first use.
// CurrentUser counts as Users and CurrentItem as Items.
func (f *Filter) Fields() []FieldRef {
	var refs []FieldRef
	add := func(dataset, name string) {
		ref := FieldRef{dataset, strings.ToUpper(name)}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, c := range f.conditions {
		add(c.home(), c.field)
		if c.operand.itemField != "" {
			add(items, c.operand.itemField)
		}
	}
	return refs
}

// home returns the dataset whose schema has the condition's field.
func (c *condition) home() string {
	if c.dataset == currentUser {
		return users
	}
	return c.dataset
}

// onEvents reports whether the condition is about what users did.
func (c *condition) onEvents() bool {
	return c.dataset == interactions || c.dataset == actionInteractions
}

// Parameters returns the distinct placeholders, without the $. A placeholder of an INCLUDE is
// required: a request without a value for it is refused. One that stands only in EXCLUDEs is
// optional: without a value, its EXCLUDE is left out.
func (f *Filter) Parameters() (required, optional []string) {
	for r, c := range f.conditions {
		if name := c.operand.placeholder; name != "" && r.include && !slices.Contains(required, name) {
			required = append(required, name)
		}
	}
	for _, c := range f.conditions {
		name := c.operand.placeholder
		if name != "" && !slices.Contains(required, name) && !slices.Contains(optional, name) {
			optional = append(optional, name)
		}
	}
	return required, optional
}

// UsesInteractions reports whether the filter looks at item or action interactions.
func (f *Filter) UsesInteractions() bool { return f.any((*condition).onEvents) }

// UsesCurrentUser reports whether the filter looks at the attributes of the requesting user.
func (f *Filter) UsesCurrentUser() bool {
	return f.any(func(c *condition) bool { return c.dataset == currentUser })
}

// UsesCurrentItem reports whether the filter looks at the attributes of the request's item. A recipe
// whose requests have no item cannot be used with such a filter.
func (f *Filter) UsesCurrentItem() bool {
	return f.any(func(c *condition) bool { return c.operand.itemField != "" })
}

func (f *Filter) any(has func(*condition) bool) bool {
	for _, c := range f.conditions {
		if has(c) {
			return true
		}
	}
	return false
}

// String returns the filter in its canonical form: one line, keywords, datasets and EVENT_TYPE in
// their documented case, other fields as written, strings in double quotes. Parsing it gives the same
// filter again.
func (f *Filter) String() string {
	var b strings.Builder
	for i := range f.rules {
		if i > 0 {
			b.WriteString(" | ")
		}
		f.rules[i].write(&b, f.target)
	}
	return b.String()
}

func (r *rule) write(b *strings.Builder, t Target) {
	word := "EXCLUDE "
	if r.include {
		word = "INCLUDE "
	}
	b.WriteString(word + string(t) + " WHERE ")
	for i, term := range r.terms {
		if i > 0 {
			b.WriteString(" OR ")
		}
		writeAll(b, term)
	}
	if r.when != nil {
		b.WriteString(" IF ")
		writeAll(b, r.when)
	}
}

func writeAll(b *strings.Builder, conditions []condition) {
	for i := range conditions {
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.WriteString(conditions[i].String())
	}
}

func (c *condition) String() string {
	right := c.operand.String()
	if c.op.list && c.operand.itemField == "" {
		right = "(" + right + ")"
	}
	return c.dataset + "." + c.field + " " + c.op.symbol + " " + right
}

func (o *operand) String() string {
	switch {
	case o.placeholder != "":
		return "$" + o.placeholder
	case o.itemField != "":
		return currentItem + "." + o.itemField
	}
	parts := make([]string, len(o.literals))
	for i, l := range o.literals {
		parts[i] = l.String()
	}
	return strings.Join(parts, ", ")
}

func (l literal) String() string {
	if l.isNumber {
		return l.text
	}
	// Before a quote a backslash escapes it and everywhere else it stands for itself, so a text that
	// ends in one cannot be written in double quotes. It came in single quotes and has none inside.
	if strings.HasSuffix(l.text, `\`) {
		return "'" + l.text + "'"
	}
	return `"` + strings.ReplaceAll(l.text, `"`, `\"`) + `"`
}
