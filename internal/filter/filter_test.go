package filter

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// Describes checks what a filter tells about itself before it is compiled.
func TestDescribes(t *testing.T) {
	f := parse(t, `EXCLUDE ItemID WHERE items.genre IN ($G) AND Items.GENRE IN CurrentItem.BRAND IF CurrentUser.AGE > $A |
		INCLUDE ItemID WHERE interactions.event_type IN ($A) | INCLUDE ItemID WHERE Items.PRICE < $P`)
	if f.Target() != ItemID {
		t.Errorf("Target() = %v, want ItemID", f.Target())
	}
	want := []FieldRef{{"Items", "GENRE"}, {"Items", "BRAND"}, {"Users", "AGE"}, {"Interactions", "EVENT_TYPE"}, {"Items", "PRICE"}}
	if got := f.Fields(); !slices.Equal(got, want) {
		t.Errorf("Fields() = %v, want %v", got, want)
	}
	required, optional := f.Parameters()
	if !slices.Equal(required, []string{"A", "P"}) || !slices.Equal(optional, []string{"G"}) {
		t.Errorf("Parameters() = %v, %v, want [A P], [G]", required, optional)
	}
	if !f.UsesInteractions() || !f.UsesCurrentUser() || !f.UsesCurrentItem() {
		t.Errorf("UsesInteractions, UsesCurrentUser, UsesCurrentItem = %v, %v, %v, want all true",
			f.UsesInteractions(), f.UsesCurrentUser(), f.UsesCurrentItem())
	}
	plain := parse(t, `INCLUDE ItemID WHERE Items.PRICE < 3`)
	if plain.UsesInteractions() || plain.UsesCurrentUser() || plain.UsesCurrentItem() {
		t.Error("a filter on the price alone uses interactions, CurrentUser or CurrentItem")
	}
}

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, expr string) *Filter {
	t.Helper()
	f, err := Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q) = %v", expr, err)
	}
	return f
}

// Compile tells of fields and events that the data lacks.
func TestCompileLacks(t *testing.T) {
	d := &memData{n: 2, columns: map[string]*memColumn{}, done: make([][]string, 2)}
	for _, expr := range []string{
		`INCLUDE ItemID WHERE Items.PRICE < 3`,
		`INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE`,
		`INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("view")`,
	} {
		if _, err := parse(t, expr).Compile(eventless{d}); !fault.Is(err, fault.Invalid) {
			t.Errorf("Compile(%s) = %v, want invalid", expr, err)
		}
	}
}

// A set over other records is a mistake of the program, not of the caller.
func TestApplyOtherRecords(t *testing.T) {
	p := compile(t, `INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view")`, &memData{n: 2})
	err := p.Apply(Request{User: &memUser{}, Item: -1}, bitset.New(3))
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("Apply(a set over 3) = %v, want an internal error", err)
	}
}

func compile(t interface {
	Helper()
	Fatalf(string, ...any)
}, expr string, d Data) *Program {
	t.Helper()
	p, err := parse(t, expr).Compile(d)
	if err != nil {
		t.Fatalf("Compile(%q) = %v", expr, err)
	}
	return p
}

// A program answers many requests at once as it answers one.
func TestApplyConcurrently(t *testing.T) {
	const n = 300
	genres := make([]string, n)
	for i := range genres {
		genres[i] = fmt.Sprint("g", i%7)
	}
	d := &memData{n: n, columns: map[string]*memColumn{"Items.GENRE": {texts: genres}}}
	p := compile(t, `INCLUDE ItemID WHERE Items.GENRE IN ($G) | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")`, d)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			out := bitset.New(n)
			user := &memUser{events: []memEvent{{int32(g % 7), fmt.Sprint("Type", g)}}}
			for range 200 {
				err := p.Apply(Request{Values: map[string]string{"G": fmt.Sprint("g", g%7)}, User: user, Item: -1}, out)
				want := (n-g%7+6)/7 - 1
				if err != nil || out.Count() != want || out.Has(g%7) {
					t.Errorf("user %d gets %d items, %v, want %d without item %d", g, out.Count(), err, want, g%7)
					return
				}
			}
		})
	}
	wg.Wait()
}

