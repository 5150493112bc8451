package recipe

import (
	"fmt"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/feature"
)

// Attributes are the fields of one record of Users.
type Attributes interface {
	// Attribute returns the value of a field, given in any letter case: a number of a numeric field, the text of any other.
	// false for null, and for a field that there is not.
	Attribute(field string) (text string, number float64, ok bool)
}

// Attributes returns what is known of user u; nil if the data has no columns of users.
func (d *Data) Attributes(u int) Attributes {
	if len(d.UserColumns) == 0 {
		return nil
	}
	return record{d.UserColumns, u}
}

// RecordOf is one row of columns.
func RecordOf(columns []Column, row int) Attributes { return record{columns, row} }

// ContextOf returns in which circumstances event k was; nil if the data has no contextual columns.
func (d *Data) ContextOf(k int64) Attributes {
	if len(d.Context) == 0 {
		return nil
	}
	return record{d.Context, int(k)}
}

// A record is one row of some columns.
type record struct {
	columns []Column
	row     int
}

// Attribute implements Attributes.
func (r record) Attribute(field string) (string, float64, bool) {
	for _, c := range r.columns {
		if !strings.EqualFold(c.Name(), field) {
			continue
		}
		if n, ok := c.Number(r.row); ok {
			return "", n, true
		}
		text, ok := c.Text(r.row)
		return text, 0, ok
	}
	return "", 0, false
}

// Rows returns some rows of columns, in their order.
func Rows(columns []Column, rows []int32) []Column {
	out := make([]Column, len(columns))
	for k, c := range columns {
		out[k] = rowsOf{c, rows}
	}
	return out
}

// rowsOf is a part of a column.
type rowsOf struct {
	Column
	rows []int32
}

func (c rowsOf) Text(i int) (string, bool)    { return c.Column.Text(int(c.rows[i])) }
func (c rowsOf) Number(i int) (float64, bool) { return c.Column.Number(int(c.rows[i])) }

// addContext appends the contextual columns of the events that another has from a to b, to d which has all of its own so.
func (d *Data) addContext(from *Data, a, b int64) {
	if len(from.Context) == 0 {
		return
	}
	if d.Context == nil {
		rows := new([]int32)
		for _, c := range from.Context {
			d.Context = append(d.Context, eventsOf{c, rows})
		}
	}
	rows := d.Context[0].(eventsOf).rows
	for k := a; k < b; k++ {
		*rows = append(*rows, int32(k))
	}
}

// eventsOf is a part of a contextual column that grows with the events.
type eventsOf struct {
	Column
	rows *[]int32
}

func (c eventsOf) Text(i int) (string, bool)    { return c.Column.Text(int((*c.rows)[i])) }
func (c eventsOf) Number(i int) (float64, bool) { return c.Column.Number(int((*c.rows)[i])) }

// PutSpace writes the arrays of a space; its fields are for the model's settings to keep:
//
//	NAME.places   uint32
//	NAME.rarity   float32, alongside
func PutSpace(w *artifact.Writer, name string, s *feature.Space) error {
	if err := artifact.Put(w, name+".places", s.Places); err != nil {
		return err
	}
	return artifact.Put(w, name+".rarity", s.Rarity)
}

// GetSpace reads what PutSpace wrote. It refers to f's memory.
func GetSpace(f *artifact.File, name string, fields []feature.Field) (*feature.Space, error) {
	places, err := artifact.Get[uint32](f, name+".places")
	if err != nil {
		return nil, err
	}
	rarity, err := artifact.Get[float32](f, name+".rarity")
	if err != nil {
		return nil, err
	}
	if len(places) != len(rarity) {
		return nil, fmt.Errorf("%s has %d places and %d rarities, want as many of both", name, len(places), len(rarity))
	}
	return &feature.Space{Fields: fields, Places: places, Rarity: rarity}, nil
}

// SomeUsers are those with events, at most so many of them, evenly, ascending.
func SomeUsers(d *Data, most float64) (users []int32) {
	step := max(1, float64(d.Users.Len())/most)
	for at := 0.0; int(at) < d.Users.Len(); at += step {
		if u := int(at); d.Start[u] < d.Start[u+1] {
			users = append(users, int32(u))
		}
	}
	return users
}
