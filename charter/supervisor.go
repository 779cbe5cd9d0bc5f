package charter

import "time"

// Types of the supervisor's own events.
const (
	TypeHealthChecked = "supervisor.health_checked"
	TypeStatusQueried = "supervisor.status_queried"
	TypeAgentsListed  = "supervisor.agents_listed"
	TypeAlertRaised   = "supervisor.alert_raised"
	TypeAlertResolved = "supervisor.alert_resolved"
)

// HealthChecked reports that a client requested the supervisor's health.
type HealthChecked struct {
	Status    string    `json:"status" values:"ok degraded error" doc:"The health in the reply."`
	CheckedAt time.Time `json:"checked_at" doc:"When the supervisor checked."`
}

// EventType returns [TypeHealthChecked].
func (p HealthChecked) EventType() string { return TypeHealthChecked }

// AppendJSON implements [Payload].
func (p HealthChecked) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// StatusQueried reports that a client requested the status, and the counts of
// stored missions in the answer. TotalMissions is the sum of the five counts below it.
type StatusQueried struct {
	TotalMissions     int64     `json:"total_missions" unit:"missions" doc:"All missions stored."`
	RunningMissions   int64     `json:"running_missions" unit:"missions" doc:"Missions that an agent is working on."`
	PendingMissions   int64     `json:"pending_missions" unit:"missions" doc:"Missions that wait for an agent, for their start time or for another attempt."`
	CompletedMissions int64     `json:"completed_missions" unit:"missions" doc:"Completed missions that are still stored."`
	FailedMissions    int64     `json:"failed_missions" unit:"missions" doc:"Failed missions that are still stored."`
	CancelledMissions int64     `json:"cancelled_missions" unit:"missions" doc:"Cancelled missions that are still stored."`
	AgentCount        int64     `json:"agent_count" unit:"agents" doc:"Agents that are online or draining."`
	QueriedAt         time.Time `json:"queried_at" doc:"When the numbers were read."`
}

// EventType returns [TypeStatusQueried].
func (p StatusQueried) EventType() string { return TypeStatusQueried }

// AppendJSON implements [Payload].
func (p StatusQueried) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AgentsListed reports that a client requested the list of agents.
type AgentsListed struct {
	AgentCount int64     `json:"agent_count" unit:"agents" doc:"The agent_count in the reply."`
	QueriedAt  time.Time `json:"queried_at" doc:"When the list was read."`
}

// EventType returns [TypeAgentsListed].
func (p AgentsListed) EventType() string { return TypeAgentsListed }

// AppendJSON implements [Payload].
func (p AgentsListed) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AlertRaised reports that the condition of an alert rule now holds. A Value that is
// NaN means null; Threshold is finite.
type AlertRaised struct {
	Rule      string    `json:"rule" doc:"The rule's name."`
	Metric    string    `json:"metric" doc:"The metric that the rule watches."`
	Value     float64   `json:"value" nullable:"true" unit:"that of the metric" doc:"The metric's value at that moment; null if it had none."`
	Threshold float64   `json:"threshold" unit:"that of the metric" doc:"The value that the rule compares the metric with."`
	Since     time.Time `json:"since" doc:"When the rule's condition became true, before the alert was raised."`
	RaisedAt  time.Time `json:"raised_at" doc:"When the alert was raised."`
}

// EventType returns [TypeAlertRaised].
func (p AlertRaised) EventType() string { return TypeAlertRaised }

// AppendJSON implements [Payload].
func (p AlertRaised) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AlertResolved reports that the condition of an alert rule no longer holds. A Value
// that is NaN means null; Threshold is finite.
type AlertResolved struct {
	Rule       string    `json:"rule" doc:"The rule's name."`
	Metric     string    `json:"metric" doc:"The metric that the rule watches."`
	Value      float64   `json:"value" nullable:"true" unit:"that of the metric" doc:"The metric's value at that moment; null if it had none."`
	Threshold  float64   `json:"threshold" unit:"that of the metric" doc:"The value that the rule compares the metric with."`
	Since      time.Time `json:"since" doc:"When the rule's condition became true, before the alert was raised."`
	ResolvedAt time.Time `json:"resolved_at" doc:"When the alert was resolved."`
}

// EventType returns [TypeAlertResolved].
func (p AlertResolved) EventType() string { return TypeAlertResolved }

// AppendJSON implements [Payload].
func (p AlertResolved) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// exampleTime is the time in all examples.
var exampleTime = time.UnixMicro(1703001234_567000).UTC()

var supervisorEntries = []Entry{
	{
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "A client requested the supervisor's health.",
		When:         "Sent once per request, whatever the reply is.",
		Example:      HealthChecked{Status: "ok", CheckedAt: exampleTime},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "A client requested the status; the event has the counts from the reply.",
		When:         "Sent once per request that was answered.",
		Example: StatusQueried{
			TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
			FailedMissions: 10, CancelledMissions: 2, AgentCount: 4, QueriedAt: exampleTime,
		},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "A client requested the list of agents.",
		When:         "Sent once per request that was answered.",
		Example:      AgentsListed{AgentCount: 4, QueriedAt: exampleTime},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert was raised: the condition of its rule has been true for the rule's duration.",
		When:         "Sent once per alert, which lasts until it is resolved.",
		Example: AlertRaised{
			Rule: "many-pending", Metric: "pending_missions", Value: 1200, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), RaisedAt: exampleTime,
		},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert was resolved: the condition of its rule has been false for the rule's duration.",
		When:         "Sent once per alert that was raised.",
		Example: AlertResolved{
			Rule: "many-pending", Metric: "pending_missions", Value: 640, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), ResolvedAt: exampleTime,
		},
	},
}
