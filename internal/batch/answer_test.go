package batch

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected answers in testdata")

// The files of testdata say what each input line is answered: a block begins with the setting of a job, and
// every line behind "in" is followed by its output behind "out", or by nothing if it has none.
func TestLinesAreAnsweredAsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// converse answers the "in" lines of a file of testdata and returns it with the answers.
func converse(t *testing.T, text string) string {
	var out strings.Builder
	o := Order{NumResults: 3}
	family := "user"
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		switch word {
		case "out":
			continue
		case "recipe":
			family, o = rest, Order{NumResults: 3}
		case "filter":
			o.Filter = rest
		case "results":
			o.NumResults, _ = strconv.Atoi(rest)
		case "weight":
			o.Exploration = map[string]string{weightKey: rest}
		}
		out.WriteString(line + "\n")
		if word == "in" {
			out.WriteString(answerOne(t, family, o, unquoteBytes(rest)))
		}
	}
	return out.String()
}

// unquoteBytes reads \xNN in an expectation, for bytes that a text file cannot show.
func unquoteBytes(s string) string {
	for {
		before, after, ok := strings.Cut(s, `\x`)
		if !ok {
			return s
		}
		n, err := strconv.ParseUint(after[:2], 16, 8)
		if err != nil {
			return s
		}
		s = before + string([]byte{byte(n)}) + after[2:]
	}
}

func answerOne(t *testing.T, family string, o Order, line string) string {
	w := newWorld(family)
	if o.Exploration == nil {
		o.Exploration = map[string]string{weightKey: "0"}
	}
	b, _ := w.Open(context.Background(), "")
	or, err := newOracle(&o, b)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	d := newDesk(or)
	if !blank([]byte(line)) {
		d.put([]byte(line))
	}
	var tally Tally
	out, err := d.answer(context.Background(), nil, &tally, func(b []byte) ([]byte, error) { return b, nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return ""
	}
	return "out  " + string(out)
}

// What a block holds besides does not change an answer.
func TestBlocksDoNotMatter(t *testing.T) {
	w := newWorld("user")
	b, _ := w.Open(context.Background(), "")
	o := Order{NumResults: 2, Filter: `EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")`}
	lines := []string{`{"userId":"u-17"}`, `{`, `{"userId":"u-52"}`, `{"userId":""}`, `{"userId":"nobody"}`, `{"userId":"u-17"}`}
	var want []byte
	for block := 1; block <= len(lines)+1; block++ {
		or, err := newOracle(&o, b)
		if err != nil {
			t.Fatal(err)
		}
		or.block = block
		d := newDesk(or)
		var got []byte
		var tally Tally
		keep := func(b []byte) ([]byte, error) { return b, nil }
		for _, line := range lines {
			d.put([]byte(line))
			if d.full() {
				if got, err = d.answer(context.Background(), got, &tally, keep); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, err = d.answer(context.Background(), got, &tally, keep); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Errorf("block of %d:\n%swant\n%s", block, got, want)
		}
		if diff := cmp.Diff(tally, Tally{Lines: 6, Failed: 2, Reasons: map[string]int64{"JSON": 1, "userId": 1}}); diff != "" {
			t.Errorf("block of %d: tally %s", block, diff)
		}
	}
}
