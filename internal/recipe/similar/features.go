package similar

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/text"
)

// reach bounds how many items one item's metadata is compared with, rarest values first; common values
// ("drama") would otherwise pair everything with everything.
const reach = 20_000

// features are the items' metadata as sparse unit vectors: one dimension per value of a column, or per
// word of a text column, weighing as much as it is rare.
type features struct {
	terms  [][]term  // per place, rarest first
	posted [][]int32 // per dimension, the places that have it, ascending
	weight []float64 // per dimension, log(items/items that have it)
	norm   []float64 // per place
}

type term = int32

// newFeatures reads the metadata of the item at each place.
func newFeatures(d *recipe.Data, item []int32) *features {
	n := d.Items.Len()
	f := &features{terms: make([][]term, n), norm: make([]float64, n)}
	index := map[string]term{}
	for _, c := range d.Columns {
		ends := feature.Bins(c, n)
		for at, i := range item {
			for _, v := range values(c, ends, int(i)) {
				f.add(index, c.Name()+"\x00"+v, int32(at))
			}
		}
	}
	f.weight = make([]float64, len(f.posted))
	for t, items := range f.posted {
		f.weight[t] = math.Log((1 + float64(n)) / float64(len(items)))
	}
	for at, ts := range f.terms {
		slices.SortFunc(ts, func(a, b term) int {
			return cmp.Or(cmp.Compare(len(f.posted[a]), len(f.posted[b])), cmp.Compare(a, b))
		})
		for _, t := range ts {
			f.norm[at] += f.weight[t] * f.weight[t]
		}
		f.norm[at] = math.Sqrt(f.norm[at])
	}
	return f
}

// add gives the item at a place the value called name, once.
func (f *features) add(index map[string]term, name string, at int32) {
	t, ok := index[name]
	if !ok {
		t = term(len(f.posted))
		index[name] = t
		f.posted = append(f.posted, nil)
	}
	if p := f.posted[t]; len(p) > 0 && p[len(p)-1] == at {
		return
	}
	f.posted[t] = append(f.posted[t], at)
	f.terms[at] = append(f.terms[at], t)
}

// values returns what item i has in a column: categories, words of a text, or the bin of a number.
func values(c recipe.Column, bins []float64, i int) []string {
	if v, ok := c.Number(i); ok {
		return []string{strconv.Itoa(feature.Bin(bins, v))}
	}
	s, ok := c.Text(i)
	if !ok || s == "" {
		return nil
	}
	if c.Categorical() {
		return strings.Split(s, "|")
	}
	return text.Words(s)
}

// within returns the terms by which the item at a place is matched: the rarest, of at most reach items in all.
func (f *features) within(at int32) []term {
	left := reach
	for k, t := range f.terms[at] {
		if left -= len(f.posted[t]); left < 0 {
			return f.terms[at][:k]
		}
	}
	return f.terms[at]
}
