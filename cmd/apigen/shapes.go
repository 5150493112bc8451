package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kinds maps the model's types to the constants of package api.
var kinds = map[string]string{
	"string": "String", "integer": "Integer", "long": "Long", "float": "Float", "double": "Double",
	"boolean": "Boolean", "timestamp": "Timestamp", "structure": "Structure", "list": "List", "map": "Map",
}

// shapes writes the tables that validation walks: every shape that an operation's input reaches.
func (g *generator) shapes(b *bytes.Buffer) error {
	for _, s := range g.services {
		reached := map[string]bool{}
		for _, op := range s.Operations {
			if op.Input != nil {
				s.reach(op.Input.Shape, reached)
			}
		}
		fmt.Fprintf(b, "// What the inputs of %s are made of.\nvar (\n", s.Name)
		for _, name := range names(reached) {
			if err := writeShape(b, s, name); err != nil {
				return fmt.Errorf("%s: shape %s: %w", s.Name, name, err)
			}
		}
		fmt.Fprint(b, ")\n\n")
	}
	return nil
}

// reach collects the names of the shapes that one is made of.
func (s *service) reach(name string, reached map[string]bool) {
	if reached[name] {
		return
	}
	reached[name] = true
	sh := s.Shapes[name]
	for _, m := range sh.Members {
		s.reach(m.Shape, reached)
	}
	for _, r := range []*ref{sh.Member, sh.Key, sh.Value} {
		if r != nil {
			s.reach(r.Shape, reached)
		}
	}
}

func writeShape(b *bytes.Buffer, s *service, name string) error {
	sh := s.Shapes[name]
	if kinds[sh.Type] == "" {
		return fmt.Errorf("unknown type %s", sh.Type)
	}
	fmt.Fprintf(b, "%s = &Shape{\nName: %q, Kind: %s,\n", shapeVar(s, name), name, kinds[sh.Type])
	writeBound(b, "Min", sh.Min)
	writeBound(b, "Max", sh.Max)
	if len(sh.Enum) > 0 {
		fmt.Fprintf(b, "Enum: %#v,\n", sh.Enum)
	}
	if sh.Pattern != "" {
		re2, err := toRE2(sh.Pattern, sh.Max)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "Pattern: %s,\nRE2: %s,\n", quote(sh.Pattern), quote(re2))
	}
	if sh.Sensitive {
		fmt.Fprint(b, "Sensitive: true,\n")
	}
	writeParts(b, s, sh)
	fmt.Fprint(b, "}\n")
	return nil
}

// writeParts writes what a shape is made of.
func writeParts(b *bytes.Buffer, s *service, sh *shape) {
	if sh.Type == "structure" {
		fmt.Fprint(b, "Members: []Member{\n")
		for _, m := range names(sh.Members) {
			fmt.Fprintf(b, "{Name: %q, ", m)
			if slices.Contains(sh.Required, m) {
				fmt.Fprint(b, "Required: true, ")
			}
			if sh.Members[m].JSONValue {
				fmt.Fprint(b, "JSONValue: true, ")
			}
			fmt.Fprintf(b, "Shape: %s},\n", shapeVar(s, sh.Members[m].Shape))
		}
		fmt.Fprint(b, "},\n")
	}
	if sh.Key != nil {
		fmt.Fprintf(b, "Key: %s,\nElem: %s,\n", shapeVar(s, sh.Key.Shape), shapeVar(s, sh.Value.Shape))
	}
	if sh.Member != nil {
		fmt.Fprintf(b, "Elem: %s,\n", shapeVar(s, sh.Member.Shape))
	}
}

func writeBound(b *bytes.Buffer, field string, v *float64) {
	if v != nil {
		fmt.Fprintf(b, "%s: bound(%s),\n", field, strconv.FormatFloat(*v, 'f', -1, 64))
	}
}

// quote prefers a raw string, in which a pattern reads as in the model.
func quote(s string) string {
	if strconv.CanBackquote(s) {
		return "`" + s + "`"
	}
	return strconv.Quote(s)
}

// toRE2 rewrites a pattern of the models, which is one of Java, for package regexp. RE2 has no
// \p{ASCII}, and no repeat count over 1000; a count that only says again what the shape's maximum
// says is dropped.
func toRE2(pattern string, max *float64) (string, error) {
	p := strings.ReplaceAll(pattern, `\p{ASCII}`, `[\x00-\x7F]`)
	if max != nil {
		p = strings.ReplaceAll(p, fmt.Sprintf("{0,%d}", int(*max)), "*")
	}
	if _, err := regexp.Compile(p); err != nil {
		return "", fmt.Errorf("pattern %s: %w", pattern, err)
	}
	return p, nil
}
