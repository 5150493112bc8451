package similar

import (
	"slices"
	"sync"

	"github.com/kindredrec/kindred/internal/num/topk"
	"github.com/kindredrec/kindred/internal/recipe"
)

// longest bounds the distinct items of one user that are paired, newest first: pairs grow with the square.
const longest = 1000

// A graph is who touched what, both ways round, without the users and items that the percentiles drop.
type graph struct {
	userStart, itemStart []int64
	items, users         []int32
}

func newGraph(d *recipe.Data, p params) *graph {
	keepUser := within(lengths(d), p.minUser, p.maxUser)
	keepItem := within(events(d), p.minItem, p.maxItem)
	g := &graph{userStart: make([]int64, 1, d.Users.Len()+1), itemStart: make([]int64, d.Items.Len()+1)}
	for u := range d.Users.Len() {
		if keepUser[u] {
			g.addUser(d, u, keepItem)
		}
		g.userStart = append(g.userStart, int64(len(g.items)))
	}
	for i := range d.Items.Len() {
		g.itemStart[i+1] += g.itemStart[i]
	}
	g.users = make([]int32, len(g.items))
	next := slices.Clone(g.itemStart)
	for u := range d.Users.Len() {
		for _, i := range g.items[g.userStart[u]:g.userStart[u+1]] {
			g.users[next[i]] = int32(u)
			next[i]++
		}
	}
	return g
}

// addUser appends the user's distinct items.
func (g *graph) addUser(d *recipe.Data, u int, keepItem []bool) {
	items, _ := d.History(u)
	from, seen := len(g.items), make(map[int32]bool, min(len(items), longest))
	for k := len(items) - 1; k >= 0 && len(g.items)-from < longest; k-- {
		if i := items[k]; keepItem[i] && !seen[i] {
			seen[i] = true
			g.items = append(g.items, i)
			g.itemStart[i+1]++
		}
	}
}

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

// A workspace is the scratch memory of one goroutine; count and match are zero outside touched.
type workspace struct {
	count   []int32   // users of both
	match   []float32 // likeness of metadata
	touched []int32
	best    topk.Heap
}

func newWorkspace(n int) *workspace {
	return &workspace{count: make([]int32, n), match: make([]float32, n)}
}

func (w *workspace) reset() {
	for _, j := range w.touched {
		w.count[j], w.match[j] = 0, 0
	}
	w.touched = w.touched[:0]
}

func (w *workspace) touch(j int32) {
	if w.count[j] == 0 && w.match[j] == 0 {
		w.touched = append(w.touched, j)
	}
}

// cooccur counts the users each item shares with item i.
func (g *graph) cooccur(w *workspace, i int) {
	for _, u := range g.users[g.itemStart[i]:g.itemStart[i+1]] {
		for _, j := range g.items[g.userStart[u]:g.userStart[u+1]] {
			w.touch(j)
			w.count[j]++
		}
	}
}

// stages adds up progress of several goroutines.
type stages struct {
	mu   sync.Mutex
	done int
}

func (s *stages) report(progress func(string, int, int), n, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if progress != nil {
		progress("neighbours", s.done, total)
	}
}
