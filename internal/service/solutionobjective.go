package service

import (
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// checkObjective checks that a recipe takes an objective and that it names a column.
func checkObjective(e recipe.Entry, o *api.OptimizationObjective) error {
	switch {
	case o == nil:
		return nil
	case !e.Objectives:
		return fault.Newf(fault.Invalid, "optimizationObjective is for aws-user-personalization and aws-personalized-ranking, not for %s.", e.Name)
	case o.ItemAttribute == "":
		return fault.Newf(fault.Invalid, "optimizationObjective.itemAttribute must name a column of the Items dataset.")
	}
	if _, ok := recipe.Balance(o.ObjectiveSensitivity); !ok {
		return fault.Newf(fault.Invalid, "optimizationObjective.objectiveSensitivity is %q; expected OFF, LOW, MEDIUM or HIGH.", o.ObjectiveSensitivity)
	}
	return nil
}

// checkObjectiveColumn checks that the items have the objective's column, as a number that none lacks.
func checkObjectiveColumn(schemas map[string]*dataset.Schema, o *api.OptimizationObjective) error {
	if o == nil {
		return nil
	}
	schema := schemas[strings.ToUpper(dataset.Items)]
	if schema == nil {
		return fault.Newf(fault.Invalid, "optimizationObjective.itemAttribute %s is a column of Items; the dataset group has no Items dataset.", o.ItemAttribute)
	}
	f, ok := schema.Field(o.ItemAttribute)
	switch {
	case !ok:
		return fault.Newf(fault.Invalid, "optimizationObjective.itemAttribute: the Items dataset has no column %s.", o.ItemAttribute)
	case !f.Type.Numeric():
		return fault.Newf(fault.Invalid, "optimizationObjective.itemAttribute: the column %s of Items must be a number; it is %s.", o.ItemAttribute, f.Type)
	case f.Nullable:
		return fault.Newf(fault.Invalid, "optimizationObjective.itemAttribute: the column %s of Items must not be one that may be null.", o.ItemAttribute)
	}
	return nil
}
