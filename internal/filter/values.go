package filter

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kindredrec/kindred/internal/fault"
)

// The limits of filterValues, as the service's model has them.
const (
	maxValues      = 25   // entries
	maxValueLength = 1000 // characters of one entry
)

// ParseValues takes the filterValues of a request apart: each entry is one value or several with
// commas between them. A value in double quotes is what stands between them, with \" for a quote;
// one without quotes ends at the next comma and loses the white space around it. An error is fault.Invalid.
func ParseValues(m map[string]string) (map[string][]string, error) {
	if err := checkValues(m); err != nil {
		return nil, err
	}
	parsed := make(map[string][]string, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) { // so that it is always the same error
		list, err := appendValues(nil, name, m[name])
		if err != nil {
			return nil, err
		}
		parsed[name] = list
	}
	return parsed, nil
}

// checkValues holds filterValues against the limits. Of several faults it reports that of the first
// key in order, without sorting all.
func checkValues(m map[string]string) error {
	if len(m) > maxValues {
		return fault.Newf(fault.Invalid, "filterValues has %d entries; at most %d are allowed.", len(m), maxValues)
	}
	var worst string
	var err error
	for name, value := range m {
		if e := checkValue(name, value); e != nil && (err == nil || name < worst) {
			worst, err = name, e
		}
	}
	return err
}

func checkValue(name, value string) error {
	if name == "" || len(name) > maxPlaceholder || span(name, nameByte) != len(name) {
		return fault.Newf(fault.Invalid, "filterValues: the key %q must be 1 to %d letters, digits and underscores.",
			excerpt(name), maxPlaceholder)
	}
	if len(value) > maxValueLength && utf8.RuneCountInString(value) > maxValueLength {
		return fault.Newf(fault.Invalid, "filterValues: the value of %s is longer than %d characters.", name, maxValueLength)
	}
	return nil
}

// appendValues appends the values in raw, the entry called name, to list. Values share raw's memory
// unless they hold an escaped quote.
func appendValues(list []string, name, raw string) ([]string, error) {
	for rest := raw; ; {
		value, after, problem := cutValue(rest)
		if problem != "" {
			return list, fault.Newf(fault.Invalid, "filterValues: the value of %s is malformed: %s in %q.", name, problem, excerpt(raw))
		}
		list = append(list, value)
		if after == "" {
			return list, nil
		}
		rest = after[1:] // the comma
	}
}

// cutValue takes the first value off s. What remains is empty or begins with a comma.
func cutValue(s string) (value, rest, problem string) {
	s = strings.TrimLeft(s, space)
	if !strings.HasPrefix(s, `"`) {
		return cutBare(s)
	}
	n := 1
	for n < len(s) && s[n] != '"' {
		if strings.HasPrefix(s[n:], `\"`) {
			n++
		}
		n++
	}
	if n >= len(s) {
		return "", "", "a quote is not closed"
	}
	value = strings.ReplaceAll(s[1:n], `\"`, `"`)
	rest = strings.TrimLeft(s[n+1:], space)
	if rest != "" && rest[0] != ',' {
		return "", "", "expected a comma after a closing quote"
	}
	return value, rest, ""
}

// cutBare takes a value without quotes off s.
func cutBare(s string) (value, rest, problem string) {
	n := strings.IndexByte(s, ',')
	if n < 0 {
		n = len(s)
	}
	value = strings.TrimRight(s[:n], space)
	switch {
	case value == "":
		return "", "", "a value is missing"
	case strings.Contains(value, `"`):
		return "", "", "a quote stands inside a value"
	}
	return value, s[n:], ""
}

const space = " \t\r\n"

// parseNumber reads a decimal number. Infinities, NaN and hexadecimal are none.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, space)
	if strings.ContainsAny(s, "xXpP_") {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, false
	}
	return v, true
}
