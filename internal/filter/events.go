package filter

import (
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/num/bitset"
)

// eventLimits is how many of a user's most recent events of each type a filter considers.
var eventLimits = map[string]int{interactions: 100, actionInteractions: 300}

// foldEvent returns an event type as it is compared: without case.
func foldEvent(eventType string) string { return strings.ToLower(eventType) }

// A historyMatcher matches the records with which the requesting user had events of some types.
type historyMatcher struct {
	source  source
	negated bool
	limit   int
}

func (m *historyMatcher) fixed() bool { return false }

func (m *historyMatcher) match(r *run, out *bitset.Set) error {
	if r.request.User == nil {
		return fault.Newf(fault.Invalid, "The filter uses the user's interactions, so the request needs a userId.")
	}
	values, _ := m.source.textsOf(r)
	if !m.source.constant() {
		for i, v := range values {
			values[i] = foldEvent(v)
		}
	}
	out.Clear()
	r.walk.begin(out, values, m.limit)
	r.request.User.Events(r.walk.visit)
	r.walk.out = nil
	if m.negated {
		out.Not()
	}
	return nil
}

// A walk goes through a user's events, the newest first, and collects the records of those that are
// wanted and among the most recent of their type. It remembers spellings of event types from one
// request to the next, so that a type is folded once and not once per event.
type walk struct {
	visit func(item int32, eventType string) bool // event, bound once: a bound method is an allocation

	slots map[string]int // by spelling, folded or not
	types []eventSlot

	out    *bitset.Set
	wanted []string
	any    bool
	limit  int
}

// An eventSlot is an event type in the current walk.
type eventSlot struct {
	folded string
	seen   int
	wanted bool
}

// maxSpellings bounds what a walk remembers; real data has a handful.
const maxSpellings = 1024

func (w *walk) begin(out *bitset.Set, wanted []string, limit int) {
	w.out, w.wanted, w.limit = out, wanted, limit
	w.any = slices.Contains(wanted, anyEvent)
	if len(w.slots) > maxSpellings || w.slots == nil {
		w.slots, w.types = map[string]int{}, nil
	}
	for i := range w.types {
		s := &w.types[i]
		s.seen, s.wanted = 0, w.wants(s.folded)
	}
}

func (w *walk) wants(folded string) bool { return w.any || slices.Contains(w.wanted, folded) }

func (w *walk) event(item int32, eventType string) bool {
	i, ok := w.slots[eventType]
	if !ok {
		i = w.learn(strings.Clone(eventType))
	}
	s := &w.types[i]
	s.seen++
	if s.wanted && s.seen <= w.limit && item >= 0 && int(item) < w.out.Len() {
		w.out.Add(int(item))
	}
	return true
}

// learn gives a new spelling the slot of its type.
func (w *walk) learn(spelling string) int {
	folded := foldEvent(spelling)
	i, ok := w.slots[folded]
	if !ok {
		i = len(w.types)
		w.types = append(w.types, eventSlot{folded: folded, wanted: w.wants(folded)})
		w.slots[folded] = i
	}
	w.slots[spelling] = i
	return i
}
