package auth

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
)

// A chunkReader reads an aws-chunked body whose chunks are signed, and fails at the first that is not
// what its signature says:
//
//	400;chunk-signature=<64 hex> CRLF  1024 bytes  CRLF      any number of these
//	0;chunk-signature=<64 hex> CRLF
//	x-amz-checksum-crc32:… CRLF                              with a trailer
//	x-amz-trailer-signature:<64 hex> CRLF                    with a trailer
//	CRLF
//
// Each signature covers its chunk and the signature before it, the first one that of the request.
// The bytes of a chunk are handed on before its signature can be known to hold; whoever stores them
// must not publish them before io.EOF. Memory is one buffer of 64 KiB.
type chunkReader struct {
	in      *bufio.Reader
	sig     *Signature
	key     []byte
	last    string // signature of the chunk before
	want    string // signature of this chunk
	left    int64  // bytes of this chunk still to come
	sum     hash.Hash
	frames  bool   // keep the framing, without signatures
	pending string // framing to hand out before anything else
	first   bool
	err     error
}

const maxChunkLine = 4096

func newChunkReader(r io.Reader, s *Signature, key []byte, frames bool) *chunkReader {
	return &chunkReader{in: bufio.NewReaderSize(r, 64<<10), sig: s, key: key, last: s.Value, sum: sha256.New(), frames: frames, first: true}
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if c.pending != "" {
			n := copy(p, c.pending)
			c.pending = c.pending[n:]
			return n, nil
		}
		if c.err != nil {
			return 0, c.err
		}
		if c.left > 0 {
			return c.readData(p)
		}
		c.err = c.next()
	}
}

func (c *chunkReader) readData(p []byte) (int, error) {
	n, err := c.in.Read(p[:min(int64(len(p)), c.left)])
	c.sum.Write(p[:n])
	c.left -= int64(n)
	if err != nil && c.left > 0 {
		c.err = cut(err)
	}
	if c.left == 0 {
		c.err = c.endChunk()
	}
	if n > 0 {
		return n, nil
	}
	return 0, c.err
}

func (c *chunkReader) endChunk() error {
	if err := c.blankLine(); err != nil {
		return err
	}
	if c.frames {
		c.pending = "\r\n"
	}
	return c.checkChunk()
}

func (c *chunkReader) checkChunk() error {
	text := "AWS4-HMAC-SHA256-PAYLOAD\n" + c.prefix() + hexSum(nil) + "\n" + hex.EncodeToString(c.sum.Sum(nil))
	c.sum.Reset()
	return c.checkText(text, c.want)
}

func (c *chunkReader) prefix() string {
	return c.sig.Time.Format(timeFormat) + "\n" + c.sig.scope() + "\n" + c.last + "\n"
}

func (c *chunkReader) checkText(text, want string) error {
	got := hex.EncodeToString(sign(c.key, text))
	if !same(got, want) {
		return c.sig.errorf(Mismatch, "The signature of a chunk of the body does not match the chunk.")
	}
	c.last = got
	return nil
}

// next reads the head of a chunk and, behind the last, the trailer; then it returns io.EOF.
func (c *chunkReader) next() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	size, signature, ok := strings.Cut(line, ";chunk-signature=")
	n, err := strconv.ParseInt(size, 16, 63)
	if !ok || err != nil || n < 0 {
		return c.sig.errorf(Incomplete, "The head of a chunk is %q; expected size;chunk-signature=….", clip(line))
	}
	c.left, c.want = n, signature
	if c.frames {
		c.pending = size + "\r\n"
	}
	if n > 0 {
		return nil
	}
	return c.end()
}

func (c *chunkReader) end() error {
	if err := c.checkChunk(); err != nil {
		return err
	}
	if c.frames {
		if err := c.trailer(); err != nil {
			return err
		}
	} else if err := c.blankLine(); err != nil {
		return err
	}
	return io.EOF
}

// trailer reads header lines up to the signature over them, and the blank line.
func (c *chunkReader) trailer() error {
	var canonical, plain strings.Builder
	for canonical.Len() < maxChunkLine {
		line, err := c.line()
		if err != nil {
			return err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return c.sig.errorf(Incomplete, "The body's trailer has the line %q; expected x-amz-trailer-signature:….", clip(line))
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name != "x-amz-trailer-signature" {
			canonical.WriteString(name + ":" + value + "\n")
			plain.WriteString(name + ":" + value + "\r\n")
			continue
		}
		text := "AWS4-HMAC-SHA256-TRAILER\n" + c.prefix() + hexSum([]byte(canonical.String()))
		if err := c.checkText(text, value); err != nil {
			return err
		}
		c.pending += plain.String() + "\r\n"
		return c.blankLine()
	}
	return c.sig.errorf(Incomplete, "The body's trailer is longer than %d bytes.", maxChunkLine)
}

func (c *chunkReader) blankLine() error {
	line, err := c.line()
	if err == nil && line != "" {
		return c.sig.errorf(Incomplete, "A chunk of the body is longer than its head says.")
	}
	return err
}

// line reads up to CRLF, which it drops.
func (c *chunkReader) line() (string, error) {
	b, err := c.in.ReadSlice('\n')
	if err != nil {
		return "", cut(err)
	}
	if len(b) > maxChunkLine {
		return "", c.sig.errorf(Incomplete, "A line of the chunked body is longer than %d bytes.", maxChunkLine)
	}
	return strings.TrimSuffix(string(b[:len(b)-1]), "\r"), nil
}

// cut makes an end in the middle of the body an unexpected one.
func cut(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read chunked body: %w", err)
}
