package filter

// An operator is a row of the table below: how it is written, what may stand around it, and what it
// means for numbers. For texts there is only equality with one of a list: texts have no order.
type operator struct {
	symbol      string // canonical; two words for NOT IN
	list        bool   // several values in parentheses
	ordered     bool   // needs numbers
	negated     bool   // holds exactly where the plain comparison does not, so also for a null
	placeholder bool   // a placeholder may stand on the right
	events      bool   // may be used on EVENT_TYPE

	// span returns the part of ascending numbers that compare as wanted with v, before negation.
	span func(x *numberIndex, v float64) (from, to int)
	// holds says the same of one number, given its cmp.Compare with v.
	holds func(order int) bool
}

var operators = []operator{
	{symbol: "IN", list: true, placeholder: true, events: true, span: same, holds: func(o int) bool { return o == 0 }},
	{symbol: "NOT IN", list: true, negated: true, events: true, span: same, holds: func(o int) bool { return o == 0 }},
	{symbol: "=", placeholder: true, span: same, holds: func(o int) bool { return o == 0 }},
	{symbol: "!=", placeholder: true, negated: true, span: same, holds: func(o int) bool { return o == 0 }},
	{symbol: "<", ordered: true, placeholder: true, span: below, holds: func(o int) bool { return o < 0 }},
	{symbol: "<=", ordered: true, placeholder: true, span: upTo, holds: func(o int) bool { return o <= 0 }},
	{symbol: ">", ordered: true, placeholder: true, span: above, holds: func(o int) bool { return o > 0 }},
	{symbol: ">=", ordered: true, placeholder: true, span: from, holds: func(o int) bool { return o >= 0 }},
}

func same(x *numberIndex, v float64) (int, int)  { return x.firstFrom(v), x.firstAbove(v) }
func below(x *numberIndex, v float64) (int, int) { return 0, x.firstFrom(v) }
func upTo(x *numberIndex, v float64) (int, int)  { return 0, x.firstAbove(v) }
func above(x *numberIndex, v float64) (int, int) { return x.firstAbove(v), len(x.values) }
func from(x *numberIndex, v float64) (int, int)  { return x.firstFrom(v), len(x.values) }

// operatorNamed returns the row of a symbol, nil if there is none.
func operatorNamed(s string) *operator {
	for i := range operators {
		if operators[i].symbol == s {
			return &operators[i]
		}
	}
	return nil
}
