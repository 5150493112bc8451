package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/table"
)

// A contextSink takes one contextual column of sorted events: a field of the interactions that is not reserved and that is
// categorical or a number.
type contextSink struct {
	field   Field
	texts   *table.Dict // of a categorical field, in the order of their coming; "" first
	codes   *spool[uint32]
	numbers *spool[float32]
}

// contextSinks makes one for each contextual column.
func (b *builder) contextSinks() ([]*contextSink, error) {
	var sinks []*contextSink
	if b.parts.Interactions.Schema == nil {
		return nil, nil
	}
	for _, f := range b.parts.Interactions.Schema.Fields {
		if slices.Contains(reservedWords, f.Name) || !f.Categorical && !f.Type.Numeric() {
			continue
		}
		s := &contextSink{field: f}
		sinks = append(sinks, s)
		name := "context" + strconv.Itoa(len(sinks))
		var err error
		if f.Type.Numeric() {
			err = newSpool(b.dir, name, &s.numbers)
		} else {
			s.texts = table.NewDict(64)
			s.texts.Code(nil)
			err = newSpool(b.dir, name, &s.codes)
		}
		if err != nil {
			return sinks, err
		}
	}
	return sinks, nil
}

// bits are the 32 of a row's value: a code of texts, or a number's.
func (s *contextSink) bits(v *values, row int) uint32 {
	if s.numbers != nil {
		return math.Float32bits(float32(v.number(row)))
	}
	text, _ := v.text(row)
	return s.texts.CodeOf(text)
}

func (s *contextSink) add(bits uint32) {
	if s.numbers != nil {
		s.numbers.add(math.Float32frombits(bits))
	} else {
		s.codes.add(bits)
	}
}

func (s *contextSink) discard() {
	if s.numbers != nil {
		s.numbers.w.Discard()
	}
	if s.codes != nil {
		s.codes.w.Discard()
	}
}

func (s *contextSink) copyTo(w *artifact.Writer) error {
	name := "context/" + s.field.Name
	if s.numbers != nil {
		return s.numbers.copyTo(w, name)
	}
	if err := s.codes.copyTo(w, name); err != nil {
		return err
	}
	return w.Strings(name+".values", s.texts.Len(), s.texts.At)
}

// A contextColumn is one contextual column over the events of a snapshot. It is a recipe.Column.
type contextColumn struct {
	field   Field
	numbers []float32
	codes   []uint32
	values  artifact.Strings // by code
}

// Name returns the field's name.
func (c *contextColumn) Name() string { return c.field.Name }

// Categorical reports whether the field is no number.
func (c *contextColumn) Categorical() bool { return c.numbers == nil }

// Text returns event i's value; false for null and for numbers.
func (c *contextColumn) Text(i int) (string, bool) {
	if c.numbers != nil {
		return "", false
	}
	s := c.values.At(int(c.codes[i]))
	return s, s != ""
}

// Number returns event i's number; false for null and for texts.
func (c *contextColumn) Number(i int) (float64, bool) {
	if c.numbers == nil {
		return 0, false
	}
	v := float64(c.numbers[i])
	return v, !math.IsNaN(v)
}

func readContext(f *artifact.File, fields []Field) ([]contextColumn, error) {
	out := make([]contextColumn, len(fields))
	for i, fd := range fields {
		c, name := &out[i], "context/"+fd.Name
		c.field = fd
		var err error
		if fd.Type.Numeric() {
			c.numbers, err = artifact.Get[float32](f, name)
		} else if c.codes, err = artifact.Get[uint32](f, name); err == nil {
			c.values, err = f.Strings(name + ".values")
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
	}
	return out, nil
}
