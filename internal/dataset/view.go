package dataset

import (
	"strings"

	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A View is a snapshot seen through a model's item table, for answering queries. It is safe for
// concurrent use as long as the snapshot is open. Memory: 8 bytes for each item.
type View struct {
	c        *content
	selected picker  // nil for all
	model    []int32 // by snapshot item: the model's index, -1 for none
	snapshot []int32 // by model item: the snapshot's index, -1 for none
	same     bool    // the two tables are equal
}

// View matches the snapshot with the items of a model. Histories hold only the events that sel selects,
// the same that the model learned from; filters see all events.
func (s *Snapshot) View(items recipe.Names, sel Selection) *View {
	v := &View{c: s.content, selected: s.picker(sel), model: make([]int32, s.items.Len()), snapshot: make([]int32, items.Len())}
	for i := range v.model {
		v.model[i] = -1
	}
	for i := range v.snapshot {
		v.snapshot[i] = -1
	}
	matched := 0
	match(s.items, items, func(a, b int) {
		v.model[a], v.snapshot[b] = int32(b), int32(a)
		matched++
	})
	v.same = matched == len(v.model) && matched == len(v.snapshot)
	return v
}

// match calls do with the indexes of every name that both tables have.
func match(x, y recipe.Names, do func(a, b int)) {
	for a, b := 0, 0; a < x.Len() && b < y.Len(); { // both ascend
		switch strings.Compare(x.At(a), y.At(b)) {
		case -1:
			a++
		case 1:
			b++
		default:
			do(a, b)
			a, b = a+1, b+1
		}
	}
}

// History returns a user's selected events as model item indexes, oldest first, without items the model
// does not know; known tells whether the user has selected events at all. The slices may share the
// snapshot's memory and must not be written to.
func (v *View) History(userID string) (items []int32, times []int64, known bool) {
	u, ok := v.c.users.Find(userID)
	if !ok {
		return nil, nil, false
	}
	return v.events(v.c.eventsOf(u))
}

// Histories calls each with what History returns for each of the users, in their order. Many users take much less
// time together than one by one.
func (v *View) Histories(userIDs []string, each func(k int, items []int32, times []int64, known bool)) {
	var found [historiesTogether]int32
	var from, to [historiesTogether]int64
	for first := 0; first < len(userIDs); first += historiesTogether {
		ids := userIDs[first:min(first+historiesTogether, len(userIDs))]
		v.c.users.FindAll(ids, found[:])
		for k := range ids { // its own loop, so that no read from memory waits for another
			from[k], to[k] = 0, 0
			if u := found[k]; u >= 0 {
				from[k], to[k] = v.c.eventsOf(int(u))
			}
		}
		for k := range ids {
			items, times, known := v.events(from[k], to[k])
			each(first+k, items, times, known)
		}
	}
}

// historiesTogether is how many users Histories looks up at a time.
const historiesTogether = 256

// events returns a range of events as History does.
func (v *View) events(from, to int64) (items []int32, times []int64, known bool) {
	if v.same && v.selected == nil {
		return v.c.item[from:to:to], v.c.time[from:to:to], from < to
	}
	items, times = make([]int32, 0, to-from), make([]int64, 0, to-from)
	for i := from; i < to; i++ {
		if v.selected != nil && !v.selected(i) {
			continue
		}
		known = true
		if m := v.model[v.c.item[i]]; m >= 0 {
			items, times = append(items, m), append(times, v.c.time[i])
		}
	}
	return items, times, known
}

// MaxTime returns the time of the newest interaction, Unix seconds; 0 without any.
func (v *View) MaxTime() int64 { return v.c.meta.MaxTime }

// FilterData returns the items' fields over the model's items. Items that the snapshot does not have are
// null in every field.
func (v *View) FilterData() filter.Data { return filterData{v} }

type filterData struct{ v *View }

func (d filterData) Len() int { return len(d.v.snapshot) }

func (d filterData) Column(dataset, field string) (filter.Column, bool) {
	if !strings.EqualFold(dataset, Items) {
		return nil, false
	}
	a := find(d.v.c.itemColumns, field)
	if a == nil {
		if strings.EqualFold(field, "ITEM_ID") && d.v.c.meta.HasItems {
			return idColumn(d), true
		}
		return nil, false
	}
	return filterColumn{d.v.snapshot, a}, true
}

// A filterColumn is an attribute by the model's items.
type filterColumn struct {
	snapshot []int32
	a        *attribute
}

func (c filterColumn) Text(i int) (string, bool) {
	if c.a.numbers != nil || c.snapshot[i] < 0 {
		return "", false
	}
	return c.a.Text(int(c.snapshot[i]))
}

func (c filterColumn) Number(i int) (float64, bool) {
	if c.snapshot[i] < 0 {
		return 0, false
	}
	return c.a.Number(int(c.snapshot[i]))
}

// An idColumn is the ids of the model's items, as far as the snapshot has them.
type idColumn struct{ v *View }

func (c idColumn) Text(i int) (string, bool) {
	s := c.v.snapshot[i]
	if s < 0 {
		return "", false
	}
	return c.v.c.items.At(int(s)), true
}

func (c idColumn) Number(int) (float64, bool) { return 0, false }

// FilterUser returns what filters may ask of a user: fields of Users, and all events. A user nobody knows
// has neither.
func (v *View) FilterUser(userID string) filter.User {
	u, ok := v.c.users.Find(userID)
	if !ok {
		u = -1
	}
	return filterUser{v, u}
}

type filterUser struct {
	v *View
	u int // -1 for unknown
}

func (u filterUser) Attribute(field string) (string, float64, bool) {
	a := find(u.v.c.userColumns, field)
	switch {
	case u.u < 0:
		return "", 0, false
	case a == nil:
		return u.v.c.users.At(u.u), 0, strings.EqualFold(field, "USER_ID")
	}
	if a.numbers != nil {
		n, ok := a.Number(u.u)
		return "", n, ok
	}
	s, ok := a.Text(u.u)
	return s, 0, ok
}

// Events yields the user's events, the newest first; an item the model does not know is -1.
func (u filterUser) Events(yield func(item int32, eventType string) bool) {
	if u.u < 0 {
		return
	}
	c := u.v.c
	from, to := c.eventsOf(u.u)
	for i := to - 1; i >= from; i-- {
		if !yield(u.v.model[c.item[i]], c.events[c.event[i]]) {
			return
		}
	}
}

// FilterSchemas are the schemas of a dataset group, by dataset type, as filters are checked against.
type FilterSchemas map[string]*Schema

// Has reports whether the group has a dataset of the type, in any letter case.
func (s FilterSchemas) Has(dataset string) bool { return s[strings.ToUpper(dataset)] != nil }

// Field returns a field by its name in any letter case.
func (s FilterSchemas) Field(dataset, name string) (filter.Field, bool) {
	schema := s[strings.ToUpper(dataset)]
	if schema == nil {
		return filter.Field{}, false
	}
	f, ok := schema.Field(name)
	if !ok {
		return filter.Field{}, false
	}
	return filter.Field{Name: f.Name, Kind: kindForFilter(f.Type), Categorical: f.Categorical, Textual: f.Textual}, true
}

func kindForFilter(t Type) filter.FieldKind {
	switch {
	case t.Numeric():
		return filter.Number
	case t == Boolean:
		return filter.Boolean
	}
	return filter.String
}
