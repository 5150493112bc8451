package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	firstBuffer = 256 << 10
	maxRecord   = 32 << 20 // a hundred columns of 20,000 characters, with room for every encoding
)

// A Reader reads CSV: comma-separated values, records ended by \n or \r\n, values optionally in double
// quotes. Inside quotes "" and \" stand for a quote, \\ for a backslash, and commas and line ends for
// themselves (\r\n becomes \n); outside, a backslash is just a backslash. A byte order mark is skipped,
// and so are empty lines. Text must be UTF-8.
//
// Memory: one buffer that grows to the longest record, at most 64 MiB with the unquoted copy of it.
type Reader struct {
	src      io.Reader
	buf      []byte
	pos, end int // unread bytes are buf[pos:end]
	srcErr   error
	started  bool

	lines  int // lines read so far
	first  int // line on which the last record begins
	fields [][]byte
	plain  []byte // values of the last record that had to be unescaped
}

// NewReader returns a reader of src.
func NewReader(src io.Reader) *Reader {
	return &Reader{src: src, buf: make([]byte, firstBuffer)}
}

// A SyntaxError says where a text is not CSV.
type SyntaxError struct {
	Line  int // from 1
	Field int // from 0; -1 when it is not about one
	Text  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// Line returns the line, from 1, on which the record last read begins.
func (r *Reader) Line() int { return r.first }

// Read returns the values of the next record, valid until the next call, and io.EOF after the last. A
// *SyntaxError says where the text is not CSV; any other error is the source's. Reading on after an error
// is of no use.
func (r *Reader) Read() ([][]byte, error) {
	if !r.started {
		if err := r.start(); err != nil {
			return nil, err
		}
	}
	for {
		rec, quoted, err := r.line()
		if err != nil {
			return nil, err
		}
		r.first = r.lines + 1
		r.lines++
		if quoted {
			r.lines += bytes.Count(rec, []byte{'\n'})
		}
		switch {
		case len(rec) == 0:
		case !utf8.Valid(rec):
			return nil, &SyntaxError{r.first, -1, "the text is not UTF-8"}
		case quoted:
			return r.splitQuoted(rec)
		default:
			return r.split(rec), nil
		}
	}
}

// start skips a byte order mark.
func (r *Reader) start() error {
	r.started = true
	for r.end < 3 && r.srcErr == nil {
		r.fill()
	}
	if bytes.HasPrefix(r.buf[:r.end], []byte("\xef\xbb\xbf")) {
		r.pos = 3
	}
	if bytes.HasPrefix(r.buf[:r.end], []byte("\xff\xfe")) || bytes.HasPrefix(r.buf[:r.end], []byte("\xfe\xff")) {
		return &SyntaxError{1, -1, "the text is UTF-16; expected UTF-8"}
	}
	return nil
}

// line takes the next record from the buffer without its line end, and tells whether it has quotes.
func (r *Reader) line() (rec []byte, quoted bool, err error) {
	searched := 0
	for {
		at := r.buf[r.pos+searched : r.end]
		if nl := bytes.IndexByte(at, '\n'); nl >= 0 {
			n := searched + nl
			if bytes.IndexByte(r.buf[r.pos:r.pos+n], '"') >= 0 {
				rec, err = r.quotedRecord()
				return rec, true, err
			}
			return r.take(n, 1), false, nil
		}
		searched = r.end - r.pos
		if err := r.need(); err == io.EOF {
			break
		} else if err != nil {
			return nil, false, err
		}
	}
	if r.pos == r.end {
		return nil, false, io.EOF
	}
	if bytes.IndexByte(r.buf[r.pos:r.end], '"') >= 0 {
		rec, err = r.quotedRecord()
		return rec, true, err
	}
	return r.take(r.end-r.pos, 0), false, nil
}

// take consumes n bytes and the line end behind them, and returns them without a \r before it.
func (r *Reader) take(n, lineEnd int) []byte {
	rec := r.buf[r.pos : r.pos+n]
	r.pos += n + lineEnd
	if n > 0 && rec[n-1] == '\r' {
		rec = rec[:n-1]
	}
	return rec
}

// need reads more, keeping what is unread. io.EOF when there is no more.
func (r *Reader) need() error {
	if r.srcErr != nil {
		return r.srcErr
	}
	if r.end-r.pos >= maxRecord {
		return &SyntaxError{r.lines + 1, -1, fmt.Sprintf("the record is longer than %d MiB; perhaps a quote is not closed", maxRecord>>20)}
	}
	r.fill()
	if r.end > r.pos && r.srcErr == io.EOF {
		return nil // let the rest be searched first; the next call reports the end
	}
	return r.srcErr
}

// fill moves the unread bytes to the front, makes room and reads once.
func (r *Reader) fill() {
	if r.pos > 0 {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for range 100 { // a reader that gives nothing so often is broken
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if err != nil {
			r.srcErr = err
			return
		}
		if n > 0 {
			return
		}
	}
	r.srcErr = io.ErrNoProgress
}

// quotedRecord takes a record that has quotes: it ends at the first line end outside them. Where quotes
// are misplaced it ends at a line end all the same; splitQuoted finds the fault.
func (r *Reader) quotedRecord() ([]byte, error) {
	const (
		begin  = iota // of a value
		plain         // in a value without quotes, or behind a closing quote
		inside        // between quotes
		escape        // behind a backslash between quotes
		closed        // behind a quote that may have been the first half of ""
	)
	state := begin
	for n := 0; ; n++ {
		if r.pos+n == r.end {
			if err := r.need(); err == io.EOF {
				return r.take(n, 0), nil
			} else if err != nil {
				return nil, err
			}
			if r.pos+n == r.end { // nothing came but the end of the source
				return r.take(n, 0), nil
			}
		}
		c := r.buf[r.pos+n]
		switch {
		case state == escape:
			state = inside
		case state == inside && c == '\\':
			state = escape
		case state == inside && c == '"':
			state = closed
		case state == inside:
		case c == '\n':
			return r.take(n, 1), nil
		case c == ',':
			state = begin
		case c == '"' && state != plain:
			state = inside // an opening quote, or the second half of ""
		default:
			state = plain
		}
	}
}

// split cuts a record without quotes at its commas.
func (r *Reader) split(rec []byte) [][]byte {
	f := r.fields[:0]
	from := 0
	for i, c := range rec {
		if c == ',' {
			f = append(f, rec[from:i:i])
			from = i + 1
		}
	}
	r.fields = append(f, rec[from:])
	return r.fields
}

// splitQuoted cuts a record with quotes and unescapes its values.
func (r *Reader) splitQuoted(rec []byte) ([][]byte, error) {
	if cap(r.plain) < len(rec) {
		r.plain = make([]byte, 0, len(rec)) // never moved below, for fields point into it
	}
	r.plain = r.plain[:0]
	f := r.fields[:0]
	for {
		value, rest, err := r.value(rec)
		if err != nil {
			return nil, &SyntaxError{r.first, len(f), err.Error()}
		}
		f = append(f, value)
		if rest == nil {
			r.fields = f
			return f, nil
		}
		rec = rest
	}
}

var (
	errBareQuote = errors.New("a double quote stands inside a value that does not begin with one")
	errAfter     = errors.New("there is text behind a closing double quote; write a quote inside quotes as \\\" or \"\"")
	errOpen      = errors.New("a double quote is opened and not closed")
)

// value takes the first value of a record; rest is nil if it was the last.
func (r *Reader) value(rec []byte) (value, rest []byte, err error) {
	if len(rec) == 0 || rec[0] != '"' {
		i := bytes.IndexByte(rec, ',')
		value = rec
		if i >= 0 {
			value, rest = rec[:i], rec[i+1:]
		}
		if bytes.IndexByte(value, '"') >= 0 {
			return nil, nil, errBareQuote
		}
		return value, rest, nil
	}
	from := len(r.plain)
	rec, err = r.unescape(rec[1:])
	if err != nil {
		return nil, nil, err
	}
	value = r.plain[from:len(r.plain):len(r.plain)]
	switch {
	case len(rec) == 0:
		return value, nil, nil
	case rec[0] == ',':
		return value, rec[1:], nil
	}
	return nil, nil, errAfter
}

// unescape appends the text up to the closing quote to r.plain and returns what is behind the quote.
func (r *Reader) unescape(rec []byte) ([]byte, error) {
	for i := 0; i < len(rec); i++ {
		c := rec[i]
		next := byte(0)
		if i+1 < len(rec) {
			next = rec[i+1]
		}
		switch {
		case c == '"' && next != '"':
			return rec[i+1:], nil
		case c == '"', c == '\\' && (next == '"' || next == '\\'):
			r.plain = append(r.plain, next)
			i++
		case c == '\r' && next == '\n':
		default:
			r.plain = append(r.plain, c)
		}
	}
	return nil, errOpen
}
