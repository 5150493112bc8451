package actions

import (
	"cmp"
	"slices"

	"github.com/kindredrec/kindred/internal/feature"
	"github.com/kindredrec/kindred/internal/recipe"
)

// The most terms of fields that count, those that most records have.
const (
	mostAttributes = 256 // of users
	mostKinds      = 64  // of actions
)

// A row is the terms of one record, ascending, and their values.
type row struct {
	terms  []int32
	values []float32
}

// fields read records of users, or of actions. Without a space there is nothing to read.
type fields struct{ Space *feature.Space }

// learnFields looks at n records.
func learnFields(columns []recipe.Column, n, most int) *fields {
	if len(columns) == 0 {
		return &fields{}
	}
	s, _ := feature.Learn(columns, n)
	if s == nil {
		return &fields{}
	}
	order := make([]int, len(s.Places))
	for k := range order {
		order[k] = k
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(s.Rarity[a], s.Rarity[b]), cmp.Compare(a, b)) })
	order = order[:min(most, len(order))]
	slices.Sort(order)
	few := feature.Space{Fields: s.Fields}
	for _, k := range order {
		few.Places, few.Rarity = append(few.Places, s.Places[k]), append(few.Rarity, s.Rarity[k])
	}
	return &fields{&few}
}

// size is how many terms there are.
func (f *fields) size() int {
	if f.Space == nil {
		return 0
	}
	return len(f.Space.Places)
}

// of reads a record; nil is one of which nothing is known.
func (f *fields) of(record recipe.Attributes) row {
	if f.Space == nil || record == nil {
		return row{}
	}
	terms, values := f.Space.Row(record)
	return row{terms, values}
}
