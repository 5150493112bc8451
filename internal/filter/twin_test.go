package filter

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// naive is the obvious evaluator: it asks every condition about every record. It shares the syntax
// tree with Apply and nothing else. The error is only whether there is one.
func naive(f *Filter, d *memData, req Request) ([]int, error) {
	e := evaluator{d: d, req: req}
	permitted := []int{}
	required, _ := f.Parameters()
	for _, name := range required {
		if _, ok := req.Values[name]; !ok {
			return nil, errors.New("missing " + name)
		}
	}
	for i := range d.n {
		if e.permits(f, i) {
			permitted = append(permitted, i)
		}
	}
	return permitted, nil
}

type evaluator struct {
	d   *memData
	req Request
}

func (e *evaluator) permits(f *Filter, i int) bool {
	limited, included := false, false
	for _, r := range f.rules {
		switch {
		case !e.effective(&r):
		case r.include:
			limited = true
			included = included || e.matches(&r, i)
		case e.matches(&r, i):
			return false
		}
	}
	return included || !limited
}

func (e *evaluator) effective(r *rule) bool {
	for _, group := range append(slices.Clone(r.terms), r.when) {
		for _, c := range group {
			if _, given := e.req.Values[c.operand.placeholder]; c.operand.placeholder != "" && !given {
				return false
			}
		}
	}
	for _, c := range r.when {
		text, number, ok := e.req.User.Attribute(c.field)
		if !ok || !e.compare(&c, split(text), number, text == "") {
			return false
		}
	}
	return true
}

func (e *evaluator) matches(r *rule, i int) bool {
	for _, term := range r.terms {
		all := true
		for _, c := range term {
			all = all && e.holds(&c, i)
		}
		if all {
			return true
		}
	}
	return false
}

func (e *evaluator) holds(c *condition, i int) bool {
	if c.onEvents() {
		return e.touched(c, i) == (c.op.symbol == "IN")
	}
	column, _ := e.d.Column(c.dataset, c.field)
	if number, ok := column.Number(i); ok {
		return e.compare(c, nil, number, true)
	}
	text, ok := column.Text(i)
	if !ok { // a null is not equal to anything
		return e.known(c) && (c.op.symbol == "NOT IN" || c.op.symbol == "!=")
	}
	return e.compare(c, split(text), 0, false)
}

// known reports whether the right-hand side has a value.
func (e *evaluator) known(c *condition) bool {
	if c.operand.itemField == "" {
		return true
	}
	texts := e.right(c)
	return len(texts) > 0
}

// right returns the right-hand side as texts.
func (e *evaluator) right(c *condition) []string {
	switch {
	case c.operand.placeholder != "":
		name := c.operand.placeholder
		values, _ := ParseValues(map[string]string{name: e.req.Values[name]})
		return values[name]
	case c.operand.itemField == "":
		var texts []string
		for _, l := range c.operand.literals {
			texts = append(texts, l.text)
		}
		return texts
	case e.req.Item < 0 || e.req.Item >= e.d.n:
		return nil
	}
	column, _ := e.d.Column(items, c.operand.itemField)
	if number, ok := column.Number(e.req.Item); ok {
		return []string{strconv.FormatFloat(number, 'g', -1, 64)}
	}
	text, _ := column.Text(e.req.Item)
	return split(text)
}

func (e *evaluator) compare(c *condition, texts []string, number float64, isNumber bool) bool {
	if !e.known(c) {
		return false
	}
	one := func(want string) bool {
		if !isNumber {
			return slices.Contains(texts, want)
		}
		v, err := strconv.ParseFloat(want, 64)
		switch c.op.symbol {
		case "<":
			return err == nil && number < v
		case "<=":
			return err == nil && number <= v
		case ">":
			return err == nil && number > v
		case ">=":
			return err == nil && number >= v
		}
		return err == nil && number == v
	}
	found := slices.ContainsFunc(e.right(c), one)
	return found != (c.op.symbol == "NOT IN" || c.op.symbol == "!=")
}

// touched reports whether record i has an event of one of the condition's types.
func (e *evaluator) touched(c *condition, i int) bool {
	wanted := func(t string) bool {
		return slices.ContainsFunc(e.right(c), func(w string) bool { return w == "*" || strings.EqualFold(w, t) })
	}
	if c.dataset == interactions && e.d.columns["Users.ID"] != nil {
		return slices.ContainsFunc(e.d.done[i], wanted)
	}
	limit := map[string]int{interactions: 100, actionInteractions: 300}[c.dataset]
	seen := map[string]int{}
	for item, t := range e.req.User.Events {
		seen[strings.ToLower(t)]++
		if int(item) == i && wanted(t) && seen[strings.ToLower(t)] <= limit {
			return true
		}
	}
	return false
}

func split(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "|"), func(s string) bool { return s == "" })
}
