package dataset

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
)

// An attribute is one field of all items or all users of a snapshot. It is a recipe.Column.
type attribute struct {
	field   Field
	numbers []float64
	codes   []uint32
	values  artifact.Strings // by code; or by record when codes is nil
}

// Name returns the field's name.
func (a *attribute) Name() string { return a.field.Name }

// Categorical reports whether the field is marked as categorical.
func (a *attribute) Categorical() bool { return a.field.Categorical }

// Text returns record i's value as text; false for null.
func (a *attribute) Text(i int) (string, bool) {
	var s string
	switch {
	case a.numbers != nil:
		v := a.numbers[i]
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsNaN(v)
	case a.codes != nil:
		s = a.values.At(int(a.codes[i]))
	case i < a.values.Len():
		s = a.values.At(i)
	}
	return s, s != ""
}

// Number returns record i's value of a numeric field; false for null and for other fields.
func (a *attribute) Number(i int) (float64, bool) {
	if a.numbers == nil {
		return 0, false
	}
	v := a.numbers[i]
	return v, !math.IsNaN(v)
}

// filled is the share of the first n records that have a value; 1 of none.
func (a *attribute) filled(n int) float64 {
	some := 0
	for i := range n {
		if _, ok := a.Text(i); ok {
			some++
		}
	}
	if n == 0 {
		return 1
	}
	return float64(some) / float64(n)
}

// coded reports whether a field's values are numbered: there are few of them.
func coded(f Field) bool { return f.Categorical || f.Type == Boolean }

func readAttributes(f *artifact.File, prefix string, fields []Field) ([]attribute, error) {
	out := make([]attribute, len(fields))
	for i, fd := range fields {
		a, name := &out[i], prefix+fd.Name
		a.field = fd
		var err error
		switch {
		case fd.Type.Numeric():
			a.numbers, err = artifact.Get[float64](f, name)
		case coded(fd):
			if a.codes, err = artifact.Get[uint32](f, name); err == nil {
				a.values, err = f.Strings(name + ".values")
			}
		default:
			a.values, err = f.Strings(name)
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot: %w", err)
		}
	}
	return out, nil
}

// find returns the attribute of that name in any letter case, nil for none.
func find(all []attribute, name string) *attribute {
	for i := range all {
		if strings.EqualFold(all[i].field.Name, name) {
			return &all[i]
		}
	}
	return nil
}
