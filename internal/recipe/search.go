package recipe

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/kindredrec/kindred/internal/fault"
)

// A Range is what a caller lets hyperparameter optimisation try of one parameter.
type Range struct {
	Name     string
	Kind     Kind     // Integer, Continuous, or Categorical for a list of values
	Min, Max float64  // Integer and Continuous
	Values   []string // Categorical
}

// Tunable returns the parameters that a search may vary, narrowed to the ranges given. Without any,
// those are all the recipe's tunable parameters over their whole ranges. A parameter that the recipe does
// not have or that cannot be tuned, and a range that is empty or leaves the parameter's own, is
// fault.Invalid.
func Tunable(info Info, given []Range) ([]Parameter, error) {
	var all []Parameter
	for _, p := range info.Parameters {
		if p.Tunable {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, fault.Newf(fault.Invalid, "Recipe %s has no hyperparameters to optimise.", info.Name)
	}
	if len(given) == 0 {
		return all, nil
	}
	var out []Parameter
	for _, r := range given {
		if slices.ContainsFunc(out, func(p Parameter) bool { return p.Name == r.Name }) {
			return nil, fault.Newf(fault.Invalid, "Parameter %s has two ranges.", r.Name)
		}
		i := slices.IndexFunc(all, func(p Parameter) bool { return p.Name == r.Name })
		if i < 0 {
			return nil, fault.Newf(fault.Invalid, "Recipe %s cannot tune %q; it can tune %s.", info.Name, r.Name, strings.Join(namesOf(all), ", "))
		}
		p, err := all[i].narrow(r)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func namesOf(ps []Parameter) []string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Name
	}
	return names
}

// narrow returns the parameter with the range's limits.
func (p Parameter) narrow(r Range) (Parameter, error) {
	kind := p.Kind
	if kind == Boolean {
		kind = Categorical
	}
	if r.Kind != kind {
		return p, fault.Newf(fault.Invalid, "Parameter %s stands among the %s ranges; it belongs to the %s ones.", p.Name, r.Kind, kind)
	}
	if kind == Categorical {
		return p.choose(r.Values)
	}
	if !(r.Min <= r.Max) {
		return p, fault.Newf(fault.Invalid, "The range of parameter %s is empty: minValue %s is above maxValue %s.", p.Name, number(r.Min), number(r.Max))
	}
	if r.Min < p.Min || r.Max > p.Max {
		return p, fault.Newf(fault.Invalid, "The range of parameter %s is %s to %s; expected one within %s to %s.",
			p.Name, number(r.Min), number(r.Max), number(p.Min), number(p.Max))
	}
	p.Min, p.Max = r.Min, r.Max
	return p, nil
}

func (p Parameter) choose(values []string) (Parameter, error) {
	if len(values) == 0 {
		return p, fault.Newf(fault.Invalid, "The range of parameter %s has no values.", p.Name)
	}
	for _, v := range values {
		if err := p.Check(v); err != nil {
			return p, err
		}
	}
	p.Values = slices.Clone(values)
	return p, nil
}

// String spells the kind as the API's lists of ranges do.
func (k Kind) String() string {
	return [...]string{"integer", "continuous", "categorical", "boolean"}[k]
}

// Trials returns at most n different sets of parameters to try, n at least 1. The first is base, moved
// into the ranges where it lies outside; the others vary the parameters in over and are as base in the
// rest.
//
// Each parameter's range is cut into as many pieces as there are draws and every piece is drawn from
// once, in an order of its own. A few draws so cover every parameter evenly, where independent ones
// would leave gaps. (Latin hypercube sampling: McKay, Beckman and Conover, 1979.)
func Trials(base map[string]string, over []Parameter, seed uint64, n int) []map[string]string {
	first := maps.Clone(base)
	for _, p := range over {
		first[p.Name] = p.nearest(base[p.Name])
	}
	trials := []map[string]string{first}
	r := rand.New(rand.NewPCG(seed, 0x7219))
	orders := make([][]int, len(over))
	for k := range over {
		orders[k] = r.Perm(n - 1)
	}
	for t := range n - 1 {
		one := maps.Clone(first)
		for k, p := range over {
			one[p.Name] = p.at((float64(orders[k][t]) + r.Float64()) / float64(n-1))
		}
		if !slices.ContainsFunc(trials, func(o map[string]string) bool { return maps.Equal(o, one) }) {
			trials = append(trials, one)
		}
	}
	return trials
}

// at returns the value that lies at a fraction of the range, 0 up to but not 1.
func (p Parameter) at(x float64) string {
	switch p.Kind {
	case Integer:
		return number(min(p.Max, math.Floor(p.Min+x*(p.Max-p.Min+1))))
	case Continuous:
		v := math.Round((p.Min+x*(p.Max-p.Min))*1e4) / 1e4 // finer differences mean nothing
		return number(min(p.Max, max(p.Min, v)))
	}
	return p.Values[int(x*float64(len(p.Values)))]
}

// nearest returns value, or what is allowed and nearest to it.
func (p Parameter) nearest(value string) string {
	if p.Kind == Categorical || p.Kind == Boolean {
		if slices.Contains(p.Values, value) {
			return value
		}
		return p.Values[0]
	}
	v, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil || v < p.Min:
		return number(p.Min)
	case v > p.Max:
		return number(p.Max)
	}
	return value
}
