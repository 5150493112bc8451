package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
)

const (
	maxDepth   = 64  // of nested objects and lists; the models need 7
	maxReport  = 10  // violations spelled out in one message
	maxIgnored = 20  // unknown members reported
	maxValue   = 256 // characters of a value repeated in a message
)

// Decode checks a request body against the shape of op's input and fills in, a pointer from
// op.NewInput. An empty body is an empty object. It returns the paths of the members that the model
// does not have, at most maxIgnored of them; they are no error.
//
// Errors: fault.Malformed for what is not JSON or has the wrong JSON type, fault.Invalid for a value
// that breaks a rule of the model; the latter names every broken rule.
//
// The walk follows the shape and copies only what it knows into a second JSON text, which is then
// decoded. So presence, spelling in upper and lower case, and number formats are settled here, where
// encoding/json would be generous.
func Decode(op *api.Operation, body []byte, in any) (ignored []string, err error) {
	clean, ignored, err := check(op.InputShape, body)
	if err != nil {
		return ignored, err
	}
	if err := json.Unmarshal(clean, in); err != nil {
		return ignored, fmt.Errorf("decode checked body of %s: %w", op.Name, err)
	}
	return ignored, nil
}

// check walks body beside shape and returns it with only what the model knows.
func check(shape *api.Shape, body []byte) (clean []byte, ignored []string, err error) {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		body = []byte("{}")
	}
	if err := syntax(body); err != nil {
		return nil, nil, err
	}
	c := &checker{body: body, out: make([]byte, 0, len(body))}
	if err := c.value(shape, "", 0); err != nil {
		return nil, c.ignored, err
	}
	return c.out, c.ignored, c.violations()
}

// syntax checks that body is one JSON value in UTF-8, so that the walk need not.
func syntax(body []byte) error {
	if !utf8.Valid(body) {
		return fault.Newf(fault.Malformed, "The request body is not valid UTF-8.")
	}
	if json.Valid(body) {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw) // says what is wrong, and where
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.Wrap(fault.Malformed, err, "The request body is not valid JSON: %s at byte %d.", s, s.Offset)
	}
	if err != nil {
		return fault.Wrap(fault.Malformed, err, "The request body is not valid JSON.")
	}
	return nil
}

// A checker walks a JSON text that is known to be well formed.
type checker struct {
	body    []byte
	pos     int
	out     []byte // the text with unknown members and nulls left out and numbers in plain form
	ignored []string
	broken  []string // the first maxReport violations
	count   int      // all of them
}

// violate notes a broken rule. It is no error yet: the caller hears of all of them at once.
func (c *checker) violate(value, path, rule string) {
	c.count++
	if len(c.broken) < maxReport {
		c.broken = append(c.broken, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, path, rule))
	}
}

func (c *checker) violations() error {
	switch c.count {
	case 0:
		return nil
	case 1:
		return fault.Newf(fault.Invalid, "1 validation error detected: %s", c.broken[0])
	}
	return fault.Newf(fault.Invalid, "%d validation errors detected: %s", c.count, strings.Join(c.broken, "; "))
}

// wants says in words what a kind of shape looks like in JSON.
var wants = map[api.Kind]string{
	api.String: "a string", api.Integer: "a 32-bit integer", api.Long: "a 64-bit integer", api.Float: "a number",
	api.Double: "a number", api.Boolean: "true or false", api.Timestamp: "a number of seconds since 1970",
	api.Structure: "an object", api.List: "a list", api.Map: "an object",
}

// mistyped is the error for a value of the wrong JSON type.
func (c *checker) mistyped(s *api.Shape, path string) error {
	got := map[byte]string{'{': "an object", '[': "a list", '"': "a string", 't': "true", 'f': "false", 'n': "null"}[c.peek()]
	if got == "" {
		got = cut(string(c.token()), 64)
	}
	if path == "" {
		return fault.Newf(fault.Malformed, "The request body must be %s, not %s.", wants[s.Kind], got)
	}
	return fault.Newf(fault.Malformed, "Member '%s' must be %s, not %s.", path, wants[s.Kind], got)
}

