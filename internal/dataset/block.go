package dataset

import (
	"fmt"
	"math"
	"strconv"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/table"
)

// A segment is an artifact whose meta is a segmentMeta. Its rows are cut into blocks, so that whoever
// writes or reads it needs memory for one block only. For block b (from 0) and field F it holds:
//
//	string, boolean   b/F         u4  code of each row; 0 is null
//	                  b/F.values      the values by code, in order of first appearance; value 0 is ""
//	long, int         b/F         i8  value of each row, 0 where null
//	                  b/F.null    u8  one bit per row, lowest first; absent when no row is null
//	float, double     b/F         f8  value of each row, NaN where null
//
// An empty cell is null, so no value is the empty string and the code 0 is free.
const (
	blockRows = 1 << 18
	// blockCost bounds what a block costs in memory: its text, and valueCost for what each value costs in
	// codes, slots and offsets.
	blockCost = 64 << 20
	valueCost = 32
)

type segmentMeta struct {
	Type   string
	Fields []Field
	Rows   int64
	Blocks []int // rows of each block
}

func arrayName(b int, field string) string { return strconv.Itoa(b) + "/" + field }

// A block collects rows in columns until it is full and then writes them.
type block struct {
	rows int
	cost int
	cols []column
}

// A column is the values of one field in one block.
type column struct {
	field  Field
	dict   *table.Dict // string, boolean
	codes  []uint32
	ints   []int64
	nulls  []uint64 // nil while no row is null
	floats []float64
}

func newBlock(fields []Field) *block {
	b := &block{cols: make([]column, len(fields))}
	for i, f := range fields {
		b.cols[i].field = f
	}
	b.reset()
	return b
}

// reset empties the block. It keeps what every block needs and lets go of the dictionaries that grew:
// otherwise a column that is long in one place would keep its memory to the end of the file.
func (b *block) reset() {
	const small = 2 << 20
	b.rows, b.cost = 0, 0
	for i := range b.cols {
		c := &b.cols[i]
		c.codes, c.ints, c.floats, c.nulls = c.codes[:0], c.ints[:0], c.floats[:0], nil
		if t := c.field.Type; t != String && t != Boolean {
			continue
		}
		if c.dict == nil || c.dict.Size() > small {
			c.dict = table.NewDict(1 << 12)
		}
		c.dict.Reset()
		c.dict.Code(nil) // null
	}
}

// full reports whether the block must be written before the next row.
func (b *block) full() bool { return b.rows >= blockRows || b.cost >= blockCost }

// end counts the row whose values have been added, given their length together.
func (b *block) end(text int) {
	b.rows++
	b.cost += text + valueCost*len(b.cols)
}

func (c *column) addNull(row int) {
	switch c.field.Type {
	case String, Boolean:
		c.codes = append(c.codes, 0)
	case Long, Int:
		c.ints = append(c.ints, 0)
		if c.nulls == nil {
			c.nulls = make([]uint64, blockRows/64)
		}
		c.nulls[row>>6] |= 1 << (row & 63)
	default:
		c.floats = append(c.floats, math.NaN())
	}
}

// write puts the block into an artifact as block number n.
func (b *block) write(w *artifact.Writer, n int) error {
	for i := range b.cols {
		if err := b.cols[i].write(w, arrayName(n, b.cols[i].field.Name), b.rows); err != nil {
			return fmt.Errorf("write column %s: %w", b.cols[i].field.Name, err)
		}
	}
	return nil
}

func (c *column) write(w *artifact.Writer, name string, rows int) error {
	switch c.field.Type {
	case String, Boolean:
		if err := artifact.Put(w, name, c.codes); err != nil {
			return err
		}
		return w.Strings(name+".values", c.dict.Len(), c.dict.At)
	case Long, Int:
		if err := artifact.Put(w, name, c.ints); err != nil || c.nulls == nil {
			return err
		}
		return artifact.Put(w, name+".null", c.nulls[:(rows+63)/64])
	}
	return artifact.Put(w, name, c.floats)
}

// A segmentWriter makes the artifact of a segment.
type segmentWriter struct {
	w     *artifact.Writer
	block *block
	meta  segmentMeta
}

func newSegmentWriter(path string, s *Schema) (*segmentWriter, error) {
	w, err := artifact.Create(path)
	if err != nil {
		return nil, err
	}
	return &segmentWriter{w: w, block: newBlock(s.Fields), meta: segmentMeta{Type: s.Type, Fields: s.Fields}}, nil
}

// flush writes the block that was collected.
func (s *segmentWriter) flush() error {
	if s.block.rows == 0 {
		return nil
	}
	if err := s.block.write(s.w, len(s.meta.Blocks)); err != nil {
		return err
	}
	s.meta.Blocks = append(s.meta.Blocks, s.block.rows)
	s.meta.Rows += int64(s.block.rows)
	s.block.reset()
	return nil
}

// rows returns how many rows have been added.
func (s *segmentWriter) rows() int64 { return s.meta.Rows + int64(s.block.rows) }

// commit writes what is left and gives the file its name.
func (s *segmentWriter) commit() error {
	if err := s.flush(); err != nil {
		return err
	}
	if err := s.w.Meta(s.meta); err != nil {
		return err
	}
	return s.w.Commit()
}
