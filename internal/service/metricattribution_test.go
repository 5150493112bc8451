package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/dataset"
)

func metric(n string) api.MetricAttribute {
	return api.MetricAttribute{MetricName: n, EventType: "view", Expression: "SAMPLECOUNT()"}
}

func (w *world) attribute(n, group string, list ...api.MetricAttribute) error {
	_, err := w.svc.CreateMetricAttribution(w.ctx, &api.CreateMetricAttributionRequest{
		Name: n, DatasetGroupArn: group, Metrics: list,
		MetricsOutputConfig: &api.MetricAttributionOutput{RoleArn: "arn:aws:iam::111122223333:role/r"},
	})
	return err
}

func (w *world) metrics(n string, size int32) []string {
	w.t.Helper()
	var names []string
	for token := ""; ; {
		out := must[*api.ListMetricAttributionMetricsResponse](w.t)(w.svc.ListMetricAttributionMetrics(w.ctx, &api.ListMetricAttributionMetricsRequest{
			MetricAttributionArn: name(arn.MetricAttribution, n), NextToken: token, MaxResults: &size,
		}))
		for _, m := range out.Metrics {
			names = append(names, m.MetricName)
		}
		if token = out.NextToken; token == "" {
			return names
		}
	}
}

func TestCheckMetric(t *testing.T) {
	schemas := map[string]*dataset.Schema{
		dataset.Interactions: {Type: dataset.Interactions, Fields: []dataset.Field{
			{Name: "EVENT_TYPE"}, {Name: "EVENT_VALUE", Type: dataset.Float, Nullable: true}, {Name: "TIMESTAMP", Type: dataset.Long},
		}},
		dataset.Items: {Type: dataset.Items, Fields: []dataset.Field{{Name: "PRICE", Type: dataset.Double}, {Name: "GENRES", Categorical: true}, {Name: "NEW", Type: dataset.Boolean}}},
	}
	for _, tt := range []struct{ expression, want string }{
		{"SAMPLECOUNT()", ""},
		{"SampleCount()", ""},
		{"SUM(Items.PRICE)", ""},
		{"SUM(ITEMS.price)", ""},
		{"sum(interactions.EVENT_VALUE)", ""},
		{"SUM(Interactions.TIMESTAMP)", ""},
		{"", "is not SAMPLECOUNT()"},
		{"SAMPLECOUNT", "is not SAMPLECOUNT()"},
		{"SAMPLECOUNT(*)", "is not SAMPLECOUNT()"},
		{"SUM()", "is not SAMPLECOUNT()"},
		{"SUM(PRICE)", "is not SAMPLECOUNT()"},
		{"SUM(Items.PRICE) + 1", "is not SAMPLECOUNT()"},
		{"SUM(Items.PRICE)\n", "is not SAMPLECOUNT()"},
		{"SUM(Users.AGE)", "is not SAMPLECOUNT()"},
		{"SUM(Items.COST)", "no column COST"},
		{"SUM(Items.GENRES)", "of type string"},
		{"SUM(Items.NEW)", "of type boolean"},
	} {
		m := metric("m")
		m.Expression = tt.expression
		err := checkMetric(m, schemas)
		if (err == nil) != (tt.want == "") || err != nil && (kind(err) != "invalid" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("checkMetric(%q) = %v, want %q", tt.expression, err, tt.want)
		}
	}
	for _, m := range []api.MetricAttribute{{EventType: "view", Expression: "SAMPLECOUNT()"}, {MetricName: "m", Expression: "SAMPLECOUNT()"}} {
		if err := checkMetric(m, schemas); kind(err) != "invalid" {
			t.Errorf("checkMetric(%+v) = %v, want invalid", m, err)
		}
	}
	schemas[dataset.Interactions].Fields = schemas[dataset.Interactions].Fields[1:]
	if err := checkMetric(metric("m"), schemas); kind(err) != "invalid" {
		t.Errorf("a metric without a column EVENT_TYPE = %v, want invalid", err)
	}
}

// After any sequence of updates the list holds what was added and not removed, in that order, on pages of
// any size; a refused update has changed nothing.
func TestUpdateMetrics(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, DefaultQuotas())
		if err := w.attribute("kpis", w.group("shop", "")); err != nil {
			r.Fatal(err)
		}
		w.settle()
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i/j", "ü", strings.Repeat("x", 256)})
		var want []string
		r.Repeat(map[string]func(*rapid.T){
			"": func(r *rapid.T) {
				size := rapid.Int32Range(3, 9).Draw(r, "page")
				if got := w.metrics("kpis", size); !slices.Equal(got, want) {
					r.Fatalf("pages of %d hold %q, want %q", size, got, want)
				}
			},
			"update": func(r *rapid.T) {
				remove, add := rapid.SliceOfN(names, 0, 3).Draw(r, "remove"), rapid.SliceOfN(names, 0, 4).Draw(r, "add")
				in := &api.UpdateMetricAttributionRequest{MetricAttributionArn: name(arn.MetricAttribution, "kpis"), RemoveMetrics: remove}
				after, expected := slices.Clone(want), ""
				for _, n := range remove {
					if i := slices.Index(after, n); i >= 0 {
						after = slices.Delete(after, i, i+1)
					} else if expected == "" {
						expected = "not found"
					}
				}
				for _, n := range add {
					in.AddMetrics = append(in.AddMetrics, metric(n))
					if slices.Contains(after, n) && expected == "" {
						expected = "exists"
					}
					after = append(after, n)
				}
				if len(remove)+len(add) == 0 {
					expected = "invalid"
				}
				_, err := w.svc.UpdateMetricAttribution(w.ctx, in)
				if kind(err) != expected {
					r.Fatalf("update of %q by -%q +%q = %v, want %q", want, remove, add, err, expected)
				}
				if err == nil {
					want = after
				}
			},
		})
	})
}

// An attribution has at most ten metrics under the strict quotas, however they come, and nothing is left
// of them when it is deleted.
func TestMetricsQuota(t *testing.T) {
	w := newWorld(t, AWSQuotas())
	group := w.group("shop", "")
	var ten []api.MetricAttribute
	for n := range 10 {
		ten = append(ten, metric(fmt.Sprint("m", n)))
	}
	if err := w.attribute("kpis", group, ten...); err != nil {
		t.Fatal(err)
	}
	add := func() error {
		_, err := w.svc.UpdateMetricAttribution(w.ctx, &api.UpdateMetricAttributionRequest{
			MetricAttributionArn: name(arn.MetricAttribution, "kpis"), AddMetrics: []api.MetricAttribute{metric("more")},
		})
		return err
	}
	if err := add(); kind(err) != "in use" {
		t.Errorf("update while it is CREATE PENDING = %v, want in use", err)
	}
	w.settle()
	if err := add(); kind(err) != "limit" {
		t.Errorf("the eleventh metric = %v, want a limit", err)
	}
	if err := w.svc.DeleteMetricAttribution(w.ctx, &api.DeleteMetricAttributionRequest{MetricAttributionArn: name(arn.MetricAttribution, "kpis")}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := w.metrics("kpis", 100); got != nil {
		t.Errorf("the metrics %q are left", got)
	}
	if err := w.attribute("kpis", group, ten...); err != nil {
		t.Errorf("the same again = %v", err)
	}
}
