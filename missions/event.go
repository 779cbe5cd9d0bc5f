package missions

import "github.com/google/uuid"

// EventKind names what an [Event] tells of.
type EventKind string

// The kinds of durable events.
const (
	EventCreated       EventKind = "created"
	EventStatusChanged EventKind = "status_changed"
	EventLogAppended   EventKind = "log_appended"
	EventAgentOnline   EventKind = "agent_online"
	EventAgentOffline  EventKind = "agent_offline"
	EventAlertRaised   EventKind = "alert_raised"
	EventAlertResolved EventKind = "alert_resolved"
)

// Event is one entry of the outbox: a change that was stored, waiting to be told
// to the world. A store writes it in the same atomic step as the change.
//
// ID is fixed when the event is written, so that it is the same at every attempt
// to publish it. Seq is the event's place in the outbox and grows without
// repeating, across restarts too; between neighbours it may leave gaps.
type Event struct {
	Seq           int64     `json:"-"`
	ID            uuid.UUID `json:"id"`
	Kind          EventKind `json:"k"`
	At            Time      `json:"at"`
	CorrelationID string    `json:"c,omitzero"`
	Traceparent   string    `json:"tp,omitzero"`

	MissionID   string   `json:"m,omitzero"`
	Name        string   `json:"n,omitzero"` // of the mission or the agent
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
	Value     *float64 `json:"v,omitzero"` // nil: the metric has none
	Threshold float64  `json:"th,omitzero"`
	Since     Time     `json:"si,omitzero"`
}
