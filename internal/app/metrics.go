package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kindredrec/kindred/internal/batch"
)

// meters are the figures of /metrics.
type meters struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	jobs     *prometheus.HistogramVec
	lines    *prometheus.CounterVec
	shards   prometheus.Histogram
}

func newMeters() *meters {
	m := &meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kindred_request_seconds", Help: "Time to answer a request, by operation and status.", Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, []string{"operation", "status"}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kindred_job_seconds", Help: "Time of one run of a job, by kind and outcome.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}, []string{"kind", "outcome"}),
		lines: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kindred_batch_lines_total", Help: "Lines of batch inference jobs, by result.",
		}, []string{"result"}),
		shards: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kindred_batch_shard_seconds", Help: "Time to read, answer and upload one shard.", Buckets: prometheus.ExponentialBuckets(0.01, 4, 8),
		}),
	}
	m.registry.MustRegister(m.requests, m.jobs, m.lines, m.shards, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meters) request(op string, status int, d time.Duration) {
	m.requests.WithLabelValues(op, strconv.Itoa(status)).Observe(d.Seconds())
}

func (m *meters) job(kind, outcome string, d time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(d.Seconds())
}

func (m *meters) shard(t batch.Tally, d time.Duration) {
	m.lines.WithLabelValues("answered").Add(float64(t.Lines - t.Failed))
	m.lines.WithLabelValues("error").Add(float64(t.Failed))
	m.shards.Observe(d.Seconds())
}

func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
