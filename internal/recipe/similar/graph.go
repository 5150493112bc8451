package similar

import (
	"slices"

	"github.com/kindredrec/kindred/internal/recipe"
)

// longest bounds the distinct items of one user that are paired, newest first: pairs grow with the square.
const longest = 1000

// A graph is who touched what, both ways round, without the users and items that the percentiles drop. Items stand
// by place: the most popular first, so that what is counted most lies close together.
type graph struct {
	place, item          []int32 // place of each item, item at each place
	userStart, itemStart []int64
	items, users         []int32 // of a user: places, ascending; of a place: users
}

func newGraph(d *recipe.Data, p params, byPopularity []int32) *graph {
	keepUser := within(lengths(d), p.minUser, p.maxUser)
	keepItem := within(events(d), p.minItem, p.maxItem)
	n := d.Items.Len()
	g := &graph{place: make([]int32, n), item: byPopularity, userStart: make([]int64, 1, d.Users.Len()+1), itemStart: make([]int64, n+1)}
	for at, i := range g.item {
		g.place[i] = int32(at)
	}
	for u := range d.Users.Len() {
		if keepUser[u] {
			g.addUser(d, u, keepItem)
		}
		g.userStart = append(g.userStart, int64(len(g.items)))
	}
	for i := range n {
		g.itemStart[i+1] += g.itemStart[i]
	}
	g.users = make([]int32, len(g.items))
	next := slices.Clone(g.itemStart)
	for u := range d.Users.Len() {
		for _, at := range g.user(int32(u)) {
			g.users[next[at]] = int32(u)
			next[at]++
		}
	}
	return g
}

// addUser appends the places of the user's distinct items.
func (g *graph) addUser(d *recipe.Data, u int, keepItem []bool) {
	items, _ := d.History(u)
	from, seen := len(g.items), make(map[int32]bool, min(len(items), longest))
	for k := len(items) - 1; k >= 0 && len(g.items)-from < longest; k-- {
		if i := items[k]; keepItem[i] && !seen[i] {
			seen[i] = true
			g.items = append(g.items, g.place[i])
			g.itemStart[g.place[i]+1]++
		}
	}
	slices.Sort(g.items[from:])
}

// user returns the places of a user's items.
func (g *graph) user(u int32) []int32 { return g.items[g.userStart[u]:g.userStart[u+1]] }

// fans returns the users of the item at a place.
func (g *graph) fans(at int32) []int32 { return g.users[g.itemStart[at]:g.itemStart[at+1]] }

func lengths(d *recipe.Data) []int64 {
	n := make([]int64, d.Users.Len())
	for u := range n {
		n[u] = d.Start[u+1] - d.Start[u]
	}
	return n
}

func events(d *recipe.Data) []int64 {
	n := make([]int64, d.Items.Len())
	for _, i := range d.Item {
		n[i]++
	}
	return n
}

// within says which values lie between two percentiles.
func within(values []int64, low, high float64) []bool {
	lo, hi := recipe.Percentiles(values, low, high)
	keep := make([]bool, len(values))
	for k, v := range values {
		keep[k] = v >= lo && v <= hi
	}
	return keep
}
