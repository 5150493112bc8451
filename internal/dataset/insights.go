package dataset

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// The shares below which the service's data insights warn (ops.md §7), and more of that kind.
const (
	fullColumn    = 0.70 // of the records, or a column is sparse
	fullText      = 0.85 // likewise of free text
	manyValues    = 30   // categories of a column
	farOut        = 10   // quartile ranges beyond the quartiles, where a number is an outlier
	leastRepeated = 0.01 // of the users have two interactions or more
	longHistory   = 0.99 // percentile of history lengths above which many recipes leave users out by default
)

// Insights are what can be told of data before anything is learned from it.
type Insights struct {
	Counts
	Types    []TypeCount     `json:"types"`  // event types that are selected, "" for none given, most frequent first
	Oldest   int64           `json:"oldest"` // Unix seconds, of the selected interactions
	Newest   int64           `json:"newest"`
	Longest  int             `json:"longest"` // events of the user with most
	Percent  int             `json:"percent"` // events of the user at the 99th percentile
	Columns  []ColumnInsight `json:"columns"`
	Findings []Finding       `json:"findings"`
}

// A TypeCount is how many interactions an event type has.
type TypeCount struct {
	Type  string `json:"type"`
	Count int64  `json:"count"`
}

// A ColumnInsight is how far a column of Items or Users is filled. Values counts different ones, of categories only.
type ColumnInsight struct {
	Dataset  string  `json:"dataset"`
	Name     string  `json:"name"`
	Filled   float64 `json:"filled"` // share of the records
	Values   int     `json:"values"`
	Outliers int     `json:"outliers"` // of numbers
}

// A Finding is a sentence about what will go wrong, or may not be as it was meant. Fatal ones fail the training.
type Finding struct {
	Fatal bool   `json:"fatal"`
	Text  string `json:"text"`
}

// Insights looks at what a selection leaves. They stay when the snapshot is closed. Its minimums say what is fatal. Memory: that of Data, and 8 bytes for
// each user and each record of a column.
func (s *Snapshot) Insights(sel Selection) (Insights, error) {
	limits := sel
	sel.MinInteractions, sel.MinUsers, sel.MaxKinds, sel.Moments = 0, 0, 0, false
	d, n, err := s.Data(sel)
	if err != nil {
		return Insights{}, err
	}
	in := Insights{Counts: n}
	count := make([]int64, len(d.Events))
	for _, e := range d.Event {
		count[e]++
	}
	for e, c := range count {
		if c > 0 {
			in.Types = append(in.Types, TypeCount{strings.Clone(d.Events[e]), c})
		}
	}
	slices.SortStableFunc(in.Types, func(a, b TypeCount) int { return int(b.Count - a.Count) })
	if len(d.Time) > 0 {
		in.Oldest, in.Newest = slices.Min(d.Time), slices.Max(d.Time)
	}
	lengths := make([]int, d.Users.Len())
	for u := range lengths {
		lengths[u] = int(d.Start[u+1] - d.Start[u])
	}
	if slices.Sort(lengths); len(lengths) > 0 {
		in.Longest, in.Percent = lengths[len(lengths)-1], lengths[int(math.Ceil(longHistory*float64(len(lengths)-1)))]
	}
	for i := range s.itemColumns {
		in.Columns = append(in.Columns, s.itemColumns[i].insight(Items, s.items.Len()))
	}
	for i := range s.userColumns {
		in.Columns = append(in.Columns, s.userColumns[i].insight(Users, s.users.Len()))
	}
	in.find(s.content, limits, lengths)
	return in, nil
}

