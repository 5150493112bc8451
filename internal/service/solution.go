package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// CreateSolution binds a recipe and its configuration to a dataset group. Nothing is trained.
func (s *Service) CreateSolution(ctx context.Context, in *api.CreateSolutionRequest) (*api.CreateSolutionResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	entry, err := s.checkSolution(in)
	if err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.Solution, in.Name)
	var due time.Time
	err = s.change(ctx, func(tx catalog.Store) error {
		home, group, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", in.DatasetGroupArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.DatasetGroup, group.ARN, group.Status); err != nil {
			return err
		}
		if entry.Type == recipe.PersonalizedActions && home.Domain != "" {
			return fault.Newf(fault.Invalid, "The recipe %s is for custom dataset groups, and %s is of domain %s.", entry.Name, group.ARN, home.Domain)
		}
		if !or(in.PerformAutoML, false) {
			if err := checkColumns(ctx, tx, sc, group.ARN, in.SolutionConfig); err != nil {
				return err
			}
		}
		if err := roomIn(ctx, tx, sc, s.quotas.Solutions, arn.Solution, group.ARN); err != nil {
			return err
		}
		doc := api.Solution{
			Name: in.Name, SolutionArn: name.String(), DatasetGroupArn: in.DatasetGroupArn, RecipeArn: in.RecipeArn,
			EventType: in.EventType, SolutionConfig: in.SolutionConfig, PerformHPO: ptr(or(in.PerformHPO, false)), PerformAutoML: ptr(or(in.PerformAutoML, false)),
			PerformAutoTraining: ptr(or(in.PerformAutoTraining, true)), PerformIncrementalUpdate: in.PerformIncrementalUpdate,
			Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		if due, err = schedule(ctx, tx, doc, at); err != nil {
			return err
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.Solution, parent: group.ARN, status: Pending, doc: doc, tags: in.Tags, flow: createFlow, at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	s.alarm.sooner(due)
	return &api.CreateSolutionResponse{SolutionArn: name.String()}, nil
}

// checkSolution checks what can be checked of a request by itself and returns the solution's recipe, an empty entry if
// that is still to be chosen.
func (s *Service) checkSolution(in *api.CreateSolutionRequest) (recipe.Entry, error) {
	if or(in.PerformAutoML, false) {
		return recipe.Entry{}, s.checkAutoML(in)
	}
	entry, err := s.trainable(in)
	if err != nil {
		return entry, err
	}
	return entry, checkConfig(entry, in)
}

// trainable returns the recipe of a solution and refuses what cannot be trained.
func (s *Service) trainable(in *api.CreateSolutionRequest) (recipe.Entry, error) {
	none := recipe.Entry{}
	if in.RecipeArn == "" {
		return none, fault.Newf(fault.Invalid, "recipeArn must be given unless performAutoML is true.")
	}
	e, err := s.recipe(in.RecipeArn)
	if err != nil {
		return none, err
	}
	if e.Domain != "" {
		return none, fault.Newf(fault.Invalid, "The recipe %s is a use case of domain %s: it is for recommenders, not for solutions.", e.Name, e.Domain)
	}
	if e.Trainer == nil {
		return none, fault.Newf(fault.Unsupported, "Kindred lists the recipe %s but cannot train it yet.", e.Name)
	}
	return e, nil
}

// checkConfig checks what a solution configuration asks of its recipe.
func checkConfig(e recipe.Entry, in *api.CreateSolutionRequest) error {
	if err := checkIncremental(e, in.PerformIncrementalUpdate); err != nil {
		return err
	}
	if err := checkTuning(e, in); err != nil {
		return err
	}
	c := in.SolutionConfig
	if c == nil {
		return nil
	}
	if _, err := recipe.Resolve(e.Info, c.AlgorithmHyperParameters, c.FeatureTransformationParameters); err != nil {
		return err
	}
	if c.EventValueThreshold != "" {
		if _, err := strconv.ParseFloat(c.EventValueThreshold, 64); err != nil {
			return fault.Newf(fault.Invalid, "solutionConfig.eventValueThreshold %q is not a number.", c.EventValueThreshold)
		}
	}
	if err := checkEvents(e, c.EventsConfig, in.EventType, c.EventValueThreshold); err != nil {
		return err
	}
	if err := checkObjective(e, c.OptimizationObjective); err != nil {
		return err
	}
	return checkSchedule(c.AutoTrainingConfig)
}

// checkIncremental refuses incremental updates of models that have none.
func checkIncremental(e recipe.Entry, perform *bool) error {
	if e.Increments || !or(perform, false) {
		return nil
	}
	return fault.Newf(fault.Invalid, "performIncrementalUpdate is for aws-semantic-similarity; models of %s are updated by trainings.", e.Name)
}

// checkColumns checks that the columns exist that a solution's configuration is about.
func checkColumns(ctx context.Context, tx catalog.Store, sc scope, group arn.ARN, c *api.SolutionConfig) error {
	if c == nil {
		return nil
	}
	schemas, err := groupSchemas(ctx, tx, sc, group)
	if err != nil {
		return err
	}
	if err := checkEventColumns(schemas, c.EventsConfig); err != nil {
		return err
	}
	if err := checkObjectiveColumn(schemas, c.OptimizationObjective); err != nil {
		return err
	}
	if c.TrainingDataConfig == nil {
		return nil
	}
	return checkTrainingData(schemas, c.TrainingDataConfig)
}

// checkTrainingData checks that included and excluded columns exist.
func checkTrainingData(schemas map[string]*dataset.Schema, t *api.TrainingDataConfig) error {
	if len(t.ExcludedDatasetColumns) > 0 && len(t.IncludedDatasetColumns) > 0 {
		return fault.Newf(fault.Invalid, "trainingDataConfig: give either excludedDatasetColumns or includedDatasetColumns.")
	}
	for member, m := range map[string]map[string][]string{"excludedDatasetColumns": t.ExcludedDatasetColumns, "includedDatasetColumns": t.IncludedDatasetColumns} {
		for kind, columns := range m {
			schema := schemas[strings.ToUpper(kind)]
			if schema == nil {
				return fault.Newf(fault.Invalid, "trainingDataConfig.%s: the dataset group has no %s dataset.", member, kind)
			}
			for _, col := range columns {
				if _, ok := schema.Field(col); !ok {
					return fault.Newf(fault.Invalid, "trainingDataConfig.%s: the %s dataset has no column %s.", member, kind, col)
				}
				if member == "excludedDatasetColumns" && strings.EqualFold(col, "EVENT_TYPE") {
					return fault.Newf(fault.Invalid, "trainingDataConfig.%s: EVENT_TYPE cannot be excluded.", member)
				}
			}
		}
	}
	return nil
}

// groupSchemas returns the schemas of a group's datasets by dataset type.
func groupSchemas(ctx context.Context, tx catalog.Store, sc scope, group arn.ARN) (map[string]*dataset.Schema, error) {
	schemas := map[string]*dataset.Schema{}
	err := each(ctx, tx, catalog.Query{Account: sc.key(), Kind: arn.Dataset, Parent: group}, func(d api.Dataset, _ catalog.Record) error {
		doc, _, err := load[api.DatasetSchema](ctx, sc, tx, arn.Schema, "schemaArn", d.SchemaArn)
		if err != nil {
			return err
		}
		schema, err := dataset.ParseSchema(doc.Schema, doc.Domain)
		if err != nil {
			return fmt.Errorf("schema %s was accepted once: %w", d.SchemaArn, err)
		}
		schemas[d.DatasetType] = schema
		return nil
	})
	return schemas, err
}

// DescribeSolution tells of a solution and of its newest version.
func (s *Service) DescribeSolution(ctx context.Context, in *api.DescribeSolutionRequest) (*api.DescribeSolutionResponse, error) {
	doc, err := describe[api.Solution](ctx, s, arn.Solution, "solutionArn", in.SolutionArn)
	if err != nil {
		return nil, err
	}
	newest, _, err := list[api.SolutionVersionSummary](ctx, s, catalog.Query{
		Kind: arn.SolutionVersion, Parent: arn.ARN(in.SolutionArn), Newest: true,
	}, "", ptr(int32(1)))
	if err != nil {
		return nil, err
	}
	if len(newest) > 0 {
		doc.LatestSolutionVersion = &newest[0]
	}
	return &api.DescribeSolutionResponse{Solution: doc}, nil
}

// ListSolutions lists the solutions of a group, or of the account.
func (s *Service) ListSolutions(ctx context.Context, in *api.ListSolutionsRequest) (*api.ListSolutionsResponse, error) {
	q := catalog.Query{Kind: arn.Solution, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.SolutionSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListSolutionsResponse{Solutions: page, NextToken: next}, nil
}

// DeleteSolution removes a solution, its versions and their models.
func (s *Service) DeleteSolution(ctx context.Context, in *api.DeleteSolutionRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.Solution](ctx, sc, tx, arn.Solution, "solutionArn", in.SolutionArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		r := removal{Children: []arn.ARN{scheduleOf(rec.ARN), itemsScheduleOf(rec.ARN)}}
		versions := map[string]bool{}
		err = each(ctx, tx, catalog.Query{Account: sc.key(), Kind: arn.SolutionVersion, Parent: rec.ARN}, func(_ api.SolutionVersion, v catalog.Record) error {
			if isUnsettled(v.Status) {
				return fault.Newf(fault.InUse, "The solution version %s is %s; the solution cannot be deleted now.", v.ARN, v.Status)
			}
			versions[v.ARN.String()] = true
			r.Children = append(r.Children, v.ARN)
			r.Prefixes = append(r.Prefixes, train.Prefix(v.ARN))
			return nil
		})
		if err != nil {
			return err
		}
		if err := noCampaign(ctx, tx, sc, rec); err != nil {
			return err
		}
		if err := noBatch(ctx, tx, sc, func(j batchUse) bool { return versions[j.SolutionVersionArn] }, rec.ARN); err != nil {
			return err
		}
		return s.remove(ctx, tx, rec, r)
	})
}

func isUnsettled(status string) bool {
	return status == Pending || status == InProgress || status == Stopping
}

// A batchUse is what a batch job of either kind uses.
type batchUse struct {
	JobName            string `json:"jobName"`
	Status             string `json:"status"`
	SolutionVersionArn string `json:"solutionVersionArn"`
	FilterArn          string `json:"filterArn"`
}

// noBatch refuses a change while a batch job that matters is running.
func noBatch(ctx context.Context, tx catalog.Store, sc scope, uses func(batchUse) bool, what arn.ARN) error {
	for _, kind := range []string{arn.BatchInferenceJob, arn.BatchSegmentJob} {
		q := catalog.Query{Account: sc.key(), Kind: kind, Status: unsettled}
		err := each(ctx, tx, q, func(j batchUse, _ catalog.Record) error {
			if uses(j) {
				return fault.Newf(fault.InUse, "The %s %s is used by %s %s, which is %s.", noun(what.Kind()), what, noun(kind), j.JobName, j.Status)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
