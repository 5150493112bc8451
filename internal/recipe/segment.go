package recipe

import (
	"context"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// A Segmenter is an algorithm whose models rank users: which of them are most likely to interact with
// an item, or with items of some attributes. Its Info asks UsersByItem or UsersByAttributes.
type Segmenter interface {
	Trainer
	// OpenSegments makes a model of an artifact that Train wrote. The model may keep referring to f's memory.
	OpenSegments(f *artifact.File) (SegmentModel, error)
}

// A Condition says which value of an attribute an item must have.
type Condition struct {
	Column string // in any letter case
	Text   string // the value as written, in the letter case of the data
	Number bool   // written without quotes
}

// A SegmentQuery is one question to a SegmentModel.
type SegmentQuery struct {
	Items []int32     // the item, or those with the attributes: ascending, distinct
	Allow *bitset.Set // over Users: who may be returned; nil for everybody
	Count int         // how many users to return, at least 1
}

// A SegmentModel ranks users for items. It is read-only and safe for concurrent use.
type SegmentModel interface {
	// Items and Users are the model's tables: what was there when it was trained.
	Items() Names
	Users() Names
	// Select returns the items that meet every condition, ascending. What the model does not know, or may
	// not be asked for, is fault.Invalid with a sentence for whoever asked.
	Select(conditions []Condition) ([]int32, error)
	// Segment answers a block of queries; answers[i] becomes the users for queries[i], the likeliest first,
	// ties in order of index. An answer's memory is used again, and its content does not depend on what
	// else is in the block. For its time Segment takes 8 bytes for each user it is to return.
	Segment(ctx context.Context, queries []SegmentQuery, answers [][]int32) error
}