// More spellings of event types than a walk remembers change nothing but the memory it uses.
func TestManyEventTypes(t *testing.T) {
	d := &memData{n: 1}
	p := compile(t, `INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Last")`, d)
	user := &memUser{}
	for i := range 2 * maxSpellings {
		user.events = append(user.events, memEvent{0, fmt.Sprint("type", i)})
	}
	out := bitset.New(1)
	for i, want := range []int{0, 1, 1} {
		if i == 1 {
			user.events = append(user.events, memEvent{0, "LAST"})
		}
		if err := p.Apply(Request{User: user}, out); err != nil || out.Count() != want {
			t.Errorf("request %d: Apply keeps %d, %v, want %d", i, out.Count(), err, want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{`"comedy"`, []string{"comedy"}},
		{`"comedy","drama"`, []string{"comedy", "drama"}},
		{` "comedy" , drama `, []string{"comedy", "drama"}},
		{`18`, []string{"18"}},
		{`"18"`, []string{"18"}},
		{`"a, b"`, []string{"a, b"}},
		{`a b,c`, []string{"a b", "c"}},
		{`"say \"hi\""`, []string{`say "hi"`}},
		{`""`, []string{""}},
		{`Children's`, []string{"Children's"}},
	} {
		got, err := ParseValues(map[string]string{"V": c.raw})
		if err != nil || !slices.Equal(got["V"], c.want) {
			t.Errorf("ParseValues(%s) = %q, %v, want %q", c.raw, got["V"], err, c.want)
		}
	}
}

func TestValueLimits(t *testing.T) {
	many := map[string]string{}
	for i := range maxValues {
		many[fmt.Sprint("k", i)] = strings.Repeat("é", maxValueLength)
	}
	many[strings.Repeat("k", maxPlaceholder)] = "1"
	delete(many, "k0")
	if _, err := ParseValues(many); err != nil {
		t.Errorf("ParseValues(all at their limits) = %v", err)
	}
	many["k0"] = "1"
	for name, m := range map[string]map[string]string{
		"26 entries":      many,
		"a long value":    {"K": strings.Repeat("v", maxValueLength+1)},
		"a long key":      {strings.Repeat("k", maxPlaceholder+1): "1"},
		"no key":          {"": "1"},
		"a key in French": {"clé": "1"},
		"an open quote":   {"K": `"a`},
	} {
		if _, err := ParseValues(m); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseValues(%s) = %v, want invalid", name, err)
		}
	}
}

// Of several faults it is always the same one that is reported.
func TestValuesSameError(t *testing.T) {
	m := map[string]string{"d-": "", "b-": "", "a-": "", "c-": ""}
	for range 20 {
		if _, err := ParseValues(m); !strings.Contains(err.Error(), `"a-"`) {
			t.Fatalf("ParseValues = %v, want the error of a-", err)
		}
	}
}

// sameFilter is the equality of filters: everything but where things stood in the text.
var sameFilter = cmp.Options{
	cmp.AllowUnexported(Filter{}, rule{}, condition{}, operand{}, literal{}),
	cmp.Comparer(func(a, b position) bool { return true }),
	cmp.Comparer(func(a, b *operator) bool { return a == b }),
}

// The canonical text of a filter is the filter.
func TestStringParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := drawFilter(t).expr
		roundTrips(t, parse(t, expr))
	})
}

func roundTrips(t interface{ Fatalf(string, ...any) }, f *Filter) {
	again, err := Parse(f.String())
	if err != nil {
		t.Fatalf("Parse(%q) = %v", f, err)
	}
	if d := cmp.Diff(f, again, sameFilter); d != "" {
		t.Fatalf("Parse(String()) of %s differs:\n%s", f, d)
	}
	if again.String() != f.String() {
		t.Fatalf("String() = %q, and after parsing it %q", f, again)
	}
}

// A compiled filter lets through what asking every condition about every record lets through.
func TestApplyIsObvious(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawFilter(t)
		f := parse(t, c.expr)
		d := drawData(t, f.Target())
		p, err := f.Compile(d)
		if err != nil {
			t.Fatalf("Compile(%s) = %v", c.expr, err)
		}
		out := bitset.New(d.n)
		for range 3 { // the second request meets the memory of the first
			req := drawRequest(t, d.n)
			err := p.Apply(req, out)
			want, wantErr := naive(f, d, req)
			if (err != nil) != (wantErr != nil) {
				t.Fatalf("Apply(%s, %v) = %v, want %v", c.expr, req.Values, err, wantErr)
			}
			if err == nil && !slices.Equal(members(out), want) {
				t.Fatalf("Apply(%s, %v, item %d, %v) = %v, want %v", c.expr, req.Values, req.Item, req.User, members(out), want)
			}
		}
	})
}

