package service

import (
	"strconv"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// defaultTrials is how many sets of hyperparameters are tried when hpoResourceConfig does not say: each
// costs about as much as a training.
const defaultTrials = 5

// The most that hpoResourceConfig may ask for.
const (
	maxTrials   = 40
	maxParallel = 10
)

// checkTuning checks what a solution says of hyperparameter optimisation, whether it is on or not.
func checkTuning(e recipe.Entry, in *api.CreateSolutionRequest) error {
	c := in.SolutionConfig
	if c == nil {
		c = &api.SolutionConfig{}
	}
	ranges, err := rangesOf(c.HpoConfig)
	if err != nil {
		return err
	}
	if or(in.PerformHPO, false) || len(ranges) > 0 {
		if _, err := recipe.Tunable(e.Info, ranges); err != nil {
			return err
		}
	}
	_, err = trialsOf(c.HpoConfig)
	return err
}

// tune has the trainings of an order choose hyperparameters.
func tune(o *train.Order, e recipe.Entry, c *api.SolutionConfig) error {
	ranges, err := rangesOf(c.HpoConfig)
	if err != nil {
		return err
	}
	over, err := recipe.Tunable(e.Info, ranges)
	if err != nil {
		return err
	}
	n, err := trialsOf(c.HpoConfig)
	if err != nil {
		return err
	}
	for _, p := range over {
		o.Tuned = append(o.Tuned, p.Name)
	}
	o.Trials = recipe.Trials(o.Params, over, o.Seed, n)
	o.Params = o.Trials[0]
	return nil
}

// trialsOf returns how many sets of hyperparameters to try. maxParallelTrainingJobs is only checked:
// trials run one after the other, each on all processors.
func trialsOf(c *api.HPOConfig) (int, error) {
	if c == nil || c.HpoResourceConfig == nil {
		return defaultTrials, nil
	}
	r := c.HpoResourceConfig
	if _, err := count("maxParallelTrainingJobs", r.MaxParallelTrainingJobs, 1, maxParallel); err != nil {
		return 0, err
	}
	return count("maxNumberOfTrainingJobs", r.MaxNumberOfTrainingJobs, defaultTrials, maxTrials)
}

// count reads a number that is written as a string.
func count(member, text string, missing, most int) (int, error) {
	if text == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fault.Newf(fault.Invalid, "hpoResourceConfig.%s is %q; expected a whole number from 1 to %d.", member, text, most)
	}
	return n, nil
}

// rangesOf returns the ranges of the three lists together.
func rangesOf(c *api.HPOConfig) ([]recipe.Range, error) {
	if c == nil || c.AlgorithmHyperParameterRanges == nil {
		return nil, nil
	}
	var out []recipe.Range
	r := c.AlgorithmHyperParameterRanges
	for _, x := range r.IntegerHyperParameterRanges {
		if x.MinValue == nil || x.MaxValue == nil {
			return nil, halfRange(x.Name)
		}
		out = append(out, recipe.Range{Name: x.Name, Kind: recipe.Integer, Min: float64(*x.MinValue), Max: float64(*x.MaxValue)})
	}
	for _, x := range r.ContinuousHyperParameterRanges {
		if x.MinValue == nil || x.MaxValue == nil {
			return nil, halfRange(x.Name)
		}
		out = append(out, recipe.Range{Name: x.Name, Kind: recipe.Continuous, Min: *x.MinValue, Max: *x.MaxValue})
	}
	for _, x := range r.CategoricalHyperParameterRanges {
		out = append(out, recipe.Range{Name: x.Name, Kind: recipe.Categorical, Values: x.Values})
	}
	return out, nil
}

func halfRange(name string) error {
	return fault.Newf(fault.Invalid, "The range of parameter %q needs both minValue and maxValue.", name)
}
