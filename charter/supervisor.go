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
	Status    string    `json:"status" values:"ok degraded error" doc:"The health that the supervisor answered with."`
	CheckedAt time.Time `json:"checked_at" doc:"When the supervisor looked."`
}

// EventType returns [TypeHealthChecked].
func (p HealthChecked) EventType() string { return TypeHealthChecked }

// AppendJSON implements [Payload].
func (p HealthChecked) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// StatusQueried reports that a client requested the status, and the counts of
// stored missions in the answer. TotalMissions is the sum of the five counts below it.
type StatusQueried struct {
	TotalMissions     int64     `json:"total_missions" unit:"missions" doc:"All missions stored."`
	RunningMissions   int64     `json:"running_missions" unit:"missions" doc:"Those that an agent is working on."`
	PendingMissions   int64     `json:"pending_missions" unit:"missions" doc:"Those that wait for an agent, for their time or for another attempt."`
	CompletedMissions int64     `json:"completed_missions" unit:"missions" doc:"Those that ended well and are still stored."`
	FailedMissions    int64     `json:"failed_missions" unit:"missions" doc:"Those that failed for good and are still stored."`
	CancelledMissions int64     `json:"cancelled_missions" unit:"missions" doc:"Those that were cancelled and are still stored."`
	AgentCount        int64     `json:"agent_count" unit:"agents" doc:"Agents as the status answer counts them."`
	QueriedAt         time.Time `json:"queried_at" doc:"When the numbers were read."`
}

// EventType returns [TypeStatusQueried].
func (p StatusQueried) EventType() string { return TypeStatusQueried }

// AppendJSON implements [Payload].
func (p StatusQueried) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AgentsListed reports that a client requested the list of agents.
type AgentsListed struct {
	AgentCount int64     `json:"agent_count" unit:"agents" doc:"The agent_count of the answer."`
	QueriedAt  time.Time `json:"queried_at" doc:"When the list was read."`
}

// EventType returns [TypeAgentsListed].
func (p AgentsListed) EventType() string { return TypeAgentsListed }

// AppendJSON implements [Payload].
func (p AgentsListed) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AlertRaised reports that the condition of an alert rule now holds. A Value that is
// NaN means null; Threshold is finite.
type AlertRaised struct {
	Rule      string    `json:"rule" doc:"The rule's name, the same in raised and resolved."`
	Metric    string    `json:"metric" doc:"What the rule watches."`
	Value     float64   `json:"value" nullable:"true" unit:"that of the metric" doc:"The metric at that moment, or null when it had no value."`
	Threshold float64   `json:"threshold" unit:"that of the metric" doc:"What the rule compares the metric with."`
	Since     time.Time `json:"since" doc:"Since when the rule's condition had held when the alert was raised."`
	RaisedAt  time.Time `json:"raised_at" doc:"When the alert was raised."`
}

// EventType returns [TypeAlertRaised].
func (p AlertRaised) EventType() string { return TypeAlertRaised }

// AppendJSON implements [Payload].
func (p AlertRaised) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AlertResolved reports that the condition of an alert rule no longer holds. A Value
// that is NaN means null; Threshold is finite.
type AlertResolved struct {
	Rule       string    `json:"rule" doc:"The rule's name, the same in raised and resolved."`
	Metric     string    `json:"metric" doc:"What the rule watches."`
	Value      float64   `json:"value" nullable:"true" unit:"that of the metric" doc:"The metric at that moment, or null when it had no value."`
	Threshold  float64   `json:"threshold" unit:"that of the metric" doc:"What the rule compares the metric with."`
	Since      time.Time `json:"since" doc:"Since when the rule's condition had held when the alert was raised."`
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
		Description:  "Somebody asked for the supervisor's health.",
		When:         "Once per health request, whatever the answer is.",
		Example:      HealthChecked{Status: "ok", CheckedAt: exampleTime},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "Somebody asked for the status, and this is how things stood.",
		When:         "Once per status request that was answered.",
		Example: StatusQueried{
			TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
			FailedMissions: 10, CancelledMissions: 2, AgentCount: 4, QueriedAt: exampleTime,
		},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "supervisor",
		Kind:         Telemetry,
		Description:  "Somebody asked for the list of agents.",
		When:         "Once per agents request that was answered.",
		Example:      AgentsListed{AgentCount: 4, QueriedAt: exampleTime},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert rule has begun to hold.",
		When:         "Once when the alert begins; alert_resolved ends it.",
		Example: AlertRaised{
			Rule: "many-pending", Metric: "pending_missions", Value: 1200, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), RaisedAt: exampleTime,
		},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "alerts",
		Kind:         Durable,
		Description:  "An alert rule has ceased to hold.",
		When:         "Once when an alert that was raised ends.",
		Example: AlertResolved{
			Rule: "many-pending", Metric: "pending_missions", Value: 640, Threshold: 1000,
			Since: exampleTime.Add(-time.Minute), ResolvedAt: exampleTime,
		},
	},
}
