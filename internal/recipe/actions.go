package recipe

import (
	"context"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// Actions are what users are asked to do, such as to enrol, and what they did. (data.md §2.2.)
type Actions struct {
	Names   Names
	Value   []float64 // VALUE, 0 where null
	Expires []int64   // Unix seconds, 0 for never
	Repeat  []int64   // REPEAT_FREQUENCY in days, 0 for none
	Columns []Column  // the other fields, by action index
	// Events of one user stand together, in order of time, then of action. Users are those of Data, and numbers from
	// Data.Users.Len() on for users without interactions.
	Events []ActionEvent
}

// An ActionEvent is what one user did with one action.
type ActionEvent struct {
	User, Action int32
	Time         int64 // Unix seconds
	Kind         ActionKind
}

// An ActionKind says what became of an action.
type ActionKind uint8

// The kinds; events of other types are not kept.
const (
	ActionTaken ActionKind = iota + 1
	ActionNotTaken
	ActionViewed
)

// An Advisor is an algorithm whose models rank actions. Its Info asks ActionsByUser.
type Advisor interface {
	Trainer
	// OpenActions makes a model of an artifact that Train wrote. The model may keep referring to f's memory.
	OpenActions(f *artifact.File) (ActionModel, error)
}

// An ActionQuery is one question to an ActionModel.
type ActionQuery struct {
	Items  []int32       // the user's interactions, oldest first, as model item indexes
	Times  []int64       // Unix seconds, parallel to Items
	Past   []ActionEvent // the user's events with actions, oldest first, by the model's actions; User is not read
	Moment int64         // Unix seconds: expiry and repetition are as of then
	User   Attributes    // nil where nothing is known
	Allow  *bitset.Set   // actions that may be returned; nil for all
	Count  int           // how many to return, at least 1

	Explore bool   // whether actions of which too little is known come among the others
	Seed    uint64 // of the user and the solution, for that
}

// An ActionModel ranks actions for users. It is read-only and safe for concurrent use.
type ActionModel interface {
	// Actions and Items are the model's tables: what was there when it was trained.
	Actions() Names
	Items() Names
	// Advise answers a block of queries; answers[k] is for queries[k]. A score is the probability that the user
	// takes the action within the time that the model was trained for; it is 0 where the model knows too little.
	Advise(ctx context.Context, queries []ActionQuery, answers []Answer) error
}
