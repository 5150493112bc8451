package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/fault"
	"github.com/kindredrec/kindred/internal/job"
	"github.com/kindredrec/kindred/internal/recipe"
)

func (w *world) deploy(n, version string, config *api.CampaignConfig) error {
	_, err := w.svc.CreateCampaign(w.ctx, &api.CreateCampaignRequest{Name: n, SolutionVersionArn: version, CampaignConfig: config})
	return err
}

func (w *world) campaign(n string) *api.Campaign {
	w.t.Helper()
	return must[*api.DescribeCampaignResponse](w.t)(w.svc.DescribeCampaign(w.ctx, &api.DescribeCampaignRequest{CampaignArn: name(arn.Campaign, n)})).Campaign
}

func (w *world) change(n, version string) error {
	_, err := w.svc.UpdateCampaign(w.ctx, &api.UpdateCampaignRequest{CampaignArn: name(arn.Campaign, n), SolutionVersionArn: version})
	return err
}

func (w *world) undeploy(n string) error {
	return w.svc.DeleteCampaign(w.ctx, &api.DeleteCampaignRequest{CampaignArn: name(arn.Campaign, n)})
}

var following = &api.CampaignConfig{SyncWithLatestSolutionVersion: ptr(true)}

// A campaign is ACTIVE all the time it is updated, and has the old version until the update is in force.
func TestUpdateCampaign(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	films := w.solution("films", w.group("shop", ""))
	first, second := w.train(films), w.train(films)
	w.settle()
	if err := w.deploy("home", first, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.change("home", second); kind(err) != "in use" {
		t.Errorf("update of a campaign that is CREATE PENDING = %v, want in use", err)
	}
	w.settle()
	if u := w.campaign("home").LatestCampaignUpdate; u != nil {
		t.Errorf("latestCampaignUpdate before the first update = %+v, want none", u)
	}
	if err := w.change("home", second); err != nil {
		t.Fatal(err)
	}
	look := func(version, update string) {
		t.Helper()
		c := w.campaign("home")
		if c.Status != Active || c.SolutionVersionArn != version || c.LatestCampaignUpdate.Status != update || c.LatestCampaignUpdate.SolutionVersionArn != second {
			t.Errorf("campaign is %s with %s, update %s to %s; want ACTIVE with %s, update %s to %s", c.Status, c.SolutionVersionArn,
				c.LatestCampaignUpdate.Status, c.LatestCampaignUpdate.SolutionVersionArn, version, update, second)
		}
	}
	look(first, "CREATE PENDING")
	if err := w.change("home", first); kind(err) != "in use" {
		t.Errorf("update during an update = %v, want in use", err)
	}
	if err := w.undeploy("home"); kind(err) != "in use" {
		t.Errorf("delete during an update = %v, want in use", err)
	}
	look(first, "CREATE PENDING")
	j, _ := w.begin()
	look(first, "CREATE IN_PROGRESS")
	w.end(j, nil)
	look(second, "ACTIVE")

	// A failed update leaves everything as it was, and says why.
	if err := w.change("home", first); err != nil {
		t.Fatal(err)
	}
	j, _ = w.begin()
	w.end(j, fault.Newf(fault.Limit, "No room."))
	c := w.campaign("home")
	if c.Status != Active || c.SolutionVersionArn != second || c.LatestCampaignUpdate.Status != Failed || c.LatestCampaignUpdate.FailureReason != "No room." {
		t.Errorf("after a failed update the campaign is %+v with update %+v", c, c.LatestCampaignUpdate)
	}
}

// A campaign that could not be made can be mended by an update.
func TestUpdateFailedCampaign(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	films := w.solution("films", w.group("shop", ""))
	version := w.train(films)
	w.settle()
	if err := w.deploy("home", version, nil); err != nil {
		t.Fatal(err)
	}
	j, _ := w.begin()
	w.end(j, fault.Newf(fault.Limit, "No room."))
	if c := w.campaign("home"); c.Status != Failed || c.FailureReason != "No room." {
		t.Fatalf("campaign is %s because %q, want CREATE FAILED because %q", c.Status, c.FailureReason, "No room.")
	}
	if err := w.change("home", version); err != nil {
		t.Fatal(err)
	}
	if c := w.campaign("home"); c.Status != Failed {
		t.Errorf("campaign is %s before the update is in force, want CREATE FAILED", c.Status)
	}
	w.settle()
	if c := w.campaign("home"); c.Status != Active || c.FailureReason != "" {
		t.Errorf("campaign is %s because %q after the update, want ACTIVE", c.Status, c.FailureReason)
	}
}

// A solution stays as long as a campaign has one of its versions, or is about to get one, or is going.
func TestDeleteSolutionInUse(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	group := w.group("shop", "")
	films, books := w.solution("films", group), w.solution("books", group)
	film, book := w.train(films), w.train(books)
	w.settle()
	refused := func(when string, solutions ...string) {
		t.Helper()
		for _, s := range solutions {
			if err := w.svc.DeleteSolution(w.ctx, &api.DeleteSolutionRequest{SolutionArn: s}); kind(err) != "in use" {
				t.Errorf("%s: DeleteSolution(%s) = %v, want in use", when, s, err)
			}
		}
	}
	if err := w.deploy("home", film, nil); err != nil {
		t.Fatal(err)
	}
	refused("pending", films)
	w.settle()
	refused("active", films)
	if err := w.change("home", book); err != nil {
		t.Fatal(err)
	}
	refused("on its way", films, books)
	w.settle()
	refused("moved", books)
	if err := w.undeploy("home"); err != nil {
		t.Fatal(err)
	}
	refused("going", books)
	w.settle()
	for _, s := range []string{films, books} {
		if err := w.svc.DeleteSolution(w.ctx, &api.DeleteSolutionRequest{SolutionArn: s}); err != nil {
			t.Errorf("DeleteSolution(%s) with no campaign = %v", s, err)
		}
	}
	if err := w.deploy("late", film, nil); kind(err) != "in use" {
		t.Errorf("CreateCampaign with a version of a solution that is going = %v, want in use", err)
	}
}

// Only a version that is trained can be deployed, and only in its own group.
func TestDeployable(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	films, books := w.solution("films", w.group("shop", "")), w.solution("books", w.group("library", ""))
	film, book := w.train(films), w.train(books)
	if err := w.deploy("home", film, nil); kind(err) != "in use" {
		t.Errorf("CreateCampaign with a version in training = %v, want in use", err)
	}
	w.settle()
	if err := w.deploy("home", film, nil); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if err := w.change("home", book); kind(err) != "invalid" || !strings.Contains(err.Error(), "dataset-group/library") {
		t.Errorf("UpdateCampaign to a version of another group = %v, want invalid with the group's name", err)
	}
	segments := recipe.Entry{Info: recipe.Info{Name: "aws-item-affinity", Type: recipe.UserSegmentation}}
	if err := checkCampaign(segments, nil); kind(err) != "invalid" {
		t.Errorf("a campaign of user segments = %v, want invalid", err)
	}
}

func TestCampaignQuota(t *testing.T) {
	w := newWorld(t, AWSQuotas())
	version := w.train(w.solution("films", w.group("shop", "")))
	w.settle()
	for n := range 5 {
		if err := w.deploy(fmt.Sprint("c", n), version, nil); err != nil {
			t.Fatal(err)
		}
	}
	err := w.deploy("c5", version, nil)
	want := "Cannot create a campaign. More than 5 resources in ACTIVE state. Please delete some and try again."
	if kind(err) != "limit" || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the sixth campaign = %v, want a limit: %s", err, want)
	}
}

