package dataset

import (
	"slices"
	"sort"
	"strings"

	"github.com/kindredrec/kindred/internal/recipe"
)

// A Selection says which interactions and columns count.
type Selection struct {
	EventType string   // only events of this type, in any letter case; "" for all
	Threshold *float64 // only events whose EVENT_VALUE is at least this; nil for all
	// Kinds, if there are any, take the place of EventType and Threshold: only events of these types count,
	// each from its own threshold on and as much as its weight says.
	Kinds EventKinds
	// Included and Excluded choose columns of items and users by dataset type in any letter case, as trainingDataConfig
	// does. A dataset type that is not in Included has all its columns.
	Included, Excluded map[string][]string
	Objective          string   // the item column that Data.Reward is made of, "" for none
	Without            []string // item columns that do not count whatever else is said
	// SparseTexts lets free text count however few records have any. Otherwise it takes fullText of them.
	SparseTexts bool
	// Minimums below which Data refuses; 0 for none.
	MinInteractions int64 // interactions after selection
	MinUsers        int   // users with at least two of them
	Moments         bool  // refuse interactions that all have one timestamp
	// MaxKinds is above what Data refuses: event types and metadata columns of the interactions together,
	// whether selected or not. 0 for no limit.
	MaxKinds int
}

// An EventKind is a type of event that counts.
type EventKind struct {
	Type      string   `json:"type"`                // in any letter case
	Threshold *float64 `json:"threshold,omitempty"` // only events whose EVENT_VALUE is at least this; nil for all
	Weight    float64  `json:"weight"`              // how much it counts beside the others; not negative
}

// EventKinds are the types of events that count, each once.
type EventKinds []EventKind

// of returns the kind of an event type, nil for none.
func (k EventKinds) of(eventType string) *EventKind {
	for i := range k {
		if strings.EqualFold(k[i].Type, eventType) {
			return &k[i]
		}
	}
	return nil
}

// types lists the types for a sentence.
func (k EventKinds) types() string {
	names := make([]string, len(k))
	for i := range k {
		names[i] = k[i].Type
	}
	return strings.Join(names, ", ")
}

// Counts tell how much a selection holds.
type Counts struct {
	Interactions  int64 `json:"interactions"`
	Users         int   `json:"users"`         // with at least one selected interaction
	UsersWithTwo  int   `json:"usersWithTwo"`  // with at least two
	Items         int   `json:"items"`         // with a record or an interaction in the snapshot
	ItemsWithSome int   `json:"itemsWithSome"` // with at least one selected interaction
}

// Data returns what a recipe learns from: all items, and the users with a selected event. It shares the
// snapshot's memory where it can; a selection that leaves events out is a copy, 18 bytes for each event, and
// weights that differ are 4 bytes more.
//
// Too little data is fault.Invalid with the service's sentence.
func (s *Snapshot) Data(sel Selection) (*recipe.Data, Counts, error) {
	c := s.content
	if c.meta.HasEvents && !c.hasUsableType() {
		return nil, Counts{}, invalid("All values in the event_type column are either reserved keywords or null")
	}
	if kinds := len(c.events) - 1 + c.meta.EventColumns; sel.MaxKinds > 0 && kinds > sel.MaxKinds {
		return nil, Counts{}, invalid("The interactions have %d event types and %d metadata columns; expected at most %d together.",
			len(c.events)-1, c.meta.EventColumns, sel.MaxKinds)
	}
	d := &recipe.Data{
		Users: c.users, Items: c.items, Start: c.start,
		Item: c.item, Time: c.time, Event: c.event, Value: c.value,
		Events: c.events, Created: c.created, Shown: c.shown, Columns: c.columns(sel), Title: c.title(), UserColumns: c.columnsOfUsers(sel), Context: c.contextFor(sel),
	}
	for _, col := range d.Columns {
		if col.(*attribute).field.Textual {
			d.Texts = append(d.Texts, col)
		}
	}
	if sel.Objective != "" {
		a := find(c.itemColumns, sel.Objective)
		if a == nil || a.numbers == nil {
			return nil, Counts{}, invalid("The objective's column %s must be a number of the Items dataset; there is no such column.", sel.Objective)
		}
		d.Reward = a.numbers
	}
	if k := c.picker(sel); k != nil {
		c.pick(d, k)
	}
	c.dropIdleUsers(d)
	d.Actions = c.actionsFor(d, sel)
	n := count(d)
	if err := n.enough(sel); err != nil {
		return d, n, err
	}
	if sel.Moments && len(d.Time) > 1 && slices.Min(d.Time) == slices.Max(d.Time) {
		return d, n, invalid("All %d interactions have the timestamp %d; expected at least two different ones.", len(d.Time), d.Time[0])
	}
	return d, n, c.weigh(d, sel.Kinds)
}

