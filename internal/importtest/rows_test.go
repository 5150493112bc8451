// Package importtest checks what ARCHITECTURE.md and docs/dependencies.md promise about imports.
package importtest

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Rows are the layers of the tree as ARCHITECTURE.md draws them, and the imports within a row that it
// allows by name. Packages are named without the module, and those of internal without "internal/".
type rows struct {
	patterns []pattern
	sideways map[[2]string]bool // importer, imported
}

// A pattern is an entry of a row: a package, or every package directly below a folder ("driver/*").
type pattern struct {
	text string
	row  int // 0 is the top
}

var (
	quoted    = regexp.MustCompile("`([^`]+)`")
	exception = regexp.MustCompile("^- `([^`]+)` → `([^`]+)`:")
)

// parseRows reads the table whose head begins with "| row |" and the list of exceptions after it, up to
// the next heading.
func parseRows(doc string) (rows, error) {
	r := rows{sideways: map[[2]string]bool{}}
	_, rest, ok := strings.Cut(doc, "\n| row |")
	if !ok {
		return r, fmt.Errorf("there is no table that begins with %q", "| row |")
	}
	section, _, _ := strings.Cut(rest, "\n#")
	row := 0
	for line := range strings.Lines(section) {
		if m := exception.FindStringSubmatch(line); m != nil {
			r.sideways[[2]string{m[1], m[2]}] = true
		}
		cells := strings.Split(line, "|")
		if len(cells) != 5 { // "", name, packages, meaning, "\n"
			continue
		}
		entries := quoted.FindAllStringSubmatch(cells[2], -1)
		for _, e := range entries {
			r.patterns = append(r.patterns, pattern{e[1], row})
		}
		if len(entries) > 0 {
			row++
		}
	}
	if row < 2 {
		return r, fmt.Errorf("the table has %d rows with packages; expected several", row)
	}
	return r, nil
}

// find returns the pattern that a package falls under: its own name, or else the folder it is in.
func (r rows) find(pkg string) (pattern, bool) {
	var folder pattern
	var found bool
	for _, p := range r.patterns {
		if p.text == pkg {
			return p, true
		}
		if p.text == path.Dir(pkg)+"/*" {
			folder, found = p, true
		}
	}
	return folder, found
}

// above reports whether row is higher than other.
func above(row, other int) bool { return row < other }

// isKit reports whether a package is a conformance kit or another package that exists for tests.
func isKit(pkg string) bool { return strings.HasSuffix(pkg, "test") && pkg != "kindredtest" }

// check returns what is wrong with pkg importing imported, or "".
func (r rows) check(pkg, imported string) string {
	if isKit(pkg) {
		return "" // a kit may use what it examines and whatever helps
	}
	if isKit(imported) {
		return fmt.Sprintf("%s imports %s, which is for tests", pkg, imported)
	}
	from, ok := r.find(pkg)
	if !ok {
		return fmt.Sprintf("%s is in no row of ARCHITECTURE.md", pkg)
	}
	to, ok := r.find(imported)
	switch {
	case !ok:
		return fmt.Sprintf("%s is in no row of ARCHITECTURE.md", imported)
	case above(from.row, to.row) || r.sideways[[2]string{pkg, imported}]:
		return ""
	case from.row == to.row:
		return fmt.Sprintf("%s imports %s, which is in its own row", pkg, imported)
	}
	return fmt.Sprintf("%s imports %s, which is in a higher row", pkg, imported)
}
