package supervisor

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/missions"
	"missioncontrol/supervisor/relay"
)

// Metrics are what a service counts and measures, for Prometheus. docs/METRICS.md lists
// them. Labels are few and fixed: no mission, agent or type becomes one. It is a
// [prometheus.Collector].
type Metrics struct {
	mu        sync.Mutex
	frontEnds []prometheus.Collector

	stepSeconds  *prometheus.HistogramVec
	stepErrors   *prometheus.CounterVec
	queueSeconds prometheus.Histogram
	runSeconds   *prometheus.HistogramVec
	created      prometheus.Counter
	finished     *prometheus.CounterVec
	requeued     prometheus.Counter
	missed       prometheus.Counter
	relaySeconds prometheus.Histogram
	build        prometheus.Gauge

	brokerRefused func() map[string]uint64 // nil unless the broker is embedded
}

var brokerRefusedDesc = prometheus.NewDesc("missioncontrol_broker_refused_total",
	"What the embedded broker refused its clients, by kind.", []string{"kind"}, nil)

// Bucket limits for clients that do not read native histograms.
var (
	shortTimes = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10}
	longTimes  = []float64{.01, .1, .5, 1, 5, 10, 60, 300, 1800, 3600, 6 * 3600, 24 * 3600}
)

// nativeFactor is the ratio of neighbouring buckets of a native histogram.
const nativeFactor = 1.1

// histogram returns the options of a native histogram that also has buckets for clients
// that cannot read native ones.
func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
	}
}

// RequestHistogram returns the options of a histogram of request durations.
func RequestHistogram(name, help string) prometheus.HistogramOpts {
	return histogram(name, help, shortTimes)
}

func newMetrics(version string) *Metrics {
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	m := &Metrics{
		stepSeconds: prometheus.NewHistogramVec(histogram("missioncontrol_store_step_duration_seconds",
			"Duration of store operations, including the time in the queue.", shortTimes), []string{"step"}),
		stepErrors: prometheus.NewCounterVec(counter("missioncontrol_store_step_errors_total",
			"Store operations that failed as a whole."), []string{"step"}),
		queueSeconds: prometheus.NewHistogram(histogram("missioncontrol_mission_queue_duration_seconds",
			"From a mission's creation, or its not_before, to its first claim at this supervisor.", longTimes)),
		runSeconds: prometheus.NewHistogramVec(histogram("missioncontrol_mission_run_duration_seconds",
			"Run times of attempts that ended a mission, as reported to this supervisor.", longTimes), []string{"outcome"}),
		created: prometheus.NewCounter(counter("missioncontrol_missions_created_total",
			"Missions created, as relayed to the event stream by this supervisor.")),
		finished: prometheus.NewCounterVec(counter("missioncontrol_missions_finished_total",
			"Missions that ended, by outcome, as relayed to the event stream by this supervisor."), []string{"outcome"}),
		requeued: prometheus.NewCounter(counter("missioncontrol_missions_requeued_total",
			"Missions that went back to the queue: after a failure, a release, or the loss of their agent.")),
		missed: prometheus.NewCounter(counter("missioncontrol_schedule_occurrences_missed_total",
			"Times of schedules that have no mission, as relayed to the event stream by this supervisor.")),
		relaySeconds: prometheus.NewHistogram(histogram("missioncontrol_relay_delay_seconds",
			"From a change to the acknowledgement of its event, of the oldest event of each batch.", shortTimes)),
		build: prometheus.NewGauge(prometheus.GaugeOpts{Name: "missioncontrol_build_info",
			Help: "1, with the version of the supervisor and of Go.", ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()}}),
	}
	m.build.Set(1)
	for _, outcome := range []missions.Status{missions.Completed, missions.Failed, missions.Cancelled} {
		m.finished.WithLabelValues(outcomeLabel(outcome)) // exists from the start, so that the first one is an increase
	}
	return m
}

// Add adds what a front end counts and measures. It may be called concurrently with
// the other methods, and must be called before m is registered.
func (m *Metrics) Add(c prometheus.Collector) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frontEnds = append(m.frontEnds, c)
}

func (m *Metrics) parts() []prometheus.Collector {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]prometheus.Collector{m.stepSeconds, m.stepErrors, m.queueSeconds, m.runSeconds,
		m.created, m.finished, m.requeued, m.missed, m.relaySeconds, m.build}, m.frontEnds...)
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- brokerRefusedDesc
	for _, part := range m.parts() {
		part.Describe(descs)
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	if m.brokerRefused != nil {
		for kind, n := range m.brokerRefused() {
			out <- prometheus.MustNewConstMetric(brokerRefusedDesc, prometheus.CounterValue, float64(n), kind)
		}
	}
	for _, part := range m.parts() {
		part.Collect(out)
	}
}

// relayed counts what the events that are now in the stream report.
func (m *Metrics) relayed(origins []relay.Origin) {
	if len(origins) == 0 {
		return
	}
	oldest := origins[0].Entry.At
	for _, from := range origins {
		e := from.Entry
		oldest = min(oldest, e.At)
		switch {
		case e.Kind == missions.EventCreated:
			m.created.Inc()
		case e.Kind == missions.EventScheduleMissed:
			m.missed.Add(float64(e.Attempt))
		case e.Kind != missions.EventStatusChanged:
		case e.NewStatus.Terminal():
			m.finished.WithLabelValues(outcomeLabel(e.NewStatus)).Inc()
		case e.OldStatus == missions.Running && e.NewStatus == missions.Pending:
			m.requeued.Inc()
		}
	}
	m.relaySeconds.Observe(max(0, time.Since(oldest.Time()).Seconds()))
}

func outcomeLabel(s missions.Status) string {
	switch s {
	case missions.Completed:
		return "completed"
	case missions.Failed:
		return "failed"
	}
	return "cancelled"
}

// claimed records how long missions have waited for their first claim.
func (m *Metrics) claimed(results []missions.ClaimResult) {
	for _, result := range results {
		for i := range result.Missions {
			if c := &result.Missions[i]; c.Attempt == 1 {
				m.queueSeconds.Observe(max(0, c.StartedAt.Sub(max(c.CreatedAt, c.NotBefore)).Seconds()))
			}
		}
	}
}

// ended records the durations of attempts that ended their missions.
func (m *Metrics) ended(results []missions.Result) {
	for i := range results {
		if e := &results[i].Mission; results[i].Changed && e.Status.Terminal() {
			m.runSeconds.WithLabelValues(outcomeLabel(e.Status)).Observe(max(0, e.FinishedAt.Sub(e.StartedAt).Seconds()))
		}
	}
}
