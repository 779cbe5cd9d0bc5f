package missions

import "github.com/google/uuid"

// EventKind is what an [Event] reports.
type EventKind string

// Kinds of durable events.
const (
	EventCreated       EventKind = "created"
	EventStatusChanged EventKind = "status_changed"
	EventLogAppended   EventKind = "log_appended"
	EventAgentOnline   EventKind = "agent_online"
	EventAgentOffline  EventKind = "agent_offline"
	EventWaiting       EventKind = "waiting"
	EventReady         EventKind = "ready"
	EventSignalled     EventKind = "signalled"
	EventSignalSeen    EventKind = "signal_seen"
	EventAlertRaised   EventKind = "alert_raised"
	EventAlertResolved EventKind = "alert_resolved"

	EventScheduleChanged EventKind = "schedule_changed"
	EventScheduleMissed  EventKind = "schedule_missed"
	EventLimitChanged    EventKind = "limit_changed"
)

// Event is one entry of the outbox: a stored change, waiting to be published. A
// store writes it in the same atomic step as the change.
//
// ID is set when the event is written, so that every attempt to publish it uses the
// same ID. Seq is the event's position in the outbox. It grows and never repeats,
// also across restarts; there may be gaps.
type Event struct {
	Seq           int64     `json:"-"`
	ID            uuid.UUID `json:"id"`
	Kind          EventKind `json:"k"`
	At            Time      `json:"at"`
	CorrelationID string    `json:"c,omitzero"`
	Traceparent   string    `json:"tp,omitzero"`

	MissionID   string   `json:"m,omitzero"`
	Name        string   `json:"n,omitzero"` // of the mission or agent
	Description string   `json:"d,omitzero"`
	Type        string   `json:"t,omitzero"`
	Priority    Priority `json:"p,omitzero"`

	OldStatus Status `json:"o,omitzero"`
	NewStatus Status `json:"s,omitzero"`
	Reason    string `json:"r,omitzero"`
	Attempt   int    `json:"a,omitzero"`
	AgentID   string `json:"g,omitzero"`

	Level   string `json:"l,omitzero"`
	Message string `json:"x,omitzero"`

	Role  string   `json:"ro,omitzero"`
	Types []string `json:"ts,omitzero"`

	Rule      string   `json:"ru,omitzero"`
	Metric    string   `json:"me,omitzero"`
	Value     *float64 `json:"v,omitzero"` // nil if the metric has none
	Threshold float64  `json:"th,omitzero"`
	Since     Time     `json:"si,omitzero"`
}

// Event kinds of waits, signals and schedules use fields of others: see the engine's functions that emit
// them, and the supervisor's that publish them.
//
//   - EventWaiting: Types has the conditions, Since when the wait ends (0 for never), Attempt
//     the turn.
//   - EventReady: Reason.
//   - EventSignalled: Name of the signal, Attempt its number, Message who sent it.
//   - EventSignalSeen: Attempt the number, AgentID who has seen it.
//   - EventScheduleChanged: Name of the schedule, Message who has changed it.
//   - EventLimitChanged: Name of the limit, Message who has changed it.
//   - EventScheduleMissed: Name of the schedule, Attempt how many occurrences, Since the first of them, Threshold
//     the last in Unix seconds.
