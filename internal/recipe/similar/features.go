package similar

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/text"
)

// reach bounds how many items one item's metadata is compared with, rarest values first; common values
// ("drama") would otherwise pair everything with everything.
const reach = 20_000

// features are the items' metadata as sparse unit vectors: one dimension per value of a column, or per
// word of a text column, weighing as much as it is rare.
type features struct {
	terms  [][]term  // per item, rarest first
	posted [][]int32 // per dimension, the items that have it
	weight []float64 // per dimension, log(items/items that have it)
	norm   []float64 // per item
}

type term = int32

func newFeatures(d *recipe.Data) *features {
	n := d.Items.Len()
	f := &features{terms: make([][]term, n), norm: make([]float64, n)}
	index := map[string]term{}
	for _, c := range d.Columns {
		ends := bins(c, n)
		for i := range n {
			for _, v := range values(c, ends, i) {
				f.add(index, c.Name()+"\x00"+v, i)
			}
		}
	}
	f.weight = make([]float64, len(f.posted))
	for t, items := range f.posted {
		f.weight[t] = math.Log((1 + float64(n)) / float64(len(items)))
	}
	for i, ts := range f.terms {
		slices.SortFunc(ts, func(a, b term) int {
			return cmp.Or(cmp.Compare(len(f.posted[a]), len(f.posted[b])), cmp.Compare(a, b))
		})
		for _, t := range ts {
			f.norm[i] += f.weight[t] * f.weight[t]
		}
		f.norm[i] = math.Sqrt(f.norm[i])
	}
	return f
}

// add gives item i the value called name, once.
func (f *features) add(index map[string]term, name string, i int) {
	t, ok := index[name]
	if !ok {
		t = term(len(f.posted))
		index[name] = t
		f.posted = append(f.posted, nil)
	}
	if p := f.posted[t]; len(p) > 0 && p[len(p)-1] == int32(i) {
		return
	}
	f.posted[t] = append(f.posted[t], int32(i))
	f.terms[i] = append(f.terms[i], t)
}

// values returns what item i has in a column: categories, words of a text, or the bin of a number.
func values(c recipe.Column, bins []float64, i int) []string {
	if v, ok := c.Number(i); ok {
		at, _ := slices.BinarySearch(bins, v)
		return []string{strconv.Itoa(at)}
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

// numberBins is into how many equally filled bins numbers fall: near numbers often share one.
const numberBins = 16

// bins returns the ascending upper ends of a numeric column's bins, nil if it has no numbers.
func bins(c recipe.Column, n int) []float64 {
	var all []float64
	for i := range n {
		if v, ok := c.Number(i); ok && !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	var ends []float64
	for b := 1; b <= numberBins; b++ {
		ends = append(ends, all[(len(all)-1)*b/numberBins])
	}
	return slices.Compact(ends)
}

// match sets w.match to the cosine of item i with the items that share a value, within reach.
func (f *features) match(w *workspace, i int) {
	left := reach
	for _, t := range f.terms[i] {
		if left -= len(f.posted[t]); left < 0 {
			break
		}
		for _, j := range f.posted[t] {
			w.touch(j)
			w.match[j] += float32(f.weight[t] * f.weight[t] / (f.norm[i] * f.norm[j]))
		}
	}
}
