package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/batch"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
)

// latestAlias behind the ARN of a solution stands for its newest version, now and later.
const latestAlias = "/$LATEST"

// CreateCampaign deploys a solution version. A campaign that follows its solution (solutionVersionArn
// …/$LATEST) starts with the newest version there is, and shows which one that is.
//
// Its parent is the dataset group, because an update may move it to another solution of the group.
func (s *Service) CreateCampaign(ctx context.Context, in *api.CreateCampaignRequest) (*api.CreateCampaignResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.Campaign, in.Name)
	err = s.change(ctx, func(tx catalog.Store) error {
		version, err := s.deployable(ctx, tx, sc, in.SolutionVersionArn, in.CampaignConfig)
		if err != nil {
			return err
		}
		group := arn.ARN(version.DatasetGroupArn)
		if err := s.roomForCampaign(ctx, tx, sc, group); err != nil {
			return err
		}
		doc := api.Campaign{
			Name: in.Name, CampaignArn: name.String(), SolutionVersionArn: version.SolutionVersionArn,
			MinProvisionedTPS: ptr(or(in.MinProvisionedTPS, 1)), CampaignConfig: in.CampaignConfig,
			Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		return s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.Campaign, parent: group, status: Pending, doc: doc, tags: in.Tags, flow: createFlow, at: at,
		})
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateCampaignResponse{CampaignArn: name.String()}, nil
}

// roomForCampaign checks the quota on campaigns of a group.
func (s *Service) roomForCampaign(ctx context.Context, tx catalog.Store, sc scope, group arn.ARN) error {
	return room(ctx, tx, s.quotas.Campaigns, catalog.Query{Account: sc.key(), Kind: arn.Campaign, Parent: group},
		"Cannot create a campaign. More than %d resources in ACTIVE state. Please delete some and try again.", s.quotas.Campaigns)
}

// syncs reports whether a campaign of this configuration follows its solution.
func syncs(c *api.CampaignConfig) bool { return c != nil && or(c.SyncWithLatestSolutionVersion, false) }

// deployable returns the solution version that a request names, if a campaign of that configuration can
// have it: it is ACTIVE, its solution stays, and its recipe answers one request at a time.
func (s *Service) deployable(ctx context.Context, tx catalog.Store, sc scope, name string, config *api.CampaignConfig) (none api.SolutionVersion, err error) {
	if name, err = resolved(ctx, tx, sc, name, syncs(config)); err != nil {
		return none, err
	}
	version, rec, err := load[api.SolutionVersion](ctx, sc, tx, arn.SolutionVersion, "solutionVersionArn", name)
	if err != nil {
		return none, err
	}
	if err := needActive(arn.SolutionVersion, rec.ARN, rec.Status); err != nil {
		return none, err
	}
	_, solution, err := load[api.Solution](ctx, sc, tx, arn.Solution, "solutionVersionArn", rec.ARN.Parent().String())
	if err != nil {
		return none, err
	}
	if err := needActive(arn.Solution, solution.ARN, solution.Status); err != nil {
		return none, err
	}
	e, err := s.recipe(version.RecipeArn)
	if err != nil {
		return none, err
	}
	return version, checkCampaign(e, config)
}

// resolved returns the ARN of the version that name stands for: itself, or the newest of a solution.
func resolved(ctx context.Context, tx catalog.Store, sc scope, name string, sync bool) (string, error) {
	solution, latest := strings.CutSuffix(name, latestAlias)
	switch {
	case arn.ARN(name).Kind() == arn.Solution:
		return "", fault.Newf(fault.NotFound, "%s is a solution, not a solution version; name one of its versions, "+
			"or %s%s with campaignConfig.syncWithLatestSolutionVersion true.", name, name, latestAlias)
	case sync && !latest:
		return "", fault.Newf(fault.Invalid, "campaignConfig.syncWithLatestSolutionVersion needs a solutionVersionArn of the form <solution ARN>%s, not %s.", latestAlias, name)
	case latest && !sync:
		return "", fault.Newf(fault.Invalid, "solutionVersionArn %s follows the solution; that needs campaignConfig.syncWithLatestSolutionVersion true.", name)
	case !latest:
		return name, nil
	}
	_, rec, err := load[api.Solution](ctx, sc, tx, arn.Solution, "solutionVersionArn", solution)
	if err != nil {
		return "", err
	}
	newest, err := newestVersion(ctx, tx, sc.key(), rec.ARN)
	if err == nil && newest == "" {
		err = fault.Newf(fault.InUse, "The solution %s has no ACTIVE solution version of training mode FULL; wait until it has one.", solution)
	}
	return newest, err
}

