package batch

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// mostConditions is how many conditions an expression may have.
const mostConditions = 50

// parseAttributes reads the expression of an itemAttributes member (batch.md §4.3):
//
//	expr  = cond { "AND" cond }
//	cond  = "ITEMS" "." column "=" value
//	value = '"' characters '"' | number
//
// Keywords are read in any letter case. In a value \" stands for a quote, as in filters. An error is
// fault.Invalid and ends with the character, from 1 on, at which something else was expected.
func parseAttributes(expr string) ([]recipe.Condition, error) {
	p := attributeParser{text: expr}
	var all []recipe.Condition
	for {
		c, err := p.condition()
		if err != nil {
			return nil, err
		}
		if len(all) == mostConditions {
			return nil, fault.Newf(fault.Invalid, "more than %d conditions.", mostConditions)
		}
		all = append(all, c)
		if p.space(); p.at == len(p.text) {
			return all, nil
		}
		if at := p.at; !strings.EqualFold(p.word(), "AND") {
			p.at = at
			return nil, p.expected("AND (nothing else joins conditions) or the end")
		}
	}
}

type attributeParser struct {
	text string
	at   int // bytes read
}

func (p *attributeParser) condition() (c recipe.Condition, err error) {
	p.space()
	if at := p.at; !strings.EqualFold(p.word(), "ITEMS") {
		p.at = at
		return c, p.expected("ITEMS")
	}
	if !p.take('.') {
		return c, p.expected("a period behind ITEMS")
	}
	p.space()
	if c.Column = p.word(); c.Column == "" {
		return c, p.expected("the name of a column")
	}
	if !p.take('=') {
		return c, p.expected("= (there is no other operator)")
	}
	p.space()
	if p.at < len(p.text) && p.text[p.at] == '"' {
		c.Text, err = p.quoted()
		return c, err
	}
	c.Number = true
	c.Text, err = p.number()
	return c, err
}

// space skips white space.
func (p *attributeParser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take skips white space and then c, if that is what comes.
func (p *attributeParser) take(c byte) bool {
	p.space()
	if p.at == len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

// word reads letters, digits and underscores.
func (p *attributeParser) word() string {
	from := p.at
	for p.at < len(p.text) && wordByte(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// quoted reads a value in double quotes.
func (p *attributeParser) quoted() (string, error) {
	opening := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch {
		case p.text[p.at] == '"':
			p.at++
			return b.String(), nil
		case strings.HasPrefix(p.text[p.at:], `\"`):
			p.at++
		}
		b.WriteByte(p.text[p.at])
	}
	p.at = opening
	return "", p.expected("a closing quote for the value that begins")
}

// number reads a value without quotes.
func (p *attributeParser) number() (string, error) {
	from := p.at
	for p.at < len(p.text) && (wordByte(p.text[p.at]) || strings.IndexByte("+-.", p.text[p.at]) >= 0) {
		p.at++
	}
	text := p.text[from:p.at]
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(text, "xXpP_") {
		p.at = from
		return "", p.expected("a value: a text in double quotes or a number")
	}
	return text, nil
}

// expected says what should have come where the parser is.
func (p *attributeParser) expected(what string) error {
	return fault.Newf(fault.Invalid, "expected %s at character %d.", what, utf8.RuneCountInString(p.text[:p.at])+1)
}