// value checks and copies the value at pos.
func (c *checker) value(s *api.Shape, path string, depth int) error {
	switch s.Kind {
	case api.Structure:
		return c.structure(s, path, depth)
	case api.List:
		return c.list(s, path, depth)
	case api.Map:
		return c.mapping(s, path, depth)
	case api.String:
		if c.peek() != '"' {
			return c.mistyped(s, path)
		}
		return c.text(s, path)
	case api.Boolean:
		if b := c.peek(); b != 't' && b != 'f' {
			return c.mistyped(s, path)
		}
		c.out = append(c.out, c.token()...)
		return nil
	}
	return c.number(s, path)
}

// structure checks an object member by member, then looks for the ones that had to be there.
func (c *checker) structure(s *api.Shape, path string, depth int) error {
	if c.peek() != '{' {
		return c.mistyped(s, path)
	}
	var present names
	c.out = append(c.out, '{')
	first := len(c.out)
	err := c.object(path, depth, func(name string) error {
		m, at := s.Member(name), join(path, name)
		switch {
		case m == nil:
			if len(c.ignored) < maxIgnored {
				c.ignored = append(c.ignored, at)
			}
			return c.skip(at, depth+1)
		case c.peek() == 'n':
			c.token() // null is the same as absent
			return nil
		}
		present.add(name)
		c.key(name, first)
		if m.JSONValue && c.peek() == '{' {
			return c.embedded(m.Shape, at, depth)
		}
		return c.value(m.Shape, at, depth+1)
	})
	c.out = append(c.out, '}')
	for _, m := range s.Members {
		if err == nil && m.Required && !present.has(m.Name) {
			c.violate("null", join(path, m.Name), "Member must not be null")
		}
	}
	return err
}

// embedded takes an object where the model has a string that holds JSON. Some clients turn objects
// into strings by themselves and some leave it to the server.
func (c *checker) embedded(s *api.Shape, path string, depth int) error {
	start := c.pos
	if err := c.skip(path, depth+1); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, c.body[start:c.pos]); err != nil {
		return fmt.Errorf("compact %s: %w", path, err) // the text was checked before
	}
	c.quoted(b.String())
	c.checkText(s, path, b.String())
	return nil
}

func (c *checker) list(s *api.Shape, path string, depth int) error {
	if c.peek() != '[' {
		return c.mistyped(s, path)
	}
	n := 0
	c.out = append(c.out, '[')
	err := c.elements(path, depth, func() error {
		if n++; tooMany(s, n) {
			return c.skip(path, depth+1)
		}
		if n > 1 {
			c.out = append(c.out, ',')
		}
		return c.element(s.Elem, fmt.Sprintf("%s.%d.member", path, n), depth)
	})
	c.out = append(c.out, ']')
	c.checkSize(s, path, fmt.Sprintf("'[%d members]'", n), n)
	return err
}

// tooMany reports whether a list or map has more members than it may. The ones too many are only
// counted: the body is refused for their number, and looking at each would be work for nothing.
func tooMany(s *api.Shape, n int) bool { return s.Max != nil && float64(n) > *s.Max }

// element checks an element of a list or map, where null is not the same as absent.
func (c *checker) element(s *api.Shape, path string, depth int) error {
	if c.peek() == 'n' {
		c.out = append(c.out, c.token()...)
		c.violate("null", path, "Member must not be null")
		return nil
	}
	return c.value(s, path, depth+1)
}

func (c *checker) mapping(s *api.Shape, path string, depth int) error {
	if c.peek() != '{' {
		return c.mistyped(s, path)
	}
	n := 0
	c.out = append(c.out, '{')
	first := len(c.out)
	err := c.object(path, depth, func(name string) error {
		if n++; tooMany(s, n) {
			return c.skip(path, depth+1)
		}
		for _, rule := range textRules(s.Key, name) {
			c.violate(shown(s.Key, name), path, "Map keys must satisfy constraint: ["+rule+"]")
		}
		c.key(name, first)
		return c.element(s.Elem, join(path, cut(name, 64)), depth)
	})
	c.out = append(c.out, '}')
	c.checkSize(s, path, fmt.Sprintf("'{%d members}'", n), n)
	return err
}

// text checks and copies a string.
func (c *checker) text(s *api.Shape, path string) error {
	v, err := c.unquote(path)
	if err != nil {
		return err
	}
	c.quoted(v)
	c.checkText(s, path, v)
	return nil
}

func (c *checker) checkText(s *api.Shape, path, v string) {
	for _, rule := range textRules(s, v) {
		c.violate(shown(s, v), path, rule)
	}
}