type drawnFilter struct{ expr string }

// Values few enough to meet, and awkward to write.
var (
	drawnTexts  = []string{"a", "b", "c", `q"q`, "A", "a, b", "*x", "$T", "é", "rare3"}
	drawnTypes  = []string{"view", "View", "buy", "rate", "*"}
	drawnFields = map[Target][]string{ItemID: {"Items", "Interactions"}, UserID: {"Users", "Interactions"},
		ActionID: {"Actions", "Action_Interactions"}}
)

// drawFilter draws a filter over the fields of drawData. Placeholders called $T… stand for texts and those called
// $N for one number.
func drawFilter(t *rapid.T) drawnFilter {
	target := rapid.SampledFrom([]Target{ItemID, UserID, ActionID}).Draw(t, "target")
	var rules []string
	for range rapid.IntRange(1, 3).Draw(t, "rules") {
		word := rapid.SampledFrom([]string{"INCLUDE", "exclude"}).Draw(t, "word")
		dataset := rapid.SampledFrom(drawnFields[target]).Draw(t, "dataset")
		r := word + " " + string(target) + " where " + drawCondition(t, target, dataset)
		for range rapid.IntRange(0, 3).Draw(t, "more") {
			r += rapid.SampledFrom([]string{" AND ", " or "}).Draw(t, "join") + drawCondition(t, target, dataset)
		}
		if target != UserID && rapid.Bool().Draw(t, "if") {
			r += " IF " + drawCondition(t, target, currentUser)
			if rapid.Bool().Draw(t, "and") {
				r += " and " + drawCondition(t, target, currentUser)
			}
		}
		rules = append(rules, r)
	}
	return drawnFilter{strings.Join(rules, "|")}
}

func drawCondition(t *rapid.T, target Target, dataset string) string {
	if strings.HasSuffix(strings.ToLower(dataset), "interactions") {
		return drawEventCondition(t, dataset)
	}
	if rapid.Bool().Draw(t, "text") {
		field := dataset + "." + rapid.SampledFrom([]string{"T1", "t2"}).Draw(t, "field")
		right := []string{" IN (" + drawList(t, drawnTexts) + ")", " NOT IN(" + drawList(t, drawnTexts) + ")",
			"=" + drawQuoted(t, drawnTexts), "!=" + drawQuoted(t, drawnTexts), " IN ($TS)"}
		if target == ItemID {
			right = append(right, " IN CurrentItem.T2", " != CurrentItem.T1", " NOT IN CurrentItem.T2")
		}
		return field + rapid.SampledFrom(right).Draw(t, "right")
	}
	field := dataset + "." + rapid.SampledFrom([]string{"N1", "n2"}).Draw(t, "field")
	op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
	v := rapid.SampledFrom([]string{"-1", "0", "1", "1.5", "2", "70", `"130"`}).Draw(t, "number")
	right := []string{op + v, op + "$N", op + "($N)", " IN (" + v + ", 3)", " NOT IN (1, " + v + ")", " IN ($TS)"}
	if target == ItemID {
		right = append(right, op+"CurrentItem.N2", " IN CurrentItem.N1")
	}
	return field + rapid.SampledFrom(right).Draw(t, "right")
}

func drawEventCondition(t *rapid.T, dataset string) string {
	right := []string{" IN (" + drawList(t, drawnTypes) + ")", " NOT IN (" + drawList(t, drawnTypes) + ")", " IN ($TE)", " IN (*)"}
	return dataset + ".event_type" + rapid.SampledFrom(right).Draw(t, "right")
}

func drawList(t *rapid.T, from []string) string {
	var list []string
	for range rapid.IntRange(1, 3).Draw(t, "values") {
		list = append(list, drawQuoted(t, from))
	}
	return strings.Join(list, ",")
}

func drawQuoted(t *rapid.T, from []string) string {
	v := rapid.SampledFrom(from).Draw(t, "value")
	if rapid.Bool().Draw(t, "single") {
		return "'" + v + "'"
	}
	return quote(v)
}

func quote(v string) string { return `"` + strings.ReplaceAll(v, `"`, `\"`) + `"` }

