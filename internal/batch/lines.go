package batch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/kindredrec/kindred/internal/blob"
)

// MaxLine is the longest input line that is read, in bytes. A longer one gets an error in the output,
// with its first bytes for an input.
const MaxLine = 1 << 20

const (
	readAhead = 64 << 10       // bytes of a window behind a shard, for the line that reaches over its end
	longHead  = 256            // bytes shown of a line that is too long
	byteOrder = "\xef\xbb\xbf" // may stand at the beginning of a file
)

var tooLongLine = problem{"length", "Invalid JSON: the line is longer than 1 MiB."}

// A span is a range of bytes of an object of a known size.
type span struct {
	driver     blob.Driver
	key        string
	start, end int64 // lines that begin in here belong to the span
	size       int64 // of the object
}

// A windows reader reads an object from a place on, in ranges that are asked for one after another, so
// that no more is fetched than is wanted.
type windows struct {
	ctx  context.Context
	span *span
	at   int64 // next byte
	next int64 // end of the next window
	body io.ReadCloser
	left int64 // of the window that is open
}

// Read implements io.Reader. An object that is shorter than it was is an error.
func (w *windows) Read(p []byte) (int, error) {
	if w.at >= w.span.size {
		return 0, io.EOF
	}
	if w.body == nil {
		if err := w.open(); err != nil {
			return 0, err
		}
	}
	n, err := w.body.Read(p[:min(int64(len(p)), w.left)])
	w.at += int64(n)
	w.left -= int64(n)
	switch {
	case w.left == 0:
		return n, w.close()
	case errors.Is(err, io.EOF):
		return n, errShort
	}
	return n, err
}

var errShort = errors.New("the object ended before its size")

func (w *windows) open() (err error) {
	w.next = min(max(w.next, w.at+readAhead), w.span.size)
	w.left = w.next - w.at
	w.body, err = w.span.driver.Open(w.ctx, w.span.key, w.at, w.left)
	return err
}

func (w *windows) close() error {
	if w.body == nil {
		return nil
	}
	err := w.body.Close()
	w.body = nil
	return err
}

// A lineReader yields the lines that begin in a span.
type lineReader struct {
	windows windows
	buf     *bufio.Reader
	at      int64 // offset of the next line
	line    []byte
}

// newLineReader opens a span. Close must be called.
func newLineReader(ctx context.Context, s *span) (*lineReader, error) {
	r := &lineReader{at: s.start}
	r.windows = windows{ctx: ctx, span: s, at: s.start, next: s.end}
	if s.start == 0 {
		r.buf = bufio.NewReaderSize(&r.windows, readAhead)
		return r, nil
	}
	// Whether a line begins at start is told by the byte before.
	r.windows.at--
	r.at--
	r.buf = bufio.NewReaderSize(&r.windows, readAhead)
	return r, r.skipLine()
}

// Close gives the connection back.
func (r *lineReader) Close() error { return r.windows.close() }

func (r *lineReader) skipLine() error {
	for {
		piece, err := r.buf.ReadSlice('\n')
		r.at += int64(len(piece))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return ignoreEOF(err)
		}
	}
}

// next returns the next line without its newline, to be used until the next call, and whether it was cut
// because it is longer than MaxLine; io.EOF when no more lines begin in the span.
func (r *lineReader) next() (line []byte, cut bool, err error) {
	if r.at >= r.windows.span.end {
		return nil, false, io.EOF
	}
	first := r.at == 0
	line, cut, err = r.read()
	if first {
		line = bytes.TrimPrefix(line, []byte(byteOrder))
	}
	return line, cut, err
}

func (r *lineReader) read() (line []byte, cut bool, err error) {
	piece, err := r.buf.ReadSlice('\n')
	r.at += int64(len(piece))
	if err == nil {
		return piece[:len(piece)-1], false, nil
	}
	r.line = append(r.line[:0], piece...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(r.line) > MaxLine {
			return r.line[:longHead], true, r.skipLine()
		}
		piece, err = r.buf.ReadSlice('\n')
		r.at += int64(len(piece))
		r.line = append(r.line, piece...)
	}
	line = bytes.TrimSuffix(r.line, []byte("\n"))
	if len(line) > MaxLine {
		return line[:longHead], true, ignoreEOF(err)
	}
	return line, false, ignoreEOF(err)
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
