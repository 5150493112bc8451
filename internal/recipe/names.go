package recipe

import "sort"

// A List is Names held in memory: distinct ids in ascending order.
type List []string

// Len returns the number of ids.
func (l List) Len() int { return len(l) }

// At returns the id of index i.
func (l List) At(i int) string { return l[i] }

// Find returns the index of id.
func (l List) Find(id string) (int, bool) {
	i := sort.SearchStrings(l, id)
	return i, i < len(l) && l[i] == id
}

// Among returns, for the indexes of one table, those that the same ids have in another: -1 for none.
func Among(names, others Names) func(i int) int {
	return func(i int) int {
		if k, ok := others.Find(names.At(i)); ok {
			return k
		}
		return -1
	}
}
