package service

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kindredrec/kindred/internal/api"
	"github.com/kindredrec/kindred/internal/arn"
	"github.com/kindredrec/kindred/internal/blob"
	"github.com/kindredrec/kindred/internal/catalog"
	"github.com/kindredrec/kindred/internal/dataset"
	"github.com/kindredrec/kindred/internal/fault"
)

// metricKind is the internal kind of one metric of an attribution. A metric is a record of its own, a child
// of the attribution named by a number, so that metrics are listed in pages like everything else.
const metricKind = ".metric"

// CreateMetricAttribution says which numbers are to be reported about the recommendations of a group.
func (s *Service) CreateMetricAttribution(ctx context.Context, in *api.CreateMetricAttributionRequest) (*api.CreateMetricAttributionResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkOutput(in.MetricsOutputConfig); err != nil {
		return nil, err
	}
	at := s.moment()
	name := sc.arn(arn.MetricAttribution, in.Name)
	err = s.change(ctx, func(tx catalog.Store) error {
		_, group, err := activeGroup(ctx, tx, sc, in.DatasetGroupArn)
		if err != nil {
			return err
		}
		doc := api.MetricAttribution{
			Name: in.Name, MetricAttributionArn: name.String(), DatasetGroupArn: in.DatasetGroupArn, MetricsOutputConfig: in.MetricsOutputConfig,
			Status: Pending, CreationDateTime: api.NewTime(at), LastUpdatedDateTime: api.NewTime(at),
		}
		if err := onlyOne(ctx, tx, sc, arn.MetricAttribution, group.ARN); err != nil {
			return err
		}
		err = s.create(ctx, tx, sc, creation{
			arn: name, kind: arn.MetricAttribution, parent: group.ARN, status: Pending, doc: doc, flow: createFlow, at: at,
		})
		if err != nil {
			return err
		}
		m, err := readMetrics(ctx, tx, sc, name)
		if err != nil {
			return err
		}
		return m.add(ctx, group.ARN, in.Metrics, at, s.quotas.Metrics)
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateMetricAttributionResponse{MetricAttributionArn: name.String()}, nil
}

// checkOutput checks where reports are to go.
func checkOutput(c *api.MetricAttributionOutput) error {
	if c == nil || c.S3DataDestination == nil {
		return nil
	}
	if _, err := blob.ParseLocation(c.S3DataDestination.Path); err != nil {
		return fault.Newf(fault.Invalid, "metricsOutputConfig.s3DataDestination.path: %s", fault.Sentence(err))
	}
	return nil
}

// Metrics are those of one attribution, inside a transaction.
type metrics struct {
	sc          scope
	tx          catalog.Store
	attribution arn.ARN
	have        map[string]catalog.Record // by name as reports spell it
	last        int                       // the highest number in use
}

// spelled is a metric's name as it stands in reports, where two names must not be one.
func spelled(name string) string { return strings.ToUpper(name) }

// readMetrics fetches what there is.
func readMetrics(ctx context.Context, tx catalog.Store, sc scope, attribution arn.ARN) (*metrics, error) {
	m := &metrics{sc: sc, tx: tx, attribution: attribution, have: map[string]catalog.Record{}}
	q := catalog.Query{Account: sc.key(), Kind: metricKind, Parent: attribution}
	err := each(ctx, tx, q, func(a api.MetricAttribute, rec catalog.Record) error {
		m.have[spelled(a.MetricName)] = rec
		n, err := strconv.Atoi(rec.ARN.Name()[strings.LastIndexByte(rec.ARN.Name(), '/')+1:])
		if err != nil {
			return fmt.Errorf("number of metric %s: %w", rec.ARN, err)
		}
		m.last = max(m.last, n)
		return nil
	})
	return m, err
}

// add inserts metrics that fit the schemas of the group. A quota of zero is none.
func (m *metrics) add(ctx context.Context, group arn.ARN, list []api.MetricAttribute, at time.Time, quota int) error {
	schemas, err := groupSchemas(ctx, m.tx, m.sc, group)
	if err != nil {
		return err
	}
	for _, a := range list {
		if err := checkMetric(a, schemas); err != nil {
			return err
		}
		key := spelled(a.MetricName)
		if _, taken := m.have[key]; taken {
			return fault.Newf(fault.Exists, "Another metric of %s is named %s already; reports spell names in upper case.", m.attribution, a.MetricName)
		}
		m.last++
		rec := catalog.Record{
			ARN:     m.sc.arn(metricKind, fmt.Sprintf("%s/%08d", m.attribution.Name(), m.last)),
			Account: m.sc.key(), Kind: metricKind, Parent: m.attribution, Created: at, Updated: at,
		}
		if err := catalog.Insert(ctx, m.tx, rec, a, nil); err != nil {
			return err
		}
		m.have[key] = rec
	}
	if quota > 0 && len(m.have) > quota {
		return named(fault.Newf(fault.Limit, "The metric attribution %s would have %d metrics; at most %d are allowed.", m.attribution, len(m.have), quota), "metrics")
	}
	return nil
}

// remove deletes metrics by name.
func (m *metrics) remove(ctx context.Context, names []string) error {
	for _, name := range names {
		rec, ok := m.have[spelled(name)]
		if !ok {
			return fault.Newf(fault.NotFound, "The metric attribution %s has no metric named %s.", m.attribution, name)
		}
		if err := m.tx.Delete(ctx, rec.ARN, rec.Version); err != nil {
			return err
		}
		delete(m.have, spelled(name))
	}
	return nil
}

// expression is what a metric may compute. Letter case does not matter.
var expression = regexp.MustCompile(`(?i)^(?:SAMPLECOUNT\(\)|SUM\((ITEMS|INTERACTIONS)\.(\w+)\))$`)

// checkMetric checks a metric against the schemas of its group.
func checkMetric(a api.MetricAttribute, schemas map[string]*dataset.Schema) error {
	if a.MetricName == "" || a.EventType == "" {
		return fault.Newf(fault.Invalid, "A metric needs a metricName and an eventType; metricName is %q and eventType %q.", a.MetricName, a.EventType)
	}
	events := schemas[dataset.Interactions]
	if events == nil {
		return fault.Newf(fault.Invalid, "Metric %s: the dataset group has no Interactions dataset.", a.MetricName)
	}
	if _, ok := events.Field("EVENT_TYPE"); !ok {
		return fault.Newf(fault.Invalid, "Metric %s: the Interactions dataset has no column EVENT_TYPE, which metrics are counted by.", a.MetricName)
	}
	m := expression.FindStringSubmatch(a.Expression)
	if m == nil {
		return fault.Newf(fault.Invalid, "Metric %s: the expression %q is not SAMPLECOUNT(), SUM(Items.COLUMN) or SUM(Interactions.COLUMN).", a.MetricName, a.Expression)
	}
	if m[1] == "" {
		return nil
	}
	schema := schemas[strings.ToUpper(m[1])]
	if schema == nil {
		return fault.Newf(fault.Invalid, "Metric %s: the dataset group has no %s dataset.", a.MetricName, m[1])
	}
	field, ok := schema.Field(m[2])
	if !ok {
		return fault.Newf(fault.Invalid, "Metric %s: the %s dataset has no column %s.", a.MetricName, m[1], m[2])
	}
	if !field.Type.Numeric() {
		return fault.Newf(fault.Invalid, "Metric %s: column %s of the %s dataset is of type %s; SUM needs a numeric one.", a.MetricName, field.Name, m[1], field.Type)
	}
	return nil
}

// DescribeMetricAttribution tells of an attribution; its metrics are listed by ListMetricAttributionMetrics.
func (s *Service) DescribeMetricAttribution(ctx context.Context, in *api.DescribeMetricAttributionRequest) (*api.DescribeMetricAttributionResponse, error) {
	doc, err := describe[api.MetricAttribution](ctx, s, arn.MetricAttribution, "metricAttributionArn", in.MetricAttributionArn)
	if err != nil {
		return nil, err
	}
	return &api.DescribeMetricAttributionResponse{MetricAttribution: doc}, nil
}

// ListMetricAttributions lists the attributions of a group, or of the account.
func (s *Service) ListMetricAttributions(ctx context.Context, in *api.ListMetricAttributionsRequest) (*api.ListMetricAttributionsResponse, error) {
	q := catalog.Query{Kind: arn.MetricAttribution, Parent: arn.ARN(in.DatasetGroupArn)}
	page, next, err := list[api.MetricAttributionSummary](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListMetricAttributionsResponse{MetricAttributions: page, NextToken: next}, nil
}

// ListMetricAttributionMetrics lists the metrics of an attribution, or of all, in the order they were added.
func (s *Service) ListMetricAttributionMetrics(ctx context.Context, in *api.ListMetricAttributionMetricsRequest) (*api.ListMetricAttributionMetricsResponse, error) {
	q := catalog.Query{Kind: metricKind, Parent: arn.ARN(in.MetricAttributionArn)}
	page, next, err := list[api.MetricAttribute](ctx, s, q, in.NextToken, in.MaxResults)
	if err != nil {
		return nil, err
	}
	return &api.ListMetricAttributionMetricsResponse{Metrics: page, NextToken: next}, nil
}

// UpdateMetricAttribution removes and adds metrics, in this order, and changes where reports go. It is in
// force at once.
func (s *Service) UpdateMetricAttribution(ctx context.Context, in *api.UpdateMetricAttributionRequest) (*api.UpdateMetricAttributionResponse, error) {
	sc, err := scopeOf(ctx)
	if err != nil {
		return nil, err
	}
	if len(in.AddMetrics) == 0 && len(in.RemoveMetrics) == 0 && in.MetricsOutputConfig == nil {
		return nil, fault.Newf(fault.Invalid, "Nothing to change: give addMetrics, removeMetrics or metricsOutputConfig.")
	}
	if err := checkOutput(in.MetricsOutputConfig); err != nil {
		return nil, err
	}
	err = s.store.Tx(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.MetricAttribution](ctx, sc, tx, arn.MetricAttribution, "metricAttributionArn", in.MetricAttributionArn)
		if err != nil {
			return err
		}
		if err := needActive(arn.MetricAttribution, rec.ARN, rec.Status); err != nil {
			return err
		}
		at := s.moment()
		m, err := readMetrics(ctx, tx, sc, rec.ARN)
		if err != nil {
			return err
		}
		if err := m.remove(ctx, in.RemoveMetrics); err != nil {
			return err
		}
		if err := m.add(ctx, rec.Parent, in.AddMetrics, at, s.quotas.Metrics); err != nil {
			return err
		}
		patch := map[string]any{}
		if in.MetricsOutputConfig != nil {
			patch["metricsOutputConfig"] = in.MetricsOutputConfig
		}
		return catalog.Transition(ctx, tx, rec.ARN, at, rec.Status, patch)
	})
	if err != nil {
		return nil, err
	}
	return &api.UpdateMetricAttributionResponse{MetricAttributionArn: in.MetricAttributionArn}, nil
}

// DeleteMetricAttribution removes an attribution and its metrics; reports that were written stay.
func (s *Service) DeleteMetricAttribution(ctx context.Context, in *api.DeleteMetricAttributionRequest) error {
	sc, err := scopeOf(ctx)
	if err != nil {
		return err
	}
	return s.change(ctx, func(tx catalog.Store) error {
		_, rec, err := load[api.MetricAttribution](ctx, sc, tx, arn.MetricAttribution, "metricAttributionArn", in.MetricAttributionArn)
		if err != nil {
			return err
		}
		if err := needSettled(rec); err != nil {
			return err
		}
		r := removal{}
		err = each(ctx, tx, catalog.Query{Account: sc.key(), Kind: metricKind, Parent: rec.ARN}, func(_ api.MetricAttribute, m catalog.Record) error {
			r.Children = append(r.Children, m.ARN)
			return nil
		})
		if err != nil {
			return err
		}
		return s.remove(ctx, tx, rec, r)
	})
}
