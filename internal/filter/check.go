package filter

import (
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
)

// A FieldKind is what a field's values are to a filter.
type FieldKind int

// The kinds. Every Avro number is a Number, timestamps too.
const (
	String FieldKind = iota
	Number
	Boolean
)

// A Field is what a filter has to know of a field of a schema.
type Field struct {
	Name                 string // the schema's own spelling
	Kind                 FieldKind
	Categorical, Textual bool
}

// Schemas tells which fields the datasets of a dataset group have. The dataset is one of Items,
// Users, Interactions, Actions and Action_Interactions; a field is found whatever the case of name.
type Schemas interface {
	Field(dataset, name string) (Field, bool)
	Has(dataset string) bool
}

// Check holds the filter against the schemas of its dataset group: datasets and fields exist, fields
// can be filtered on, and values are of their field's kind. An error is fault.Invalid.
func (f *Filter) Check(s Schemas) error {
	for _, c := range f.conditions {
		if err := c.check(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *condition) check(s Schemas) error {
	field, err := lookUp(s, c.dataset, c.home(), c.field, c.at)
	if err != nil {
		return err
	}
	if c.onEvents() {
		return nil // the grammar allows only quoted event types
	}
	name := c.dataset + "." + c.field
	if c.op.ordered && field.Kind == String {
		return refuse(c.at, "%s is a string, and %s compares numbers.", name, c.op.symbol)
	}
	if c.operand.itemField != "" {
		return c.checkItem(s, field)
	}
	for _, l := range c.operand.literals {
		if l.isNumber && field.Kind == String {
			return refuse(c.operand.at, "%s is a string; write %s in quotes.", name, excerpt(l.text))
		}
		if _, ok := parseNumber(l.text); !ok && field.Kind == Number {
			return refuse(c.operand.at, "%s is a number, and %q is none.", name, excerpt(l.text))
		}
	}
	return nil
}

// checkItem compares the kind of a field with that of the current item's field on the right.
func (c *condition) checkItem(s Schemas, left Field) error {
	o := &c.operand
	right, err := lookUp(s, currentItem, items, o.itemField, o.at)
	if err != nil {
		return err
	}
	if left.Kind != right.Kind {
		return refuse(o.at, "%s.%s and %s.%s are not of the same type.", c.dataset, c.field, currentItem, o.itemField)
	}
	return nil
}

// lookUp finds a field that can be filtered on. The dataset is called as in the expression.
func lookUp(s Schemas, called, dataset, name string, at position) (Field, error) {
	if !s.Has(dataset) {
		return Field{}, refuse(at, "The dataset group has no %s dataset.", dataset)
	}
	field, ok := s.Field(dataset, name)
	full := called + "." + name
	switch {
	case !ok:
		return field, refuse(at, "%s: the schema of the %s dataset has no such field.", full, dataset)
	case field.Kind == Boolean:
		return field, refuse(at, `%s is boolean and cannot be filtered on; keep "True" and "False" in a string field or 1 and 0 in a number.`, full)
	case field.Textual:
		return field, refuse(at, "%s is textual and cannot be filtered on.", full)
	case dataset == actions && enforced(field.Name):
		return field, refuse(at, "%s is always enforced and cannot be filtered on.", full)
	}
	return field, nil
}

// enforced reports whether the service itself keeps to a field of Actions.
func enforced(name string) bool {
	switch strings.ToUpper(name) {
	case "ACTION_EXPIRATION_TIMESTAMP", "EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY":
		return true
	}
	return false
}

// refuse returns the error of a condition that is well formed but does not fit the schemas.
func refuse(at position, format string, args ...any) error {
	args = append(args, at.line, at.column)
	return fault.Newf(fault.Invalid, "Could not create filter. Invalid Expression. "+format+" At %d:%d.", args...)
}
