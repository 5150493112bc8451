package wire

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
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

// Exercised is what tests that reach the server over HTTP alone saw of it.
type Exercised struct {
	Outcomes map[string][]string // classes of outcome by operation
	Clients  map[string][]string // operations answered, by client
}

// Required returns the classes of outcome that must have been seen of an operation before it is said to
// behave: whatever the model lets it answer, as far as something can bring it about.
func Required(op *api.Operation) []string {
	need := []string{Succeeds, Validates}
	for _, c := range []struct{ class, exception string }{
		{MissesParent, "ResourceNotFoundException"}, {ChecksState, "ResourceInUseException"},
		{FindsTaken, "ResourceAlreadyExistsException"}, {ChecksToken, "InvalidNextTokenException"},
	} {
		// Tags can be read and changed whatever the state of their resource.
		if op.Models(c.exception) && (c.class != ChecksState || op.InputShape.Member("resourceArn") == nil) {
			need = append(need, c.class)
		}
	}
	return need
}

// Missing returns what Required asks for and was not seen.
func (e Exercised) Missing(op *api.Operation) []string {
	return slices.DeleteFunc(Required(op), func(class string) bool { return slices.Contains(e.Outcomes[op.Name], class) })
}

// Coverage renders, as Markdown, which operations of the models have a handler, what is checked of their
// input before the handler sees it, and what was seen of them. It is where docs/coverage.md comes from.
func Coverage(handlers map[string]api.Handler, seen Exercised) []byte {
	var rows bytes.Buffer
	answered, behaving, control := 0, 0, 0
	for i := range api.Operations {
		op := &api.Operations[i]
		if op.Target != "" {
			control++
		}
		_, ok := handlers[op.Name]
		if ok {
			answered++
		}
		behaves := behaviour(op, ok, seen)
		if behaves == "behaves" {
			behaving++
		}
		state, rules := "answers `NotImplementedException`", "–"
		if ok {
			state, rules = "implemented", strings.Join(ruleNames(op.InputShape), ", ")
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", op.Service, op.Name, state, rules, behaves, seen.clientsOf(op))
	}
	var b bytes.Buffer
	fmt.Fprint(&b, "# Coverage\n\nThis page is generated from the operation table, the handlers bound to it, and the record of what tests over\n"+
		"HTTP exercised (`internal/conformance/testdata`); do not edit it.\n\n")
	fmt.Fprintf(&b, "Kindred answers %d of %d operations. The others answer HTTP 501, `NotImplementedException`. Of the %d operations of the\n"+
		"control plane, %d behave.\n\n", answered, len(api.Operations), control, behaving)
	fmt.Fprint(&b, "**Validated** names the kinds of rule of the model that are checked; each is broken once in a test. An operation\n"+
		"**behaves** when every class of outcome that its model allows was brought about and checked: success, a broken rule, a\n"+
		"missing parent, a wrong state, a name that is taken, a forged token. **Clients** are the suites in which it succeeded.\n\n")
	fmt.Fprint(&b, "| Service | Operation | Answered | Validated | Behaves | Clients |\n|---|---|---|---|---|---|\n")
	b.Write(rows.Bytes())
	return b.Bytes()
}

// behaviour is what stands under "behaves".
func behaviour(op *api.Operation, answered bool, seen Exercised) string {
	if !answered {
		return "–"
	}
	if missing := seen.Missing(op); len(missing) > 0 {
		return "not seen: " + strings.Join(missing, ", ")
	}
	return "behaves"
}

// clientsOf lists the clients that an operation succeeded with.
func (e Exercised) clientsOf(op *api.Operation) string {
	var list []string
	for _, client := range slices.Sorted(maps.Keys(e.Clients)) {
		if slices.Contains(e.Clients[client], op.Name) {
			list = append(list, client)
		}
	}
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, ", ")
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
