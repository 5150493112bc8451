package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// readAll reads every record of a text, and the error that ended it if that was not the end of the text.
func readAll(src io.Reader) (records [][]string, lines []int, err error) {
	return readWith(NewReader(src))
}

func readWith(r *Reader) (records [][]string, lines []int, err error) {
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return records, lines, nil
		}
		if err != nil {
			return records, lines, err
		}
		row := make([]string, len(rec))
		for i, v := range rec {
			row[i] = string(v)
		}
		records, lines = append(records, row), append(lines, r.Line())
	}
}

func TestRecords(t *testing.T) {
	for _, c := range []struct{ text, want, err string }{
		{"", "", ""},
		{"A,B\n1,2\n", "1:[A B] 2:[1 2]", ""},
		{"A,B\r\n1,2\r\n", "1:[A B] 2:[1 2]", ""},
		{"A,B\n1,2", "1:[A B] 2:[1 2]", ""},
		{"A,B\n1,2\r", "1:[A B] 2:[1 2]", ""},
		{"\xef\xbb\xbfA\n1", "1:[A] 2:[1]", ""},
		{"A\n\n\r\n1\n", "1:[A] 4:[1]", ""},
		{"a,,\n", "1:[a  ]", ""},
		{`"a,b",c`, "1:[a,b c]", ""},
		{`"a""b",c`, `1:[a"b c]`, ""},
		{`"a\"b",c`, `1:[a"b c]`, ""},
		{`"a\\",c`, `1:[a\ c]`, ""},
		{`"a\nb\t",c`, `1:[a\nb\t c]`, ""},
		{`a\,c\`, `1:[a\ c\]`, ""},
		{`"",""`, "1:[ ]", ""},
		{"\"a\nb\r\nc\",d\ne,f", "1:[a\nb\nc d] 4:[e f]", ""},
		{"a,b\nc,d\"e\n", "1:[a b]", "line 2: a double quote stands inside a value that does not begin with one"},
		{"a,b\n\"c\"d,e\n", "1:[a b]", `line 2: there is text behind a closing double quote; write a quote inside quotes as \" or ""`},
		{"a,b\nc,\"d\ne\n", "1:[a b]", "line 2: a double quote is opened and not closed"},
		{"a\nb\xff\n", "1:[a]", "line 2: the text is not UTF-8"},
		{"\xff\xfea\x00", "", "line 1: the text is UTF-16; expected UTF-8"},
	} {
		for _, src := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text)), iotest.DataErrReader(strings.NewReader(c.text))} {
			records, lines, err := readAll(src)
			var got []string
			for i := range records {
				got = append(got, fmt.Sprintf("%d:%v", lines[i], records[i]))
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if s := strings.Join(got, " "); s != c.want || text != c.err {
				t.Errorf("reading %q\n got %s, error %q\nwant %s, error %q", c.text, s, text, c.want, c.err)
			}
		}
	}
}

func TestFaultNamesTheField(t *testing.T) {
	_, _, err := readAll(strings.NewReader("a,b\n\"x\",y\"\n"))
	var e *SyntaxError
	if !errors.As(err, &e) || e.Line != 2 || e.Field != 1 {
		t.Errorf("error is %#v, want line 2 and field 1", err)
	}
}

// TestLongRecords crosses every boundary of the buffer and ends at its bound.
func TestLongRecords(t *testing.T) {
	long := strings.Repeat("x", 3*firstBuffer)
	text := "a,b\n" + long + ",\"" + long + "\n\"\nc,d\n"
	records, _, err := readAll(strings.NewReader(text))
	want := [][]string{{"a", "b"}, {long, long + "\n"}, {"c", "d"}}
	if err != nil || !slices.EqualFunc(records, want, slices.Equal) {
		t.Errorf("%d records and %v, want the three written", len(records), err)
	}
	_, _, err = readAll(io.MultiReader(strings.NewReader("a,b\nc,\""), endless('x')))
	if err == nil || err.Error() != "line 2: the record is longer than 32 MiB; perhaps a quote is not closed" {
		t.Errorf("an endless value gives %v, want that the record is too long", err)
	}
}

// endless is a source of one byte.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func TestBrokenSource(t *testing.T) {
	broken := errors.New("connection lost")
	_, _, err := readAll(io.MultiReader(strings.NewReader("a,b\nc,"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
}

// FuzzCSV compares the reader with encoding/csv, which knows no backslashes and no byte order mark and
// does not look at the encoding.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "\"a\nb\",c\r\n\r\n\"\"\"\",", "a\r\r\nb\r", `"a"b`, `a"b`, "\"a\r\n", ",\n,"} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, text string, chunk int) {
		if strings.ContainsRune(text, '\\') || !utf8.ValidString(text) || strings.HasPrefix(text, "\ufeff") {
			readWith(&Reader{src: strings.NewReader(text), buf: make([]byte, 16)}) // must not panic all the same
			return
		}
		oracle := csv.NewReader(strings.NewReader(text))
		oracle.FieldsPerRecord = -1
		var want [][]string
		var lines []int
		var wantErr error
		for {
			rec, err := oracle.Read()
			if err == io.EOF {
				break
			}
			if wantErr = err; err != nil {
				break
			}
			line, _ := oracle.FieldPos(0)
			want, lines = append(want, rec), append(lines, line)
		}
		got, gotLines, err := readWith(&Reader{src: &chunks{strings.NewReader(text), min(max(chunk, 1), 64)}, buf: make([]byte, 16)}) // the buffer grows and moves
		if !slices.EqualFunc(got, want, slices.Equal) || (err == nil) != (wantErr == nil) || !slices.Equal(gotLines, lines) {
			t.Fatalf("reading %q by %d\n got %q on lines %v, error %v\nwant %q on lines %v, error %v", text, chunk, got, gotLines, err, want, lines, wantErr)
		}
	})
}

// chunks reads n bytes at a time.
type chunks struct {
	r io.Reader
	n int
}

func (c *chunks) Read(p []byte) (int, error) { return c.r.Read(p[:min(len(p), c.n)]) }

// BenchmarkRead reads rows like MovieLens', and ones with a quoted title.
func BenchmarkRead(b *testing.B) {
	for _, row := range []string{"6040,1096,956715648\n", "1,\"Toy Story, 1995\",Animation|Children's|Comedy,1995,788918400\n"} {
		text := bytes.Repeat([]byte(row), 100_000)
		b.Run(fmt.Sprintf("row=%d", len(row)), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r := NewReader(bytes.NewReader(text))
				for {
					if _, err := r.Read(); err != nil {
						break
					}
				}
			}
			b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
