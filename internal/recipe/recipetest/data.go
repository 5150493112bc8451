// Package recipetest is the conformance suite of recipes, and the data it takes: made by hand, where the
// right answer is known, or read from files.
package recipetest

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/recipe"
)

// An Event is one interaction by name.
type Event struct {
	User, Item string
	Time       int64
}

// Build makes Data of events in any order; extra items have no interactions. Items are as old as their
// first event, and those without any as the newest event.
func Build(events []Event, extra ...string) *recipe.Data {
	d := &recipe.Data{Events: []string{""}}
	users, items := []string{}, slices.Clone(extra)
	for _, e := range events {
		users, items = append(users, e.User), append(items, e.Item)
	}
	ul, il := distinct(users), distinct(items)
	d.Users, d.Items = ul, il
	type row struct {
		user, item int32
		time       int64
	}
	rows := make([]row, len(events))
	for k, e := range events {
		u, _ := ul.Find(e.User)
		i, _ := il.Find(e.Item)
		rows[k] = row{int32(u), int32(i), e.Time}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.user, b.user), cmp.Compare(a.time, b.time), cmp.Compare(a.item, b.item))
	})
	rows = slices.Compact(rows)
	d.Start = make([]int64, len(ul)+1)
	d.Event = make([]uint16, len(rows))
	var newest int64
	for _, r := range rows {
		d.Start[r.user+1]++
		d.Item, d.Time = append(d.Item, r.item), append(d.Time, r.time)
		newest = max(newest, r.time)
	}
	for u := range ul {
		d.Start[u+1] += d.Start[u]
	}
	d.Created = make([]int64, len(il))
	for i := range d.Created {
		d.Created[i] = newest
	}
	for _, r := range rows {
		d.Created[r.item] = min(d.Created[r.item], r.time)
	}
	d.Title, d.Texts = titles(il), []recipe.Column{texts(il)}
	return d
}

// titles are the items' ids as a title.
type titles recipe.List

func (titles) Name() string                { return "TITLE" }
func (titles) Categorical() bool           { return false }
func (t titles) Text(i int) (string, bool) { return t[i], true }
func (titles) Number(int) (float64, bool)  { return 0, false }

// texts say what an item is for: the two tastes of Tastes have words of their own, and every item some of them.
type texts recipe.List

func (texts) Name() string               { return "TEXT" }
func (texts) Categorical() bool          { return false }
func (texts) Number(int) (float64, bool) { return 0, false }

func (t texts) Text(i int) (string, bool) {
	words := [...][]string{
		{"pots", "pans", "for", "the", "kitchen", "stove", "cooking", "oven"},
		{"boots", "and", "tents", "to", "hike", "mountain", "camping", "trail"},
		{"news", "of", "the", "world", "every", "day", "on", "paper"}, // of items whose ids end in a letter
	}
	id := t[i]
	last := int(id[len(id)-1])
	all := words[2]
	if last <= '9' {
		all = words[last%2]
	}
	var out []string
	for k := range 5 {
		out = append(out, all[(last+k*3)%len(all)])
	}
	return strings.Join(out, " "), true
}

// A Genres is a categorical column: values joined by '|', "" for null.
type Genres []string

// Name returns the column's name.
func (g Genres) Name() string { return "GENRES" }

// Categorical is true.
func (g Genres) Categorical() bool { return true }

// Text returns the values of item i.
func (g Genres) Text(i int) (string, bool) { return g[i], g[i] != "" }

// Number is false: the values are texts.
func (g Genres) Number(int) (float64, bool) { return 0, false }

func distinct(ids []string) recipe.List {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// ReadEvents reads a CSV file with the columns USER_ID, ITEM_ID and perhaps TIMESTAMP; .gz is understood.
func ReadEvents(path string) ([]Event, error) {
	var events []Event
	err := eachRow(path, func(get func(string) string) error {
		e := Event{User: get("USER_ID"), Item: get("ITEM_ID")}
		if t := get("TIMESTAMP"); t != "" {
			n, err := strconv.ParseInt(t, 10, 64)
			if err != nil {
				return err
			}
			e.Time = n
		}
		events = append(events, e)
		return nil
	})
	return events, err
}

// eachRow calls do with each row of a CSV file; get returns a field by column name, "" if there is none.
func eachRow(path string, do func(get func(string) string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return err
		}
	}
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	at := map[string]int{}
	for k, h := range head {
		at[h] = k
	}
	for {
		row, err := c.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		get := func(name string) string {
			if k, ok := at[name]; ok {
				return row[k]
			}
			return ""
		}
		if err := do(get); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}
