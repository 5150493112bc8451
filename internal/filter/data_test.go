package filter

import (
	"iter"
	"math"
	"strings"
)

// Records in memory, as the tests need them.

// memColumn is a text column unless numbers is set; "" and NaN are nulls.
type memColumn struct {
	texts   []string
	numbers []float64
}

func (c *memColumn) Text(i int) (string, bool) {
	if c.texts == nil || c.texts[i] == "" {
		return "", false
	}
	return c.texts[i], true
}

func (c *memColumn) Number(i int) (float64, bool) {
	if c.numbers == nil || math.IsNaN(c.numbers[i]) {
		return 0, false
	}
	return c.numbers[i], true
}

// memData has columns under "Dataset.FIELD" in capitals.
type memData struct {
	n       int
	columns map[string]*memColumn
	done    [][]string // by user: types of events
}

func (d *memData) Len() int { return d.n }

func (d *memData) Column(dataset, field string) (Column, bool) {
	c, ok := d.columns[dataset+"."+strings.ToUpper(field)]
	return c, ok
}

func (d *memData) EventTypes(i int, yield func(string) bool) {
	for _, t := range d.done[i] {
		if !yield(t) {
			return
		}
	}
}

// eventless hides the events of a memData.
type eventless struct{ Data }

type memEvent struct {
	item      int32
	eventType string
}

// memUser has attributes under capitals, a string or a float64 each, and events, the newest first.
type memUser struct {
	attributes map[string]any
	events     []memEvent
}

func (u *memUser) Attribute(field string) (string, float64, bool) {
	switch v := u.attributes[strings.ToUpper(field)].(type) {
	case string:
		return v, 0, true
	case float64:
		return "", v, true
	}
	return "", 0, false
}

func (u *memUser) Events(yield func(int32, string) bool) {
	for _, e := range u.events {
		if !yield(e.item, e.eventType) {
			return
		}
	}
}

var _ iter.Seq2[int32, string] = (&memUser{}).Events

// memSchemas has fields under "Dataset.FIELD" in capitals.
type memSchemas map[string]Field

func (s memSchemas) Field(dataset, name string) (Field, bool) {
	f, ok := s[dataset+"."+strings.ToUpper(name)]
	return f, ok
}

func (s memSchemas) Has(dataset string) bool {
	for key := range s {
		if strings.HasPrefix(key, dataset+".") {
			return true
		}
	}
	return false
}