// weigh sets the weight of each of d's events: that of its type, divided by the mean of all. It is nil if the types
// that occur weigh the same. Events that all weigh nothing teach nothing, which is fault.Invalid.
func (c *content) weigh(d *recipe.Data, kinds EventKinds) error {
	if len(kinds) == 0 || len(d.Item) == 0 {
		return nil
	}
	of := make([]float64, len(c.events)) // by number of the type
	for i, t := range c.events {
		if k := kinds.of(t); k != nil {
			of[i] = k.Weight
		}
	}
	var sum float64
	alike := true
	for _, e := range d.Event {
		sum += of[e]
		alike = alike && of[e] == of[d.Event[0]]
	}
	if sum == 0 {
		return invalid("All %d interactions of the event types %s have weight 0; at least one type that occurs needs a weight above 0.", len(d.Event), kinds.types())
	}
	if alike {
		return nil
	}
	mean := sum / float64(len(d.Event))
	d.Weight = make([]float32, len(d.Event))
	for i, e := range d.Event {
		d.Weight[i] = float32(of[e] / mean)
	}
	return nil
}

// reserved are the names of columns, which are no event types.
var reservedWords = []string{"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}

// hasUsableType reports whether some event has a type that means something, or there are no events.
func (c *content) hasUsableType() bool {
	usable := func(t string) bool { return t != "" && !slices.Contains(reservedWords, strings.ToUpper(t)) }
	return len(c.item) == 0 || slices.ContainsFunc(c.events, usable)
}

// A picker tells whether event i is selected.
type picker func(i int64) bool

// picker returns nil when everything is selected.
func (c *content) picker(sel Selection) picker {
	if sel.EventType == "" && sel.Threshold == nil && len(sel.Kinds) == 0 {
		return nil
	}
	wanted, threshold := make([]bool, len(c.events)), make([]*float64, len(c.events))
	for i, t := range c.events {
		wanted[i], threshold[i] = sel.wants(t)
	}
	return func(i int64) bool {
		e := c.event[i]
		if !wanted[e] {
			return false
		}
		// A null is NaN, which is not at least anything; without the column no event has a value.
		least := threshold[e]
		return least == nil || c.value != nil && c.value[i] >= float32(*least)
	}
}

// wants says whether events of a type count, and from which value on.
func (sel Selection) wants(eventType string) (bool, *float64) {
	if len(sel.Kinds) == 0 {
		return sel.EventType == "" || strings.EqualFold(eventType, sel.EventType), sel.Threshold
	}
	if k := sel.Kinds.of(eventType); k != nil {
		return true, k.Threshold
	}
	return false, nil
}

// pick replaces d's events by the selected ones.
func (c *content) pick(d *recipe.Data, selected picker) {
	total := 0
	for i := range c.item {
		if selected(int64(i)) {
			total++
		}
	}
	d.Start = make([]int64, 1, len(c.start))
	var rows []int32
	d.Item, d.Time, d.Event = make([]int32, 0, total), make([]int64, 0, total), make([]uint16, 0, total)
	if c.value != nil {
		d.Value = make([]float32, 0, total)
	}
	for u := range c.users.Len() {
		from, to := c.eventsOf(u)
		for i := from; i < to; i++ {
			if !selected(i) {
				continue
			}
			d.Item, d.Time, d.Event = append(d.Item, c.item[i]), append(d.Time, c.time[i]), append(d.Event, c.event[i])
			if len(d.Context) > 0 {
				rows = append(rows, int32(i))
			}
			if c.value != nil {
				d.Value = append(d.Value, c.value[i])
			}
		}
		d.Start = append(d.Start, int64(len(d.Item)))
	}
	d.Context = recipe.Rows(d.Context, rows)
}

// dropIdleUsers leaves out the users without an event.
func (c *content) dropIdleUsers(d *recipe.Data) {
	var index []int32
	start := make([]int64, 1, len(d.Start))
	for u := range d.Users.Len() {
		if d.Start[u+1] > d.Start[u] {
			index = append(index, int32(u))
			start = append(start, d.Start[u+1])
		}
	}
	if len(index) < d.Users.Len() {
		d.Users, d.Start, d.UserColumns = subset{d.Users, index}, start, recipe.Rows(d.UserColumns, index)
	}
}

// A subset is some of the names of a table, in its order.
type subset struct {
	of    recipe.Names
	index []int32 // ascending
}

func (s subset) Len() int        { return len(s.index) }
func (s subset) At(i int) string { return s.of.At(int(s.index[i])) }

func (s subset) Find(id string) (int, bool) {
	at, ok := s.of.Find(id)
	if !ok {
		return 0, false
	}
	return sort.Find(len(s.index), func(i int) int { return at - int(s.index[i]) })
}

func count(d *recipe.Data) Counts {
	n := Counts{Interactions: int64(len(d.Item)), Users: d.Users.Len(), Items: d.Items.Len()}
	for u := range n.Users {
		if d.Start[u+1]-d.Start[u] >= 2 {
			n.UsersWithTwo++
		}
	}
	seen := make([]bool, n.Items)
	for _, i := range d.Item {
		if !seen[i] {
			seen[i] = true
			n.ItemsWithSome++
		}
	}
	return n
}

// enough returns the service's sentence when there is too little to learn from, and after it what was found.
func (n Counts) enough(sel Selection) error {
	types := sel.EventType
	if len(sel.Kinds) > 0 {
		types = sel.Kinds.types()
	}
	switch {
	case n.Interactions < sel.MinInteractions && types != "":
		return invalid("Dataset has fewer than %d interactions after filtering by event type: %s (found %d)", sel.MinInteractions, types, n.Interactions)
	case n.Interactions < sel.MinInteractions:
		return invalid("Dataset has fewer than %d interactions. Found %d.", sel.MinInteractions, n.Interactions)
	case n.UsersWithTwo < sel.MinUsers:
		return invalid("Create failed. Dataset has fewer than %d users with at least 2 interactions each. Found %d.", sel.MinUsers, n.UsersWithTwo)
	}
	return nil
}

// columns returns what training may see of the items. CREATION_TIMESTAMP is Data.Created.
func (c *content) columns(sel Selection) []recipe.Column {
	return forTraining(c.itemColumns, sel, Items, c.items.Len(), func(f Field) bool {
		return f.Name == "CREATION_TIMESTAMP" || slices.ContainsFunc(sel.Without, func(s string) bool { return strings.EqualFold(s, f.Name) })
	})
}

// columnsOfUsers returns what training may see of the users.
func (c *content) columnsOfUsers(sel Selection) []recipe.Column {
	return forTraining(c.userColumns, sel, Users, c.users.Len(), func(Field) bool { return false })
}

// contextFor returns the contextual columns that training may see.
func (c *content) contextFor(sel Selection) (out []recipe.Column) {
	included, limited := lookUp(sel.Included, Interactions)
	excluded, _ := lookUp(sel.Excluded, Interactions)
	for i := range c.context {
		named := func(s string) bool { return strings.EqualFold(s, c.context[i].field.Name) }
		if slices.ContainsFunc(excluded, named) || limited && !slices.ContainsFunc(included, named) {
			continue
		}
		out = append(out, &c.context[i])
	}
	return out
}

// forTraining returns the columns of n records of a dataset that the selection allows, without those that never says.
// Booleans and strings that are neither categorical nor textual are never for training, whatever the selection says, nor is
// free text that few records have. (training.md §2.3 and §8.)
func forTraining(columns []attribute, sel Selection, dataset string, n int, never func(Field) bool) (out []recipe.Column) {
	included, limited := lookUp(sel.Included, dataset)
	excluded, _ := lookUp(sel.Excluded, dataset)
	has := func(list []string, name string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
	}
	for i := range columns {
		f := columns[i].field
		if never(f) || f.Type == Boolean || f.Type == String && !f.Categorical && !f.Textual {
			continue
		}
		if limited && !has(included, f.Name) || has(excluded, f.Name) {
			continue
		}
		if f.Textual && !sel.SparseTexts && columns[i].filled(n) < fullText {
			continue
		}
		out = append(out, &columns[i])
	}
	return out
}

// title returns the field of Items that is marked as the item's name, nil for none.
func (c *content) title() recipe.Column {
	for i := range c.itemColumns {
		if c.itemColumns[i].field.ItemName {
			return &c.itemColumns[i]
		}
	}
	return nil
}

// lookUp returns the columns given for a type of dataset.
func lookUp(m map[string][]string, dataset string) ([]string, bool) {
	for k, v := range m {
		if strings.EqualFold(k, dataset) {
			return v, true
		}
	}
	return nil, false
}
