package natsapi

import (
	"missioncontrol/supervisor"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// endpointMetrics are the counters of all endpoints. It is a [prometheus.Collector].
type endpointMetrics struct {
	table   []endpoint
	seconds *prometheus.HistogramVec
}

// endpointCounters are shown in `nats micro stats` and in the metrics.
type endpointCounters struct {
	requests, answered, failed, refused atomic.Int64
	busy                                atomic.Int64 // nanoseconds
	seconds                             prometheus.Observer
}

// took adds to the time that the endpoint was busy.
func (c *endpointCounters) took(d time.Duration) {
	c.busy.Add(int64(d))
	if c.seconds != nil {
		c.seconds.Observe(d.Seconds())
	}
}

var (
	requestsDesc = prometheus.NewDesc("missioncontrol_requests_total",
		"Requests over NATS, by endpoint and outcome: ok, failed, or refused because too many were in flight.", []string{"endpoint", "outcome"}, nil)
	inFlightDesc = prometheus.NewDesc("missioncontrol_requests_in_flight",
		"Requests over NATS that are being processed or are parked, without those that share a reply.", []string{"endpoint"}, nil)
)

// newEndpointMetrics gives the endpoints of a table their counters.
func newEndpointMetrics(table []endpoint) *endpointMetrics {
	seconds := prometheus.NewHistogramVec(supervisor.RequestHistogram("missioncontrol_request_duration_seconds",
		"Duration of requests over NATS, except those that may wait; requests that share a reply count once."), []string{"endpoint"})
	for i := range table {
		table[i].counters = &endpointCounters{}
		if !table[i].parks() {
			table[i].counters.seconds = seconds.WithLabelValues(table[i].Name)
		}
	}
	return &endpointMetrics{table: table, seconds: seconds}
}

// Describe implements [prometheus.Collector].
func (m *endpointMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- requestsDesc
	descs <- inFlightDesc
	m.seconds.Describe(descs)
}

// Collect implements [prometheus.Collector].
func (m *endpointMetrics) Collect(out chan<- prometheus.Metric) {
	for i := range m.table {
		ep := &m.table[i]
		c := ep.counters
		for outcome, n := range map[string]int64{"ok": c.answered.Load(), "failed": c.failed.Load(), "refused": c.refused.Load()} {
			out <- prometheus.MustNewConstMetric(requestsDesc, prometheus.CounterValue, float64(n), ep.Name, outcome)
		}
		out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(ep.bound.UnderWay()), ep.Name)
	}
	m.seconds.Collect(out)
}
