package service

import (
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// checkEvents checks the event types that a solution weighs: its recipe takes them, eventType and
// eventValueThreshold do not say something else, and each type is there once.
func checkEvents(e recipe.Entry, c *api.EventsConfig, eventType, threshold string) error {
	if c == nil || len(c.EventParametersList) == 0 {
		return nil
	}
	if !e.EventWeights {
		return fault.Newf(fault.Invalid, "eventsConfig is for the v2 recipes; %s takes eventType and eventValueThreshold.", e.Name)
	}
	if eventType != "" || threshold != "" {
		return fault.Newf(fault.Invalid, "eventsConfig takes the place of eventType and eventValueThreshold: give either.")
	}
	seen, heaviest := map[string]bool{}, 0.0
	for _, p := range c.EventParametersList {
		name := strings.ToUpper(p.EventType)
		switch {
		case name == "":
			return fault.Newf(fault.Invalid, "eventsConfig.eventParametersList: every entry needs an eventType.")
		case seen[name]:
			return fault.Newf(fault.Invalid, "eventsConfig.eventParametersList: the event type %s is there twice; letter case does not matter.", p.EventType)
		}
		seen[name] = true
		heaviest = max(heaviest, or(p.Weight, 1))
	}
	if heaviest == 0 {
		return fault.Newf(fault.Invalid, "eventsConfig.eventParametersList: at least one weight must be above 0.")
	}
	return nil
}

// checkEventColumns checks that the group's interactions, if there is a dataset for them, have what the events'
// configuration is about.
func checkEventColumns(schemas map[string]*dataset.Schema, c *api.EventsConfig) error {
	schema := schemas[strings.ToUpper(dataset.Interactions)]
	if schema == nil || c == nil || len(c.EventParametersList) == 0 {
		return nil
	}
	if _, ok := schema.Field("EVENT_TYPE"); !ok {
		return fault.Newf(fault.Invalid, "eventsConfig needs the column EVENT_TYPE, which the Interactions dataset does not have.")
	}
	for _, p := range c.EventParametersList {
		if _, ok := schema.Field("EVENT_VALUE"); !ok && p.EventValueThreshold != nil {
			return fault.Newf(fault.Invalid, "The eventValueThreshold of event type %s needs the column EVENT_VALUE, which the Interactions dataset does not have.", p.EventType)
		}
	}
	return nil
}

// kindsOf returns the event types as trainings select them. An entry without a weight has the highest.
func kindsOf(c *api.EventsConfig) dataset.EventKinds {
	if c == nil {
		return nil
	}
	var kinds dataset.EventKinds
	for _, p := range c.EventParametersList {
		kinds = append(kinds, dataset.EventKind{Type: p.EventType, Threshold: p.EventValueThreshold, Weight: or(p.Weight, 1)})
	}
	return kinds
}