// textRules returns the rules of a string shape that v breaks. Lengths count characters.
func textRules(s *api.Shape, v string) (broken []string) {
	if rule := sizeRule(s, "length", float64(utf8.RuneCountInString(v))); rule != "" {
		broken = append(broken, rule)
	}
	if !s.Matches(v) {
		broken = append(broken, "Member must satisfy regular expression pattern: "+s.Pattern)
	}
	if !s.Allows(v) {
		broken = append(broken, "Member must satisfy enum value set: ["+strings.Join(s.Enum, ", ")+"]")
	}
	return broken
}

// sizeRule returns the bound of s that a length or value breaks, or "".
func sizeRule(s *api.Shape, what string, v float64) string {
	switch {
	case s.Min != nil && v < *s.Min:
		return fmt.Sprintf("Member must have %s greater than or equal to %s", what, plain(*s.Min))
	case s.Max != nil && v > *s.Max:
		return fmt.Sprintf("Member must have %s less than or equal to %s", what, plain(*s.Max))
	}
	return ""
}

func (c *checker) checkSize(s *api.Shape, path, value string, n int) {
	if rule := sizeRule(s, "length", float64(n)); rule != "" {
		c.violate(value, path, rule)
	}
}

// number checks a number and copies it in a form that fits the member's Go type.
func (c *checker) number(s *api.Shape, path string) error {
	start := c.pos
	if b := c.peek(); b != '-' && (b < '0' || b > '9') {
		return c.mistyped(s, path)
	}
	lit := string(c.token())
	v, text, ok := parseNumber(s.Kind, lit)
	if !ok {
		c.pos = start
		return c.mistyped(s, path)
	}
	c.out = append(c.out, text...)
	if rule := sizeRule(s, "value", v); rule != "" {
		c.violate("'"+cut(lit, 64)+"'", path, rule)
	}
	return nil
}

// parseNumber reads a JSON number as a value of the kind. Text is the number as Go's decoder takes
// it: an integer without point and exponent. It fails for what does not fit.
func parseNumber(k api.Kind, lit string) (v float64, text string, ok bool) {
	bits := 64
	switch k {
	case api.Integer, api.Long:
		if k == api.Integer {
			bits = 32
		}
		n, ok := parseInteger(lit, bits)
		return float64(n), strconv.FormatInt(n, 10), ok
	case api.Float:
		bits = 32
	}
	v, err := strconv.ParseFloat(lit, bits)
	if k == api.Timestamp && math.Abs(v) > api.MaxSeconds {
		return 0, "", false
	}
	return v, lit, err == nil
}

