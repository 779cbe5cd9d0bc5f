package api

import (
	"encoding/json"

	"missioncontrol/missions"
)

// Empty is the request of operations without fields, and the reply of operations
// without a result.
type Empty struct{}

// AgentsRequest lists agents, ordered by id. Zero fields do not filter.
type AgentsRequest struct {
	State  missions.AgentState `json:"state,omitzero"`
	Type   string              `json:"type,omitzero"`
	Limit  int                 `json:"limit,omitzero"` // 1 to 1000, default 100
	Cursor string              `json:"cursor,omitzero"`
}

// MissionSpec is what the creator of a mission may set. Only the name is required.
type MissionSpec struct {
	ID             string            `json:"id,omitzero"` // default: a new UUIDv7
	Name           string            `json:"name"`
	Description    string            `json:"description,omitzero"`
	Type           string            `json:"type,omitzero"`            // default: "default"
	Data           json.RawMessage   `json:"data,omitzero"`            // a JSON object, default {}
	Priority       missions.Priority `json:"priority,omitzero"`        // default: NORMAL
	Tags           []string          `json:"tags,omitzero"`            // at most 32
	MaxAttempts    *int              `json:"max_attempts,omitzero"`    // 1 to 1000, default 3
	TimeoutSeconds *float64          `json:"timeout_seconds,omitzero"` // maximum duration of one attempt; default: no limit
	StallSeconds   float64           `json:"stall_seconds,omitzero"`   // maximum time of an attempt without progress; default: no limit
	NotBefore      missions.Time     `json:"not_before,omitzero"`
	Deadline       missions.Time     `json:"deadline,omitzero"`
	CorrelationID  string            `json:"correlation_id,omitzero"`

	After               []missions.Condition   `json:"after,omitzero"`                 // what must have happened before it can be claimed; at most 100
	AfterTimeoutSeconds float64                `json:"after_timeout_seconds,omitzero"` // how long it waits for them; default: no limit
	OnUnmet             missions.OnUnmet       `json:"on_unmet,omitzero"`              // what becomes of it if they can no longer be met, or in time; default: cancel
	MaxUsage            missions.Usage         `json:"max_usage,omitzero"`             // by unit
	OnExceeded          missions.OnExceeded    `json:"on_exceeded,omitzero"`           // what becomes of it if it exceeds max_usage; default: fail
	RetryPolicy         *missions.RetryOptions `json:"retry_policy,omitzero"`          // default: the supervisor's
	ParentID            string                 `json:"parent_id,omitzero"`             // the mission with whose cancellation or failure it is cancelled
	Detached            bool                   `json:"detached,omitzero"`              // it lives on when its parent is cancelled or fails
	Batch               string                 `json:"batch,omitzero"`                 // the batch that it belongs to
	Unique              *missions.Unique       `json:"unique,omitzero"`                // a key that one mission at a time holds; default: none

	Key      string            `json:"key,omitzero"`      // a tenant, user or account: keys take turns; at most 128 characters
	Limits   []string          `json:"limits,omitzero"`   // limits by name, beside those of its type; at most 2
	Requires map[string]string `json:"requires,omitzero"` // labels that an agent must have; at most 8
	missions.Preference
}

// CreateRequest creates one mission, or those in Missions.
type CreateRequest struct {
	MissionSpec
	Missions   []MissionSpec `json:"missions,omitzero"`    // up to 1000
	Brief      bool          `json:"brief,omitzero"`       // the reply has only the id and the status of missions
	CloseBatch bool          `json:"close_batch,omitzero"` // close the batches of these missions once they are created
}

// IDRequest names a mission.
type IDRequest struct {
	ID string `json:"id"`
}

// CancelRequest cancels a mission.
type CancelRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason,omitzero"`
}

// WaitRequest waits until a mission is terminal.
type WaitRequest struct {
	ID             string   `json:"id"`
	TimeoutSeconds *float64 `json:"timeout_seconds,omitzero"` // above 0, at most 60, default 30
}

// WaitManyRequest waits until missions are terminal.
type WaitManyRequest struct {
	IDs            []string `json:"ids"`                      // 1 to 100, each once
	Until          Until    `json:"until,omitzero"`           // which of them must have ended; default: all
	TimeoutSeconds *float64 `json:"timeout_seconds,omitzero"` // 0 to 60, default 30; 0: it does not wait
}

// Until says which of several missions must have ended.
type Until string

// Values of Until.
const (
	UntilAll Until = "all" // the default
	UntilAny Until = "any"
)

// ListRequest lists missions, newest first. Zero fields do not filter.
type ListRequest struct {
	Status        missions.Status `json:"status,omitzero"`
	Type          string          `json:"type,omitzero"`
	AgentID       string          `json:"agent_id,omitzero"`
	Tag           string          `json:"tag,omitzero"`
	Text          string          `json:"text,omitzero"` // part of the name, ignoring case
	CreatedAfter  missions.Time   `json:"created_after,omitzero"`
	CreatedBefore missions.Time   `json:"created_before,omitzero"`

	Waiting  missions.WaitKind `json:"waiting,omitzero"` // what it waits for
	ParentID string            `json:"parent_id,omitzero"`
	Batch    string            `json:"batch,omitzero"`
	Key      string            `json:"key,omitzero"`

	Limit  int    `json:"limit,omitzero"` // 1 to 1000, default 100
	Cursor Cursor `json:"cursor,omitzero"`
}

