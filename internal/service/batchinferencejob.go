package service

import (
	"cmp"
	"context"
	"fmt"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/filter"
	"github.com/kindredrec/kindred/internal/recipe"
)

// defaultNumResults is how many items a line gets when the request does not say.
const defaultNumResults = 25

// CreateBatchInferenceJob starts answering the lines of input files from a solution version.
func (s *Service) CreateBatchInferenceJob(ctx context.Context, in *api.CreateBatchInferenceJobRequest) (*api.CreateBatchInferenceJobResponse, error) {
	order, err := s.batchOrder(in)
	if err != nil {
		return nil, err
	}
	name, err := s.begin(ctx, arn.BatchInferenceJob, in.JobName, func(tx catalog.Store, sc scope, c *creation) (err error) {
		if order.Filter, err = s.checkBatch(ctx, tx, sc, in); err != nil {
			return err
		}
		if order.Theme, err = s.themeOf(ctx, tx, sc, in); err != nil {
			return err
		}
		c.parent, c.tags, c.flow, c.payload = arn.ARN(in.SolutionVersionArn), in.Tags, batch.Kind, order
		c.doc = api.BatchInferenceJob{
			JobName: in.JobName, BatchInferenceJobArn: c.arn.String(), SolutionVersionArn: in.SolutionVersionArn, FilterArn: in.FilterArn,
			NumResults: ptr(int32(order.NumResults)), JobInput: in.JobInput, JobOutput: in.JobOutput, RoleArn: in.RoleArn,
			BatchInferenceJobConfig: ptr(or(in.BatchInferenceJobConfig, api.BatchInferenceJobConfig{})), BatchInferenceJobMode: cmp.Or(in.BatchInferenceJobMode, api.BatchInferenceJobModeBATCH_INFERENCE), ThemeGenerationConfig: in.ThemeGenerationConfig,
			Status: c.status, CreationDateTime: api.NewTime(c.at), LastUpdatedDateTime: api.NewTime(c.at),
		}
		return roomToRun(ctx, tx, sc, s.quotas.RunningBatches, c.kind)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateBatchInferenceJobResponse{BatchInferenceJobArn: name}, nil
}

// batchOrder checks what can be checked of a request by itself.
func (s *Service) batchOrder(in *api.CreateBatchInferenceJobRequest) (batch.Order, error) {
	o := batch.Order{JobName: in.JobName, SolutionVersion: arn.ARN(in.SolutionVersionArn)}
	var err error
	if o.NumResults, err = numResults(in.NumResults, s.quotas.MaxNumResults, "max-num-results"); err != nil {
		return o, err
	}
	if err := checkMode(in); err != nil {
		return o, err
	}
	if in.JobInput == nil || in.JobOutput == nil {
		return o, fault.Newf(fault.Invalid, "jobInput and jobOutput must be given.")
	}
	if c := in.BatchInferenceJobConfig; c != nil {
		o.Exploration = c.ItemExplorationConfig
		if o.Influence, err = batch.ParseInfluence(c.RankingInfluence); err != nil {
			return o, err
		}
	}
	err = locate(&o, in.JobInput.S3DataSource, in.JobOutput.S3DataDestination)
	return o, err
}

// numResults returns how many results a line of a batch job gets. A quota says how many it may be.
func numResults(asked *int32, most int, quota string) (int, error) {
	n := int(or(asked, defaultNumResults))
	if n < 1 {
		return n, fault.Newf(fault.Invalid, "numResults must be at least 1, not %d.", n)
	}
	if most > 0 && n > most {
		return n, fault.Newf(fault.Invalid, "numResults must be at most %d, not %d; the quota is %s.", most, n, quota)
	}
	return n, nil
}

// locate sets where a batch job reads and writes.
func locate(o *batch.Order, src, dst *api.S3DataConfig) error {
	if src == nil {
		return fault.Newf(fault.Invalid, "jobInput.s3DataSource must be given.")
	}
	if dst == nil {
		return fault.Newf(fault.Invalid, "jobOutput.s3DataDestination must be given.")
	}
	o.Input, o.InputKMS, o.Output, o.OutputKMS = src.Path, src.KmsKeyArn, dst.Path, dst.KmsKeyArn
	_, _, err := batch.CheckLocations(o.Input, o.Output)
	return err
}

// checkMode checks that a request says either all of theme generation or nothing.
func checkMode(in *api.CreateBatchInferenceJobRequest) error {
	switch {
	case in.BatchInferenceJobMode == api.BatchInferenceJobModeTHEME_GENERATION && in.ThemeGenerationConfig == nil:
		return fault.Newf(fault.Invalid, "batchInferenceJobMode THEME_GENERATION needs themeGenerationConfig.")
	case in.BatchInferenceJobMode == api.BatchInferenceJobModeTHEME_GENERATION && in.ThemeGenerationConfig.FieldsForThemeGeneration == nil:
		return fault.Newf(fault.Invalid, "themeGenerationConfig.fieldsForThemeGeneration must be given.")
	case in.BatchInferenceJobMode == api.BatchInferenceJobModeTHEME_GENERATION:
		return nil
	case in.ThemeGenerationConfig != nil:
		return fault.Newf(fault.Invalid, "themeGenerationConfig is for batchInferenceJobMode THEME_GENERATION.")
	}
	return nil
}

// themeOf returns which fields themes are drawn from, nil for a job without themes.
func (s *Service) themeOf(ctx context.Context, tx catalog.Store, sc scope, in *api.CreateBatchInferenceJobRequest) (*batch.Theme, error) {
	if in.BatchInferenceJobMode != api.BatchInferenceJobModeTHEME_GENERATION {
		return nil, nil
	}
	sv, e, err := s.batchVersion(ctx, tx, sc, in.SolutionVersionArn)
	if err != nil {
		return nil, err
	}
	if !e.Themes {
		return nil, fault.Newf(fault.Invalid, "batchInferenceJobMode THEME_GENERATION is for aws-similar-items, not for %s.", e.Name)
	}
	schemas, err := groupSchemas(ctx, tx, sc, arn.ARN(sv.DatasetGroupArn))
	if err != nil {
		return nil, err
	}
	items := schemas[dataset.Items]
	if items == nil {
		return nil, fault.Newf(fault.Invalid, "batchInferenceJobMode THEME_GENERATION needs an Items dataset and the dataset group %s has none.", sv.DatasetGroupArn)
	}
	named := in.ThemeGenerationConfig.FieldsForThemeGeneration.ItemName
	name, ok := items.Field(named)
	if !ok || name.Type != dataset.String {
		return nil, fault.Newf(fault.Invalid, "themeGenerationConfig: itemName is %q; expected a string field of the Items dataset.", named)
	}
	for _, f := range items.Fields {
		if f.Textual {
			return &batch.Theme{Name: name.Name, Text: f.Name}, nil
		}
	}
	return nil, fault.Newf(fault.Invalid, "batchInferenceJobMode THEME_GENERATION needs a textual field in the Items dataset of %s; found 0.", sv.DatasetGroupArn)
}

// checkBatch checks the request against the solution version and the filter, and returns the expression.
func (s *Service) checkBatch(ctx context.Context, tx catalog.Store, sc scope, in *api.CreateBatchInferenceJobRequest) (string, error) {
	sv, e, err := s.batchVersion(ctx, tx, sc, in.SolutionVersionArn)
	if err != nil {
		return "", err
	}
	if err := checkBatchConfig(e, in.BatchInferenceJobConfig); err != nil {
		return "", err
	}
	if in.FilterArn == "" {
		return "", nil
	}
	f, err := batchFilter(ctx, tx, sc, in.FilterArn, sv)
	if err != nil {
		return "", err
	}
	if f.Target() != filter.ItemID {
		return "", fault.Newf(fault.Invalid, "The filter %s selects %s; a batch inference job needs one for ItemID.", in.FilterArn, f.Target())
	}
	if f.UsesCurrentItem() && e.Asks != recipe.ByItem {
		return "", fault.Newf(fault.Invalid, "The filter %s refers to CurrentItem, and requests of %s have no item.", in.FilterArn, e.Name)
	}
	return f.String(), nil
}

// batchVersion returns the solution version that a batch job is to ask, which must be ACTIVE, and its recipe.
func (s *Service) batchVersion(ctx context.Context, tx catalog.Store, sc scope, name string) (sv api.SolutionVersion, e recipe.Entry, err error) {
	if a := arn.ARN(name); a.Kind() == arn.Solution {
		return sv, e, fault.Newf(fault.NotFound, "%s is a solution, not a solution version; DescribeSolution names its latest version.", a)
	}
	sv, rec, err := load[api.SolutionVersion](ctx, sc, tx, arn.SolutionVersion, "solutionVersionArn", name)
	if err != nil {
		return sv, e, err
	}
	if err := needActive(arn.SolutionVersion, rec.ARN, rec.Status); err != nil {
		return sv, e, err
	}
	e, err = s.recipe(sv.RecipeArn)
	return sv, e, err
}

// checkBatchConfig checks the configuration against what the recipe takes.
func checkBatchConfig(e recipe.Entry, c *api.BatchInferenceJobConfig) error {
	switch {
	case e.Type == recipe.UserSegmentation:
		return fault.Newf(fault.Invalid, "The recipe %s makes user segments: use CreateBatchSegmentJob.", e.Name)
	case e.NoBatch:
		return fault.Newf(fault.Invalid, "The recipe %s has no batch inference jobs: use a campaign.", e.Name)
	case c == nil:
		return nil
	case len(c.ItemExplorationConfig) > 0 && !e.Explores:
		return fault.Newf(fault.Invalid, "The recipe %s does not explore; leave itemExplorationConfig out.", e.Name)
	case len(c.RankingInfluence) > 0 && !e.Influenced:
		return fault.Newf(fault.Invalid, "rankingInfluence is for aws-semantic-similarity, not for %s.", e.Name)
	}
	_, err := batch.ParseExploration(c.ItemExplorationConfig)
	return err
}

// batchFilter returns a filter of the solution version's dataset group.
func batchFilter(ctx context.Context, tx catalog.Store, sc scope, name string, sv api.SolutionVersion) (*filter.Filter, error) {
	doc, rec, err := load[api.Filter](ctx, sc, tx, arn.Filter, "filterArn", name)
	if err != nil {
		return nil, err
	}
	if err := needActive(arn.Filter, rec.ARN, rec.Status); err != nil {
		return nil, err
	}
	if doc.DatasetGroupArn != sv.DatasetGroupArn {
		return nil, fault.Newf(fault.Invalid, "The filter %s belongs to dataset group %s and the solution version to %s.", name, doc.DatasetGroupArn, sv.DatasetGroupArn)
	}
	f, err := filter.Parse(doc.FilterExpression)
	if err != nil {
		return nil, fmt.Errorf("filter %s was accepted once: %w", name, err)
	}
	return f, nil
}

// DescribeBatchInferenceJob tells of a job.
func (s *Service) DescribeBatchInferenceJob(ctx context.Context, in *api.DescribeBatchInferenceJobRequest) (*api.DescribeBatchInferenceJobResponse, error) {
	doc, err := describe[api.BatchInferenceJob](ctx, s, arn.BatchInferenceJob, "batchInferenceJobArn", in.BatchInferenceJobArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeBatchInferenceJobResponse{BatchInferenceJob: doc}, nil
}

// ListBatchInferenceJobs lists the jobs of a solution version, or of the account, newest first.
func (s *Service) ListBatchInferenceJobs(ctx context.Context, in *api.ListBatchInferenceJobsRequest) (*api.ListBatchInferenceJobsResponse, error) {
	q := catalog.Query{Kind: arn.BatchInferenceJob, Parent: arn.ARN(in.SolutionVersionArn), Newest: true}
	page, next, err := list[api.BatchInferenceJobSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListBatchInferenceJobsResponse{BatchInferenceJobs: page, NextToken: next}, nil
}
