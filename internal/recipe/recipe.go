// Package recipe is the port between the service and the algorithms.
//
// A Recipe learns a Model from Data and writes it as an artifact; a Model answers queries. Batch and real
// time ask the same Model through the same method, so they agree.
package recipe

import (
	"context"
	"log/slog"
	"time"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// The recipe types, spelled as the API reports them.
const (
	UserPersonalization = "USER_PERSONALIZATION"
	PersonalizedRanking = "PERSONALIZED_RANKING"
	RelatedItems        = "RELATED_ITEMS"
	PopularItems        = "POPULAR_ITEMS"
	PersonalizedActions = "PERSONALIZED_ACTIONS"
	UserSegmentation    = "USER_SEGMENTATION"
)

// A Query type says which input a recipe's requests carry.
type Asks int

const (
	ByUser     Asks = iota // userId: which items next
	ByItem                 // itemId: which items are like it
	ByUserList             // userId and itemList: in which order

	UsersByItem       // itemId: which users next; see SegmentModel
	ActionsByUser     // userId: which actions next; see ActionModel
	UsersByAttributes // itemAttributes: which users next for the items that have them
)

// Info is how a recipe presents itself.
type Info struct {
	Name       string // aws-user-personalization
	Type       string // UserPersonalization, …
	Asks       Asks
	Scores     bool // answers carry scores
	Explores   bool // takes itemExplorationConfig
	Mixes      bool // mixes a few new items in by itself; Query.Explore of weight 0 keeps it from that
	Updates    bool // the recipe is an Updater, for trainingMode UPDATE
	Increments bool // the recipe is an Updater, for performIncrementalUpdate
	NoBatch    bool // not for batch jobs
	Influenced bool // takes rankingInfluence
	// EventWeights says that the recipe takes eventsConfig and so heeds Data.Weight.
	EventWeights bool
	Objectives   bool // takes optimizationObjective and so heeds Data.Reward
	// ItemMetadata says that items nobody has met are ranked by Data.Columns, UserMetadata that users without a
	// history are answered by Query.User.
	ItemMetadata, UserMetadata bool
	Contexts                   bool // heeds Data.Context and Query.Context
	Themes                     bool // takes batchInferenceJobMode THEME_GENERATION

	WithoutEvents bool   // learns from items alone, so that no number of interactions is needed
	Algorithm     string // name behind arn:aws:personalize:::algorithm/
	Feature       string // name behind arn:aws:personalize:::feature-transformation/
	Description   string
	Created       time.Time
	Parameters    []Parameter
}

// A Parameter is one hyperparameter with its default and range.
type Parameter struct {
	Name     string
	Stage    Stage
	Kind     Kind
	Default  string
	Min, Max float64  // Integer and Continuous; both inclusive
	Values   []string // Categorical and Boolean
	Tunable  bool     // may be searched by hyperparameter optimisation
}

// Stage says which map of a solution's configuration a parameter stands in.
type Stage int

const (
	AlgorithmStage Stage = iota // algorithmHyperParameters
	FeatureStage                // featureTransformationParameters
)

// Kind is the type of a parameter's values.
type Kind int

const (
	Integer Kind = iota
	Continuous
	Categorical
	Boolean
)

// Names maps indexes to ids. Ids are distinct and ascending by bytes, so the order of indexes is the
// order of ids: ties broken by index are ties broken by id.
type Names interface {
	Len() int
	At(i int) string
	// Find returns the index of id.
	Find(id string) (int, bool)
}

// Data is what a recipe learns from: interactions grouped by user, and what is known of the items.
//
// User u's events are Item[Start[u]:Start[u+1]] with the other columns alongside, oldest first (ties in
// order of item). Duplicate rows have been removed.
type Data struct {
	Users, Items Names
	Start        []int64   // len Users.Len()+1
	Item         []int32   // index into Items
	Time         []int64   // Unix seconds
	Event        []uint16  // index into Events
	Value        []float32 // EVENT_VALUE, NaN where null; nil when there is no such column
	Weight       []float32 // how much it counts that this event is told, beside others: 1 in the mean; nil when all are alike
	Events       []string  // event types; index 0 is "" (null)
	Created      []int64   // per item: CREATION_TIMESTAMP in Unix seconds, inferred where missing
	Shown        []int32   // per item: how often it was shown to users who then took another; nil when that is not known
	Reward       []float64 // per item: its value of the objective's column, NaN where unknown; nil without an objective
	Columns      []Column  // item metadata
	Title        Column    // the field of Items that names an item (itemName), nil for none
	Texts        []Column  // those of Columns that are free text
	UserColumns  []Column  // user metadata, by user index
	Context      []Column  // contextual columns, by event
	Actions      *Actions  // nil for a group without
}

// History returns the item and time columns of user u.
func (d *Data) History(u int) (items []int32, times []int64) {
	a, b := d.Start[u], d.Start[u+1]
	return d.Item[a:b], d.Time[a:b]
}

// A Column is one field of the Items dataset over item indexes, or of Users over user indexes; those without a record
// are null.
type Column interface {
	Name() string
	Categorical() bool
	Text(i int) (string, bool)    // several values joined by '|'
	Number(i int) (float64, bool) // numeric fields only
}

// Training is one order to learn.
type Training struct {
	Data     *Data
	Params   map[string]string // every parameter of the recipe, defaults filled in, ranges checked
	Seed     uint64
	Reward   float64          // how many times as much as relevance Data.Reward counts; 0 for not at all
	Split    uint64           // decides what is held out when the recipe is measured
	Now      int64            // Unix seconds: when the training began
	Threads  int              // at least 1; the result does not depend on it
	Out      *artifact.Writer // where the model's arrays go; the caller commits it
	Progress func(stage string, done, total int)
	Log      *slog.Logger

	Checkpoint *Checkpoint // where Train may keep how far it is; nil for nowhere
}

// A Trainer is one algorithm as far as its training goes. It is a [Recipe] or a [Segmenter].
type Trainer interface {
	Info() Info
	// Train learns a model and writes its arrays to t.Out. The same Data, Params and Seed give the same
	// bytes whatever Threads is. It stops soon after ctx is cancelled.
	Train(ctx context.Context, t Training) error
}

// A Recipe is an algorithm whose models rank items.
type Recipe interface {
	Trainer
	// Open makes a model of an artifact that Train wrote. The model may keep referring to f's memory.
	Open(f *artifact.File) (Model, error)
}

// An Updater is a recipe that can take new items and interactions into a model without learning it
// anew: trainingMode UPDATE, or performIncrementalUpdate.
type Updater interface {
	Recipe
	// Update writes a model of t.Data to t.Out that keeps what base, an artifact of Train or Update, has
	// learned in steps: vectors, networks and weights stay as they are, and items that base does not know are
	// placed among the others. What is only counted may be counted again. t.Params are those of base. It is deterministic and cancelled as Train is.
	Update(ctx context.Context, t Training, base *artifact.File) error
}

// A Query is one question to a model.
type Query struct {
	Known   bool         // ByUser, ByUserList: the user has history
	Items   []int32      // the user's history, oldest first, as model item indexes; items the model does not know are left out
	Times   []int64      // Unix seconds, parallel to Items
	Seed    uint64       // of the user and the solution, for exploration
	User    Attributes   // ByUser, ByUserList: what is known of the user beside the history; nil for nothing
	Item    int32        // ByItem: the item, -1 when the model does not know it
	Context Attributes   // ByUser, ByUserList: in which circumstances it is asked; nil for unknown ones
	List    []int32      // ByUserList: items to rank, model indexes, distinct
	Allow   *bitset.Set  // items that may be returned; nil for all
	Count   int          // how many to return, at least 1; ByUserList ignores it
	Explore *Exploration // nil for none

	Influence *Influence // ByItem: nil for none
}

// Influence is how much more than likeness counts, each from 0 to 1.
// (aws-semantic-similarity; batch.md §9.)
type Influence struct{ Popularity, Freshness float64 }

// Exploration mixes in items that are new and little seen.
// (aws-user-personalization; recipes.md §5.)
type Exploration struct {
	Weight float64 // 0 to 1
	MaxAge float64 // days before the newest interaction in the data
}

// An Answer is a list of items, best first. The caller owns it; Rank reuses its memory.
type Answer struct {
	Items  []int32
	Scores []float64 // parallel to Items; shorter where the last items have none, nil when the recipe has none
}

// A Model answers queries. It is read-only and safe for concurrent use.
type Model interface {
	// Items is the model's item table.
	Items() Names
	// Rank answers a block of queries; answers[i] is for queries[i]. Blocks of a few hundred are fastest.
	// An answer does not depend on what else is in the block.
	Rank(ctx context.Context, queries []Query, answers []Answer) error
}
