package affinity

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// An attribute is a column of items as the model keeps it: for each value the items that have it, as the
// arrays
//
//	NAME.values  string table or float64, distinct and ascending
//	NAME.start   int64, the items of value v are items[start[v]:start[v+1]]
//	NAME.items   int32, ascending for each value
//
// where NAME stands behind "attributes/".
type attribute struct {
	Name   string
	Number bool
}

func (a attribute) array(part string) string { return "attributes/" + a.Name + "." + part }

// usable returns the columns that can be asked for, in the order of the data: what is categorical or a
// number.
func usable(d *recipe.Data) (out []recipe.Column, attributes []attribute) {
	for _, c := range d.Columns {
		number := isNumber(c, d.Items.Len())
		if number || c.Categorical() {
			out, attributes = append(out, c), append(attributes, attribute{c.Name(), number})
		}
	}
	return out, attributes
}

func hasAttributes(d *recipe.Data) bool {
	columns, _ := usable(d)
	return len(columns) > 0
}

func isNumber(c recipe.Column, n int) bool {
	for i := range n {
		if _, ok := c.Number(i); ok {
			return true
		}
	}
	return false
}

// writeAttributes puts the usable columns. Memory: one column's values and 4 bytes for each item of each.
func writeAttributes(w *artifact.Writer, d *recipe.Data) ([]attribute, error) {
	columns, attributes := usable(d)
	for k, c := range columns {
		var err error
		if a := attributes[k]; a.Number {
			values, postings := invert(d.Items.Len(), func(i int, add func(float64)) {
				if v, ok := c.Number(i); ok && !math.IsNaN(v) {
					add(v)
				}
			})
			if err = artifact.Put(w, a.array("values"), values); err == nil {
				err = putPostings(w, a, postings)
			}
		} else {
			values, postings := invert(d.Items.Len(), func(i int, add func(string)) {
				text, _ := c.Text(i)
				for part := range strings.SplitSeq(text, "|") {
					if part != "" {
						add(part)
					}
				}
			})
			if err = w.Strings(a.array("values"), len(values), func(v int) string { return values[v] }); err == nil {
				err = putPostings(w, a, postings)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return attributes, nil
}

// invert returns the distinct values of n items, ascending, and the items of each, ascending.
func invert[T string | float64](n int, each func(i int, add func(T))) (values []T, postings [][]int32) {
	items := map[T][]int32{}
	for i := range n {
		each(i, func(v T) {
			if l := items[v]; len(l) == 0 || l[len(l)-1] != int32(i) {
				items[v] = append(l, int32(i))
			}
		})
	}
	for v := range items {
		values = append(values, v)
	}
	slices.Sort(values)
	for _, v := range values {
		postings = append(postings, items[v])
	}
	return values, postings
}

func putPostings(w *artifact.Writer, a attribute, postings [][]int32) error {
	start := make([]int64, 1, len(postings)+1)
	var items []int32
	for _, l := range postings {
		items = append(items, l...)
		start = append(start, int64(len(items)))
	}
	if err := artifact.Put(w, a.array("start"), start); err != nil {
		return err
	}
	return artifact.Put(w, a.array("items"), items)
}

// An index is an attribute opened.
type index struct {
	attribute
	texts   artifact.Strings
	numbers []float64
	start   []int64
	items   []int32
}

func openIndex(f *artifact.File, a attribute) (x index, err error) {
	x.attribute = a
	if a.Number {
		x.numbers, err = artifact.Get[float64](f, a.array("values"))
	} else {
		x.texts, err = f.Strings(a.array("values"))
	}
	if err != nil {
		return x, err
	}
	if x.start, err = artifact.Get[int64](f, a.array("start")); err != nil {
		return x, err
	}
	x.items, err = artifact.Get[int32](f, a.array("items"))
	return x, err
}

// find returns the items that meet a condition on the attribute.
func (x *index) find(c recipe.Condition) ([]int32, error) {
	var v int
	var ok bool
	switch {
	case x.Number:
		number, err := strconv.ParseFloat(c.Text, 64)
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "%s is a number, and %q is none.", x.Name, clip(c.Text))
		}
		v, ok = slices.BinarySearch(x.numbers, number)
	case c.Number:
		return nil, fault.Newf(fault.Invalid, "%s is a string; write %s in double quotes.", x.Name, clip(c.Text))
	default:
		v, ok = x.texts.Find(c.Text)
	}
	if !ok {
		return nil, fault.Newf(fault.Invalid, "No item had %s = %q when the solution version was trained.", x.Name, clip(c.Text))
	}
	return x.items[x.start[v]:x.start[v+1]], nil
}

// Select returns the items that meet every condition; no item is no error.
func (m *model) Select(conditions []recipe.Condition) (items []int32, err error) {
	for k, c := range conditions {
		at := slices.IndexFunc(m.attributes, func(x index) bool { return strings.EqualFold(x.Name, c.Column) })
		if at < 0 {
			return nil, fault.Newf(fault.Invalid, "ITEMS.%s is not a column that the solution version was trained on and that is categorical or a number.", clip(c.Column))
		}
		found, err := m.attributes[at].find(c)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			items = slices.Clone(found)
		} else {
			items = intersect(items, found)
		}
	}
	return items, nil
}

// intersect keeps in a, ascending, what b, ascending, has too.
func intersect(a, b []int32) []int32 {
	return slices.DeleteFunc(a, func(i int32) bool {
		_, ok := slices.BinarySearch(b, i)
		return !ok
	})
}

// clip bounds what a sentence shows of a value.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
