package batch

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/recipe"
)

// The fast reader says what encoding/json says, or leaves the line to it.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		`{"userId":"u-17"}`, `{ "userId" : "u\"1\\" }`, `{"userId": "u", "itemList": ["a", "b\n", ""]}`,
		`{"itemId":"ü","filterValues":{"G":"\"a\",\"b\"","M":"20"}}`, `{"userId":"u","context":{"D":"m"}}`,
		`{"userId":1}`, `{"userId":null}`, `{"userId":"a","userId":"b"}`, `{"userId":"\u0041"}`, `{}`, `{`, `[]`, `null`,
		`{"userId":"u"} x`, `{"userId":"u",}`, "{\"userId\":\"a\x01\"}", "{\"userId\":\"\xff\"}", `{"userid":"u"}`,
		`{"itemAttributes":"ITEMS.G = \"a\"","userId":7}`, `{"itemAttributes":null}`, `{"itemAttributes":["a"]}`, `{"itemId":"a","userId":7}`,
		`{"itemList":[],"userId":"u"}`, `{"filterValues":{},"userId":"u"}`, `{"userId":"u","extra":[1,{"a":2}]}`,
	} {
		for asks := range 5 {
			f.Add([]byte(s), uint8(asks))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte, family uint8) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // a line has none
		}
		asks := recipe.Asks(family % 5)
		var fast, slow question
		fastEcho, fastProblem := readLine(asks, line, []byte("before"), &fast)
		slowEcho, slowProblem := readSlowly(asks, line, []byte("before"), &slow)
		if fastProblem != slowProblem {
			t.Fatalf("%q: problem %+v, want %+v", line, fastProblem, slowProblem)
		}
		if !bytes.Equal(fastEcho, slowEcho) {
			t.Fatalf("%q: echo %q, want %q", line, fastEcho, slowEcho)
		}
		if !json.Valid(fastEcho[len("before"):]) {
			t.Fatalf("%q: echo %q is no JSON", line, fastEcho)
		}
		if !fastProblem.none() {
			return // an unanswered question is not looked at
		}
		same := fast.user == slow.user && fast.item == slow.item && fast.hasList == slow.hasList && fast.attributes == slow.attributes &&
			slices.Equal(fast.list, slow.list) && maps.Equal(fast.values, slow.values)
		if !same {
			t.Fatalf("%q: %+v, want %+v", line, fast, slow)
		}
	})
}

// The lines that occur do not need encoding/json.
func TestCommonLinesAreReadFast(t *testing.T) {
	for _, line := range []string{
		`{"userId":"u-17"}`, `{"userId": "u-17"}`, "  {\t\"userId\" : \"u-17\" }\r",
		`{"userId":"u-17","filterValues":{"GENRES":"\"drama\",\"comedy\"","MAX":"20"}}`,
		`{"userId":"u-17","itemList":["a","b"]}`, `{"itemId":"a","userId":"ü"}`,
	} {
		s := scanner{in: []byte(line)}
		if !s.object(recipe.ByUser, &question{}) {
			t.Errorf("%s was left to encoding/json", line)
		}
	}
}

// Ids are measured in characters.
func TestLongIDs(t *testing.T) {
	for _, c := range []struct {
		id string
		ok bool
	}{
		{strings.Repeat("x", 256), true}, {strings.Repeat("x", 257), false},
		{strings.Repeat("é", 256), true}, {strings.Repeat("é", 257), false},
	} {
		var q question
		_, p := readLine(recipe.ByUser, []byte(`{"userId":"`+c.id+`"}`), nil, &q)
		if p.none() != c.ok {
			t.Errorf("id of %d bytes: problem %q, want ok %v", len(c.id), p.sentence, c.ok)
		}
	}
}
