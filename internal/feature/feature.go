// Package feature makes sparse vectors of what records say of themselves: categories, numbers and texts.
//
// Learn reads the columns of all records once and gives a Space, which says what the dimensions are, and a Table with a
// row for each record. A Space reads further records later, one by one. Ridge learns from rows what other vectors are
// like, so that a record of which nothing but its fields is known gets one too.
//
// A file each: fields.go (what is read of a column), space.go (dimensions and rows), ridge.go.
package feature

// A Column is one field of records. (Of recipes: recipe.Column.)
type Column interface {
	Name() string
	Categorical() bool
	Text(i int) (string, bool)    // several values joined by '|'
	Number(i int) (float64, bool) // numeric fields only
}

// A Record is the fields of one record: a number of a numeric field, a text of any other; false for null. (Of recipes:
// recipe.Attributes.)
type Record interface {
	Attribute(field string) (text string, number float64, ok bool)
}
