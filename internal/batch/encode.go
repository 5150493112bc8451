package batch

import (
	"encoding/binary"
	"math"
	"math/bits"
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

// scale is what makes a score with 7 decimals a whole number.
const scale = 1e7

// appendScore appends a score with at most 7 decimals, without exponent and without zeros at the end; what lies
// halfway between two goes away from 0. NaN and infinities are null.
func appendScore(to []byte, v float64) []byte {
	if v >= 0 && v < 1 {
		return appendProbability(to, v)
	}
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
	if n%scale == 0 {
		return to
	}
	return appendDecimals(append(to, '.'), n%scale)
}

// appendProbability is appendScore from 0 to 1.
func appendProbability(to []byte, v float64) []byte {
	scaled := float64(v * scale)
	n := uint64(scaled)
	if scaled-float64(n) >= 0.5 { // exact, so this rounds as math.Round does
		n++
	}
	switch n {
	case 0:
		return append(to, '0')
	case scale:
		return append(to, '1')
	}
	return appendDecimals(append(to, "0."...), n)
}

// appendDecimals appends n, which is from 1 to 9,999,999, as the digits behind a decimal point, without the zeros at
// their end.
func appendDecimals(to []byte, n uint64) []byte {
	digits := digitsOf(n * 10)
	to = append(to, "00000000"...)
	binary.LittleEndian.PutUint64(to[len(to)-8:], digits|0x3030303030303030)
	return to[:len(to)-bits.LeadingZeros64(digits)/8] // of the zeros, one is that of n * 10
}

// digitsOf returns the 8 digits of a number below 10⁸, the first one in the lowest byte. Each step divides the numbers
// in all lanes of a word by one multiplication: by 10,000, then by 100 (as 10,486/2²⁰, exact below 10⁴), then by 10 (as
// 103/2¹⁰, exact below 10²).
func digitsOf(n uint64) uint64 {
	v := n/10_000 | n%10_000<<32
	q := v * 10_486 >> 20 & 0x7f_0000007f
	v = q | (v-100*q)<<16
	q = v * 103 >> 10 & 0x000f_000f_000f_000f
	return q | (v-10*q)<<8
}

// A quoted table holds the ids of all items as JSON strings behind commas, quoted once for all lines.
type quoted struct {
	bytes   []byte
	start   []int // of item i; one more for the end
	longest int   // without the comma
}

func quoteAll(items recipe.Names) *quoted {
	n := items.Len()
	q := &quoted{start: make([]int, n+1)}
	for i := range n {
		q.bytes = appendQuoted(append(q.bytes, ','), items.At(i))
		q.start[i+1] = len(q.bytes)
		q.longest = max(q.longest, q.start[i+1]-q.start[i]-1)
	}
	return q
}

// at returns item i as it stands in the output, behind a comma.
func (q *quoted) at(i int32) []byte { return q.bytes[q.start[i]:q.start[i+1]] }
