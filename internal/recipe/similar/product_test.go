package similar

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A tags column has a few values for some items.
type tags []string

func (tags) Name() string                { return "TAGS" }
func (tags) Categorical() bool           { return true }
func (c tags) Text(i int) (string, bool) { return c[i], c[i] != "" }
func (tags) Number(int) (float64, bool)  { return 0, false }

// someData draws up to 12 users with some of up to 20 items each, who may take one again, and items with tags.
func someData(t *rapid.T) *recipe.Data {
	n := rapid.IntRange(1, 20).Draw(t, "items")
	ids := make(recipe.List, n)
	c := make(tags, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("i%02d", i)
		c[i] = rapid.SampledFrom([]string{"", "a", "b", "a|b", "c|a", "b|b"}).Draw(t, "tags")
	}
	d := &recipe.Data{Items: ids, Columns: []recipe.Column{c}, Start: []int64{0}}
	var users recipe.List
	for u := range rapid.IntRange(0, 12).Draw(t, "users") {
		users = append(users, fmt.Sprintf("u%02d", u))
		d.Item = append(d.Item, rapid.SliceOfN(rapid.Int32Range(0, int32(n-1)), 0, 15).Draw(t, "history")...)
		d.Start = append(d.Start, int64(len(d.Item)))
	}
	d.Users, d.Time = users, make([]int64, len(d.Item))
	return d
}

// plainCounts counts the users of each pair of items in a map.
func plainCounts(d *recipe.Data) map[[2]int32]int32 {
	count := map[[2]int32]int32{}
	for u := range d.Users.Len() {
		items, _ := d.History(u)
		items = slices.Compact(slices.Sorted(slices.Values(items)))
		for _, i := range items {
			for _, j := range items {
				count[[2]int32{i, j}]++
			}
		}
	}
	return count
}

// whole is a likeness of data of which nothing is dropped.
func whole(d *recipe.Data, p params) *likeness {
	p.maxUser, p.maxItem = 1, 1
	users := recipe.UniqueUsers(d)
	g := newGraph(d, p, recipe.ByPopularity(users))
	return newLikeness(p, g, newFeatures(d, g.item), users)
}

// Whatever the blocks, the product of all with all is what counting pairs in a map gives, and the cosine of their metadata.
func TestProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := someData(t)
		l := whole(d, params{})
		w := newWorkspace(rapid.IntRange(1, d.Items.Len()).Draw(t, "width"))
		want, n := plainCounts(d), 0
		for i := range int32(d.Items.Len()) {
			own := l.graph.place[i]
			w.product(l, own, func(at, both int32, match float32) {
				pair := [2]int32{i, l.graph.item[at]}
				if both != want[pair] {
					t.Fatalf("items %v share %d users, want %d", pair, both, want[pair])
				}
				if both > 0 {
					n++
				}
				if want := cosine(l.features, own, at); math.Abs(float64(match)-want) > 1e-6 {
					t.Fatalf("items %v match by %v, want %v", pair, match, want)
				}
			})
		}
		if n != len(want) {
			t.Fatalf("%d pairs of items are found to share users, want %d", n, len(want))
		}
	})
}

// cosine compares the terms of two places one by one.
func cosine(f *features, a, b int32) (c float64) {
	for _, t := range f.terms[a] {
		if slices.Contains(f.terms[b], t) {
			c += f.weight[t] * f.weight[t] / (f.norm[a] * f.norm[b])
		}
	}
	return c
}

// The neighbours of an item are all others that share enough users, by what they share over a power of their own
// users, ties by index, whatever the blocks.
func TestNeighbours(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := someData(t)
		p := params{discount: float64(rapid.IntRange(0, 4).Draw(t, "discount")) / 4, minCount: float64(rapid.IntRange(1, 3).Draw(t, "least"))}
		l := whole(d, p)
		l.features = nil
		w := newWorkspace(rapid.IntRange(1, d.Items.Len()).Draw(t, "width"))
		both, users := plainCounts(d), recipe.UniqueUsers(d)
		for i := range int32(d.Items.Len()) {
			var want []topk.Key
			for j := range int32(d.Items.Len()) {
				if c := float64(both[[2]int32{i, j}]); i != j && c >= p.minCount {
					want = append(want, topk.Make(float32(c/math.Pow(float64(users[j]), p.discount)), j))
				}
			}
			slices.Sort(want)
			slices.Reverse(want)
			l.neighbours(w, i)
			if got := w.best.Sorted(); !slices.Equal(got, want) {
				t.Fatalf("neighbours of %d are %v, want %v", i, keys(got), keys(want))
			}
		}
	})
}

func keys(all []topk.Key) (out []string) {
	for _, k := range all {
		out = append(out, strconv.Itoa(int(k.Index())))
	}
	return out
}
