package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// operations writes the table of operations and the exceptions' status codes.
func (g *generator) operations(b *bytes.Buffer) error {
	fmt.Fprint(b, "// Operations are all operations of the three services, by service and name.\nvar Operations = []Operation{\n")
	for _, s := range g.services {
		for _, name := range names(s.Operations) {
			if err := g.operation(b, s, s.Operations[name]); err != nil {
				return err
			}
		}
	}
	fmt.Fprint(b, "}\n\n")
	return nil
}

func (g *generator) operation(b *bytes.Buffer, s *service, op *operation) error {
	if op.Input == nil {
		return fmt.Errorf("%s has no input", op.Name)
	}
	fmt.Fprintf(b, "{\nName: %q, Service: %q, Target: %q,\n", op.Name, s.Name, s.target(op.Name))
	fmt.Fprintf(b, "Method: %q, Path: %q,\n", op.HTTP.Method, op.HTTP.URI)
	fmt.Fprintf(b, "Input: %q, Output: %q,\n", g.typeOf(s, op.Input), g.typeOf(s, op.Output))
	fmt.Fprintf(b, "Errors: %#v,\n", exceptions(op))
	fmt.Fprint(b, "ErrorStatus: map[string]int{")
	for _, e := range exceptions(op) {
		fmt.Fprintf(b, "%q: %d, ", e, s.status(e))
	}
	fmt.Fprint(b, "},\n")
	if key := s.resultKey(op); key != "" {
		fmt.Fprintf(b, "Paginated: true, ResultKey: %q,\n", key)
	}
	fmt.Fprintf(b, "InputShape: %s,\n", shapeVar(s, op.Input.Shape))
	fmt.Fprintf(b, "NewInput: func() any { return new(%s) },\n},\n", g.typeOf(s, op.Input))
	return nil
}

// typeOf returns the Go type of an input or output, "" if there is none.
func (g *generator) typeOf(s *service, r *ref) string {
	if r == nil {
		return ""
	}
	return g.typeName[s.prefix+"."+r.Shape]
}

// exceptions returns the exceptions of an operation in the model's order. The model names some twice.
func exceptions(op *operation) []string {
	list := []string{}
	for _, e := range op.Errors {
		if !slices.Contains(list, e.Shape) {
			list = append(list, e.Shape)
		}
	}
	return list
}

// status returns an exception's HTTP status. Where the model is silent the protocol says 400.
func (s *service) status(exception string) int {
	if code := s.Shapes[exception].Error.Status; code != 0 {
		return code
	}
	return 400
}

// resultKey returns the member of the answer that is cut into pages, "" if nothing is. The model's
// pagination table misses ListDataDeletionJobs, so the members decide.
func (s *service) resultKey(op *operation) string {
	if _, ok := s.Shapes[op.Input.Shape].Members["nextToken"]; !ok || op.Output == nil {
		return ""
	}
	if p, ok := s.Pagination[op.Name]; ok && p.ResultKey != "" {
		return p.ResultKey
	}
	members := s.Shapes[op.Output.Shape].Members
	for _, m := range names(members) {
		if s.Shapes[members[m].Shape].Type == "list" {
			return m
		}
	}
	return ""
}

// bind writes the function that finds out which operations a service can answer.
func (g *generator) bind(b *bytes.Buffer) error {
	fmt.Fprint(b, "import \"context\"\n\n")
	fmt.Fprint(b, `// Bind returns a handler for every operation that service has a method for. The method has the
// operation's name and is func(context.Context, *Input) (*Output, error), without *Output where the
// answer is empty. Operations without a method are absent.
func Bind(service any) map[string]Handler {
	h := map[string]Handler{}
`)
	i := 0
	for _, s := range g.services {
		for _, name := range names(s.Operations) {
			op, result, add := s.Operations[name], "error", "does"
			if op.Output != nil {
				result, add = fmt.Sprintf("(*%s, error)", g.typeOf(s, op.Output)), "answers"
			}
			fmt.Fprintf(b, "if s, ok := service.(interface {\n%s(context.Context, *%s) %s\n}); ok {\n%s(h, &Operations[%d], s.%s)\n}\n",
				name, g.typeOf(s, op.Input), result, add, i, name)
			i++
		}
	}
	fmt.Fprint(b, "return h\n}\n")
	return nil
}

// shapeVar names the variable that holds a shape's table.
func shapeVar(s *service, name string) string { return s.prefix + strings.ToUpper(name[:1]) + name[1:] }
