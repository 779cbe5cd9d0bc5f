package check

import (
	"encoding/json"
	"fmt"
)

// Evidence is all that is known of a run.
type Evidence struct {
	Calls    []Call                // in any order
	Faults   []Fault               // likewise
	Missions map[string]Mission    // as the store tells in the end
	Logs     map[string][]LogEntry // likewise, of every mission
	Agents   map[string]bool       // likewise, those that are known
	Counts   *Counts               // likewise; nil if they were not asked for
	Waiting  int64                 // events that the stream still lacks
	Events   []Event               // the stream, in its order
	Table    map[string]Row        // the missions as they stand in the database; nil if nobody looked
	Wall     float64               // Unix seconds minus the monotonic clock's
	Settled  error                 // why the run was ended before everything was finished; nil if it was finished
	Troubles []string              // what no supervisor should do at all, such as to crash
}

// Mission is what the checker reads of a mission.
type Mission struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Data        json.RawMessage `json:"data"`
	Priority    string          `json:"priority"`
	Tags        []string        `json:"tags"`
	MaxAttempts int             `json:"max_attempts"`
	Deadline    float64         `json:"deadline"`

	Status  string          `json:"status"`
	Attempt int             `json:"attempt"`
	AgentID string          `json:"agent_id"`
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Lease   int64           `json:"lease"` // in the answer to a claim only
}

// The statuses.
const (
	pending   = "PENDING"
	running   = "RUNNING"
	completed = "COMPLETED"
	failed    = "FAILED"
	cancelled = "CANCELLED"
)

func terminal(status string) bool {
	return status == completed || status == failed || status == cancelled
}

// LogEntry is an entry of a mission's log.
type LogEntry struct {
	Timestamp float64 `json:"timestamp"`
	Level     string  `json:"level"`
	Message   string  `json:"message"`
}

// Counts are the counters of the status reply.
type Counts struct {
	Total     int `json:"total_missions"`
	Running   int `json:"running_missions"`
	Pending   int `json:"pending_missions"`
	Completed int `json:"completed_missions"`
	Failed    int `json:"failed_missions"`
	Cancelled int `json:"cancelled_missions"`
}

// Row is a mission as it stands in the database.
type Row struct {
	Status string
	Lease  int64
	Result json.RawMessage
}

// Event is one message of the stream.
type Event struct {
	Seq     uint64
	Subject string
	MsgID   string // the header Nats-Msg-Id

	ID        string
	Type      string
	Timestamp float64
	Payload   Payload
	Outbox    string // of durable events
	Position  int64  // in the outbox, from 1
}

// Payload is what the checker reads of a payload.
type Payload struct {
	MissionID string `json:"mission_id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	OldStatus string `json:"old_status"`
	NewStatus string `json:"new_status"`
	Reason    string `json:"reason"`
	Attempt   int    `json:"attempt"`
	AgentID   string `json:"agent_id"`
	Message   string `json:"message"`
}

// ParseEvent reads a message of the stream.
func ParseEvent(seq uint64, subject, msgID string, body []byte) (Event, error) {
	var envelope struct {
		ID        string  `json:"id"`
		Type      string  `json:"type"`
		Timestamp float64 `json:"timestamp"`
		Payload   Payload `json:"payload"`
		Meta      struct {
			Outbox   string `json:"outbox"`
			Position int64  `json:"outbox_position"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Event{}, fmt.Errorf("message %d of the stream: %w", seq, err)
	}
	return Event{Seq: seq, Subject: subject, MsgID: msgID, ID: envelope.ID, Type: envelope.Type, Timestamp: envelope.Timestamp,
		Payload: envelope.Payload, Outbox: envelope.Meta.Outbox, Position: envelope.Meta.Position}, nil
}

// Types of events that the checker looks at.
const (
	missionCreated = "mission.created"
	statusChanged  = "mission.status_changed"
	logAppended    = "mission.log_appended"
	agentOnline    = "agent.online"
	agentOffline   = "agent.offline"
)

func durable(eventType string) bool {
	switch eventType {
	case missionCreated, statusChanged, logAppended, agentOnline, agentOffline, "supervisor.alert_raised", "supervisor.alert_resolved":
		return true
	}
	return false
}

// Kinds of faults that the checker looks at; there are others.
const (
	KindKillAgent    = "kill an agent"
	KindNoJetStream  = "brokers without JetStream"
	KindBrokersGone  = "every broker gone"
	KindBrokersHung  = "every broker hung"
	KindUndisturbing = "nothing" // for a run without faults
)

// Fault is something bad that was done.
type Fault struct {
	Kind   string `json:"kind"`
	Target string `json:"target"`
	From   int64  `json:"from"` // monotonic
	To     int64  `json:"to"`
}

// Violation is a guarantee that was not kept.
type Violation struct {
	Guarantee int    // 1 to 6; 0 for what no guarantee needs to forbid
	Mission   string // whose story shows it; "" if it is no mission's
	What      string
}

func (v Violation) String() string { return fmt.Sprintf("guarantee %d: %s", v.Guarantee, v.What) }