// parseInteger reads an integer, which may be written as 5.0 or 5e2.
func parseInteger(lit string, bits int) (int64, bool) {
	if n, err := strconv.ParseInt(lit, 10, bits); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(lit, 64)
	limit := math.Ldexp(1, min(bits-1, 53)) // beyond 2^53 a float no longer tells integers apart
	if err != nil || f != math.Trunc(f) || f < -limit || f >= limit {
		return 0, false
	}
	return int64(f), true
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// shown is a value as a message repeats it.
func shown(s *api.Shape, v string) string {
	if s.Sensitive {
		return "'***'"
	}
	return "'" + cut(v, maxValue) + "'"
}

func join(path, name string) string {
	if path == "" {
		return cut(name, 64)
	}
	return path + "." + cut(name, 64)
}

// key writes a member's name, and a comma unless it is the first behind the brace at offset first.
func (c *checker) key(name string, first int) {
	if len(c.out) > first {
		c.out = append(c.out, ',')
	}
	c.quoted(name)
	c.out = append(c.out, ':')
}

func (c *checker) quoted(s string) {
	if plainText(s) {
		c.out = append(append(append(c.out, '"'), s...), '"')
		return
	}
	b, _ := json.Marshal(s) // a string always encodes
	c.out = append(c.out, b...)
}

// plainText reports whether s stands in JSON as it is: ASCII without quotes, backslashes and controls.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// object calls do at the value of every member of the object at pos. A name that occurs twice is
// refused, since two readers of such a text need not agree on what it says.
func (c *checker) object(path string, depth int, do func(name string) error) error {
	var seen names
	return c.elements(path, depth, func() error {
		name, err := c.unquote(path)
		if err != nil {
			return err
		}
		if seen.has(name) {
			return fault.Newf(fault.Malformed, "Member '%s' occurs twice.", join(path, name))
		}
		seen.add(name)
		c.space()
		c.pos++ // the colon
		return do(name)
	})
}

// names is a set of names. Most objects have a few, for which a list is faster than a map.
type names struct {
	few  []string
	many map[string]bool // of more than fewNames, all of them
}

const fewNames = 8

func (n *names) has(name string) bool {
	if n.many != nil {
		return n.many[name]
	}
	return slices.Contains(n.few, name)
}

func (n *names) add(name string) {
	if n.many == nil && len(n.few) < fewNames {
		n.few = append(n.few, name)
		return
	}
	if n.many == nil {
		n.many = make(map[string]bool, 2*fewNames)
		for _, f := range n.few {
			n.many[f] = true
		}
	}
	n.many[name] = true
}

// elements calls do at every element of the list or every name of the object at pos.
func (c *checker) elements(path string, depth int, do func() error) error {
	if depth >= maxDepth {
		return fault.Newf(fault.Malformed, "The request body is nested more than %d levels deep.", maxDepth)
	}
	c.pos++ // the opening bracket
	for {
		switch c.peek() {
		case ']', '}':
			c.pos++
			return nil
		case ',':
			c.pos++
		}
		c.space()
		if err := do(); err != nil {
			return err
		}
	}
}

// skip passes over a value that nobody asks for. It still has to be sound.
func (c *checker) skip(path string, depth int) error {
	switch c.peek() {
	case '{':
		return c.object(path, depth, func(name string) error { return c.skip(path, depth+1) })
	case '[':
		return c.elements(path, depth, func() error { return c.skip(path, depth+1) })
	case '"':
		_, err := c.unquote(path)
		return err
	}
	c.token()
	return nil
}

// space passes over white space.
func (c *checker) space() {
	for ; c.pos < len(c.body); c.pos++ {
		switch c.body[c.pos] {
		case ' ', '\t', '\r', '\n':
		default:
			return
		}
	}
}

// peek returns the first byte of the next token. The text is well formed, so there is one.
func (c *checker) peek() byte {
	c.space()
	return c.body[c.pos]
}

// token takes a number or a literal.
func (c *checker) token() []byte {
	c.space()
	start := c.pos
	for c.pos < len(c.body) && strings.IndexByte(" \t\r\n,]}", c.body[c.pos]) < 0 {
		c.pos++
	}
	return c.body[start:c.pos]
}

// unquote takes a string.
func (c *checker) unquote(path string) (string, error) {
	c.space()
	start := c.pos
	c.pos++
	escaped := false
	for ; c.body[c.pos] != '"'; c.pos++ {
		if c.body[c.pos] == '\\' {
			escaped = true
			c.pos++
		}
	}
	c.pos++
	if !escaped {
		return string(c.body[start+1 : c.pos-1]), nil
	}
	return unescape(c.body[start:c.pos], path)
}

// unescape reads a quoted string with escapes. Half a surrogate pair is no character, and
// encoding/json would quietly put another in its place.
func unescape(quoted []byte, path string) (string, error) {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return "", fmt.Errorf("unquote: %w", err) // the text was checked before
	}
	if strings.ContainsRune(s, utf8.RuneError) && halfPair(quoted) {
		return "", fault.Newf(fault.Malformed, "A string in '%s' has half a surrogate pair.", path)
	}
	return s, nil
}

// halfPair reports whether a quoted string escapes half a surrogate pair.
func halfPair(q []byte) bool {
	for i := 0; i < len(q); i++ {
		if q[i] != '\\' {
			continue
		}
		i++
		if q[i] != 'u' {
			continue
		}
		u := hex4(q[i+1:])
		i += 4
		switch {
		case u >= 0xDC00 && u < 0xE000:
			return true
		case u >= 0xD800 && u < 0xDC00:
			if !bytes.HasPrefix(q[i+1:], []byte(`\u`)) {
				return true
			}
			if low := hex4(q[i+3:]); low < 0xDC00 || low >= 0xE000 {
				return true
			}
			i += 6
		}
	}
	return false
}

func hex4(b []byte) uint64 {
	u, _ := strconv.ParseUint(string(b[:4]), 16, 32) // the text was checked before
	return u
}
