package service

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/job"
)

func (w *world) recommend(n, group, useCase string) error {
	_, err := w.svc.CreateRecommender(w.ctx, &api.CreateRecommenderRequest{
		Name: n, DatasetGroupArn: group, RecipeArn: arn.Service(arn.RecipeKind, useCase).String(),
	})
	return err
}

// A life is what must be true of one recommender: the status it has, and the work that waits or runs.
type life struct {
	status string // "" when it is not there
	update string // of latestRecommenderUpdate, "" for none yet
	verb   string // of the work, "" for none
	end    string // the status the work ends with
}

// begun moves on as the work begins.
func (l *life) begun() {
	if l.verb == "UPDATE" {
		l.update = InProgress
		return
	}
	l.status = l.verb + " IN_PROGRESS"
}

// ended moves on as the work ends.
func (l *life) ended() {
	switch l.verb {
	case "UPDATE":
		l.update = Active
	case "DELETE":
		*l = life{}
	default:
		l.status = l.end
	}
	l.verb = ""
}

// ask returns the failure that a request for work must meet, and accepts it if there is none.
func (l *life) ask(verb, end string, from ...string) string {
	if l.status == "" {
		return "not found"
	}
	for _, s := range from {
		if l.status == s && l.verb == "" {
			if l.verb, l.end = verb, end; verb == "UPDATE" {
				l.update = Pending
			} else {
				l.status = verb + " PENDING"
			}
			return ""
		}
	}
	return "in use"
}

// A recommender goes through the statuses of its life whatever is asked of it in between, and is refused
// what its status does not allow.
func TestRecommenderLife(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, DefaultQuotas())
		group := w.group("films", "VIDEO_ON_DEMAND")
		name := name(arn.Recommender, "top")
		var l life
		var running *job.Job
		expect := func(what string, err error, want string) {
			if kind(err) != want {
				r.Fatalf("%s of %+v = %v, want %q", what, l, err, want)
			}
		}
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				out, err := w.svc.DescribeRecommender(w.ctx, &api.DescribeRecommenderRequest{RecommenderArn: name})
				if l.status == "" {
					expect("DescribeRecommender", err, "not found")
					return
				}
				expect("DescribeRecommender", err, "")
				update := ""
				if u := out.Recommender.LatestRecommenderUpdate; u != nil {
					update = u.Status
				}
				if out.Recommender.Status != l.status || update != l.update || out.Recommender.ModelMetrics != nil {
					r.Fatalf("recommender is %s, update %q, metrics %v, want %+v", out.Recommender.Status, update, out.Recommender.ModelMetrics, l)
				}
			},
			"create": func(*rapid.T) {
				want := "exists"
				if l.status == "" {
					want, l = "", life{status: Pending, verb: "CREATE", end: Active}
				}
				expect("CreateRecommender", w.recommend("top", group, "aws-vod-top-picks"), want)
			},
			"stop": func(*rapid.T) {
				want := l.ask("STOP", Inactive, Active)
				_, err := w.svc.StopRecommender(w.ctx, &api.StopRecommenderRequest{RecommenderArn: name})
				expect("StopRecommender", err, want)
			},
			"start": func(*rapid.T) {
				want := l.ask("START", Active, Inactive)
				_, err := w.svc.StartRecommender(w.ctx, &api.StartRecommenderRequest{RecommenderArn: name})
				expect("StartRecommender", err, want)
			},
			"update": func(r *rapid.T) {
				want := l.ask("UPDATE", "", Active, Inactive)
				config := &api.RecommenderConfig{}
				if rapid.Bool().Draw(r, "columns") { // with another training, or not
					config.TrainingDataConfig = &api.TrainingDataConfig{ExcludedDatasetColumns: map[string][]string{"Interactions": {"USER_ID"}}}
				}
				_, err := w.svc.UpdateRecommender(w.ctx, &api.UpdateRecommenderRequest{RecommenderArn: name, RecommenderConfig: config})
				expect("UpdateRecommender", err, want)
			},
			"delete": func(*rapid.T) {
				want := l.ask("DELETE", "", Active, Inactive)
				expect("DeleteRecommender", w.svc.DeleteRecommender(w.ctx, &api.DeleteRecommenderRequest{RecommenderArn: name}), want)
			},
			"begin": func(r *rapid.T) {
				j, ok := w.begin()
				if want := l.verb != "" && running == nil; ok != want {
					r.Fatalf("there was work: %v, want %v for %+v", ok, want, l)
				}
				if ok {
					running = &j
					l.begun()
				}
			},
			"end": func(r *rapid.T) {
				if running == nil {
					r.Skip("nothing runs")
				}
				w.end(*running, nil)
				running = nil
				l.ended()
			},
		})
	})
}

// The strict quotas are 5 in a group and 15 in a region.
func TestRecommenderQuotas(t *testing.T) {
	w := newWorld(t, AWSQuotas())
	var groups []string
	for g := range 4 {
		groups = append(groups, w.group(fmt.Sprint("g", g), "ECOMMERCE"))
	}
	for g := range 3 {
		for n := range 5 {
			if err := w.recommend(fmt.Sprintf("g%d-%d", g, n), groups[g], "aws-ecomm-recommended-for-you"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.recommend("more", groups[g], "aws-ecomm-recommended-for-you"); kind(err) != "limit" {
			t.Errorf("the sixth recommender of a group = %v, want a limit", err)
		}
	}
	if err := w.recommend("more", groups[3], "aws-ecomm-recommended-for-you"); kind(err) != "limit" {
		t.Errorf("the sixteenth recommender = %v, want a limit", err)
	}
}
