package service

import (
	"context"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/recipe"
)

// UpdateSolution changes how a solution is trained from now on; versions that exist stay as they are. Any
// update, even of nothing, lets the schedule of automatic training begin anew.
func (s *Service) UpdateSolution(ctx context.Context, in *api.UpdateSolutionRequest) (*api.UpdateSolutionResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	var due time.Time
	err = s.change(ctx, func(tx catalog.Store) error {
		sol, rec, err := load[api.Solution](ctx, sc, tx, arn.Solution, "solutionArn", in.SolutionArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.Solution, rec.ARN, rec.Status); err != nil {
			return err
		}
		if u := sol.LatestSolutionUpdate; u != nil && isUnsettled(u.Status) {
			return fault.Newf(fault.InUse, "The last update of solution %s is %s; wait until it is ACTIVE.", rec.ARN, u.Status)
		}
		if err := s.checkUpdate(sol, in); err != nil {
			return err
		}
		if c := in.SolutionUpdateConfig; c != nil {
			if err := checkColumns(ctx, tx, sc, arn.ARN(sol.DatasetGroupArn), &api.SolutionConfig{EventsConfig: c.EventsConfig}); err != nil {
				return err
			}
		}
		apply := updated(&sol, in)
		if due, err = schedule(ctx, tx, sol, s.moment()); err != nil {
			return err
		}
		summary := api.SolutionUpdateSummary{
			PerformAutoTraining: in.PerformAutoTraining, PerformIncrementalUpdate: in.PerformIncrementalUpdate, SolutionUpdateConfig: in.SolutionUpdateConfig,
		}
		return s.revise(ctx, tx, rec, revision{Member: "latestSolutionUpdate", Verb: "CREATE"}, summary, apply)
	})
	if err != nil {
		return nil, err
	}
	s.alarm.sooner(due)
	return &api.UpdateSolutionResponse{SolutionArn: in.SolutionArn}, nil
}

// checkUpdate checks a change as if the solution were created with it.
func (s *Service) checkUpdate(sol api.Solution, in *api.UpdateSolutionRequest) error {
	e := recipe.Entry{Info: recipe.Info{Name: "performAutoML"}} // which takes neither
	if sol.RecipeArn != "" {
		var err error
		if e, err = s.recipe(sol.RecipeArn); err != nil {
			return err
		}
	}
	if err := checkIncremental(e, in.PerformIncrementalUpdate); err != nil {
		return err
	}
	c := in.SolutionUpdateConfig
	if c == nil {
		return nil
	}
	if err := checkEvents(e, c.EventsConfig, sol.EventType, or(sol.SolutionConfig, api.SolutionConfig{}).EventValueThreshold); err != nil {
		return err
	}
	return checkSchedule(c.AutoTrainingConfig)
}

// updated changes sol as asked and returns the members that change.
func updated(sol *api.Solution, in *api.UpdateSolutionRequest) map[string]any {
	apply := map[string]any{}
	if in.PerformAutoTraining != nil {
		sol.PerformAutoTraining = in.PerformAutoTraining
		apply["performAutoTraining"] = in.PerformAutoTraining
	}
	if in.PerformIncrementalUpdate != nil {
		sol.PerformIncrementalUpdate = in.PerformIncrementalUpdate
		apply["performIncrementalUpdate"] = in.PerformIncrementalUpdate
	}
	c := in.SolutionUpdateConfig
	if c == nil || c.AutoTrainingConfig == nil && c.EventsConfig == nil {
		return apply
	}
	config := or(sol.SolutionConfig, api.SolutionConfig{})
	if c.AutoTrainingConfig != nil {
		config.AutoTrainingConfig = c.AutoTrainingConfig
	}
	if c.EventsConfig != nil { // replaces the old list
		config.EventsConfig = c.EventsConfig
	}
	sol.SolutionConfig = &config
	apply["solutionConfig"] = config
	return apply
}