// insight looks at the first n values.
func (a *attribute) insight(dataset string, n int) ColumnInsight {
	c := ColumnInsight{Dataset: dataset, Name: a.field.Name}
	filled, values := 0, map[string]bool{}
	var numbers []float64
	for i := range n {
		text, ok := a.Text(i)
		if !ok {
			continue
		}
		filled++
		if v, ok := a.Number(i); ok {
			numbers = append(numbers, v)
		} else if a.field.Categorical {
			values[text] = true
		}
	}
	c.Filled, c.Values, c.Outliers = float64(filled)/math.Max(1, float64(n)), len(values), outliers(numbers)
	return c
}

// outliers counts the numbers that lie farOut times the range between the quartiles beyond either.
func outliers(numbers []float64) (n int) {
	if len(numbers) == 0 {
		return 0
	}
	slices.Sort(numbers)
	low, high := numbers[len(numbers)/4], numbers[3*len(numbers)/4]
	reach := farOut * (high - low)
	for _, v := range numbers {
		if v < low-reach || v > high+reach {
			n++
		}
	}
	return n
}

// find writes the findings. lengths are the users' numbers of events, ascending.
func (in *Insights) find(c *content, limits Selection, lengths []int) {
	say := func(fatal bool, format string, args ...any) {
		in.Findings = append(in.Findings, Finding{fatal, fmt.Sprintf(format, args...)})
	}
	if in.Interactions < limits.MinInteractions {
		say(true, "There are %d interactions; a training needs %d.", in.Interactions, limits.MinInteractions)
	}
	if in.UsersWithTwo < limits.MinUsers {
		say(true, "There are %d users with at least 2 interactions; a training needs %d.", in.UsersWithTwo, limits.MinUsers)
	}
	if kinds := len(c.events) - 1 + c.meta.EventColumns; limits.MaxKinds > 0 && kinds > limits.MaxKinds {
		say(true, "There are %d event types and %d metadata columns of interactions; a training takes %d together.", len(c.events)-1, c.meta.EventColumns, limits.MaxKinds)
	}
	if in.Interactions > 1 && in.Oldest == in.Newest {
		say(limits.Moments, "All interactions have one timestamp: order tells nothing, and recipes of user segments refuse them.")
	}
	if in.Users > 0 && float64(in.UsersWithTwo) < leastRepeated*float64(in.Users) {
		say(false, "Only %d of %d users have two interactions or more; the others teach next to nothing.", in.UsersWithTwo, in.Users)
	}
	if len(limits.Kinds) > 1 && len(in.Types) == 1 {
		say(false, "Of %d event types that are to be weighed, only %s has interactions left: the weights change nothing.", len(limits.Kinds), in.Types[0].Type)
	}
	if idle := in.Items - in.ItemsWithSome; 2*idle > in.Items {
		say(false, "%d of %d items have no interactions.", idle, in.Items)
	}
	at, _ := slices.BinarySearch(lengths, in.Percent+1)
	if above := len(lengths) - at; above > 0 {
		say(false, "%d users have more than %d interactions: recipes whose max_user_history_length_percentile is 0.99 do not learn from them.", above, in.Percent)
	}
	in.findColumns(c, limits, say)
}

// findColumns writes the findings about columns.
func (in *Insights) findColumns(c *content, limits Selection, say func(fatal bool, format string, args ...any)) {
	for _, col := range in.Columns {
		all := c.itemColumns
		if col.Dataset == Users {
			all = c.userColumns
		}
		name := col.Dataset + "." + col.Name
		textual := find(all, col.Name).field.Textual
		switch {
		case textual && col.Filled < fullText && !limits.SparseTexts:
			say(false, "%s is filled for %.0f %% of the records; free text is not learned from below %.0f %%.", name, 100*col.Filled, 100*fullText)
		case col.Filled < fullColumn:
			say(false, "%s is filled for %.0f %% of the records, which is sparse.", name, 100*col.Filled)
		}
		if col.Values > manyValues {
			say(false, "%s has %d categories; values that few records share teach little.", name, col.Values)
		}
		if col.Outliers > 0 {
			say(false, "%s has %d numbers far from all others.", name, col.Outliers)
		}
	}
}
