// Package text reads what is written of items: words, and what a group of items has in common.
package text

import (
	"strings"
	"unicode"
)

// Words returns the words of a text in lower case: runs of letters and digits.
func Words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
