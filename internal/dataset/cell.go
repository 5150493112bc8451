package dataset

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/table"
)

// The service's limits.
const (
	defaultID      = 256
	defaultValue   = 1000
	defaultText    = 20000
	defaultCJKText = 7000
)

// withDefaults fills in the service's limits.
func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		n    *int
		most int
	}{{&l.ID, defaultID}, {&l.Value, defaultValue}, {&l.Text, defaultText}, {&l.CJKText, defaultCJKText}} {
		if *d.n == 0 {
			*d.n = d.most
		}
	}
	return l
}

// A cellKind says how the cells of a column are checked.
type cellKind int

const (
	idCell cellKind = iota
	valueCell
	textCell
	boolCell
	longCell
	intCell
	floatCell
	timeCell   // TIMESTAMP and the like
	actionCell // EVENT_TYPE of an action interaction
)

func kindOf(f Field, key bool) cellKind {
	switch {
	case key:
		return idCell
	case f.Textual:
		return textCell
	case f.Type == String:
		return valueCell
	case f.Type == Boolean:
		return boolCell
	case strings.HasSuffix(f.Name, "TIMESTAMP") && f.Type == Long:
		return timeCell
	case f.Type == Long:
		return longCell
	case f.Type == Int:
		return intCell
	}
	return floatCell
}

// A rowFault is what is wrong with a cell: a sentence's rest behind the name of the column, or a whole
// sentence.
type rowFault struct {
	rest  string
	whole string
}

func (e *rowFault) Error() string { return e.whole + e.rest }

func bad(format string, args ...any) error { return &rowFault{rest: fmt.Sprintf(format, args...)} }

// add checks a cell and appends its value to the column.
func (c *column) add(kind cellKind, row int, cell []byte, l *Limits) error {
	if len(cell) == 0 {
		if !c.field.Nullable {
			return bad("is empty, and the column must not be null.")
		}
		c.addNull(row)
		return nil
	}
	switch kind {
	case idCell:
		if longer(cell, l.ID) {
			return bad("is %d characters long; expected 1 to %d.", utf8.RuneCount(cell), l.ID)
		}
		c.codes = append(c.codes, c.dict.Code(cell))
		return nil
	case valueCell:
		if longer(cell, l.Value) {
			return tooLong(c.field.Name, l.Value)
		}
		c.codes = append(c.codes, c.dict.Code(cell))
		return nil
	case textCell:
		c.codes = append(c.codes, c.dict.Code(cleanText(cell, l)))
		return nil
	case boolCell:
		return c.addBool(cell)
	case floatCell:
		return c.addFloat(cell)
	case actionCell:
		return c.addAction(cell)
	}
	return c.addInt(kind, cell)
}

// longer reports whether b has more than n characters.
func longer(b []byte, n int) bool { return len(b) > n && utf8.RuneCount(b) > n }

// tooLong is the service's own sentence.
func tooLong(column string, limit int) error {
	return &rowFault{whole: fmt.Sprintf("Length cannot be more than %d characters for %s. If no values exceed the character limit, "+
		"make sure your data follows the formatting guidelines listed in "+
		"https://docs.aws.amazon.com/personalize/latest/dg/data-prep-formatting.html.", limit, column)}
}

// actionEvents are the event types of action interactions by their letters.
var actionEvents = map[string]string{"taken": "TAKEN", "nottaken": "NOT_TAKEN", "viewed": "VIEWED"}

// addAction adds what a user did with an action, spelled as filters spell it. The documentation's own
// samples differ in case, spaces and underscores.
func (c *column) addAction(cell []byte) error {
	letters := strings.NewReplacer(" ", "", "_", "").Replace(strings.ToLower(string(cell)))
	kind, ok := actionEvents[letters]
	if !ok {
		return bad("%s is not an action's event type; expected Taken, Not Taken or Viewed.", quote(cell))
	}
	c.codes = append(c.codes, c.dict.CodeOf(kind))
	return nil
}

