package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/api"
)

// A broken request breaks one rule of the model.
type broken struct {
	what   string // the member's path and the rule
	in     any
	kind   string   // the exception expected
	speaks []string // what its message must hold: the member and the rule
}

// breakAll returns the requests that break one rule each of s, the shape of the value at path, of which
// good holds a valid one. put returns the whole request with another value there; a nil one removes it.
func breakAll(s *api.Shape, path string, good any, put func(any) any) []broken {
	var list []broken
	rule := func(name string, v any, rule string) {
		list = append(list, broken{path + ": " + name, put(v), "InvalidInputException", []string{"'" + path + "'", rule}})
	}
	mistype := func(v any) {
		b, _ := json.Marshal(v)
		list = append(list, broken{fmt.Sprintf("%s: %s for a %s", path, b, kindNames[s.Kind]), put(v), "SerializationException", []string{path}})
	}
	for _, v := range []any{"text", 5.5, true, map[string]any{}, []any{}} {
		if !accepts(s.Kind, v) {
			mistype(v)
		}
	}
	switch s.Kind {
	case api.String:
		list = append(list, breakText(s, rule)...)
	case api.Integer, api.Long, api.Float, api.Double:
		if s.Min != nil {
			rule("below the least", *s.Min-1, "Member must have value greater than or equal to")
		}
		if s.Max != nil {
			rule("above the most", *s.Max+1, "Member must have value less than or equal to")
		}
		mistype(json.Number("1e400"))
	case api.List:
		list = append(list, breakList(s, path, good.([]any), put, rule)...)
	case api.Map:
		list = append(list, breakMap(s, path, good.(map[string]any), put, rule)...)
	case api.Structure:
		list = append(list, breakMembers(s, path, good.(map[string]any), put)...)
	}
	return list
}

var kindNames = map[api.Kind]string{api.String: "string", api.Integer: "integer", api.Long: "long", api.Float: "float", api.Double: "double",
	api.Boolean: "boolean", api.Structure: "structure", api.List: "list", api.Map: "map", api.Timestamp: "timestamp"}

// accepts reports whether a JSON value has the type of a kind.
func accepts(k api.Kind, v any) bool {
	switch v.(type) {
	case string:
		return k == api.String
	case float64:
		return k == api.Float || k == api.Double || k == api.Timestamp
	case bool:
		return k == api.Boolean
	case map[string]any:
		return k == api.Structure || k == api.Map
	}
	return k == api.List
}

func breakText(s *api.Shape, rule func(name string, v any, rule string)) []broken {
	if s.Max != nil {
		long := samples[s.Name]
		if long == nil {
			long = "x"
		}
		rule("too long", strings.Repeat(long.(string), int(*s.Max))[:int(*s.Max)]+"xx", "Member must have length less than or equal to")
	}
	if s.Min != nil && *s.Min > 0 {
		rule("too short", strings.Repeat("x", int(*s.Min)-1), "Member must have length greater than or equal to")
	}
	if s.Pattern != "" {
		for _, v := range []string{"\x01\t{}", "é"} {
			if !s.Matches(v) {
				rule("not of the pattern", v, "Member must satisfy regular expression pattern: ")
				break
			}
		}
	}
	if len(s.Enum) > 0 {
		rule("not one of the values", s.Enum[0]+"x", "Member must satisfy enum value set: ")
		rule("a value in lower case", strings.ToLower(s.Enum[0]), "Member must satisfy enum value set: ")
	}
	return nil
}

func breakList(s *api.Shape, path string, good []any, put func(any) any, rule func(string, any, string)) []broken {
	if s.Max != nil {
		rule("too many", slices.Repeat(good[:1], int(*s.Max)+1), "Member must have length less than or equal to")
	}
	if s.Min != nil && *s.Min > 0 {
		rule("too few", good[:int(*s.Min)-1], "Member must have length greater than or equal to")
	}
	return breakAll(s.Elem, path+".1.member", good[0], func(v any) any { return put([]any{v}) })
}

func breakMap(s *api.Shape, path string, good map[string]any, put func(any) any, rule func(string, any, string)) []broken {
	var key string
	for key = range good {
	}
	if s.Max != nil && len(s.Key.Enum) == 0 {
		many := map[string]any{}
		for i := range int(*s.Max) + 1 {
			many[fmt.Sprintf("%s%d", key, i)] = good[key]
		}
		rule("too many", many, "Member must have length less than or equal to")
	}
	if s.Key.Max != nil {
		rule("a key too long", map[string]any{strings.Repeat("k", int(*s.Key.Max)+1): good[key]}, "Map keys must satisfy constraint: [Member must have length")
	}
	if len(s.Key.Enum) > 0 {
		rule("a key not one of the values", map[string]any{"NONE": good[key]}, "Map keys must satisfy constraint: [Member must satisfy enum value set")
	}
	return breakAll(s.Elem, path+"."+key, good[key], func(v any) any { return put(map[string]any{key: v}) })
}

func breakMembers(s *api.Shape, path string, good map[string]any, put func(any) any) []broken {
	var list []broken
	for _, m := range s.Members {
		at := m.Name
		if path != "" {
			at = path + "." + m.Name
		}
		with := func(v any) any {
			all := maps.Clone(good)
			if all[m.Name] = v; v == nil {
				delete(all, m.Name)
			}
			return put(all)
		}
		if m.Required {
			missing := []string{"'" + at + "'", "Member must not be null"}
			null := maps.Clone(good)
			null[m.Name] = nil
			list = append(list, broken{at + ": missing", with(nil), "InvalidInputException", missing}, broken{at + ": null", put(null), "InvalidInputException", missing})
		}
		list = append(list, breakAll(m.Shape, at, good[m.Name], with)...)
	}
	return list
}

