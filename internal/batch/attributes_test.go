package batch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

func TestParseAttributes(t *testing.T) {
	for _, c := range []struct {
		expr string
		want []recipe.Condition
	}{
		{`ITEMS.CATEGORY_L1 = "shoes" AND ITEMS.SEASON = "winter"`, []recipe.Condition{{Column: "CATEGORY_L1", Text: "shoes"}, {Column: "SEASON", Text: "winter"}}},
		{"\titems . a\n=\r-1.5e3 aNd Items.b=\"\"", []recipe.Condition{{Column: "a", Text: "-1.5e3", Number: true}, {Column: "b"}}},
		{`ITEMS.a="say \"AND\" \n"AND ITEMS.b=1`, []recipe.Condition{{Column: "a", Text: `say "AND" \n`}, {Column: "b", Text: "1", Number: true}}},
	} {
		got, err := parseAttributes(c.expr)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("parseAttributes(%q) = %+v, %v; want %+v", c.expr, got, err, c.want)
		}
	}
	many := strings.Repeat("ITEMS.a = 1 AND ", mostConditions)
	if got, err := parseAttributes(many + "ITEMS.a = 1"); err == nil {
		t.Errorf("%d conditions are read, want an error", len(got))
	}
	if got, err := parseAttributes(strings.TrimSuffix(many, " AND ")); err != nil || len(got) != mostConditions {
		t.Errorf("%d conditions and %v, want %d", len(got), err, mostConditions)
	}
}

// Whatever is read can be written again and means the same; whatever is not is refused with a place that is in
// the expression or just behind it.
func FuzzAttributes(f *testing.F) {
	for _, s := range []string{
		`ITEMS.genres = "Comedy" AND ITEMS.audience = "teen"`, `items.PRICE=10`, `ITEMS.a = "\"" AND ITEMS.b = .5`, `ITEMS.a = "\`, `ITEMS.a IN ("b")`,
		`ITEMS.a = 1 AND`, `ITEMS.a = é`, "", "AND", `ITEMS.a = 1e999`, `ITEMS.a = 0x10`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		got, err := parseAttributes(expr)
		if err != nil {
			sentence := fault.Sentence(err)
			var at int
			if _, e := fmt.Sscanf(sentence[strings.LastIndexByte(sentence, ' ')+1:], "%d.", &at); !fault.Is(err, fault.Invalid) ||
				!strings.HasPrefix(sentence, "more than") && (e != nil || at < 1 || at > len([]rune(expr))+1) {
				t.Fatalf("parseAttributes(%q): %v", expr, err)
			}
			return
		}
		var parts []string
		for _, c := range got {
			if c.Number {
				parts = append(parts, "ITEMS."+c.Column+" = "+c.Text)
			} else {
				if strings.HasSuffix(c.Text, `\`) {
					return // cannot be written: the quote behind would be escaped
				}
				parts = append(parts, "ITEMS."+c.Column+` = "`+strings.ReplaceAll(c.Text, `"`, `\"`)+`"`)
			}
		}
		again, err := parseAttributes(strings.Join(parts, " AND "))
		if err != nil || fmt.Sprint(again) != fmt.Sprint(got) {
			t.Fatalf("%q means %+v; written again as %q it is %+v, %v", expr, got, strings.Join(parts, " AND "), again, err)
		}
	})
}
