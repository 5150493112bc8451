package dataset

import (
	"strings"

	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// A UserView is a snapshot seen through a model's table of users, for filters on users. It is safe for
// concurrent use as long as the snapshot is open. Memory: 4 bytes for each user.
type UserView struct {
	c        *content
	snapshot []int32 // by model user: the snapshot's index, -1 for none
}

var _ filter.EventData = (*UserView)(nil)

// UserView matches the snapshot with the users of a model.
func (s *Snapshot) UserView(users recipe.Names) *UserView {
	v := &UserView{c: s.content, snapshot: make([]int32, users.Len())}
	for i := range v.snapshot {
		v.snapshot[i] = -1
	}
	match(s.users, users, func(a, b int) { v.snapshot[b] = int32(a) })
	return v
}

// Len is the number of the model's users.
func (v *UserView) Len() int { return len(v.snapshot) }

// Column returns a field of Users. Users that the snapshot does not have are null in every field.
func (v *UserView) Column(dataset, field string) (filter.Column, bool) {
	if !strings.EqualFold(dataset, Users) {
		return nil, false
	}
	if a := find(v.c.userColumns, field); a != nil {
		return filterColumn{v.snapshot, a}, true
	}
	if strings.EqualFold(field, "USER_ID") && v.c.meta.HasUsers {
		return userIDs{v}, true
	}
	return nil, false
}

// userIDs are the ids of the model's users, as far as the snapshot has them.
type userIDs struct{ v *UserView }

func (c userIDs) Text(i int) (string, bool) {
	s := c.v.snapshot[i]
	if s < 0 {
		return "", false
	}
	return c.v.c.users.At(int(s)), true
}

func (c userIDs) Number(int) (float64, bool) { return 0, false }

// EventTypes yields the type of each of a user's events, "" for null. All events count, whatever the model was
// trained on.
func (v *UserView) EventTypes(i int, yield func(eventType string) bool) {
	u := v.snapshot[i]
	if u < 0 {
		return
	}
	from, to := v.c.eventsOf(int(u))
	for _, e := range v.c.event[from:to] {
		if !yield(v.c.events[e]) {
			return
		}
	}
}