// newestVersion returns the newest version of a solution that is ACTIVE and fully trained, or made by an incremental
// update of one that is; "" for none.
func newestVersion(ctx context.Context, tx catalog.Store, account string, solution arn.ARN) (newest string, err error) {
	q := catalog.Query{Account: account, Kind: arn.SolutionVersion, Parent: solution, Status: []string{Active}}
	err = each(ctx, tx, q, func(v api.SolutionVersion, _ catalog.Record) error {
		if v.TrainingMode != api.TrainingModeUPDATE || tookItems(v) {
			newest = v.SolutionVersionArn
		}
		return nil
	})
	return newest, err
}

// checkCampaign checks a configuration against what the recipe takes.
func checkCampaign(e recipe.Entry, c *api.CampaignConfig) error {
	switch {
	case e.Type == recipe.UserSegmentation:
		return fault.Newf(fault.Invalid, "The recipe %s makes user segments, which campaigns do not serve: use CreateBatchSegmentJob.", e.Name)
	case c == nil:
		return nil
	case len(c.RankingInfluence) > 0 && !e.Influenced:
		return fault.Newf(fault.Invalid, "campaignConfig.rankingInfluence is for aws-semantic-similarity, not for %s.", e.Name)
	case len(c.ItemExplorationConfig) > 0 && !e.Explores:
		return fault.Newf(fault.Invalid, "The recipe %s does not explore; leave campaignConfig.itemExplorationConfig out.", e.Name)
	}
	if _, err := batch.ParseInfluence(c.RankingInfluence); err != nil {
		return err
	}
	_, err := batch.ParseExploration(c.ItemExplorationConfig)
	return err
}

// DescribeCampaign tells of a campaign.
func (s *Service) DescribeCampaign(ctx context.Context, in *api.DescribeCampaignRequest) (*api.DescribeCampaignResponse, error) {
	doc, err := describe[api.Campaign](ctx, s, arn.Campaign, "campaignArn", in.CampaignArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeCampaignResponse{Campaign: doc}, nil
}

// ListCampaigns lists the campaigns that have a version of a solution deployed, or all of the account.
func (s *Service) ListCampaigns(ctx context.Context, in *api.ListCampaignsRequest) (*api.ListCampaignsResponse, error) {
	out := &api.ListCampaignsResponse{Campaigns: []api.CampaignSummary{}, NextToken: in.NextToken}
	q, err := s.campaignsOf(ctx, in.SolutionArn)
	if err != nil {
		return nil, err
	}
	size := int(or(in.MaxResults, catalog.DefaultPage))
	for len(out.Campaigns) < size {
		// A page of what is wanted may take several of what is there.
		page, next, err := list[api.Campaign](ctx, s, q, out.NextToken, ptr(int32(size-len(out.Campaigns))))
		if err != nil {
			return nil, err
		}
		for _, c := range page {
			if in.SolutionArn == "" || arn.ARN(c.SolutionVersionArn).Parent().String() == in.SolutionArn {
				out.Campaigns = append(out.Campaigns, summarized(c))
			}
		}
		if out.NextToken = next; next == "" {
			break
		}
	}
	return out, nil
}

// campaignsOf returns the query whose answer holds all campaigns of a solution. They are in its dataset
// group; of a solution that is not there, there are none.
func (s *Service) campaignsOf(ctx context.Context, solution string) (catalog.Query, error) {
	q := catalog.Query{Kind: arn.Campaign}
	if solution == "" {
		return q, nil
	}
	doc, err := describe[api.Solution](ctx, s, arn.Solution, "solutionArn", solution)
	switch {
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid):
		q.Parent = arn.ARN(solution)
		return q, nil
	case err != nil:
		return q, err
	}
	q.Parent = arn.ARN(doc.DatasetGroupArn)
	return q, nil
}

