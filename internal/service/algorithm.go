package service

import (
	"context"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// DescribeAlgorithm tells of the algorithm behind a recipe: its hyperparameters, and the ranges they may be
// searched in.
//
// The service runs algorithms from images of its own. Kindred's are part of the program, which has a name
// and no image to pull; there is no role either.
func (s *Service) DescribeAlgorithm(_ context.Context, in *api.DescribeAlgorithmRequest) (*api.DescribeAlgorithmResponse, error) {
	entries, err := s.behind(arn.Algorithm, "algorithmArn", in.AlgorithmArn, func(e recipe.Entry) string { return e.Algorithm })
	if err != nil {
		return nil, err
	}
	e := entries[0]
	ranges := &api.DefaultHyperParameterRanges{
		IntegerHyperParameterRanges:     []api.DefaultIntegerHyperParameterRange{},
		ContinuousHyperParameterRanges:  []api.DefaultContinuousHyperParameterRange{},
		CategoricalHyperParameterRanges: []api.DefaultCategoricalHyperParameterRange{},
	}
	for _, p := range e.Parameters {
		if p.Stage == recipe.AlgorithmStage {
			addDefault(ranges, p)
		}
	}
	return &api.DescribeAlgorithmResponse{Algorithm: &api.Algorithm{
		Name: e.Algorithm, AlgorithmArn: in.AlgorithmArn, TrainingInputMode: "File",
		AlgorithmImage:         &api.AlgorithmImage{Name: e.Algorithm, DockerURI: "kindred://" + e.Algorithm},
		DefaultHyperParameters: defaultsOf(entries, recipe.AlgorithmStage), DefaultHyperParameterRanges: ranges,
		DefaultResourceConfig: map[string]string{"maxNumberOfTrainingJobs": "5", "maxParallelTrainingJobs": "1"},
		CreationDateTime:      api.NewTime(e.Created), LastUpdatedDateTime: api.NewTime(recipesUpdated),
	}}, nil
}

// addDefault puts a parameter among the ranges of its kind.
func addDefault(r *api.DefaultHyperParameterRanges, p recipe.Parameter) {
	switch p.Kind {
	case recipe.Integer:
		r.IntegerHyperParameterRanges = append(r.IntegerHyperParameterRanges, api.DefaultIntegerHyperParameterRange{
			Name: p.Name, MinValue: ptr(int32(p.Min)), MaxValue: ptr(int32(p.Max)), IsTunable: ptr(p.Tunable),
		})
	case recipe.Continuous:
		r.ContinuousHyperParameterRanges = append(r.ContinuousHyperParameterRanges, api.DefaultContinuousHyperParameterRange{
			Name: p.Name, MinValue: ptr(p.Min), MaxValue: ptr(p.Max), IsTunable: ptr(p.Tunable),
		})
	default:
		r.CategoricalHyperParameterRanges = append(r.CategoricalHyperParameterRanges, api.DefaultCategoricalHyperParameterRange{
			Name: p.Name, Values: p.Values, IsTunable: ptr(p.Tunable),
		})
	}
}

// DescribeFeatureTransformation tells how a recipe prepares its data. Several recipes may share one
// transformation: its defaults are those of all of them, the first by name where they differ.
func (s *Service) DescribeFeatureTransformation(_ context.Context, in *api.DescribeFeatureTransformationRequest) (*api.DescribeFeatureTransformationResponse, error) {
	entries, err := s.behind(arn.FeatureTransformation, "featureTransformationArn", in.FeatureTransformationArn,
		func(e recipe.Entry) string { return e.Feature })
	if err != nil {
		return nil, err
	}
	return &api.DescribeFeatureTransformationResponse{FeatureTransformation: &api.FeatureTransformation{
		Name: entries[0].Feature, FeatureTransformationArn: in.FeatureTransformationArn, Status: Active,
		DefaultParameters: defaultsOf(entries, recipe.FeatureStage),
		CreationDateTime:  api.NewTime(entries[0].Created), LastUpdatedDateTime: api.NewTime(recipesUpdated),
	}}, nil
}

// behind returns the recipes that have the algorithm or transformation of an ARN, at least one.
func (s *Service) behind(kind, member, name string, of func(recipe.Entry) string) ([]recipe.Entry, error) {
	a := arn.ARN(name)
	if !a.Valid() || a.Kind() != kind {
		return nil, fault.Newf(fault.Invalid, "%s is not the ARN of %s %s: %s", member, article(kind), noun(kind), name)
	}
	var out []recipe.Entry
	for _, e := range s.recipes {
		if arn.Service(kind, of(e)) == a {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return nil, fault.Newf(fault.NotFound, "Resource Arn %s does not exist.", name)
	}
	return out, nil
}

// defaultsOf returns the default values of a stage's parameters.
func defaultsOf(entries []recipe.Entry, stage recipe.Stage) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		for _, p := range e.Parameters {
			if _, ok := out[p.Name]; !ok && p.Stage == stage {
				out[p.Name] = p.Default
			}
		}
	}
	return out
}
