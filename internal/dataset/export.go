package dataset

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"

	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// The ingestion modes of an export: which records it holds.
const (
	ExportBulk = "BULK" // what import jobs brought
	ExportPut  = "PUT"  // what came record by record
	ExportAll  = "ALL"  // both; of items, users and actions the newest record of each id
)

// passRows is how many different rows an export compares in memory at a time. With more than that, the
// segments are read once for each so many.
const passRows = 4 << 20

// An export writes the records of segments as CSV that an import reads back as they were.
//
// Records come in the order in which they came into the dataset. Those that are equal in every column are
// written once, where the first stands. Equality is told by a hash of 128 bits under a random key.
//
// Memory: a bit for each row, some 40 bytes for each of the at most 4 Mi rows that are compared in one pass,
// and the output part at hand. Segments are mapped files.
type export struct {
	schema *Schema
	segs   []*segment
	newest bool // of each id the newest record only
	most   int  // rows compared in a pass
	rows   int64

	seeds   [2]maphash.Seed
	start   digest      // of a row without columns
	dropped *bitset.Set // rows not to be written, by number over all segments
}

// newExport opens what a mode selects. IsGone tells that a segment was replaced meanwhile.
func newExport(ctx context.Context, own blob.Driver, cache string, schema *Schema, segments []Segment, mode string) (*export, error) {
	e := &export{schema: schema, most: passRows, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for lane, seed := range e.seeds {
		e.start[lane] = maphash.String(seed, "")
	}
	e.newest = mode == ExportAll && schema.Type != Interactions && schema.Type != ActionInteractions
	for _, g := range segments {
		if mode != ExportAll && g.Origin != mode {
			continue
		}
		s, err := openSegment(ctx, own, cache, g.Key)
		if err != nil {
			e.close()
			return nil, err
		}
		e.segs = append(e.segs, s)
		e.rows += s.meta.Rows
	}
	return e, nil
}

func (e *export) close() {
	for _, s := range e.segs {
		s.close()
	}
}

// A blockAt is one block of one segment, and the number of its first row over all segments.
type blockAt struct {
	seg   *segment
	block int
	first int64
}

// blocks returns all blocks in order.
func (e *export) blocks() (out []blockAt) {
	first := int64(0)
	for _, s := range e.segs {
		for b, rows := range s.meta.Blocks {
			out = append(out, blockAt{s, b, first})
			first += int64(rows)
		}
	}
	return out
}

// compare finds the rows that are not to be written.
func (e *export) compare(ctx context.Context) error {
	e.dropped = bitset.New(int(e.rows))
	passes := uint64((e.rows + int64(e.most) - 1) / int64(e.most))
	seen := make(map[digest]struct{}, min(e.rows, int64(e.most)))
	for pass := range passes {
		clear(seen)
		if err := e.comparePass(ctx, seen, pass, passes); err != nil {
			return err
		}
	}
	return nil
}

// comparePass drops the later of equal rows; or, of rows with equal ids, all but the last. It looks at one
// share of all rows: equal ones are in the same share.
func (e *export) comparePass(ctx context.Context, seen map[digest]struct{}, pass, passes uint64) error {
	names := make([]string, 0, len(e.schema.Fields))
	for _, f := range e.schema.Fields {
		names = append(names, f.Name)
	}
	if e.newest {
		names = keys(e.schema.Type)
	}
	blocks := e.blocks()
	for n := range blocks {
		at := blocks[n]
		if e.newest {
			at = blocks[len(blocks)-1-n]
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := e.hasher(at, names)
		if err != nil {
			return err
		}
		rows := at.seg.meta.Blocks[at.block]
		for i := range rows {
			row := i
			if e.newest {
				row = rows - 1 - i
			}
			d := h.row(row)
			if d[0]%passes != pass {
				continue
			}
			if _, twice := seen[d]; twice {
				e.dropped.Add(int(at.first) + row)
				continue
			}
			seen[d] = struct{}{}
		}
	}
	return nil
}

// A digest stands for the content of a row.
type digest [2]uint64

// A hasher makes digests of the rows of a block.
type hasher struct {
	start digest
	cols  []values
	texts [][]digest // by column and code
}

func (e *export) hasher(at blockAt, names []string) (*hasher, error) {
	h := &hasher{start: e.start, cols: make([]values, len(names)), texts: make([][]digest, len(names))}
	for i, name := range names {
		v, err := at.seg.column(at.block, name)
		if err != nil {
			return nil, err
		}
		h.cols[i], h.texts[i] = v, make([]digest, v.dict.Len())
		for code := 1; code < v.dict.Len(); code++ {
			for lane, seed := range e.seeds {
				h.texts[i][code][lane] = maphash.String(seed, v.dict.At(code))
			}
		}
	}
	return h, nil
}

func (h *hasher) row(row int) digest {
	d := h.start
	for i := range h.cols {
		v := &h.cols[i]
		part, kind := digest{}, uint64(1) // whether there is a value goes before the value
		switch {
		case v.null(row):
			kind = 0
		case v.codes != nil:
			part = h.texts[i][v.codes[row]]
		case v.ints != nil:
			part = digest{uint64(v.ints[row]), uint64(v.ints[row])}
		default:
			b := math.Float64bits(v.floats[row])
			part = digest{b, b}
		}
		d[0] = mix(mix(d[0], kind), part[0])
		d[1] = mix(mix(d[1], kind), part[1])
	}
	return d
}

// write gives the CSV to a sink: the header, and every row that was not dropped.
func (e *export) write(ctx context.Context, out sink, progress func(rows int64)) error {
	line := appendHeader(nil, e.schema)
	if err := out.add(line); err != nil {
		return err
	}
	for _, at := range e.blocks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress(at.first)
		cols := make([]values, len(e.schema.Fields))
		for i, f := range e.schema.Fields {
			var err error
			if cols[i], err = at.seg.column(at.block, f.Name); err != nil {
				return err
			}
		}
		for row := range at.seg.meta.Blocks[at.block] {
			if e.dropped.Has(int(at.first) + row) {
				continue
			}
			line = e.appendRow(line[:0], cols, row)
			if err := out.add(line); err != nil {
				return err
			}
		}
	}
	progress(e.rows)
	return nil
}

// A sink takes an export line by line; it must not keep the line.
type sink interface{ add(line []byte) error }

func appendHeader(b []byte, s *Schema) []byte {
	for i, f := range s.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.Name...)
	}
	return append(b, '\n')
}

