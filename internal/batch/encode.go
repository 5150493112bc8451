package batch

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/recipe"
)

// appendQuoted appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendQuoted(to []byte, s string) []byte {
	const hex = "0123456789abcdef"
	to = append(to, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			to = append(to, '\\', c)
		case c < ' ':
			to = append(to, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			to = append(to, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			to = utf8.AppendRune(to, r)
			i += n
			continue
		}
		i++
	}
	return append(to, '"')
}

// appendScore appends a score with at most 7 decimals, without exponent and without zeros at the end. NaN
// and infinities are null.
func appendScore(to []byte, v float64) []byte {
	const scale, digits = 1e7, 7
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(to, "null"...)
	}
	scaled := math.Round(math.Abs(v) * scale)
	if scaled >= 1<<53 { // beyond exact integers; no probability comes here
		return strconv.AppendFloat(to, v, 'f', -1, 64)
	}
	n := uint64(scaled)
	if v < 0 && n > 0 {
		to = append(to, '-')
	}
	to = strconv.AppendUint(to, n/scale, 10)
	rest := n % scale
	if rest == 0 {
		return to
	}
	to = append(to, ".0000000"...)
	for i := len(to) - 1; rest > 0; i-- {
		to[i] += byte(rest % 10)
		rest /= 10
	}
	for to[len(to)-1] == '0' {
		to = to[:len(to)-1]
	}
	return to
}

// A quoted table holds the ids of all items as JSON strings, quoted once for all lines.
type quoted struct {
	bytes   []byte
	start   []int // of item i; one more for the end
	longest int
}

func quoteAll(items recipe.Names) *quoted {
	n := items.Len()
	q := &quoted{start: make([]int, n+1)}
	for i := range n {
		q.bytes = appendQuoted(q.bytes, items.At(i))
		q.start[i+1] = len(q.bytes)
		q.longest = max(q.longest, q.start[i+1]-q.start[i])
	}
	return q
}

// at returns item i as it stands in the output.
func (q *quoted) at(i int32) []byte { return q.bytes[q.start[i]:q.start[i+1]] }
