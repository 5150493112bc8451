package table

import (
	"math"
	"strconv"
	"unsafe"
)

// ParseInt reads a whole decimal number with an optional sign, and nothing else.
func ParseInt(b []byte) (int64, bool) {
	digits, negative := sign(b)
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n <= 1<<63:
		return -int64(n), true
	case !negative && n < 1<<63:
		return int64(n), true
	}
	return 0, false
}

func sign(b []byte) (rest []byte, negative bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		return b[1:], b[0] == '-'
	}
	return b, false
}

// ParseFloat reads a finite decimal number with an optional fraction and exponent, and nothing else.
func ParseFloat(b []byte) (float64, bool) {
	if f, ok := short(b); ok {
		return f, true
	}
	for _, c := range b {
		// strconv also takes hexadecimal, underscores, "inf" and "nan".
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return f, err == nil && !math.IsInf(f, 0)
}

// short reads numbers of at most 15 digits without an exponent. Both the digits and the power of ten are
// exact doubles then, so their quotient is the nearest double. (Clinger, 1990.)
func short(b []byte) (float64, bool) {
	rest, negative := sign(b)
	if len(rest) == 0 || len(rest) > 16 {
		return 0, false
	}
	var n, digits, decimals int64
	point := false
	for _, c := range rest {
		switch {
		case c == '.' && !point:
			point = true
		case c < '0' || c > '9':
			return 0, false
		default:
			n = n*10 + int64(c-'0')
			digits++
			if point {
				decimals++
			}
		}
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	f := float64(n) / tens[decimals]
	if negative {
		f = -f
	}
	return f, true
}

var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
