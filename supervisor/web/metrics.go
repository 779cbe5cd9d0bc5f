package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor"
)

// scrapeTimeout bounds how long a scrape waits for the store.
const scrapeTimeout = 5 * time.Second

// metrics serves the metrics in Prometheus' format. Labels are few and bounded: no
// mission, agent or type becomes one, and the operator defines the alert rules.
// docs/METRICS.md lists the metrics.
func metrics(registry *prometheus.Registry, log *slog.Logger) http.HandlerFunc {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}).ServeHTTP
}

// newRegistry returns a registry with the metrics of the service and of the process.
func newRegistry(service *supervisor.Service, log *slog.Logger) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		service.Metrics(),
		&collector{service: service, log: log},
	)
	return registry
}

// collector reads the metrics when it is scraped. Between scrapes it costs nothing.
type collector struct {
	service *supervisor.Service
	log     *slog.Logger
}

var (
	missionsDesc   = prometheus.NewDesc("missioncontrol_missions", "Missions stored, by status.", []string{"status"}, nil)
	usageDesc      = prometheus.NewDesc("missioncontrol_usage_total", "What missions have used, as reported by agents, by unit.", []string{"unit"}, nil)
	parkedDesc     = prometheus.NewDesc("missioncontrol_missions_waiting", "PENDING missions that cannot be claimed yet, by what they wait for.", []string{"for"}, nil)
	agentsDesc     = prometheus.NewDesc("missioncontrol_agents", "Agents that are online or draining.", nil, nil)
	slotsDesc      = prometheus.NewDesc("missioncontrol_agent_slots", "Missions that those agents can run at once.", nil, nil)
	waitingDesc    = prometheus.NewDesc("missioncontrol_outbox_events", "Durable events that the event stream has not acknowledged yet.", nil, nil)
	connectedDesc  = prometheus.NewDesc("missioncontrol_event_stream_connected", "1 while the event stream accepts events, 0 while it is degraded.", nil, nil)
	publishedDesc  = prometheus.NewDesc("missioncontrol_events_published_total", "Events that the event stream has acknowledged.", nil, nil)
	droppedDesc    = prometheus.NewDesc("missioncontrol_events_dropped_total", "Telemetry events that were dropped.", nil, nil)
	duplicatesDesc = prometheus.NewDesc("missioncontrol_events_duplicate_total", "Events that were already in the stream.", nil, nil)
	leaderDesc     = prometheus.NewDesc("missioncontrol_leader", "1 on the one supervisor of a store that relays events and handles scheduled work.", nil, nil)
	alertDesc      = prometheus.NewDesc("missioncontrol_alert", "1 for the current state of an alert rule, 0 for its other states.", []string{"rule", "state"}, nil)
	writableDesc   = prometheus.NewDesc("missioncontrol_store_writable", "1 while the store can be written, as far as the last steps tell.", nil, nil)
	limitRunDesc   = prometheus.NewDesc("missioncontrol_limit_running", "RUNNING missions under a limit.", []string{"limit"}, nil)
	limitWaitDesc  = prometheus.NewDesc("missioncontrol_limit_waiting", "PENDING missions to which a limit applies.", []string{"limit"}, nil)
	limitFullDesc  = prometheus.NewDesc("missioncontrol_limit_full", "1 while a limit lets no mission start, 0 otherwise.", []string{"limit"}, nil)
	overdueDesc    = prometheus.NewDesc("missioncontrol_schedule_overdue_seconds", "For how long the schedule has been due that was due first, 0 if none is.", nil, nil)
	lateDesc       = prometheus.NewDesc("missioncontrol_schedules_missed", "Schedules that have missed a time within the last hour, up to 100.", nil, nil)
	storeUpDesc    = prometheus.NewDesc("missioncontrol_store_up", "1 while the store answers.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{missionsDesc, usageDesc, parkedDesc, agentsDesc, slotsDesc, waitingDesc, connectedDesc,
		publishedDesc, droppedDesc, duplicatesDesc, leaderDesc, alertDesc, storeUpDesc, writableDesc, overdueDesc, lateDesc, limitRunDesc, limitWaitDesc, limitFullDesc} {
		descs <- desc
	}
}

func oneIf(active bool) float64 {
	if active {
		return 1
	}
	return 0
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	counter := func(desc *prometheus.Desc, value uint64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value))
	}
	stream := c.service.StreamStatus()
	gauge(connectedDesc, oneIf(stream.State == eventstream.Connected))
	gauge(leaderDesc, oneIf(c.service.Leads()))
	gauge(writableDesc, oneIf(c.service.Writable()))
	counter(publishedDesc, stream.Published)
	counter(droppedDesc, stream.Dropped)
	counter(duplicatesDesc, stream.Duplicates)

	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	counts, err := c.service.Counts(ctx)
	if err != nil {
		c.log.Warn("cannot read the store for metrics", "error", err)
		gauge(storeUpDesc, 0)
		return
	}
	gauge(storeUpDesc, 1)
	for _, status := range missions.Statuses() {
		gauge(missionsDesc, float64(counts.ByStatus[status]), strings.ToLower(string(status)))
	}
	for i, kind := range missions.WaitKinds() {
		gauge(parkedDesc, float64(counts.Waiting[i]), string(kind))
	}
	for unit, amount := range counts.Usage {
		out <- prometheus.MustNewConstMetric(usageDesc, prometheus.CounterValue, amount, unit)
	}
	gauge(agentsDesc, float64(counts.Agents))
	gauge(slotsDesc, float64(counts.Slots))
	if waiting, err := c.service.Waiting(ctx); err == nil {
		gauge(waitingDesc, float64(waiting))
	}
	if limits, err := c.service.AllLimits(ctx); err == nil {
		for i := range limits {
			l := &limits[i]
			gauge(limitRunDesc, float64(l.Running), l.Name)
			gauge(limitWaitDesc, float64(l.Waiting), l.Name)
			gauge(limitFullDesc, oneIf(l.Full != ""), l.Name)
		}
	}
	if schedules, err := c.service.ScheduleFigures(ctx); err == nil {
		gauge(overdueDesc, schedules.Overdue.Seconds())
		gauge(lateDesc, float64(schedules.Missed))
	}
	if states, err := c.service.AlertStates(ctx); err == nil {
		for rule, is := range states {
			for _, state := range missions.AlertStates() {
				gauge(alertDesc, oneIf(state == is), rule, string(state))
			}
		}
	}
}
