package dataset

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/blob"
)

// openSegment maps a segment's file, or a copy of it in cache. IsGone tells of one that has been replaced.
func openSegment(ctx context.Context, own blob.Driver, cache, key string) (*segment, error) {
	path, err := blob.File(ctx, own, key, cache)
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", key, goneIf(key, err))
	}
	f, err := artifact.Open(path)
	if err != nil {
		return nil, goneIf(key, err)
	}
	s, err := readSegment(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// A segment is an opened segment file; see block.go for what is in it.
type segment struct {
	file *artifact.File
	meta segmentMeta
}

func readSegment(f *artifact.File) (*segment, error) {
	s := &segment{file: f}
	if err := f.Meta(&s.meta); err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	return s, nil
}

// close unmaps the segment.
func (s *segment) close() error { return s.file.Close() }

// Values are the values of one field in one block, in the form that fits the field's type; those of a
// field that the segment does not have are all null.
type values struct {
	codes  []uint32
	dict   artifact.Strings
	ints   []int64
	nulls  []uint64
	floats []float64
}

// column returns the values of a field in block b.
func (s *segment) column(b int, field string) (v values, err error) {
	i := (&Schema{Fields: s.meta.Fields}).index(field)
	if i < 0 {
		return values{}, nil
	}
	name, rows := arrayName(b, s.meta.Fields[i].Name), s.meta.Blocks[b]
	switch s.meta.Fields[i].Type {
	case String, Boolean:
		if v.codes, err = artifact.Get[uint32](s.file, name); err == nil {
			v.dict, err = s.file.Strings(name + ".values")
		}
		return v, check(err, name, len(v.codes), rows)
	case Long, Int:
		if v.ints, err = artifact.Get[int64](s.file, name); err == nil && s.file.Has(name+".null") {
			v.nulls, err = artifact.Get[uint64](s.file, name+".null")
		}
		return v, check(err, name, len(v.ints), rows)
	}
	v.floats, err = artifact.Get[float64](s.file, name)
	return v, check(err, name, len(v.floats), rows)
}

func check(err error, name string, got, want int) error {
	if err == nil && got != want {
		return fmt.Errorf("segment: %d values in %s, want %d", got, name, want)
	}
	return err
}

// null reports whether a row is null.
func (v *values) null(row int) bool {
	switch {
	case v.codes != nil:
		return v.codes[row] == 0
	case v.ints != nil:
		return v.nulls != nil && v.nulls[row>>6]>>(row&63)&1 != 0
	case v.floats != nil:
		return math.IsNaN(v.floats[row])
	}
	return true
}

// text returns a row's value as text; false for null. It shares the segment's memory.
func (v *values) text(row int) (string, bool) {
	switch {
	case v.null(row):
		return "", false
	case v.codes != nil:
		return v.dict.At(int(v.codes[row])), true
	case v.ints != nil:
		return strconv.FormatInt(v.ints[row], 10), true
	}
	return strconv.FormatFloat(v.floats[row], 'f', -1, 64), true
}

// number returns a row's value as a number, NaN for null and for text.
func (v *values) number(row int) float64 {
	switch {
	case v.null(row) || v.codes != nil:
		return math.NaN()
	case v.ints != nil:
		return float64(v.ints[row])
	}
	return v.floats[row]
}
