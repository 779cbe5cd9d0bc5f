package check

import (
	"encoding/json"
	"fmt"
)

// Evidence is everything known about a run.
type Evidence struct {
	Calls       []Call                // in any order
	Faults      []Fault               // likewise
	Missions    map[string]Mission    // the store's final content
	Logs        map[string][]LogEntry // the final logs of all missions
	Agents      map[string]bool       // the agents known at the end
	Counts      *Counts               // the final counters; nil if not requested
	Batches     map[string]Batch      // the batches known at the end; nil if not requested
	Schedules   map[string]Schedule   // the schedules known at the end; nil if not requested
	SchedulesAt float64               // when they were read, in Unix seconds
	Usage       map[string]float64    // what the final statistics count, by unit; nil if not requested
	Waiting     int64                 // events not yet in the stream
	Events      []Event               // the stream, in order
	Table       map[string]Row        // the missions in the database; nil if it was not read
	Wall        float64               // Unix seconds minus the monotonic clock's
	Settled     error                 // why the run ended before everything was finished; nil if it was finished
	Troubles    []string              // what a supervisor should never do, such as crash
}

// Mission holds the fields of a mission that the checker reads.
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
	Lease   int64           `json:"lease"` // only in the answer to a claim

	Flow
}

// Statuses of a mission.
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

// Row is a mission in the database.
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

// Payload holds the fields of a payload that the checker reads.
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

	Conditions []Condition `json:"conditions"` // of mission.waiting
	Until      float64     `json:"until"`      // likewise; 0 if it may last
	Seq        int         `json:"seq"`        // of a signal

	ScheduleID string  `json:"schedule_id"`
	ChangedAt  float64 `json:"changed_at"` // of schedule.changed
	Count      int64   `json:"count"`      // of schedule.missed
	From       float64 `json:"from"`       // likewise: the first time
	To         float64 `json:"to"`         // likewise: the last one
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

// Types of events that the checker reads.
const (
	missionCreated = "mission.created"
	limitChanged   = "limit.changed"
	statusChanged  = "mission.status_changed"
	logAppended    = "mission.log_appended"
	agentOnline    = "agent.online"
	agentOffline   = "agent.offline"

	missionWaiting   = "mission.waiting"
	missionReady     = "mission.ready"
	missionSignalled = "mission.signalled"
	signalSeen       = "mission.signal_seen"

	scheduleChanged = "schedule.changed"
	scheduleMissed  = "schedule.missed"
)

func durable(eventType string) bool {
	switch eventType {
	case missionCreated, statusChanged, logAppended, agentOnline, limitChanged, agentOffline,
		missionWaiting, missionReady, missionSignalled, signalSeen, scheduleChanged, scheduleMissed, "supervisor.alert_raised", "supervisor.alert_resolved":
		return true
	}
	return false
}

// Kinds of faults that the checker distinguishes; there are others.
const (
	KindKillAgent    = "kill an agent"
	KindNoJetStream  = "brokers without JetStream"
	KindBrokersGone  = "every broker gone"
	KindBrokersHung  = "every broker hung"
	KindUndisturbing = "nothing" // for a run without faults
)

// Fault is a fault that was injected.
type Fault struct {
	Kind   string `json:"kind"`
	Target string `json:"target"`
	From   int64  `json:"from"` // monotonic
	To     int64  `json:"to"`
}

// Violation is a guarantee that was not kept.
type Violation struct {
	Guarantee int    // 1 to 6, 10 to 14; 0 if it violates no numbered guarantee
	Mission   string // whose story shows it; "" if it concerns no mission
	What      string
}

func (v Violation) String() string { return fmt.Sprintf("guarantee %d: %s", v.Guarantee, v.What) }
