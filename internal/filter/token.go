package filter

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A position is a place in an expression, both from 1; columns count characters.
type position struct{ line, column int }

type kind int

const (
	end         kind = iota // behind the last token
	bad                     // cannot be read; problem says why
	word                    // keyword or name
	symbol                  // one of . , ( ) | * and the comparisons
	number                  // value holds it
	quoted                  // text holds what is between the quotes
	placeholder             // text holds the name without the $
)

// A token is a piece of an expression.
type token struct {
	kind    kind
	source  string // as it stands in the expression
	text    string // what it means; for words and symbols the same as source
	value   float64
	problem string
	at      position
}

// is reports whether t is the keyword or symbol s; keywords are told apart without case.
func (t token) is(s string) bool {
	return t.kind == symbol && t.source == s || t.kind == word && strings.EqualFold(t.source, s)
}

// maxPlaceholder is the longest key that filterValues can have.
const maxPlaceholder = 50

// lex cuts an expression into tokens. The last one is the end or the first that cannot be read.
func lex(expr string) []token {
	l := lexer{rest: expr, at: position{1, 1}}
	var tokens []token
	for {
		t := l.next()
		tokens = append(tokens, t)
		if t.kind == end || t.kind == bad {
			return tokens
		}
	}
}

type lexer struct {
	rest string
	at   position
}

// advance moves over the first n bytes of the rest and returns them.
func (l *lexer) advance(n int) string {
	s := l.rest[:n]
	l.rest = l.rest[n:]
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		l.at = position{l.at.line + strings.Count(s, "\n"), 1 + utf8.RuneCountInString(s[i+1:])}
	} else {
		l.at.column += utf8.RuneCountInString(s)
	}
	return s
}

func (l *lexer) next() token {
	l.advance(len(l.rest) - len(strings.TrimLeft(l.rest, " \t\r\n")))
	t := token{at: l.at}
	if l.rest == "" {
		t.source = "<EOF>"
		return t
	}
	switch c := l.rest[0]; {
	case c == '"' || c == '\'':
		l.quoted(&t, c)
	case c == '$':
		l.placeholder(&t)
	case digit(c) || c == '-' && len(l.rest) > 1 && digit(l.rest[1]):
		l.number(&t)
	case letter(c):
		t.kind = word
		t.source = l.advance(span(l.rest, nameByte))
		t.text = t.source
	default:
		l.symbol(&t)
	}
	return t
}

// quoted reads a string. Inside double quotes \" is a quote; any other backslash is itself.
func (l *lexer) quoted(t *token, quote byte) {
	n := 1
	for n < len(l.rest) && l.rest[n] != quote {
		if quote == '"' && strings.HasPrefix(l.rest[n:], `\"`) {
			n++
		}
		n++
	}
	if n >= len(l.rest) {
		t.kind, t.problem, t.source = bad, "The quote is not closed.", l.rest
		return
	}
	t.kind = quoted
	t.source = l.advance(n + 1)
	t.text = t.source[1:n]
	if quote == '"' {
		t.text = strings.ReplaceAll(t.text, `\"`, `"`)
	}
}

func (l *lexer) placeholder(t *token) {
	n := 1 + span(l.rest[1:], nameByte)
	t.kind = placeholder
	t.source = l.advance(n)
	t.text = t.source[1:]
	if n == 1 || n > 1+maxPlaceholder {
		t.kind = bad
		t.problem = "Expected a placeholder of 1 to 50 letters, digits and underscores behind $."
	}
}

// number reads digits with perhaps a fraction. There is no exponent and no leading plus.
func (l *lexer) number(t *token) {
	n := 1 + span(l.rest[1:], digit)
	if n+1 < len(l.rest) && l.rest[n] == '.' && digit(l.rest[n+1]) {
		n += 1 + span(l.rest[n+1:], digit)
	}
	t.kind = number
	t.source = l.advance(n)
	t.text = t.source
	v, err := strconv.ParseFloat(t.source, 64)
	if err != nil || math.IsInf(v, 0) {
		t.kind, t.problem = bad, "The number is too large."
	}
	t.value = v + 0 // no negative zero
}

func (l *lexer) symbol(t *token) {
	for _, s := range symbols {
		if strings.HasPrefix(l.rest, s) {
			t.kind = symbol
			t.source = l.advance(len(s))
			t.text = s
			return
		}
	}
	_, n := utf8.DecodeRuneInString(l.rest)
	t.kind, t.source = bad, l.rest[:n]
	t.problem = "This character is not part of the filter language."
}

// symbols has the longer ones first.
var symbols = []string{"<=", ">=", "!=", "<", ">", "=", ".", ",", "(", ")", "|", "*"}

func digit(c byte) bool    { return '0' <= c && c <= '9' }
func letter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }
func nameByte(c byte) bool { return letter(c) || digit(c) }

// span returns how many bytes at the start of s are of a class.
func span(s string, class func(byte) bool) int {
	n := 0
	for n < len(s) && class(s[n]) {
		n++
	}
	return n
}
