package api

import "missioncontrol/missions"

// Health is the health of the supervisor.
type Health struct {
	Status        string        `json:"status"` // HealthOK, HealthDegraded or HealthError
	Timestamp     missions.Time `json:"timestamp"`
	Version       string        `json:"version"`
	UptimeSeconds float64       `json:"uptime_seconds"`
	Checks        Checks        `json:"checks"`
	Features      []string      `json:"features,omitzero"` // what requests may use, in alphabetical order
}

// The values of a health status. Degraded means that only the event stream is
// unavailable. Error means that the store is unavailable or cannot be written.
const (
	HealthOK       = "ok"
	HealthDegraded = "degraded"
	HealthError    = "error"
)

// Checks are the parts of a health status.
type Checks struct {
	Store       Check       `json:"store"`
	EventStream StreamCheck `json:"event_stream"`
	AgentDeaths Check       `json:"agent_deaths"`   // the message says whether deaths are detected only when leases expire
	Clock       Check       `json:"clock,omitzero"` // present for some time after the store's clock was set; the message says what that does
}

// Starting is the end of the message of a part that has not started to work yet, and
// has no known problem.
const Starting = "the supervisor is starting"

// Check is the state of one part.
type Check struct {
	Status  string `json:"status"`
	Message string `json:"message"` // the reason, in a sentence; "" while the part is healthy
}

// StreamCheck is the state of the event stream.
type StreamCheck struct {
	Check
	Published  uint64 `json:"published"`
	Dropped    uint64 `json:"dropped"`
	Duplicates uint64 `json:"duplicates"`
	Waiting    int64  `json:"waiting"` // durable events that the stream has not acknowledged yet
}

// Status is the state of missions and agents.
type Status struct {
	Status                 string        `json:"status"`
	Timestamp              missions.Time `json:"timestamp"`
	TotalMissions          int64         `json:"total_missions"`
	RunningMissions        int64         `json:"running_missions"`
	PendingMissions        int64         `json:"pending_missions"`
	CompletedMissions      int64         `json:"completed_missions"`
	FailedMissions         int64         `json:"failed_missions"`
	CancelledMissions      int64         `json:"cancelled_missions"`
	AgentCount             int64         `json:"agent_count"` // online or draining
	SuccessRate            *float64      `json:"success_rate"`
	AverageDurationSeconds *float64      `json:"average_duration_seconds"`
	Utilization            *float64      `json:"utilization"`
}

// Agents is one page of the registry.
type Agents struct {
	Agents     []missions.Agent `json:"agents"`
	AgentCount int64            `json:"agent_count"` // the number of matches on all pages
	NextCursor string           `json:"next_cursor,omitzero"`
}

// Mission carries one mission.
type Mission struct {
	Mission missions.Mission `json:"mission"`
}

// Waited has missions that were waited for, in the order of the request, as they are at the end of the wait.
type Waited struct {
	Missions []missions.Mission `json:"missions"`
	Deleted  []string           `json:"deleted,omitzero"` // those that were deleted meanwhile, which counts as ended
	Done     bool               `json:"done"`             // false: the time was up
}

// CreateReply has the outcome of one creation or, in Results, those of a batch.
type CreateReply struct {
	*Created
	Results []Created `json:"results,omitzero"`
	Brief   bool      `json:"-"` // write each mission as a BriefMission
}

// Created is the outcome of one creation: a mission, or an error.
type Created struct {
	Mission *missions.Mission `json:"mission,omitzero"`
	Created *bool             `json:"created,omitzero"` // false if it existed with the same content, or another one holds its unique key, which is then the mission
	Error   *Error            `json:"error,omitzero"`
}

// FinishReply has the outcome of one finished attempt or, in Results, those of a batch.
type FinishReply struct {
	*Finished
	Results []Finished `json:"results,omitzero"`
	Brief   bool       `json:"-"` // write each mission as a BriefMission
}

// Finished is the outcome of one item: a mission, or an error.
type Finished struct {
	Mission *missions.Mission `json:"mission,omitzero"`
	Error   *Error            `json:"error,omitzero"`
}

// BriefMission is a mission in the reply to a brief request.
type BriefMission struct {
	ID     string          `json:"id"`
	Status missions.Status `json:"status"`
}

// BriefCreated is the outcome of one creation in the reply to a brief request.
type BriefCreated struct {
	Mission *BriefMission `json:"mission,omitzero"`
	Created bool          `json:"created,omitzero"`
	Error   *Error        `json:"error,omitzero"`
}

// MissionList is one page of missions.
type MissionList struct {
	Missions   []missions.Mission `json:"missions"`
	NextCursor Cursor             `json:"next_cursor,omitzero"`
}

// MissionLog is one page of a mission's log.
type MissionLog struct {
	MissionID  string              `json:"mission_id"`
	Log        []missions.LogEntry `json:"log"`
	NextCursor Cursor              `json:"next_cursor,omitzero"`
}

// StatsReply carries the statistics.
type StatsReply struct {
	Stats missions.Stats `json:"stats"`
}

// History is what happened in the latest minutes, oldest first; the last minute is not
// over yet.
type History struct {
	Minutes  []missions.Minute   `json:"minutes"`
	RunTimes []missions.RunTimes `json:"run_times,omitzero"` // if they were requested
}

// Alerts is the state of the alert rules, ordered by name.
type Alerts struct {
	Alerts []Alert `json:"alerts"`
}

// Alert is the state of one rule.
type Alert struct {
	Rule       string              `json:"rule"`
	Metric     string              `json:"metric"`
	Comparison string              `json:"comparison"` // ">", ">=", "<" or "<="
	Threshold  float64             `json:"threshold"`
	ForSeconds float64             `json:"for_seconds"`          // how long the condition must be true, or false
	MinSamples int64               `json:"min_samples,omitzero"` // the minimum number of missions in the window
	Type       string              `json:"type,omitzero"`        // of the missions, or of what agents accept; "" for all
	Value      *float64            `json:"value"`                // the metric's current value; null if it has none
	State      missions.AlertState `json:"state"`
	Since      missions.Time       `json:"since"` // when the condition became true
	RaisedAt   missions.Time       `json:"raised_at"`
	Types      []string            `json:"types,omitzero"` // for which the condition is true, at most 5; none if that is not known
	Advice     string              `json:"advice"`         // what to do when the alert is raised
}

// Registered tells an agent how often to send heartbeats, and how long a lease lasts.
type Registered struct {
	HeartbeatSeconds float64 `json:"heartbeat_seconds"`
	LeaseSeconds     float64 `json:"lease_seconds"`
}

// HeartbeatReply says which missions an agent must stop working on, and which have signals
// that it has not seen.
type HeartbeatReply struct {
	Cancel  []string    `json:"cancel"`           // missions that were cancelled, or exceeded their max_usage
	Lost    []string    `json:"lost"`             // missions that no longer belong to it
	Signals []SignalRef `json:"signals,omitzero"` // missions with signals that it has not seen
}

// Claimed has the missions that a claim got, if any.
type Claimed struct {
	Missions []missions.Mission `json:"missions"`
}