func (c *column) addBool(cell []byte) error {
	if s := string(cell); s != "true" && s != "false" {
		return bad("%s is not a boolean; expected true or false.", quote(cell))
	}
	c.codes = append(c.codes, c.dict.Code(cell))
	return nil
}

func (c *column) addFloat(cell []byte) error {
	v, ok := table.ParseFloat(cell)
	if !ok {
		return bad("%s is not a number.", quote(cell))
	}
	c.floats = append(c.floats, v)
	return nil
}

func (c *column) addInt(kind cellKind, cell []byte) error {
	v, ok := table.ParseInt(cell)
	if !ok {
		return bad("%s is not a whole number of 64 bits.", quote(cell))
	}
	if kind == intCell && (v < math.MinInt32 || v > math.MaxInt32) {
		return bad("%s is outside the range of the type int.", quote(cell))
	}
	if kind == timeCell {
		if unit := finerThanSeconds(v); unit != "" {
			return bad("%d is in %s; expected Unix epoch seconds.", v, unit)
		}
	}
	c.ints = append(c.ints, v)
	return nil
}

// finerThanSeconds names the unit of a timestamp that can be no number of seconds: 100 billion seconds
// lie in the year 5138, and as many milliseconds in 1973.
func finerThanSeconds(v int64) string {
	if v < 0 {
		v = -v
	}
	switch {
	case v < 0 || v >= 1e17:
		return "nanoseconds"
	case v >= 1e14:
		return "microseconds"
	case v >= 1e11:
		return "milliseconds"
	}
	return ""
}

// quote prints a cell in a sentence.
func quote(cell []byte) string {
	const most = 60 // enough to find it by
	if len(cell) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(string(cell[:most]), ""))
	}
	return fmt.Sprintf("%q", cell)
}

// cleanText prepares a textual value: markup, entities, line ends, tabs and runs of spaces become one
// space, and what is longer than the limit is cut off.
func cleanText(b []byte, l *Limits) []byte {
	if bytes.ContainsAny(b, "<&\n\r\t") || bytes.Contains(b, []byte("  ")) {
		b = squeeze(b)
	}
	b = bytes.TrimSpace(b)
	limit := l.Text
	if len(b) > l.CJKText && hasCJK(b) {
		limit = l.CJKText
	}
	if !longer(b, limit) {
		return b
	}
	n := 0
	for range limit {
		_, size := utf8.DecodeRune(b[n:])
		n += size
	}
	return b[:n]
}

// squeeze replaces everything that is no text by single spaces.
func squeeze(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		n := 0 // length of what is no text
		switch c := b[i]; c {
		case ' ', '\t', '\n', '\r':
			n = 1
		case '<':
			n = tag(b[i:])
		case '&':
			n = entity(b[i:])
		}
		if n == 0 {
			out = append(out, b[i])
			i++
			continue
		}
		i += n
		if len(out) > 0 && out[len(out)-1] != ' ' {
			out = append(out, ' ')
		}
	}
	return out
}

// tag returns the length of the tag that b begins with, 0 for none: "a < b" has none.
func tag(b []byte) int {
	if len(b) < 3 || !(b[1] == '/' || b[1] == '!' || b[1] == '?' || isLetter(b[1])) {
		return 0
	}
	return bytes.IndexByte(b, '>') + 1
}

// entity returns the length of the entity that b begins with, 0 for none: "Tom & Jerry" has none.
func entity(b []byte) int {
	const longest = 32 // &CounterClockwiseContourIntegral;
	for i := 1; i < len(b) && i <= longest; i++ {
		switch c := b[i]; {
		case c == ';' && i > 1:
			return i + 1
		case c == '#' && i == 1, isLetter(c), c >= '0' && c <= '9' && i > 1:
		default:
			return 0
		}
	}
	return 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// hasCJK reports whether a text has Chinese or Japanese characters.
func hasCJK(b []byte) bool {
	return bytes.ContainsFunc(b, func(r rune) bool {
		return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0x20000 && r <= 0x3ffff
	})
}