func drawData(t *rapid.T, target Target) *memData {
	n := rapid.IntRange(0, 200).Draw(t, "n")
	seed := rapid.Uint64().Draw(t, "seed")
	dataset := targetDatasets[target][0]
	d := &memData{n: n, columns: map[string]*memColumn{}, done: make([][]string, n)}
	next := func(n int) int { // large data is not worth shrinking value by value
		seed = seed*6364136223846793005 + 1442695040888963407
		return int(seed>>33) % n
	}
	for _, name := range []string{"T1", "T2", "N1", "N2"} {
		c := &memColumn{}
		for range n {
			switch {
			case name[0] == 'T':
				text := ""
				for range next(4) {
					text += append(drawnTexts, fmt.Sprint("rare", next(50)))[next(len(drawnTexts)+1)] + "|"
				}
				c.texts = append(c.texts, strings.TrimSuffix(text, "|"))
			case next(5) == 0:
				c.numbers = append(c.numbers, math.NaN())
			default:
				c.numbers = append(c.numbers, float64(next(200))*[]float64{0.01, 1}[next(2)]-1)
			}
		}
		d.columns[dataset+"."+name] = c
	}
	if target == UserID {
		d.columns["Users.ID"] = &memColumn{texts: make([]string, n)}
		for i := range n {
			for range next(4) {
				d.done[i] = append(d.done[i], drawnTypes[next(len(drawnTypes)-1)])
			}
		}
	}
	return d
}

func drawRequest(t *rapid.T, n int) Request {
	values := map[string]string{}
	if rapid.IntRange(0, 9).Draw(t, "without numbers") > 0 {
		values["N"] = rapid.SampledFrom([]string{"1", `"2"`, " -1 ", "50"}).Draw(t, "N")
	}
	if rapid.IntRange(0, 9).Draw(t, "without texts") > 0 {
		values["TS"] = rapid.SampledFrom([]string{`"a"`, `b,"a, b"`, `"q\"q"`, `1,2`, `rare7,"rare8"`, `"none"`}).Draw(t, "TS")
	}
	if rapid.IntRange(0, 9).Draw(t, "without types") > 0 {
		values["TE"] = rapid.SampledFrom([]string{`"VIEW"`, `buy,"rate"`, `"*"`, `"none"`}).Draw(t, "TE")
	}
	user := &memUser{attributes: map[string]any{}}
	for _, name := range []string{"T1", "T2"} {
		if rapid.Bool().Draw(t, name) {
			user.attributes[name] = rapid.SampledFrom(drawnTexts).Draw(t, name) + "|c"
		}
	}
	for _, name := range []string{"N1", "N2"} {
		if rapid.Bool().Draw(t, name) {
			user.attributes[name] = float64(rapid.IntRange(-1, 3).Draw(t, name))
		}
	}
	for range rapid.IntRange(0, 6).Draw(t, "events") {
		times := rapid.SampledFrom([]int{1, 1, 60, 320}).Draw(t, "times")
		e := memEvent{int32(rapid.IntRange(-1, n).Draw(t, "item")), rapid.SampledFrom(drawnTypes[:4]).Draw(t, "type")}
		user.events = append(user.events, slices.Repeat([]memEvent{e}, times)...)
	}
	return Request{Values: values, User: user, Item: rapid.IntRange(-1, n).Draw(t, "current")}
}

// FuzzParse checks that no text makes the parser fail in another way than by an error of the caller's,
// and that what it accepts has a canonical text.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if expr, ok := strings.CutPrefix(line, "expr "); ok {
				f.Add(unescape.Replace(strings.TrimSpace(expr)))
			}
		}
	}
	f.Fuzz(func(t *testing.T, expr string) {
		filter, err := Parse(expr)
		if err == nil {
			roundTrips(t, filter)
		} else if !fault.Is(err, fault.Invalid) {
			t.Fatalf("Parse(%q) = %v, want invalid", expr, err)
		}
	})
}

// FuzzValues checks that values which can be read can be written and read again.
func FuzzValues(f *testing.F) {
	for _, raw := range []string{`"comedy","drama"`, `18`, ` a , "b, c" `, `"say \"hi\""`, `"`, `a"b`, `,`, `"a\\"`} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		first, err := ParseValues(map[string]string{"V": raw})
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("ParseValues(%q) = %v, want invalid", raw, err)
			}
			return
		}
		var quoted []string
		for _, v := range first["V"] {
			if strings.HasSuffix(v, `\`) {
				return // cannot be written in quotes
			}
			quoted = append(quoted, quote(v))
		}
		list, err := appendValues(nil, "V", strings.Join(quoted, ",")) // may be longer than the limit
		if err != nil || !slices.Equal(list, first["V"]) {
			t.Fatalf("reading %q as written anew = %q, %v, want %q", raw, list, err, first["V"])
		}
	})
}
