package dataset

import "github.com/kindredrec/kindred/internal/recipe"

// A View is a snapshot seen through a model's item table, for answering queries.
type View struct {
}

// View matches the snapshot with the items of a model. Histories hold only the events that sel selects,
// the same that the model learned from; filters see all events.
func (s *Snapshot) View(items recipe.Names, sel Selection) *View { return &View{} }

// History returns a user's selected events as model item indexes, oldest first, without items the model
// does not know; known tells whether the snapshot has any interaction of the user.
func (v *View) History(userID string) (items []int32, times []int64, known bool) {
	return nil, nil, false
}

// MaxTime returns the time of the newest interaction, Unix seconds; 0 without any.
func (v *View) MaxTime() int64 { return 0 }