// Pages of one solution's campaigns are full and in order, wherever the others stand between them.
func TestListCampaignsOfSolution(t *testing.T) {
	w := newWorld(t, DefaultQuotas())
	group := w.group("shop", "")
	films, books := w.solution("films", group), w.solution("books", group)
	film, book := w.train(films), w.train(books)
	w.settle()
	var want []string
	for n := range 17 {
		version := book
		if n%3 == 1 {
			version = film
			want = append(want, fmt.Sprint("c", n))
		}
		if err := w.deploy(fmt.Sprint("c", n), version, nil); err != nil {
			t.Fatal(err)
		}
	}
	for size := int32(1); size < 8; size++ {
		var got []string
		for token := ""; ; {
			out, err := w.svc.ListCampaigns(w.ctx, &api.ListCampaignsRequest{SolutionArn: films, NextToken: token, MaxResults: &size})
			if err != nil {
				t.Fatal(err)
			}
			if token = out.NextToken; token != "" && len(out.Campaigns) != int(size) {
				t.Errorf("a page of %d with a next one holds %d", size, len(out.Campaigns))
			}
			for _, c := range out.Campaigns {
				got = append(got, c.Name)
			}
			if token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d hold %v, want %v", size, got, want)
		}
	}
}

// Whatever the order in which trainings, campaigns and updates come to their end: when all is done, a
// campaign that follows a solution has its newest version, and one that does not has what it was given.
func TestFollowLatest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, DefaultQuotas())
		films := w.solution("films", w.group("shop", ""))
		versions := []string{w.train(films)} // in order of creation
		trained := map[string]bool{versions[0]: true}
		w.settle()
		given := map[string]string{} // campaigns to the version they were given, "" for following
		var running []job.Job
		end := func(n int) {
			j := running[n]
			running = slices.Delete(running, n, n+1)
			var failure error
			if j.Kind == "train" && rapid.Bool().Draw(r, "fails") {
				failure = fault.Newf(fault.Invalid, "Too few.")
			}
			w.end(j, failure)
			if j.Kind == "train" && failure == nil {
				trained[j.Owner.String()] = true
			}
		}
		some := func() string { // a version that is trained
			var all []string
			for _, v := range versions {
				if trained[v] {
					all = append(all, v)
				}
			}
			return rapid.SampledFrom(all).Draw(r, "version")
		}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				for n := range given {
					c := w.campaign(n)
					if u := c.LatestCampaignUpdate; u != nil && u.Status == Active && u.SolutionVersionArn != c.SolutionVersionArn {
						r.Fatalf("campaign %s has %s and its latest update, in force, says %s", n, c.SolutionVersionArn, u.SolutionVersionArn)
					}
				}
			},
			"train": func(*rapid.T) { versions = append(versions, w.train(films)) },
			"create": func(r *rapid.T) {
				n := fmt.Sprint("c", len(given))
				if rapid.Bool().Draw(r, "follows") {
					given[n] = ""
					if err := w.deploy(n, films+latestAlias, following); err != nil {
						r.Fatal(err)
					}
					return
				}
				given[n] = some()
				if err := w.deploy(n, given[n], nil); err != nil {
					r.Fatal(err)
				}
			},
			"update": func(r *rapid.T) {
				if len(given) == 0 {
					r.Skip("no campaign")
				}
				n := fmt.Sprint("c", rapid.IntRange(0, len(given)-1).Draw(r, "campaign"))
				version, config := some(), &api.CampaignConfig{SyncWithLatestSolutionVersion: ptr(false)}
				then := version
				if rapid.Bool().Draw(r, "follows") {
					version, config, then = films+latestAlias, following, ""
				}
				_, err := w.svc.UpdateCampaign(w.ctx, &api.UpdateCampaignRequest{
					CampaignArn: name(arn.Campaign, n), SolutionVersionArn: version, CampaignConfig: config,
				})
				if err == nil {
					given[n] = then
				} else if kind(err) != "in use" {
					r.Fatal(err)
				}
			},
			"begin": func(*rapid.T) {
				if j, ok := w.begin(); ok {
					running = append(running, j)
				}
			},
			"end": func(r *rapid.T) {
				if len(running) == 0 {
					r.Skip("nothing runs")
				}
				end(rapid.IntRange(0, len(running)-1).Draw(r, "job"))
			},
		})
		for len(running) > 0 {
			end(0)
		}
		for j, ok := w.begin(); ok; j, ok = w.begin() {
			running = append(running, j)
			end(0)
		}
		newest := ""
		for _, v := range versions {
			if trained[v] {
				newest = v
			}
		}
		for n, version := range given {
			if version == "" {
				version = newest
			}
			if c := w.campaign(n); c.Status != Active || c.SolutionVersionArn != version {
				r.Fatalf("campaign %s (given %q) is %s with %s, want ACTIVE with %s", n, given[n], c.Status, c.SolutionVersionArn, version)
			}
		}
	})
}
