package batch

import (
	"bytes"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/recipe"
)

// The limits of a line's members.
const (
	maxID   = 256 // characters
	maxList = 500 // ids
)

// A question is what one input line asks.
type question struct {
	user, item string // "" when missing
	attributes string // the expression of itemAttributes, "" when missing
	list       []string
	hasList    bool
	values     map[string]string // filterValues
	context    map[string]string
}

// A problem says why a line has no answer: a word to count by and a sentence for the line.
type problem struct {
	reason   string
	sentence string
}

func (p *problem) none() bool { return p.sentence == "" }

// readLine reads one line, without its newline, into q. It appends to echo what the output shows as
// input: the object without white space between its members or, where the line is no JSON object, the line as a
// JSON string.
//
// Members that asks does not need are not looked at. Of a member that stands twice the last counts.
func readLine(asks recipe.Asks, line, echo []byte, q *question) ([]byte, problem) {
	before := len(echo)
	s := scanner{in: line, out: echo}
	if utf8.Valid(line) && s.object(asks, q) {
		return s.out, q.check(asks)
	}
	*q = question{}
	return readSlowly(asks, line, s.out[:before], q)
}

// blank reports whether a line holds nothing but white space.
func blank(line []byte) bool { return len(bytes.TrimLeft(line, " \t\r")) == 0 }

// check holds the ids against what asks requires. Types are right already.
func (q *question) check(asks recipe.Asks) problem {
	switch asks {
	case recipe.ByItem:
		if p := checkID("itemId", q.item, true); !p.none() {
			return p
		}
		return checkID("userId", q.user, false)
	case recipe.ByUserList:
		if p := checkID("userId", q.user, true); !p.none() {
			return p
		}
		return q.checkList()
	case recipe.UsersByItem:
		return checkID("itemId", q.item, true)
	case recipe.UsersByAttributes:
		if q.attributes == "" {
			return problem{attributesKey, "Invalid itemAttributes: expected an expression like ITEMS.GENRE = \"Comedy\"."}
		}
		return problem{}
	}
	return checkID("userId", q.user, true)
}

func checkID(member, id string, required bool) problem {
	switch {
	case id == "" && required:
		return problem{member, "Invalid " + member + ": expected a string of 1 to 256 characters."}
	case tooLong(id):
		return problem{member, "Invalid " + member + ": longer than 256 characters."}
	}
	return problem{}
}

func (q *question) checkList() problem {
	switch {
	case len(q.list) == 0:
		return problem{"itemList", "Invalid itemList: expected an array of 1 to 500 item ids."}
	case len(q.list) > maxList:
		return problem{"itemList", "Invalid itemList: more than 500 item ids."}
	}
	for _, id := range q.list {
		if id == "" || tooLong(id) {
			return problem{"itemList", "Invalid itemList: every item id must be a string of 1 to 256 characters."}
		}
	}
	return problem{}
}

// tooLong reports whether id has more characters than an id may. Most ids are decided by their bytes.
func tooLong(id string) bool { return len(id) > maxID && utf8.RuneCountInString(id) > maxID }

// A scanner reads the lines that occur: one object of known members. It gives up, and readSlowly
// decides, at anything else; so it must never accept what encoding/json refuses or reads otherwise.
type scanner struct {
	in   []byte // valid UTF-8
	i    int
	out  []byte // the echo so far
	text []byte // memory for strings with escapes
}

// object reads the whole line. It is false if it gave up.
func (s *scanner) object(asks recipe.Asks, q *question) bool {
	var seen [6]bool
	ok := s.each('{', '}', func() bool {
		key, ok := s.raw()
		if !ok || !s.take(':') {
			return false
		}
		n := memberNumber(key)
		if n < 0 || seen[n] {
			return false
		}
		seen[n] = true
		return s.member(n, asks, q)
	})
	s.space()
	return ok && s.i == len(s.in)
}

