package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// nameTypes decides what each structure is called. A name goes to the first service that uses it,
// and a later one puts its own name in front.
func (g *generator) nameTypes() {
	taken := map[string]bool{}
	for _, s := range g.services {
		for _, name := range g.structures(s) {
			goName := name
			if taken[name] {
				goName = upper(s.prefix) + name
			}
			taken[goName] = true
			g.typeName[s.prefix+"."+name] = goName
		}
		for _, op := range s.Operations {
			if op.Output != nil {
				g.alwaysOn[g.typeName[s.prefix+"."+op.Output.Shape]] = true
			}
		}
	}
}

// structures returns the names of a service's structures that are not exceptions.
func (g *generator) structures(s *service) []string {
	return slices.DeleteFunc(names(s.Shapes), func(n string) bool {
		return s.Shapes[n].Type != "structure" || s.Shapes[n].Exception
	})
}

// types writes a struct for every structure and constants for every enumeration.
func (g *generator) types(b *bytes.Buffer) error {
	for _, s := range g.services {
		for _, name := range g.structures(s) {
			if err := g.structure(b, s, name, g.typeName[s.prefix+"."+name]); err != nil {
				return err
			}
		}
	}
	g.enums(b)
	return nil
}

func (g *generator) structure(b *bytes.Buffer, s *service, name, goName string) error {
	sh := s.Shapes[name]
	fmt.Fprintf(b, "// %s is %s.\ntype %s struct {\n", goName, role(s, name), goName)
	for _, m := range names(sh.Members) {
		goType, omit, err := g.field(s, sh.Members[m].Shape, slices.Contains(sh.Required, m))
		if err != nil {
			return fmt.Errorf("%s.%s: %w", name, m, err)
		}
		if g.alwaysOn[goName] && strings.HasPrefix(goType, "[]") {
			omit = ""
		}
		fmt.Fprintf(b, "%s %s `json:\"%s%s\"`\n", upper(m), goType, m, omit)
	}
	fmt.Fprint(b, "}\n\n")
	g.marshaller(b, s, sh, goName)
	return nil
}

// marshaller writes a MarshalJSON that keeps the lists of an answer present: a client that reads an
// answer's list does not ask first whether there is one.
func (g *generator) marshaller(b *bytes.Buffer, s *service, sh *shape, goName string) {
	var fill strings.Builder
	for _, m := range names(sh.Members) {
		if s.Shapes[sh.Members[m].Shape].Type != "list" || !g.alwaysOn[goName] {
			continue
		}
		elem, _ := g.goType(s, s.Shapes[sh.Members[m].Shape].Member.Shape)
		fmt.Fprintf(&fill, "if v.%[1]s == nil {\nv.%[1]s = []%[2]s{}\n}\n", upper(m), elem)
	}
	if fill.Len() == 0 {
		return
	}
	fmt.Fprintf(b, "// MarshalJSON writes a list that is nil as an empty one.\n")
	fmt.Fprintf(b, "func (v %[1]s) MarshalJSON() ([]byte, error) {\ntype plain %[1]s\n%[2]sreturn marshal(plain(v))\n}\n\n",
		goName, fill.String())
}

// role says in words what a structure is for.
func role(s *service, name string) string {
	for _, op := range names(s.Operations) {
		switch o := s.Operations[op]; {
		case o.Input != nil && o.Input.Shape == name:
			return "what " + op + " asks"
		case o.Output != nil && o.Output.Shape == name:
			return "what " + op + " answers"
		}
	}
	return "a structure of the " + s.Name + " model"
}

// field returns the type of a member and the option of its tag. What Go can tell absent from zero
// is left out when absent, required or not: null is never sent.
func (g *generator) field(s *service, name string, required bool) (goType, omit string, err error) {
	goType, err = g.goType(s, name)
	if err != nil {
		return "", "", err
	}
	switch s.Shapes[name].Type {
	case "structure", "timestamp":
		return "*" + goType, ",omitzero", nil
	case "list", "map":
		return goType, ",omitzero", nil
	case "string":
		if required {
			return goType, "", nil
		}
		return goType, ",omitzero", nil
	}
	if required {
		return goType, "", nil
	}
	return "*" + goType, ",omitzero", nil
}

// goType returns the Go type of a shape's value.
func (g *generator) goType(s *service, name string) (string, error) {
	sh := s.Shapes[name]
	if sh == nil {
		return "", fmt.Errorf("no shape %s", name)
	}
	switch sh.Type {
	case "string":
		return "string", nil
	case "boolean":
		return "bool", nil
	case "integer":
		return "int32", nil
	case "long":
		return "int64", nil
	case "float":
		return "float32", nil
	case "double":
		return "float64", nil
	case "timestamp":
		return "Time", nil
	case "structure":
		return g.typeName[s.prefix+"."+name], nil
	case "list":
		elem, err := g.goType(s, sh.Member.Shape)
		return "[]" + elem, err
	case "map":
		elem, err := g.goType(s, sh.Value.Shape)
		return "map[string]" + elem, err
	}
	return "", fmt.Errorf("shape %s has type %s, which apigen does not know", name, sh.Type)
}

// enums writes the values of each enumeration as constants named for it.
func (g *generator) enums(b *bytes.Buffer) {
	for _, s := range g.services {
		for _, name := range names(s.Shapes) {
			if len(s.Shapes[name].Enum) == 0 {
				continue
			}
			fmt.Fprintf(b, "// The values of %s.\nconst (\n", name)
			for _, v := range s.Shapes[name].Enum {
				fmt.Fprintf(b, "%s%s = %q\n", name, v, v)
			}
			fmt.Fprint(b, ")\n\n")
		}
	}
}
