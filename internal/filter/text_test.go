package filter

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestText runs the files in testdata. A file is blocks with blank lines between them; # begins a
// remark. Blocks of data come first:
//
//	schema Items GENRE:text PRICE:number SHIPS:boolean BLURB:textual
//	record Items i1 {"GENRE":"Drama|Comedy","PRICE":10}   the records are numbered in this order; with no
//	                                                      values the dataset lacks the record
//	caller u1                                             the requesting user, a record of Users or not
//	event u1 click i1 3                                   u1 clicked i1, three times; newest first
//	action u1 taken a1                                    the same for actions
//
// and each other block is a case:
//
//	row    16 X      number in the reference, and whether creation accepts (V) or refuses (X) it
//	expr   …         the filter
//	values {"P":"5"} filterValues
//	item   i1        the request's item
//	caller none      a request without a user
//	text   …         canonical text if it differs from expr
//	keep   i1 i3     the records it lets through
//	error  …         or the sentence of the error, from Parse, Check, Compile or Apply
//
// With -update the last three are rewritten. A row's verdict is not.
func TestText(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob = %v, %v, want files", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld()
	var out []string
	for _, block := range strings.Split(strings.Trim(string(old), "\n"), "\n\n") {
		c, ok := readCase(block)
		if !ok {
			w.read(t, block)
			out = append(out, block)
			continue
		}
		out = append(out, w.run(t, c))
	}
	got := []byte(strings.Join(out, "\n\n") + "\n")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, old) {
		t.Errorf("%s differs; the first difference:\n%s", file, firstDifference(string(got), string(old)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\ngot  %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// A textCase is one block with an expression.
type textCase struct {
	kept                             []string // the lines that -update does not touch
	row, verdict, expr, item, caller string
	values                           map[string]string
}

func readCase(block string) (textCase, bool) {
	var c textCase
	for _, line := range strings.Split(block, "\n") {
		key, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch key {
		case "row":
			c.row, c.verdict, _ = strings.Cut(rest, " ")
		case "expr":
			c.expr = unescape.Replace(rest)
		case "item":
			c.item = rest
		case "caller":
			c.caller = rest
		case "values":
			if err := json.Unmarshal([]byte(rest), &c.values); err != nil {
				panic(err)
			}
		case "text", "keep", "error":
			continue
		}
		c.kept = append(c.kept, line)
	}
	return c, c.expr != ""
}

// A world is what the data blocks of a file describe.
type world struct {
	schemas        memSchemas
	ids            map[string][]string // by dataset
	values         map[string][]map[string]any
	caller         string
	events, action map[string][]event
}

type event struct{ kind, on string }

func newWorld() *world {
	return &world{schemas: memSchemas{}, ids: map[string][]string{}, values: map[string][]map[string]any{},
		events: map[string][]event{}, action: map[string][]event{}}
}

func (w *world) read(t *testing.T, block string) {
	for _, line := range strings.Split(block, "\n") {
		word := strings.Fields(line)
		switch word[0] {
		case "#":
		case "schema":
			for _, f := range word[2:] {
				w.addField(word[1], f)
			}
		case "record":
			var values map[string]any
			if text := strings.SplitN(line, " ", 4); len(text) == 4 {
				if err := json.Unmarshal([]byte(text[3]), &values); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			w.ids[word[1]] = append(w.ids[word[1]], word[2])
			w.values[word[1]] = append(w.values[word[1]], values)
		case "caller":
			w.caller = word[1]
		case "event":
			w.addEvent(w.events, word[1:])
		case "action":
			w.addEvent(w.action, word[1:])
		default:
			t.Fatalf("cannot read %q", line)
		}
	}
}

func (w *world) addField(dataset, f string) {
	name, kind, _ := strings.Cut(f, ":")
	field := Field{Name: name, Textual: kind == "textual"}
	switch kind {
	case "number":
		field.Kind = Number
	case "boolean":
		field.Kind = Boolean
	}
	w.schemas[dataset+"."+strings.ToUpper(name)] = field
}

func (w *world) addEvent(to map[string][]event, word []string) {
	times := 1
	if len(word) > 3 {
		times, _ = strconv.Atoi(word[3])
	}
	for range times {
		to[word[0]] = append(to[word[0]], event{word[1], word[2]})
	}
}

// data lays the records of a target out in columns.
func (w *world) data(target Target) (*memData, []string) {
	dataset := targetDatasets[target][0]
	ids := w.ids[dataset]
	d := &memData{n: len(ids), columns: map[string]*memColumn{}, done: make([][]string, len(ids))}
	for key, field := range w.schemas {
		if !strings.HasPrefix(key, dataset+".") {
			continue
		}
		c := &memColumn{texts: make([]string, d.n)}
		if field.Kind == Number {
			c = &memColumn{numbers: make([]float64, d.n)}
		}
		for i, values := range w.values[dataset] {
			if c.numbers != nil {
				c.numbers[i] = math.NaN()
			}
			switch v := values[field.Name].(type) {
			case string:
				c.texts[i] = v
			case float64:
				c.numbers[i] = v
			}
		}
		d.columns[key] = c
	}
	for i, id := range ids {
		for _, e := range w.events[id] {
			d.done[i] = append(d.done[i], e.kind)
		}
	}
	return d, ids
}

// user returns the calling user as a target sees them: with item or action events.
func (w *world) user(name string, target Target, ids []string) User {
	if name == "none" {
		return nil
	}
	u := &memUser{attributes: map[string]any{}}
	if i := slices.Index(w.ids[users], name); i >= 0 {
		for field, v := range w.values[users][i] {
			u.attributes[strings.ToUpper(field)] = v
		}
	}
	events := w.events[name]
	if target == ActionID {
		events = w.action[name]
	}
	for _, e := range events {
		u.events = append(u.events, memEvent{int32(slices.Index(ids, e.on)), e.kind})
	}
	return u
}

// run answers a case and returns its block with what came.
func (w *world) run(t *testing.T, c textCase) string {
	lines := c.kept
	say := func(key, text string) {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-6s %s", key, text), " "))
	}
	f, err := Parse(c.expr)
	if err == nil {
		if text := f.String(); text != c.expr {
			say("text", text)
		}
		err = f.Check(w.schemas)
	}
	w.verdict(t, c, err)
	var keep []string
	if err == nil {
		keep, err = w.apply(t, f, c)
	}
	if err != nil {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: error of kind %v, want invalid", c.expr, fault.KindOf(err))
		}
		say("error", fault.Sentence(err))
	} else {
		say("keep", strings.Join(keep, " "))
	}
	return strings.Join(lines, "\n")
}

// verdict holds the outcome of creation against the row's, which no flag rewrites.
func (w *world) verdict(t *testing.T, c textCase, err error) {
	switch {
	case c.verdict == "V" && err != nil:
		t.Errorf("row %s is refused, want accepted: %v", c.row, err)
	case c.verdict == "X" && err == nil:
		t.Errorf("row %s is accepted, want refused: %s", c.row, c.expr)
	case err != nil && !strings.HasPrefix(err.Error(), "Could not create filter. Invalid "):
		t.Errorf("%s: error %q, want it to begin as the service's", c.expr, err)
	}
}

func (w *world) apply(t *testing.T, f *Filter, c textCase) ([]string, error) {
	d, ids := w.data(f.Target())
	p, err := f.Compile(d)
	if err != nil {
		return nil, err
	}
	caller := c.caller
	if caller == "" {
		caller = w.caller
	}
	req := Request{Values: c.values, User: w.user(caller, f.Target(), ids), Item: slices.Index(ids, c.item)}
	out := bitset.Full(d.n)
	if err := p.Apply(req, out); err != nil {
		return nil, err
	}
	if want, _ := naive(f, d, req); !slices.Equal(members(out), want) {
		t.Errorf("%s: Apply = %v, the obvious evaluator says %v", c.expr, members(out), want)
	}
	var keep []string
	for i := range out.All {
		keep = append(keep, ids[i])
	}
	return keep, nil
}

func members(s *bitset.Set) []int {
	list := []int{}
	for i := range s.All {
		list = append(list, i)
	}
	return list
}

// unescape makes an expression of several lines from one line of a file.
var unescape = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t")
