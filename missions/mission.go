package missions

import (
	"encoding/json"
	"strings"
)

// Mission is a piece of work. The first fields are set by its creator and never
// change; the others change over its life. The JSON is the wire format.
//
// A Mission returned by a store is the caller's own copy.
type Mission struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	Description    string          `json:"description"`
	Type           string          `json:"type"`
	Data           json.RawMessage `json:"data"` // a JSON object
	Priority       Priority        `json:"priority"`
	Status         Status          `json:"status"`
	Tags           []string        `json:"tags"`
	MaxAttempts    int             `json:"max_attempts"`
	TimeoutSeconds float64         `json:"timeout_seconds,omitzero"` // maximum duration of one attempt; 0: no limit
	StallSeconds   float64         `json:"stall_seconds,omitzero"`   // maximum time without progress in an attempt; 0: no limit
	NotBefore      Time            `json:"not_before,omitzero"`      // cannot be claimed before
	Deadline       Time            `json:"deadline,omitzero"`        // a mission that is PENDING at this time fails
	CorrelationID  string          `json:"correlation_id,omitzero"`
	Traceparent    string          `json:"traceparent,omitzero"` // W3C: from the request that created it

	Attempt        int             `json:"attempt"`  // number of attempts started, including a running one
	AgentID        Text            `json:"agent_id"` // the holder, or the last holder once it has ended; null while PENDING
	LeaseExpiresAt Time            `json:"lease_expires_at"`
	Progress       *Progress       `json:"progress"`
	Result         json.RawMessage `json:"result"`
	Error          Text            `json:"error"` // why it failed, or why its latest attempt failed
	CreatedAt      Time            `json:"created_at"`
	UpdatedAt      Time            `json:"updated_at"`
	StartedAt      Time            `json:"started_at"`  // of the latest attempt; null while PENDING
	FinishedAt     Time            `json:"finished_at"` // null until terminal

	NextAttemptAt Time  `json:"next_attempt_at,omitzero"` // end of the back-off while PENDING
	Lease         int64 `json:"lease,omitzero"`           // the fencing token; only in the reply to the claim that obtained it

	// Turn is how often it was claimed.
	Turn int `json:"turn,omitzero"`

	// Checkpoint is what its holders keep from turn to turn, any JSON.
	Checkpoint json.RawMessage `json:"checkpoint,omitzero"`

	*Flow

	// Trimmed names the fields left out because the reply would have exceeded the
	// broker's max_payload. Stores do not set it.
	Trimmed []string `json:"trimmed,omitzero"`
}

// Progress is the progress reported by the holder.
type Progress struct {
	Percent float64 `json:"percent"` // 0 to 100
	Message string  `json:"message"`
}

// LogEntry is one line of a mission's log. An agent chooses level, message and data of
// its own entries, and none of the other fields.
type LogEntry struct {
	Timestamp Time            `json:"timestamp"`
	Level     string          `json:"level"`
	Message   string          `json:"message"`
	Data      json.RawMessage `json:"data"` // any JSON, or null

	By        Author `json:"by,omitzero"`         // who wrote it
	OldStatus Status `json:"old_status,omitzero"` // of a change of status
	NewStatus Status `json:"new_status,omitzero"` // of a change of status, and of the creation
	Reason    string `json:"reason,omitzero"`     // of a change of status
}

// Author is who wrote an entry of a mission's log.
type Author string

// Authors of log entries.
const (
	BySupervisor Author = "supervisor"
	ByAgent      Author = "agent"
)

// CreatedEntry is the first entry of every mission's log.
func CreatedEntry(at Time) LogEntry {
	return LogEntry{Timestamp: at, Level: "info", Message: "created, " + string(Pending), By: BySupervisor, NewStatus: Pending}
}

// ChangeEntry is the log entry for a status change.
func ChangeEntry(at Time, from, to Status, reason string) LogEntry {
	e := LogEntry{Timestamp: at, Level: "info", Message: string(from) + " → " + string(to) + ": " + reason,
		By: BySupervisor, OldStatus: from, NewStatus: to, Reason: reason}
	if to == Failed {
		e.Level = "error"
	}
	return e
}

// Text is a string that is null on the wire if empty.
type Text string

// MarshalJSON writes a JSON string, or null for "".
func (t Text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// Priority orders claims: higher first, then older first.
type Priority string

// Priorities, lowest first.
const (
	Low      Priority = "LOW"
	Normal   Priority = "NORMAL"
	High     Priority = "HIGH"
	Critical Priority = "CRITICAL"
)

// Priorities lists every priority, lowest first.
func Priorities() []Priority { return []Priority{Low, Normal, High, Critical} }

// ParsePriority returns the priority that a text names, in upper or lower case. It may be
// none of [Priorities], which [Mission.Validate] finds.
func ParsePriority(text string) Priority { return Priority(strings.ToUpper(text)) }

// Rank returns p's index in [Priorities], or -1.
func (p Priority) Rank() int {
	switch p {
	case Low:
		return 0
	case Normal:
		return 1
	case High:
		return 2
	case Critical:
		return 3
	}
	return -1
}