func (e *export) appendRow(b []byte, cols []values, row int) []byte {
	for i := range cols {
		if i > 0 {
			b = append(b, ',')
		}
		v := &cols[i]
		switch {
		case !v.null(row) && v.codes != nil:
			b = appendCell(b, v.dict.At(int(v.codes[row])))
		case !v.null(row) && v.ints != nil:
			b = strconv.AppendInt(b, v.ints[row], 10)
		case !v.null(row):
			b = strconv.AppendFloat(b, v.floats[row], 'f', -1, 64)
		case e.schema.Fields[i].Textual && !e.schema.Fields[i].Nullable:
			b = append(b, `" "`...) // a text of nothing but markup: an empty cell would be refused
		}
	}
	return append(b, '\n')
}

// appendCell writes a value so that package table reads the same value: in quotes where it holds what means
// something to CSV, with \" for a quote and \\ for a backslash, as the service documents its import files.
// The reader takes \r\n for \n, so a \r before a \n is written twice.
func appendCell(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c != '"' && c != ',' && c != '\n' && c != '\r'
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\r' && i+1 < len(s) && s[i+1] == '\n':
			b = append(b, c, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// A partWriter is a sink that writes one object: at once when it is small, and otherwise as the parts of a
// multipart upload. The object appears when finish succeeds.
//
// Memory: one part. The n-th part is first bytes large and twice that for every 2,000 parts before it, so
// that 10,000 parts, which is all S3 takes, hold 62,000 times the first.
type partWriter struct {
	ctx   context.Context
	out   blob.Driver
	key   string
	opts  blob.Options
	first int
	begin func() (upload string, err error) // called when there is more than one part

	buf    []byte
	upload string
	parts  []blob.Part
}

const (
	maxParts  = 10_000
	growParts = 2_000
)

func (w *partWriter) partSize() int { return w.first << (len(w.parts) / growParts) }

func (w *partWriter) add(line []byte) error {
	w.buf = append(w.buf, line...)
	if len(w.buf) < w.partSize() {
		return nil
	}
	return w.send()
}

// send uploads what is buffered as a part.
func (w *partWriter) send() (err error) {
	if w.upload == "" {
		if w.upload, err = w.begin(); err != nil {
			return err
		}
	}
	if len(w.parts) == maxParts {
		return fault.Newf(fault.Limit, "The dataset is too large for one file of %d parts.", maxParts)
	}
	p, err := w.out.Upload(w.ctx, w.key, w.upload, len(w.parts)+1, w.buf)
	if err != nil {
		return w.lost(err)
	}
	w.parts, w.buf = append(w.parts, p), w.buf[:0]
	return nil
}

// finish publishes the object.
func (w *partWriter) finish() error {
	if w.upload == "" {
		_, err := w.out.Put(w.ctx, w.key, bytes.NewReader(w.buf), w.opts)
		return err
	}
	if len(w.buf) > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	return w.lost(w.out.Complete(w.ctx, w.key, w.upload, w.parts))
}

// An uploadLostError says that an upload that was begun is not there any more.
type uploadLostError struct{ cause error }

func (e *uploadLostError) Error() string { return fmt.Sprintf("the upload vanished: %v", e.cause) }

func (w *partWriter) lost(err error) error {
	if fault.Is(err, fault.NotFound) {
		return &uploadLostError{err}
	}
	return err
}
