package charter

import (
	"math"
	"time"
)

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
	Status    string // the answer: "ok", "degraded" or "error"
	CheckedAt time.Time
}

// EventType returns [TypeHealthChecked].
func (p HealthChecked) EventType() string { return TypeHealthChecked }

// AppendJSON implements [Payload].
func (p HealthChecked) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("status", p.Status).
		time("checked_at", p.CheckedAt).
		close()
}

func (p HealthChecked) sizeHint() int { return 64 + len(p.Status) }

func decodeHealthChecked(o *object) Payload {
	return HealthChecked{
		Status:    o.text("status"),
		CheckedAt: o.time("checked_at"),
	}
}

// StatusQueried reports that a client requested the status, and the counts of
// stored missions in the answer.
type StatusQueried struct {
	TotalMissions     int64 // the sum of the five below
	RunningMissions   int64
	PendingMissions   int64
	CompletedMissions int64
	FailedMissions    int64
	CancelledMissions int64
	AgentCount        int64 // agents not offline
	QueriedAt         time.Time
}

// EventType returns [TypeStatusQueried].
func (p StatusQueried) EventType() string { return TypeStatusQueried }

// AppendJSON implements [Payload].
func (p StatusQueried) AppendJSON(dst []byte) []byte {
	return open(dst).
		count("total_missions", p.TotalMissions).
		count("running_missions", p.RunningMissions).
		count("pending_missions", p.PendingMissions).
		count("completed_missions", p.CompletedMissions).
		count("failed_missions", p.FailedMissions).
		count("cancelled_missions", p.CancelledMissions).
		count("agent_count", p.AgentCount).
		time("queried_at", p.QueriedAt).
		close()
}

func (p StatusQueried) sizeHint() int { return 256 }

func decodeStatusQueried(o *object) Payload {
	return StatusQueried{
		TotalMissions:     o.count("total_missions"),
		RunningMissions:   o.count("running_missions"),
		PendingMissions:   o.count("pending_missions"),
		CompletedMissions: o.count("completed_missions"),
		FailedMissions:    o.count("failed_missions"),
		CancelledMissions: o.count("cancelled_missions"),
		AgentCount:        o.count("agent_count"),
		QueriedAt:         o.time("queried_at"),
	}
}

// AgentsListed reports that a client requested the list of agents.
type AgentsListed struct {
	AgentCount int64 // the agent_count of the answer
	QueriedAt  time.Time
}

// EventType returns [TypeAgentsListed].
func (p AgentsListed) EventType() string { return TypeAgentsListed }

// AppendJSON implements [Payload].
func (p AgentsListed) AppendJSON(dst []byte) []byte {
	return open(dst).
		count("agent_count", p.AgentCount).
		time("queried_at", p.QueriedAt).
		close()
}

func (p AgentsListed) sizeHint() int { return 96 }

func decodeAgentsListed(o *object) Payload {
	return AgentsListed{
		AgentCount: o.count("agent_count"),
		QueriedAt:  o.time("queried_at"),
	}
}

// AlertRaised reports that the condition of an alert rule now holds.
type AlertRaised struct {
	Rule      string  // the rule's name
	Metric    string  // what the rule watches
	Value     float64 // the metric when the alert was raised; NaN means null: it had no value
	Threshold float64 // what the rule compares the metric with; finite
	Since     time.Time
	RaisedAt  time.Time
}

// EventType returns [TypeAlertRaised].
func (p AlertRaised) EventType() string { return TypeAlertRaised }

// AppendJSON implements [Payload].
func (p AlertRaised) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("rule", p.Rule).
		text("metric", p.Metric).
		number("value", p.Value).
		number("threshold", p.Threshold).
		time("since", p.Since).
		time("raised_at", p.RaisedAt).
		close()
}

func (p AlertRaised) sizeHint() int { return 192 + len(p.Rule) + len(p.Metric) }

func decodeAlertRaised(o *object) Payload {
	return AlertRaised{
		Rule:      o.text("rule"),
		Metric:    o.text("metric"),
		Value:     o.numberOrNull("value"),
		Threshold: o.number("threshold"),
		Since:     o.time("since"),
		RaisedAt:  o.time("raised_at"),
	}
}

// AlertResolved reports that the condition of an alert rule no longer holds.
type AlertResolved struct {
	Rule       string  // the rule's name
	Metric     string  // what the rule watches
	Value      float64 // the metric when the alert was resolved; NaN means null: it had no value
	Threshold  float64 // what the rule compares the metric with; finite
	Since      time.Time
	ResolvedAt time.Time
}

// EventType returns [TypeAlertResolved].
func (p AlertResolved) EventType() string { return TypeAlertResolved }

// AppendJSON implements [Payload].
func (p AlertResolved) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("rule", p.Rule).
		text("metric", p.Metric).
		number("value", p.Value).
		number("threshold", p.Threshold).
		time("since", p.Since).
		time("resolved_at", p.ResolvedAt).
		close()
}

func (p AlertResolved) sizeHint() int { return 192 + len(p.Rule) + len(p.Metric) }

func decodeAlertResolved(o *object) Payload {
	return AlertResolved{
		Rule:       o.text("rule"),
		Metric:     o.text("metric"),
		Value:      o.numberOrNull("value"),
		Threshold:  o.number("threshold"),
		Since:      o.time("since"),
		ResolvedAt: o.time("resolved_at"),
	}
}

// numberOrNull reads null as NaN.
func (o *object) numberOrNull(name string) float64 {
	if o.isNull(name) {
		return math.NaN()
	}
	return o.number(name)
}
