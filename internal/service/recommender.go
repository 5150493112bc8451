package service

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
	"github.com/kindredrec/kindred/internal/train"
)

// Inactive is the status of a recommender that was stopped.
const Inactive = "INACTIVE"

// CreateRecommender makes a recommender for a use case of the domain of its dataset group, and trains it on the
// data that the group has now.
func (s *Service) CreateRecommender(ctx context.Context, in *api.CreateRecommenderRequest) (*api.CreateRecommenderResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.recipe(in.RecipeArn)
	if err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.Recommender, in.Name)
	var due time.Time
	err = s.change(ctx, func(tx catalog.Store) error {
		group, rec, err := activeGroup(ctx, tx, sc, in.DatasetGroupArn)
		if err != nil {
			return err
		}
		if err := checkUseCase(e, group); err != nil {
			return err
		}
		if err := checkRecommender(ctx, tx, sc, e, rec.ARN, in.RecommenderConfig); err != nil {
			return err
		}
		if err := s.roomForRecommender(ctx, tx, sc, rec.ARN); err != nil {
			return err
		}
		doc := api.Recommender{
			Name: in.Name, RecommenderArn: name.String(), DatasetGroupArn: in.DatasetGroupArn, RecipeArn: in.RecipeArn,
			RecommenderConfig: completed(in.RecommenderConfig),
			Status:            Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		if due, err = scheduleRecommender(ctx, tx, name, at); err != nil {
			return err
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.Recommender, parent: rec.ARN, status: Pending, doc: doc, tags: in.Tags,
			flow: train.FlowKind, payload: recommenderOrder(e, doc), at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	s.alarm.sooner(due)
	return &api.CreateRecommenderResponse{RecommenderArn: name.String()}, nil
}

// recommenderOrder writes down what a recommender learns.
func recommenderOrder(e recipe.Entry, r api.Recommender) train.Order {
	o := train.Order{
		Recipe: e.Name, Group: arn.ARN(r.DatasetGroupArn), EventType: e.UseCase.EventType,
		Seed: seedOf(r.RecommenderArn), Split: seedOf(r.DatasetGroupArn), Since: r.CreationDateTime.UnixMilli(),
	}
	if t := r.RecommenderConfig.TrainingDataConfig; t != nil {
		o.Excluded, o.Included = t.ExcludedDatasetColumns, t.IncludedDatasetColumns
	}
	return o
}

// activeGroup returns a dataset group that things can be made in.
func activeGroup(ctx context.Context, tx catalog.Store, sc scope, name string) (api.DatasetGroup, catalog.Record, error) {
	group, rec, err := load[api.DatasetGroup](ctx, sc, tx, arn.DatasetGroup, "datasetGroupArn", name)
	if err == nil {
		err = needActive(arn.DatasetGroup, rec.ARN, rec.Status)
	}
	return group, rec, err
}

// checkUseCase checks that a recipe is a use case of the group's domain.
func checkUseCase(e recipe.Entry, group api.DatasetGroup) error {
	switch {
	case group.Domain == "":
		return fault.Newf(fault.Invalid, "The dataset group %s has no domain, and recommenders are for domain dataset groups: use a solution and a campaign.", group.DatasetGroupArn)
	case e.Domain == "":
		return fault.Newf(fault.Invalid, "The recipe %s is for solutions, not for recommenders; ListRecipes with domain %s lists the use cases.", e.Name, group.Domain)
	case e.Domain != group.Domain:
		return fault.Newf(fault.Invalid, "The recipe %s is a use case of domain %s and the dataset group %s is of domain %s.", e.Name, e.Domain, group.DatasetGroupArn, group.Domain)
	}
	return nil
}

// checkRecommender checks that the datasets of a use case are there, and a configuration against the use
// case and them.
func checkRecommender(ctx context.Context, tx catalog.Store, sc scope, e recipe.Entry, group arn.ARN, c *api.RecommenderConfig) error {
	schemas, err := groupSchemas(ctx, tx, sc, group)
	if err != nil {
		return err
	}
	if schemas[dataset.Interactions] == nil {
		return fault.Newf(fault.Invalid, "The recipe %s needs an Interactions dataset and the dataset group %s has none.", e.Name, group)
	}
	if e.UseCase.NeedsItems && schemas[dataset.Items] == nil {
		return fault.Newf(fault.Invalid, "The recipe %s needs an Items dataset and the dataset group %s has none.", e.Name, group)
	}
	if c == nil {
		return nil
	}
	// Of the use cases, those for users explore: recommended-for-you and top-picks.
	if len(c.ItemExplorationConfig) > 0 && e.Type != recipe.UserPersonalization {
		return fault.Newf(fault.Invalid, "The recipe %s does not explore; leave recommenderConfig.itemExplorationConfig out.", e.Name)
	}
	if _, err := batch.ParseExploration(c.ItemExplorationConfig); err != nil {
		return err
	}
	return checkColumns(ctx, tx, sc, group, &api.SolutionConfig{TrainingDataConfig: c.TrainingDataConfig})
}

// completed returns a configuration with the documented defaults added.
func completed(c *api.RecommenderConfig) *api.RecommenderConfig {
	out := api.RecommenderConfig{}
	if c != nil {
		out = *c
	}
	out.MinRecommendationRequestsPerSecond = ptr(or(out.MinRecommendationRequestsPerSecond, 1))
	return &out
}

// roomForRecommender checks the quotas of the group and of the region.
func (s *Service) roomForRecommender(ctx context.Context, tx catalog.Store, sc scope, group arn.ARN) error {
	if err := roomIn(ctx, tx, sc, s.quotas.Recommenders, arn.Recommender, group); err != nil {
		return err
	}
	return room(ctx, tx, s.quotas.AllRecommenders, catalog.Query{Account: sc.key(), Kind: arn.Recommender},
		"Cannot create a recommender. More than %d resources in region %s. Please delete some and try again.", s.quotas.AllRecommenders, sc.region)
}

// DescribeRecommender tells of a recommender. It has modelMetrics once it is trained.
func (s *Service) DescribeRecommender(ctx context.Context, in *api.DescribeRecommenderRequest) (*api.DescribeRecommenderResponse, error) {
	doc, err := describe[api.Recommender](ctx, s, arn.Recommender, "recommenderArn", in.RecommenderArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeRecommenderResponse{Recommender: doc}, nil
}

// ListRecommenders lists the recommenders of a group, or of the account.
func (s *Service) ListRecommenders(ctx context.Context, in *api.ListRecommendersRequest) (*api.ListRecommendersResponse, error) {
	q := catalog.Query{Kind: arn.Recommender, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.RecommenderSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListRecommendersResponse{Recommenders: page, NextToken: next}, nil
}

// UpdateRecommender replaces the configuration. Until the change is in force, which shows in
// latestRecommenderUpdate, the old one stays. Where other columns are to be learned from than before, it is
// in force when the recommender has been trained anew.
func (s *Service) UpdateRecommender(ctx context.Context, in *api.UpdateRecommenderRequest) (*api.UpdateRecommenderResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	var due time.Time
	err = s.change(ctx, func(tx catalog.Store) error {
		doc, rec, err := load[api.Recommender](ctx, sc, tx, arn.Recommender, "recommenderArn", in.RecommenderArn)
		if err != nil {
			return err
		}
		if rec.Status != Active && rec.Status != Inactive {
			return fault.Newf(fault.InUse, "The recommender %s is %s; it can be changed when it is ACTIVE or INACTIVE.", rec.ARN, rec.Status)
		}
		e, err := s.recipe(doc.RecipeArn)
		if err != nil {
			return err
		}
		if err := checkRecommender(ctx, tx, sc, e, rec.Parent, in.RecommenderConfig); err != nil {
			return err
		}
		config := completed(in.RecommenderConfig)
		r, apply := revision{Member: "latestRecommenderUpdate", Verb: "CREATE"}, map[string]any{"recommenderConfig": config}
		summary := api.RecommenderUpdateSummary{RecommenderConfig: config}
		if sameColumns(doc.RecommenderConfig, config) {
			return s.revise(ctx, tx, rec, r, summary, apply)
		}
		doc.RecommenderConfig = config
		if due, err = scheduleRecommender(ctx, tx, rec.ARN, s.moment()); err != nil {
			return err
		}
		return s.reviseBy(ctx, tx, rec, r, summary, apply, train.RetrainKind, func(r revision) any {
			return retraining{Order: recommenderOrder(e, doc), Revision: &r}
		})
	})
	if err != nil {
		return nil, err
	}
	s.alarm.sooner(due)
	return &api.UpdateRecommenderResponse{RecommenderArn: in.RecommenderArn}, nil
}

// StopRecommender takes an ACTIVE recommender out of service; it stays and can be started again.
func (s *Service) StopRecommender(ctx context.Context, in *api.StopRecommenderRequest) (*api.StopRecommenderResponse, error) {
	if err := s.turn(ctx, in.RecommenderArn, Active, turn{Verb: "STOP", End: Inactive}); err != nil {
		return nil, err
	}
	return &api.StopRecommenderResponse{RecommenderArn: in.RecommenderArn}, nil
}

// StartRecommender puts an INACTIVE recommender back in service, as it was.
func (s *Service) StartRecommender(ctx context.Context, in *api.StartRecommenderRequest) (*api.StartRecommenderResponse, error) {
	if err := s.turn(ctx, in.RecommenderArn, Inactive, turn{Verb: "START", End: Active}); err != nil {
		return nil, err
	}
	return &api.StartRecommenderResponse{RecommenderArn: in.RecommenderArn}, nil
}

// turnFlow stops and starts.
const turnFlow = "turn"

// A turn takes a resource from one settled status to another: VERB PENDING, VERB IN_PROGRESS, End. It is
// the payload of its flow.
type turn struct {
	Verb string `json:"verb"`
	End  string `json:"end"`
}

// turn starts a turn of a recommender that has the status it begins with.
func (s *Service) turn(ctx context.Context, name, from string, t turn) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.Recommender](ctx, sc, tx, arn.Recommender, "recommenderArn", name)
		if err != nil {
			return err
		}
		if rec.Status != from {
			return fault.Newf(fault.InUse, "The recommender %s is %s; %sRecommender needs one that is %s.", rec.ARN, rec.Status, title(t.Verb), from)
		}
		if err := catalog.Transition(ctx, tx, rec.ARN, s.moment(), t.Verb+" PENDING", nil); err != nil {
			return err
		}
		return enqueue(ctx, tx, catalog.Work{Owner: rec.ARN, Kind: turnFlow, Payload: payload})
	})
}

// title spells a verb as operations begin.
func title(verb string) string {
	if verb == "STOP" {
		return "Stop"
	}
	return "Start"
}

// turns is the flow of stopping and starting. There is nothing to do for it as long as nothing serves.
func turns(now func() time.Time) job.Flow {
	move := func(ctx context.Context, tx catalog.Store, j job.Job, status func(turn) string) error {
		var t turn
		if err := json.Unmarshal(j.Payload, &t); err != nil {
			return fmt.Errorf("payload of turn: %w", err)
		}
		return catalog.Transition(ctx, tx, j.Owner, now(), status(t), nil)
	}
	return job.Flow{
		Kind:  turnFlow,
		Width: 4,
		Begin: func(ctx context.Context, tx catalog.Store, j job.Job) error {
			return move(ctx, tx, j, func(t turn) string { return t.Verb + " IN_PROGRESS" })
		},
		Run: func(context.Context, *job.Run) error { return nil },
		Settle: func(ctx context.Context, tx catalog.Store, j job.Job, _ error) error {
			return move(ctx, tx, j, func(t turn) string { return t.End })
		},
	}
}

// DeleteRecommender removes a recommender, whether it is in service or stopped.
func (s *Service) DeleteRecommender(ctx context.Context, in *api.DeleteRecommenderRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.Recommender](ctx, sc, tx, arn.Recommender, "recommenderArn", in.RecommenderArn)
		if err != nil {
			return err
		}
		if rec.Status != Inactive {
			if err := needSettled(rec); err != nil {
				return err
			}
		}
		return s.remove(ctx, tx, rec, removal{Prefixes: []string{train.Prefix(rec.ARN)}, Children: []arn.ARN{recommenderScheduleOf(rec.ARN)}})
	})
}