// The members a line may have.
const (
	userMember = iota
	itemMember
	listMember
	valuesMember
	contextMember
	attributesMember
)

const attributesKey = "itemAttributes"

func memberNumber(key []byte) int {
	switch string(key) {
	case "userId":
		return userMember
	case "itemId":
		return itemMember
	case "itemList":
		return listMember
	case "filterValues":
		return valuesMember
	case "context":
		return contextMember
	case attributesKey:
		return attributesMember
	}
	return -1
}

// reads reports whether a family of recipes looks at a member.
func reads(asks recipe.Asks, member int) bool {
	switch member {
	case userMember:
		return asks != recipe.UsersByItem && asks != recipe.UsersByAttributes
	case itemMember:
		return asks == recipe.ByItem || asks == recipe.UsersByItem
	case attributesMember:
		return asks == recipe.UsersByAttributes
	case listMember:
		return asks == recipe.ByUserList
	}
	return true
}

// member reads the value of a member. One that asks does not read gives up unless it has the usual type.
func (s *scanner) member(n int, asks recipe.Asks, q *question) bool {
	if !reads(asks, n) {
		q = &question{} // to read over it
	}
	var ok bool
	switch n {
	case userMember:
		q.user, ok = s.string()
	case itemMember:
		q.item, ok = s.string()
	case listMember:
		ok = s.strings(q)
	case valuesMember:
		q.values = map[string]string{}
		ok = s.pairs(q.values)
	case contextMember:
		q.context = map[string]string{}
		ok = s.pairs(q.context)
	case attributesMember:
		q.attributes, ok = s.string()
	}
	return ok
}

func (s *scanner) strings(q *question) bool {
	q.hasList = true
	return s.each('[', ']', func() bool {
		id, ok := s.string()
		q.list = append(q.list, id)
		return ok
	})
}

// pairs reads an object of strings into m, unless that is nil.
func (s *scanner) pairs(m map[string]string) bool {
	return s.each('{', '}', func() bool {
		key, ok := s.string()
		if !ok || !s.take(':') {
			return false
		}
		v, ok := s.string()
		if m != nil {
			m[key] = v
		}
		return ok
	})
}

// each reads what stands between an opening and a closing bracket, element by element.
func (s *scanner) each(opening, closing byte, element func() bool) bool {
	if !s.take(opening) {
		return false
	}
	if s.take(closing) {
		return true
	}
	for element() {
		if !s.take(',') {
			return s.take(closing)
		}
	}
	return false
}

func (s *scanner) space() {
	for s.i < len(s.in) && (s.in[s.i] == ' ' || s.in[s.i] == '\t' || s.in[s.i] == '\r') {
		s.i++
	}
}

// take reads white space and then c, if that is what comes.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.i >= len(s.in) || s.in[s.i] != c {
		return false
	}
	s.i++
	s.out = append(s.out, c)
	return true
}

// raw reads a string and returns what stands between its quotes, escapes and all.
func (s *scanner) raw() ([]byte, bool) {
	s.space()
	start := s.i
	if start >= len(s.in) || s.in[start] != '"' {
		return nil, false
	}
	for i := start + 1; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			s.i = i + 1
			s.out = append(s.out, s.in[start:s.i]...)
			return s.in[start+1 : i], true
		case c == '\\':
			i++
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// string reads a string as text.
func (s *scanner) string() (string, bool) {
	raw, ok := s.raw()
	if !ok {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), true
	}
	s.text, ok = unescape(s.text[:0], raw)
	return string(s.text), ok
}

// unescape appends what raw stands for. It gives up at \u, which takes rules of its own.
func unescape(to, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '\\' {
			i++ // raw saw that something follows
			if c = escaped(raw[i]); c == 0 {
				return to, false
			}
		}
		to = append(to, c)
	}
	return to, true
}

// escaped returns the character that a backslash and c stand for, 0 if it is not a simple one.
func escaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}
