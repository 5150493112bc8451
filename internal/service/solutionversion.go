package service

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"strconv"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// CreateSolutionVersion starts training a solution on the data its group has now.
func (s *Service) CreateSolutionVersion(ctx context.Context, in *api.CreateSolutionVersionRequest) (*api.CreateSolutionVersionResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	mode := cmp.Or(in.TrainingMode, api.TrainingModeFULL)
	if mode == api.TrainingModeAUTOTRAIN {
		return nil, fault.Newf(fault.Invalid, "trainingMode AUTOTRAIN is not for requests: set performAutoTraining on the solution, or use FULL or UPDATE.")
	}
	var name arn.ARN
	err = s.change(ctx, func(tx catalog.Store) error {
		sol, rec, err := load[api.Solution](ctx, sc, tx, arn.Solution, "solutionArn", in.SolutionArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.Solution, rec.ARN, rec.Status); err != nil {
			return err
		}
		if err := uniqueVersion(ctx, tx, sc, rec.ARN, in.Name); err != nil {
			return err
		}
		if mode == api.TrainingModeUPDATE {
			if err := s.checkExtension(sol); err != nil {
				return err
			}
		}
		name, err = s.addVersion(ctx, tx, sc, sol, api.SolutionVersion{Name: in.Name, TrainingMode: mode, TrainingType: api.TrainingTypeMANUAL}, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateSolutionVersionResponse{SolutionVersionArn: name.String()}, nil
}

// addVersion inserts a version of a solution inside tx, and its training. doc says what is special about it:
// the mode, who asked for it, and perhaps a name.
func (s *Service) addVersion(ctx context.Context, tx catalog.Store, sc scope, sol api.Solution, doc api.SolutionVersion, tags []api.Tag) (arn.ARN, error) {
	if err := roomToRun(ctx, tx, sc, s.quotas.RunningVersions, arn.SolutionVersion); err != nil {
		return "", err
	}
	order, err := s.trainingOrder(sol)
	if err != nil {
		return "", err
	}
	if doc.TrainingMode == api.TrainingModeUPDATE {
		if err := extend(ctx, tx, sol, &order); err != nil {
			return "", err
		}
	}
	at := s.moment()
	tail := sol.Name + "/" + randomID()
	name := sc.arn(arn.Solution, tail)
	doc.Name = cmp.Or(doc.Name, tail)
	doc.SolutionVersionArn, doc.SolutionArn, doc.DatasetGroupArn = name.String(), sol.SolutionArn, sol.DatasetGroupArn
	doc.RecipeArn, doc.EventType, doc.SolutionConfig = sol.RecipeArn, sol.EventType, sol.SolutionConfig
	doc.PerformHPO, doc.PerformAutoML = sol.PerformHPO, sol.PerformAutoML
	if doc.PerformIncrementalUpdate == nil && sol.PerformIncrementalUpdate != nil {
		doc.PerformIncrementalUpdate = ptr(false) // versions say whether they are one
	}
	doc.Status, doc.CreationDateTime, doc.LastUpdatedDateTime = Pending, api.NewTime(at), api.NewTime(at)
	return name, s.create(ctx, tx, sc, creation{
		arn: name, kind: arn.SolutionVersion, parent: arn.ARN(sol.SolutionArn), status: Pending, doc: doc, tags: tags,
		flow: train.FlowKind, payload: order, at: at,
	})
}

// checkExtension refuses to update models that cannot be, or that are updated by themselves.
func (s *Service) checkExtension(sol api.Solution) error {
	if or(sol.PerformAutoML, false) {
		return fault.Newf(fault.Invalid, "trainingMode UPDATE is for solutions of aws-user-personalization, not for those that choose their recipe; use FULL.")
	}
	e, err := s.recipe(sol.RecipeArn)
	if err != nil {
		return err
	}
	if !e.Updates {
		return fault.Newf(fault.Invalid, "trainingMode UPDATE is for aws-user-personalization, not for %s; use FULL.", e.Name)
	}
	return nil
}

// extend makes an order one to update the solution's newest full version, with that version's parameters.
func extend(ctx context.Context, tx catalog.Store, sol api.Solution, o *train.Order) error {
	_, base, ok, err := firstOf(ctx, tx, versionsOf(sol, Active), func(v api.SolutionVersion, _ catalog.Record) bool {
		return v.TrainingMode == api.TrainingModeFULL
	})
	if err != nil {
		return err
	}
	if !ok {
		return fault.Newf(fault.Invalid, "trainingMode UPDATE needs an ACTIVE version of the solution that was trained in mode FULL; there is none.")
	}
	st, err := train.StateOf(base)
	if err != nil {
		return err
	}
	o.Base, o.Params, o.Trials, o.Tuned = base.ARN, st.Order.Params, nil, nil
	return nil
}

// uniqueVersion refuses a version name that the solution has already.
func uniqueVersion(ctx context.Context, tx catalog.Store, sc scope, solution arn.ARN, name string) error {
	if name == "" {
		return nil
	}
	q := catalog.Query{Account: sc.key(), Kind: arn.SolutionVersion, Parent: solution}
	return each(ctx, tx, q, func(v api.SolutionVersion, _ catalog.Record) error {
		if v.Name == name {
			return fault.Newf(fault.Exists, "Another solution version of %s is named %s already.", solution, name)
		}
		return nil
	})
}

// trainingOrder writes down a solution's configuration for the training.
func (s *Service) trainingOrder(sol api.Solution) (train.Order, error) {
	o := train.Order{
		Group: arn.ARN(sol.DatasetGroupArn), EventType: sol.EventType, Seed: seedOf(sol.SolutionArn), Split: seedOf(sol.DatasetGroupArn),
		Since: sol.CreationDateTime.UnixMilli(),
	}
	if or(sol.PerformAutoML, false) {
		err := s.chooseRecipe(&o, sol)
		return o, err
	}
	e, err := s.recipe(sol.RecipeArn)
	if err != nil {
		return o, err
	}
	o.Recipe = e.Name
	c := sol.SolutionConfig
	if c == nil {
		c = &api.SolutionConfig{}
	}
	if o.Params, err = recipe.Resolve(e.Info, c.AlgorithmHyperParameters, c.FeatureTransformationParameters); err != nil {
		return o, err
	}
	if c.EventValueThreshold != "" {
		v, err := strconv.ParseFloat(c.EventValueThreshold, 64)
		if err != nil {
			return o, fmt.Errorf("threshold was accepted once: %w", err)
		}
		o.Threshold = &v
	}
	if g := c.OptimizationObjective; g != nil {
		o.Objective, o.Sensitivity = g.ItemAttribute, g.ObjectiveSensitivity
	}
	o.Events = kindsOf(c.EventsConfig)
	if t := c.TrainingDataConfig; t != nil {
		o.Excluded, o.Included = t.ExcludedDatasetColumns, t.IncludedDatasetColumns
	}
	if or(sol.PerformHPO, false) {
		return o, tune(&o, e, c)
	}
	return o, nil
}

// seedOf returns the seed of everything random about a solution, so that training it again on the same
// data, here or on another machine, gives the same model.
func seedOf(solution string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(solution))
	return h.Sum64()
}

// DescribeSolutionVersion tells of a version.
func (s *Service) DescribeSolutionVersion(ctx context.Context, in *api.DescribeSolutionVersionRequest) (*api.DescribeSolutionVersionResponse, error) {
	doc, err := describe[api.SolutionVersion](ctx, s, arn.SolutionVersion, "solutionVersionArn", in.SolutionVersionArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeSolutionVersionResponse{SolutionVersion: doc}, nil
}

// ListSolutionVersions lists the versions of a solution, or of the account.
func (s *Service) ListSolutionVersions(ctx context.Context, in *api.ListSolutionVersionsRequest) (*api.ListSolutionVersionsResponse, error) {
	if in.SolutionArn != "" {
		if _, err := describe[api.Solution](ctx, s, arn.Solution, "solutionArn", in.SolutionArn); err != nil {
			return nil, err
		}
	}
	q := catalog.Query{Kind: arn.SolutionVersion, Parent: arn.ARN(in.SolutionArn)}
	page, next, err := list[api.SolutionVersionSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListSolutionVersionsResponse{SolutionVersions: page, NextToken: next}, nil
}

// GetSolutionMetrics returns how well a version did on the users held out from its training.
func (s *Service) GetSolutionMetrics(ctx context.Context, in *api.GetSolutionMetricsRequest) (*api.GetSolutionMetricsResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	_, rec, err := load[api.SolutionVersion](ctx, sc, s.store, arn.SolutionVersion, "solutionVersionArn", in.SolutionVersionArn)
	if err != nil {
		return nil, err
	}
	if rec.Status != Active {
		return nil, fault.Newf(fault.InUse, "The solution version %s is %s; metrics are there when it is ACTIVE.", rec.ARN, rec.Status)
	}
	st, err := train.StateOf(rec)
	if err != nil {
		return nil, err
	}
	return &api.GetSolutionMetricsResponse{SolutionVersionArn: in.SolutionVersionArn, Metrics: st.Metrics}, nil
}

// StopSolutionVersionCreation stops a training that has not ended. The version stays, without a model.
func (s *Service) StopSolutionVersionCreation(ctx context.Context, in *api.StopSolutionVersionCreationRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	var name arn.ARN
	err = s.store.Tx(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.SolutionVersion](ctx, sc, tx, arn.SolutionVersion, "solutionVersionArn", in.SolutionVersionArn)
		if err != nil {
			return err
		}
		name = rec.ARN
		status := Stopping
		switch rec.Status {
		case InProgress:
		case Pending: // its turn may be hours away
			status = Stopped
		default:
			return fault.Newf(fault.InUse, "The solution version %s is %s; only one that is pending or in progress can be stopped.", rec.ARN, rec.Status)
		}
		return catalog.Transition(ctx, tx, rec.ARN, s.moment(), status, nil)
	})
	if err != nil {
		return err
	}
	// The status is what counts: a training that ends just now, or goes on after a crash, heeds it.
	if err := s.engine.Cancel(ctx, name); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return nil
}
