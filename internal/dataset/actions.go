package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/artifact"
	"github.com/kindredrec/kindred/internal/recipe"
)

// hasActions reports whether there is anything to keep of actions.
func (b *builder) hasActions() bool {
	return b.parts.Actions.Schema != nil || b.parts.ActionInteractions.Schema != nil
}

// registerActions reads the ids of actions, and those of users who did something with one.
func (b *builder) registerActions() error {
	if err := b.records(b.parts.Actions, b.actions, "ACTION_ID"); err != nil {
		return err
	}
	err := b.blocks(b.parts.ActionInteractions, func(s *segment, block int) error {
		for key, r := range map[string]*registry{"USER_ID": b.users, "ACTION_ID": b.actions} {
			v, err := s.column(block, key)
			if err != nil {
				return err
			}
			r.numbers(&v)
		}
		return nil
	})
	b.actions.sort()
	return err
}

// writeActions writes what the group has of actions.
func (b *builder) writeActions(w *artifact.Writer) error {
	if !b.hasActions() {
		return nil
	}
	b.meta.HasActions, b.meta.Actions = true, described(b.parts.Actions.Schema)
	if err := w.Strings("actions", b.actions.ids.Len(), b.actions.at); err != nil {
		return err
	}
	for _, f := range b.meta.Actions {
		if err := b.writeColumn(w, b.actions, "actions/"+f.Name, f); err != nil {
			return fmt.Errorf("column %s of actions: %w", f.Name, err)
		}
	}
	events, err := b.actionEvents()
	if err != nil {
		return err
	}
	return cmp.Or(
		putEach(w, "actionUser", events, func(e recipe.ActionEvent) int32 { return e.User }),
		putEach(w, "actionAction", events, func(e recipe.ActionEvent) int32 { return e.Action }),
		putEach(w, "actionTime", events, func(e recipe.ActionEvent) int64 { return e.Time }),
		putEach(w, "actionKind", events, func(e recipe.ActionEvent) uint8 { return uint8(e.Kind) }),
	)
}

// putEach writes one member of every event as an array.
func putEach[T artifact.Element](w *artifact.Writer, name string, events []recipe.ActionEvent, of func(recipe.ActionEvent) T) error {
	a := artifact.Stream[T](w, name)
	for _, e := range events {
		a.Append(of(e))
	}
	return a.Close()
}

// actionEvents reads all events with actions, sorted and each once. Memory: 24 bytes for each.
func (b *builder) actionEvents() ([]recipe.ActionEvent, error) {
	var events []recipe.ActionEvent
	err := b.blocks(b.parts.ActionInteractions, func(s *segment, block int) error {
		var user, action, moment, kind values
		for name, v := range map[string]*values{"USER_ID": &user, "ACTION_ID": &action, "TIMESTAMP": &moment, "EVENT_TYPE": &kind} {
			var err error
			if *v, err = s.column(block, name); err != nil {
				return err
			}
		}
		users, actions := b.users.ranks(&user), b.actions.ranks(&action)
		for row := range s.meta.Blocks[block] {
			name, _ := kind.text(row)
			if k := actionKind(name); k != 0 {
				events = append(events, recipe.ActionEvent{
					User: int32(users[user.codes[row]]), Action: int32(actions[action.codes[row]]), Time: moment.ints[row], Kind: k,
				})
			}
		}
		return nil
	})
	slices.SortFunc(events, func(a, b recipe.ActionEvent) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Kind, b.Kind))
	})
	return slices.Compact(events), err
}

// actionKind reads an event type of an action interaction: Taken, Not taken or NOT_TAKEN, Viewed, whatever the letter
// case. It is 0 for others. (data.md §2.2.)
func actionKind(name string) recipe.ActionKind {
	switch strings.ToUpper(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name)) {
	case "TAKEN":
		return recipe.ActionTaken
	case "NOTTAKEN":
		return recipe.ActionNotTaken
	case "VIEWED":
		return recipe.ActionViewed
	}
	return 0
}

// actionContent is what a snapshot holds of actions; absent is the zero value.
type actionContent struct {
	names        artifact.Strings
	columns      []attribute
	user, action []int32
	time         []int64
	kind         []uint8
}

func readActions(f *artifact.File, fields []Field) (a actionContent, err error) {
	get := func(do func() error) {
		if err == nil {
			err = do()
		}
	}
	get(func() (e error) { a.names, e = f.Strings("actions"); return })
	get(func() (e error) { a.columns, e = readAttributes(f, "actions/", fields); return })
	get(func() (e error) { a.user, e = artifact.Get[int32](f, "actionUser"); return })
	get(func() (e error) { a.action, e = artifact.Get[int32](f, "actionAction"); return })
	get(func() (e error) { a.time, e = artifact.Get[int64](f, "actionTime"); return })
	get(func() (e error) { a.kind, e = artifact.Get[uint8](f, "actionKind"); return })
	return a, err
}

// actionsFor returns the actions with their events by the users of d, nil if the group has none, and the columns that a
// selection allows. Memory: 24 bytes for each event and 24 for each action.
func (c *content) actionsFor(d *recipe.Data, sel Selection) *recipe.Actions {
	if !c.meta.HasActions {
		return nil
	}
	n := c.actions.names.Len()
	out := &recipe.Actions{Names: c.actions.names, Value: make([]float64, n), Expires: make([]int64, n), Repeat: make([]int64, n)}
	for i := range n {
		out.Value[i] = c.actions.number("VALUE", i)
		out.Repeat[i] = int64(c.actions.number("REPEAT_FREQUENCY", i))
		out.Expires[i] = int64(max(c.actions.number("ACTION_EXPIRATION_TIMESTAMP", i), c.actions.number("EXPIRATION_TIMESTAMP", i)))
	}
	out.Columns = c.actions.forTraining(sel)
	at, beyond := 0, int32(d.Users.Len())
	for k, u := range c.actions.user {
		if k > 0 && u == c.actions.user[k-1] {
			last := out.Events[k-1].User
			out.Events = append(out.Events, c.actions.event(k, last))
			continue
		}
		// Both ascend by id.
		id := c.users.At(int(u))
		for at < d.Users.Len() && d.Users.At(at) < id {
			at++
		}
		who := beyond
		if at < d.Users.Len() && d.Users.At(at) == id {
			who = int32(at)
		} else {
			beyond++
		}
		out.Events = append(out.Events, c.actions.event(k, who))
	}
	return out
}

// handled are the fields of actions that mean something of their own.
var handled = []string{"CREATION_TIMESTAMP", "VALUE", "ACTION_EXPIRATION_TIMESTAMP", "EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"}

// forTraining returns what training may see of the actions. TYPE is a category whether it is marked as one or not.
func (a *actionContent) forTraining(sel Selection) (out []recipe.Column) {
	columns := slices.Clone(a.columns)
	for i := range columns {
		if f := &columns[i].field; f.Name == "TYPE" {
			f.Categorical = true
		}
	}
	return forTraining(columns, sel, Actions, a.names.Len(), func(f Field) bool { return slices.Contains(handled, f.Name) })
}

func (a *actionContent) event(k int, user int32) recipe.ActionEvent {
	return recipe.ActionEvent{User: user, Action: a.action[k], Time: a.time[k], Kind: recipe.ActionKind(a.kind[k])}
}

// number returns a numeric field of action i, 0 where it is null or there is no such field.
func (a *actionContent) number(field string, i int) float64 {
	c := find(a.columns, field)
	if c == nil {
		return 0
	}
	if v, ok := c.Number(i); ok && !math.IsNaN(v) {
		return v
	}
	return 0
}