// LogRequest lists a mission's log, oldest first.
type LogRequest struct {
	ID    string `json:"id"`
	After Cursor `json:"after,omitzero"` // next_cursor of the previous page
	Limit int    `json:"limit,omitzero"` // 1 to 1000, default 100
}

// StatsRequest requests the statistics of one type or of all.
type StatsRequest struct {
	Type string `json:"type,omitzero"`
}

// HistoryRequest requests what happened minute by minute, for one type or for all.
type HistoryRequest struct {
	Type     string `json:"type,omitzero"`
	Minutes  int    `json:"minutes,omitzero"`   // 1 to 1440, default 60
	RunTimes bool   `json:"run_times,omitzero"` // the reply has run times, too: in samples of a minute for up to 60 minutes, of ten for more
}

// RegisterRequest registers an agent, or registers it again.
type RegisterRequest struct {
	Name     string            `json:"name"`
	Role     string            `json:"role,omitzero"`
	Types    []string          `json:"types"`    // at least one
	Capacity int               `json:"capacity"` // slots, 1 to 10000
	Version  string            `json:"version,omitzero"`
	Host     string            `json:"host,omitzero"`
	Labels   map[string]string `json:"labels,omitzero"`
}

// LeaseRef names a lease: the mission and its fencing token.
type LeaseRef struct {
	MissionID string `json:"mission_id"`
	Lease     int64  `json:"lease"`
}

// HeartbeatRequest reports that an agent is alive, and what it is working on. Running
// is required, even if it is []: a lease that is missing in two heartbeats is released.
// Receiving says that the reply to a claim is still arriving, on a slow link: meanwhile
// the leases that are missing are renewed, too.
type HeartbeatRequest struct {
	Running     *[]Held  `json:"running"`
	CPU         *float64 `json:"cpu,omitzero"`
	MemoryBytes *int64   `json:"memory_bytes,omitzero"`
	Draining    bool     `json:"draining,omitzero"`
	Receiving   bool     `json:"receiving,omitzero"`
}

// ClaimRequest claims missions, and waits for them if there are none.
type ClaimRequest struct {
	Types       []string `json:"types,omitzero"`        // default: the registered types
	Max         int      `json:"max"`                   // 1 to 1000
	WaitSeconds float64  `json:"wait_seconds,omitzero"` // 0 to 60
}

// ProgressRequest reports the progress of a mission.
type ProgressRequest struct {
	LeaseRef
	Percent *float64 `json:"percent,omitzero"` // 0 to 100; required unless there is a checkpoint or usage
	Message string   `json:"message,omitzero"`
	Report
}

// LogAppendRequest appends to a mission's log.
type LogAppendRequest struct {
	LeaseRef
	Level   string          `json:"level,omitzero"` // a word, default "info"
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitzero"`
}

// Completion is a completed mission.
type Completion struct {
	LeaseRef
	Result json.RawMessage `json:"result,omitzero"` // any JSON
	Report
}

// CompleteRequest completes one mission, or those in Results.
type CompleteRequest struct {
	Completion
	Results []Completion `json:"results,omitzero"` // up to 1000
	Brief   bool         `json:"brief,omitzero"`   // the reply has only the id and the status of missions
}

// Failure is a failed attempt of a mission.
type Failure struct {
	LeaseRef
	Error             string   `json:"error"`
	Retryable         *bool    `json:"retryable,omitzero"`           // default true
	RetryAfterSeconds *float64 `json:"retry_after_seconds,omitzero"` // replaces the back-off after this attempt
	Limit             string   `json:"limit,omitzero"`               // a limit that no mission starts under for retry_after_seconds
	Report
}

// FailRequest reports one failed attempt, or those in Results.
type FailRequest struct {
	Failure
	Results []Failure `json:"results,omitzero"` // up to 1000
	Brief   bool      `json:"brief,omitzero"`   // the reply has only the id and the status of missions
}

// Release is a mission that goes back to the queue, at once or when something happens.
type Release struct {
	LeaseRef
	After               []missions.Condition `json:"after,omitzero"`                 // what must have happened before the next claim; at most 100
	AfterTimeoutSeconds float64              `json:"after_timeout_seconds,omitzero"` // how long it waits for them, or just waits; default: no limit
	Limit               string               `json:"limit,omitzero"`                 // a limit that no mission starts under for retry_after_seconds
	RetryAfterSeconds   *float64             `json:"retry_after_seconds,omitzero"`   // only with limit
	missions.Preference                      // from now on; default: the mission's own
	Report
}

// ReleaseRequest returns one mission to the queue, or those in Results.
type ReleaseRequest struct {
	Release
	Results []Release `json:"results,omitzero"` // up to 1000
	Brief   bool      `json:"brief,omitzero"`   // the reply has only the id and the status of missions
}

// Command is a message that the supervisor pushes to an agent.
type Command struct {
	Command   string `json:"command"`
	MissionID string `json:"mission_id"`
	Seq       int    `json:"seq,omitzero"` // of a signal: its number

	// Supervisor is the one that an agent is connected to; only of CommandConnected.
	Supervisor string `json:"supervisor,omitzero"`
}

// The commands.
const (
	CommandCancel = "cancel" // stop working on the mission
	CommandSignal = "signal" // the mission has a signal

	// CommandConnected is for other supervisors: the agent has connected to one over HTTP.
	CommandConnected = "connected"
)
