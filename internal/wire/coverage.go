package wire

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
)

// The classes of outcome that a client can bring about, as the record of what was exercised names them.
const (
	Succeeds     = "success"
	Validates    = "validation"
	MissesParent = "missing"
	ChecksState  = "state"
	FindsTaken   = "taken"
	Limits       = "limit"
	ChecksToken  = "token"
)

// Coverage renders, as Markdown, which operations of the models have a handler and what is checked
// of their input before the handler sees it. It is where docs/coverage.md comes from.
func Coverage(handlers map[string]api.Handler) []byte {
	var b bytes.Buffer
	answered := 0
	for i := range api.Operations {
		if _, ok := handlers[api.Operations[i].Name]; ok {
			answered++
		}
	}
	fmt.Fprint(&b, "# Coverage\n\nThis page is generated from the operation table and the handlers bound to it; do not edit it.\n\n")
	fmt.Fprintf(&b, "Kindred answers %d of %d operations. The others answer HTTP 501, `NotImplementedException`.\n\n", answered, len(api.Operations))
	fmt.Fprint(&b, "| Service | Operation | Answered | Validated |\n|---|---|---|---|\n")
	for i := range api.Operations {
		op := &api.Operations[i]
		state, rules := "answers `NotImplementedException`", "–"
		if _, ok := handlers[op.Name]; ok {
			state, rules = "implemented", strings.Join(ruleNames(op.InputShape), ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", op.Service, op.Name, state, rules)
	}
	return b.Bytes()
}

// ruleNames lists the kinds of rule that a shape and all it is made of hold.
func ruleNames(s *api.Shape) []string {
	found := map[string]bool{"type": true}
	collectRules(s, found, map[*api.Shape]bool{})
	var list []string
	for _, name := range []string{"type", "required", "length", "pattern", "enum", "range", "size"} {
		if found[name] {
			list = append(list, name)
		}
	}
	return list
}

func collectRules(s *api.Shape, found map[string]bool, seen map[*api.Shape]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	if s.Min != nil || s.Max != nil {
		found[boundName(s.Kind)] = true
	}
	found["pattern"] = found["pattern"] || s.Pattern != ""
	found["enum"] = found["enum"] || len(s.Enum) > 0
	for _, m := range s.Members {
		found["required"] = found["required"] || m.Required
		collectRules(m.Shape, found, seen)
	}
	collectRules(s.Elem, found, seen)
	collectRules(s.Key, found, seen)
}

// boundName says what the bounds of a kind are about.
func boundName(k api.Kind) string {
	switch k {
	case api.String:
		return "length"
	case api.List, api.Map:
		return "size"
	}
	return "range"
}
