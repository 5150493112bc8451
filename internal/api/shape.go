package api

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Kind is the type of a shape's values, as the models name it.
type Kind uint8

// The kinds.
const (
	String Kind = iota
	Integer
	Long
	Float
	Double
	Boolean
	Timestamp
	Structure
	List
	Map
)

// A Shape is a type of the models with the rules for its values. The tables of all shapes are
// generated; walking one beside a decoded body is all there is to validation.
type Shape struct {
	Name string
	Kind Kind

	// Min and Max bound a number's value, a string's length in characters, and the size of a list
	// or map. Nil is no bound.
	Min, Max *float64

	Enum      []string
	Pattern   string // as the model spells it, which is how a message quotes it
	RE2       string // the same for package regexp, to be matched against the whole string
	Sensitive bool   // the value must not be repeated in messages or logs

	Members []Member // of a structure, sorted by name
	Elem    *Shape   // of a list, or the values of a map
	Key     *Shape   // of a map

	once sync.Once
	re   *regexp.Regexp
}

// A Member is one member of a structure.
type Member struct {
	Name      string
	Required  bool
	JSONValue bool // a string that holds JSON
	Shape     *Shape
}

// Matches reports whether the whole of s fits the shape's pattern. A shape without one fits all.
func (s *Shape) Matches(text string) bool {
	if s.RE2 == "" || s.RE2 == resourceARN && isResourceARN(text) {
		return true
	}
	s.once.Do(func() { s.re = regexp.MustCompile(`\A(?:` + s.RE2 + `)\z`) })
	return s.re.MatchString(text)
}

// resourceARN is the pattern of what nearly every request names, and is worth being matched by hand.
const resourceARN = `arn:([a-z\d-]+):personalize:.*:.*:.+`

// isResourceARN reports whether the whole of text fits resourceARN.
func isResourceARN(text string) bool {
	rest, ok := strings.CutPrefix(text, "arn:")
	partition, rest, found := strings.Cut(rest, ":")
	if !ok || !found || partition == "" || strings.Trim(partition, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return false
	}
	rest, ok = strings.CutPrefix(rest, "personalize:")
	_, rest, found = strings.Cut(rest, ":")
	_, rest, last := strings.Cut(rest, ":")
	return ok && found && last && rest != "" && !strings.Contains(text, "\n")
}

// Allows reports whether text is one of the shape's values, if these are listed.
func (s *Shape) Allows(text string) bool {
	return len(s.Enum) == 0 || slices.Contains(s.Enum, text)
}

// Member returns the member of that exact name, or nil.
func (s *Shape) Member(name string) *Member {
	for i := range s.Members {
		if s.Members[i].Name == name {
			return &s.Members[i]
		}
	}
	return nil
}

// bound is a limit in a generated table.
func bound(v float64) *float64 { return &v }
