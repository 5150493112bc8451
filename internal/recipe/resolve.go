package recipe

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
)

// Resolve returns every parameter of a recipe: what is given in the two maps of a solution's
// configuration, and defaults for the rest. A name that the recipe does not have, or a value that it
// does not take, is fault.Invalid.
func Resolve(info Info, algorithm, feature map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for stage, given := range []map[string]string{AlgorithmStage: algorithm, FeatureStage: feature} {
		stage := Stage(stage)
		for _, name := range slices.Sorted(maps.Keys(given)) {
			p, ok := info.parameter(name, stage)
			if !ok {
				return nil, unknownParameter(info, stage, name)
			}
			if err := p.Check(given[name]); err != nil {
				return nil, err
			}
			out[name] = given[name]
		}
	}
	for _, p := range info.Parameters {
		if _, ok := out[p.Name]; !ok {
			out[p.Name] = p.Default
		}
	}
	return out, nil
}

func (i Info) parameter(name string, stage Stage) (Parameter, bool) {
	for _, p := range i.Parameters {
		if p.Name == name && p.Stage == stage {
			return p, true
		}
	}
	return Parameter{}, false
}

// String names the member of the solution's configuration.
func (s Stage) String() string {
	if s == FeatureStage {
		return "featureTransformationParameters"
	}
	return "algorithmHyperParameters"
}

func unknownParameter(info Info, stage Stage, name string) error {
	var known []string
	for _, p := range info.Parameters {
		if p.Stage == stage {
			known = append(known, p.Name)
		}
	}
	if len(known) == 0 {
		return fault.Newf(fault.Invalid, "Recipe %s takes no %s; %q was given.", info.Name, stage, name)
	}
	return fault.Newf(fault.Invalid, "Recipe %s has no parameter %q in %s; it has %s.", info.Name, name, stage, strings.Join(known, ", "))
}

// Check reports as fault.Invalid a value that the parameter does not take.
func (p Parameter) Check(value string) error {
	switch p.Kind {
	case Integer:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && float64(n) >= p.Min && float64(n) <= p.Max {
			return nil
		}
		return fault.Newf(fault.Invalid, "Parameter %s is %q; expected a whole number from %s to %s.", p.Name, value, number(p.Min), number(p.Max))
	case Continuous:
		if x, err := strconv.ParseFloat(value, 64); err == nil && x >= p.Min && x <= p.Max {
			return nil
		}
		return fault.Newf(fault.Invalid, "Parameter %s is %q; expected a number from %s to %s.", p.Name, value, number(p.Min), number(p.Max))
	}
	if slices.Contains(p.Values, value) {
		return nil
	}
	return fault.Newf(fault.Invalid, "Parameter %s is %q; expected one of %s.", p.Name, value, strings.Join(p.Values, ", "))
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