// Every rule of the model is checked, for every operation: one rule broken is refused by an exception that names
// the member and the rule, and nothing is made.
func TestValidation(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	for _, op := range answered() {
		t.Run(op.Name, func(t *testing.T) {
			good := sample(op.InputShape)
			for _, b := range breakAll(op.InputShape, "", good, func(v any) any { return v }) {
				r := c.call(t, op.Name, b.in)
				if r.status != http.StatusBadRequest || r.kind != b.kind {
					t.Errorf("%s = %s, want %s", b.what, r, b.kind)
				}
				for _, s := range b.speaks {
					if !strings.Contains(r.text, s) {
						t.Errorf("%s = %s, want a message with %s", b.what, r, s)
					}
				}
			}
		})
	}
	t.Run("nothing was made", func(t *testing.T) { nothing(t, c) })
}

// nothing checks that an account has no resources at all.
func nothing(t *testing.T, c *caller) {
	t.Helper()
	for _, op := range answered() {
		if !op.Paginated || op.Name == "ListRecipes" || op.Name == "ListMetricAttributionMetrics" {
			continue
		}
		if page := c.ok(t, op.Name, request{})[op.ResultKey].([]any); len(page) > 0 {
			t.Errorf("%s = %v, want nothing", op.Name, page)
		}
	}
}

// Members that the model does not have change nothing, wherever they are.
func TestUnknownMembers(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	for _, op := range answered() {
		plain := sample(op.InputShape)
		want := c.call(t, op.Name, plain)
		if want.status == http.StatusOK {
			continue // making it again would differ; those are compared in TestEcho
		}
		strange := withUnknown(op.InputShape, plain)
		if got := c.call(t, op.Name, strange); got.kind != want.kind || got.text != want.text {
			t.Errorf("%s with members that the model does not have = %s, want %s as without", op.Name, got, want)
		}
	}
}

// withUnknown returns a value with a member in every structure that its shape does not have.
func withUnknown(s *api.Shape, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if s.Kind == api.Map {
			return v
		}
		out := map[string]any{"Unknown": map[string]any{"deep": []any{nil, 1, "x"}}}
		for k, x := range v {
			out[k] = withUnknown(s.Member(k).Shape, x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = withUnknown(s.Elem, x)
		}
		return out
	}
	return v
}

// Whatever is not a request gets an answer that says so, and never a failure of the server.
func TestHostileBodies(t *testing.T) {
	c, _, _ := start(t, t.TempDir(), nil)
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for _, tt := range []struct {
		what, body string
		kinds      []string
	}{
		{"too large", `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, []string{"InvalidInputException", "RequestEntityTooLargeException"}},
		{"too deep", deep, []string{"SerializationException"}},
		{"deep lists", strings.Repeat("[", 100000), []string{"SerializationException"}},
		{"not UTF-8", "{\"name\":\"\xff\xfe\"}", []string{"SerializationException"}},
		{"half a surrogate", `{"x":"\ud800"}`, []string{"SerializationException"}},
		{"a key twice", `{"nextToken":"a","nextToken":"b","name":"a","name":"b","zz":1,"zz":2}`, []string{"SerializationException"}},
		{"not JSON", `{"name":`, []string{"SerializationException"}},
		{"two values", `{} {}`, []string{"SerializationException"}},
		{"a list", `[]`, []string{"SerializationException"}},
		{"null", `null`, []string{"SerializationException"}},
		{"a zero byte", "\x00", []string{"SerializationException"}},
	} {
		for _, op := range answered() {
			r, err := c.send(t.Context(), op.Name, []byte(tt.body), nil)
			if err != nil || r.status < 400 || r.status >= 500 || !slices.Contains(tt.kinds, r.kind) || r.text == "" {
				t.Errorf("%s with a body that is %s = %s, %v, want one of %v", op.Name, tt.what, r, err, tt.kinds)
			}
		}
	}
	for what, change := range map[string]func(*http.Request){
		"UnknownOperationException of another service": func(r *http.Request) { r.Header.Set("X-Amz-Target", "AmazonForecast.ListForecasts") },
		"UnknownOperationException without a name":     func(r *http.Request) { r.Header.Del("X-Amz-Target") },
		"SerializationException as XML":                func(r *http.Request) { r.Header.Set("Content-Type", "application/xml") },
		"SerializationException compressed":            func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
	} {
		kind, _, _ := strings.Cut(what, " ")
		if r, err := c.send(t.Context(), "ListSchemas", []byte("{}"), change); err != nil || r.kind != kind || r.status != http.StatusBadRequest {
			t.Errorf("a request %s = %s, %v, want %s", what, r, err, kind)
		}
	}
	var huge bytes.Buffer
	fmt.Fprintf(&huge, `{"maxResults":%s}`, strings.Repeat("9", 10000))
	if r, err := c.send(t.Context(), "ListSchemas", huge.Bytes(), nil); err != nil || r.kind != "SerializationException" {
		t.Errorf("a number of ten thousand digits = %s, %v, want SerializationException", r, err)
	}
	nothing(t, c)
}