func summarized(c api.Campaign) api.CampaignSummary {
	return api.CampaignSummary{
		Name: c.Name, CampaignArn: c.CampaignArn, Status: c.Status, FailureReason: c.FailureReason,
		CreationDateTime: c.CreationDateTime, LastUpdatedDateTime: c.LastUpdatedDateTime,
	}
}

// UpdateCampaign changes what a campaign has deployed or how. Until the change is in force, which shows in
// latestCampaignUpdate, everything stays as it was.
func (s *Service) UpdateCampaign(ctx context.Context, in *api.UpdateCampaignRequest) (*api.UpdateCampaignResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if in.SolutionVersionArn == "" && in.MinProvisionedTPS == nil && in.CampaignConfig == nil {
		return nil, fault.Newf(fault.Invalid, "Nothing to change: give solutionVersionArn, minProvisionedTPS or campaignConfig.")
	}
	err = s.change(ctx, func(tx catalog.Store) error {
		doc, rec, err := load[api.Campaign](ctx, sc, tx, arn.Campaign, "campaignArn", in.CampaignArn)
		if err != nil {
			return err
		}
		if rec.Status != Active && rec.Status != Failed {
			return fault.Newf(fault.InUse, "The campaign %s is %s; it can be changed when it is ACTIVE.", rec.ARN, rec.Status)
		}
		next := api.CampaignUpdateSummary{
			MinProvisionedTPS: ptr(or(in.MinProvisionedTPS, or(doc.MinProvisionedTPS, 1))), CampaignConfig: doc.CampaignConfig,
		}
		if in.CampaignConfig != nil {
			next.CampaignConfig = in.CampaignConfig
		}
		version, err := s.deployable(ctx, tx, sc, meant(in.SolutionVersionArn, doc, next.CampaignConfig), next.CampaignConfig)
		if err != nil {
			return err
		}
		if version.DatasetGroupArn != rec.Parent.String() {
			return fault.Newf(fault.Invalid, "The solution version %s belongs to dataset group %s and the campaign to %s.",
				version.SolutionVersionArn, version.DatasetGroupArn, rec.Parent)
		}
		next.SolutionVersionArn = version.SolutionVersionArn
		return s.redeploy(ctx, tx, rec, next)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateCampaignResponse{CampaignArn: in.CampaignArn}, nil
}

// meant returns the version that an update is about: the one it names, or the one there is. A campaign
// that goes on following its solution need not say so again.
func meant(named string, c api.Campaign, config *api.CampaignConfig) string {
	switch {
	case named != "":
		return named
	case syncs(c.CampaignConfig) && syncs(config):
		return arn.ARN(c.SolutionVersionArn).Parent().String() + latestAlias
	}
	return c.SolutionVersionArn
}

// redeploy starts a change of a campaign inside tx.
func (s *Service) redeploy(ctx context.Context, tx catalog.Store, rec catalog.Record, next api.CampaignUpdateSummary) error {
	apply := map[string]any{"solutionVersionArn": next.SolutionVersionArn, "minProvisionedTPS": next.MinProvisionedTPS}
	if next.CampaignConfig != nil {
		apply["campaignConfig"] = next.CampaignConfig
	}
	return s.revise(ctx, tx, rec, revision{Member: "latestCampaignUpdate", Verb: "CREATE"}, next, apply)
}

// FollowLatest returns a flow that, when one of its jobs ends well, moves the campaigns that follow a
// solution to its newest version. It is meant for the flows that train versions and those that bring
// campaigns and their changes to life: whichever comes last finds the two together.
func (s *Service) FollowLatest(f job.Flow) job.Flow {
	settle := f.Settle
	f.Settle = func(ctx context.Context, tx catalog.Store, j job.Job, failure error) error {
		if err := settle(ctx, tx, j, failure); err != nil || failure != nil {
			return err
		}
		return s.follow(ctx, tx, j.Owner)
	}
	return f
}

// follow looks at the campaigns that the end of a job for owner may concern.
func (s *Service) follow(ctx context.Context, tx catalog.Store, owner arn.ARN) error {
	if kind := owner.Kind(); kind != arn.SolutionVersion && kind != arn.Campaign {
		return nil
	}
	rec, err := tx.Get(ctx, owner)
	if fault.Is(err, fault.NotFound) || err == nil && rec.Status != Active {
		return nil
	}
	if err != nil {
		return err
	}
	if rec.Kind == arn.Campaign {
		c, _, err := catalog.Load[api.Campaign](ctx, tx, owner)
		if err != nil {
			return err
		}
		return s.catchUp(ctx, tx, c, rec)
	}
	v, _, err := catalog.Load[api.SolutionVersion](ctx, tx, owner)
	if err != nil {
		return err
	}
	q := catalog.Query{Account: rec.Account, Kind: arn.Campaign, Parent: arn.ARN(v.DatasetGroupArn)}
	return each(ctx, tx, q, func(c api.Campaign, rec catalog.Record) error {
		if arn.ARN(c.SolutionVersionArn).Parent() != owner.Parent() {
			return nil
		}
		return s.catchUp(ctx, tx, c, rec)
	})
}

// catchUp starts moving a campaign that follows its solution to the newest version, if it has another. One
// that is being changed is looked at again when that is done.
func (s *Service) catchUp(ctx context.Context, tx catalog.Store, c api.Campaign, rec catalog.Record) error {
	if rec.Status != Active || !syncs(c.CampaignConfig) {
		return nil
	}
	newest, err := newestVersion(ctx, tx, rec.Account, arn.ARN(c.SolutionVersionArn).Parent())
	if err != nil || newest == "" || newest == c.SolutionVersionArn {
		return err
	}
	next := api.CampaignUpdateSummary{SolutionVersionArn: newest, MinProvisionedTPS: c.MinProvisionedTPS, CampaignConfig: c.CampaignConfig}
	err = tx.Tx(ctx, func(tx catalog.Store) error { return s.redeploy(ctx, tx, rec, next) })
	if fault.Is(err, fault.InUse) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("campaign %s follows its solution: %w", rec.ARN, err)
	}
	return nil
}

// DeleteCampaign removes a campaign; the solution version stays.
func (s *Service) DeleteCampaign(ctx context.Context, in *api.DeleteCampaignRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.Campaign](ctx, sc, tx, arn.Campaign, "campaignArn", in.CampaignArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		return s.remove(ctx, tx, rec, removal{})
	})
}

// noCampaign refuses to go on while a campaign has a version of the solution, or is about to get one.
func noCampaign(ctx context.Context, tx catalog.Store, sc scope, solution catalog.Record) error {
	q := catalog.Query{Account: sc.key(), Kind: arn.Campaign, Parent: solution.Parent}
	return each(ctx, tx, q, func(c api.Campaign, _ catalog.Record) error {
		versions := []string{c.SolutionVersionArn}
		if u := c.LatestCampaignUpdate; u != nil && slices.Contains(unsettled, u.Status) {
			versions = append(versions, u.SolutionVersionArn)
		}
		for _, v := range versions {
			if arn.ARN(v).Parent() == solution.ARN {
				return fault.Newf(fault.InUse, "The solution %s is used by campaign %s, which is %s; delete that first.", solution.ARN, c.Name, c.Status)
			}
		}
		return nil
	})
}
