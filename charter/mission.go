package charter

import "time"

// Types of mission events.
const (
	TypeMissionCreated       = "mission.created"
	TypeMissionStatusChanged = "mission.status_changed"
	TypeMissionLogAppended   = "mission.log_appended"
	TypeMissionProgressed    = "mission.progressed"
)

// MissionCreated reports that a mission was accepted and stored.
type MissionCreated struct {
	MissionID   string    `json:"mission_id" doc:"The mission's ID."`
	Name        string    `json:"name" doc:"The mission's name, for people."`
	Description string    `json:"description" doc:"A description, for people; may be empty."`
	Type        string    `json:"type" doc:"The mission's type, by which agents select their work."`
	Priority    string    `json:"priority" values:"LOW NORMAL HIGH CRITICAL" doc:"Missions of a higher priority are claimed first."`
	Status      string    `json:"status" values:"PENDING" doc:"The initial status of every mission."`
	CreatedAt   time.Time `json:"created_at" doc:"When the mission was stored."`
}

// EventType returns [TypeMissionCreated].
func (p MissionCreated) EventType() string { return TypeMissionCreated }

// AppendJSON implements [Payload].
func (p MissionCreated) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionStatusChanged reports that a mission's status changed. An empty AgentID means
// null.
type MissionStatusChanged struct {
	MissionID string    `json:"mission_id" doc:"The mission's ID."`
	OldStatus string    `json:"old_status" values:"PENDING RUNNING COMPLETED FAILED CANCELLED" doc:"The status before the change."`
	NewStatus string    `json:"new_status" values:"PENDING RUNNING COMPLETED FAILED CANCELLED" doc:"The status after the change."`
	ChangedAt time.Time `json:"changed_at" doc:"When the change was stored."`
	Reason    string    `json:"reason" doc:"The reason, for people; may be empty."`
	Attempt   int64     `json:"attempt" unit:"attempts" doc:"The number of attempts started, including a running one."`
	AgentID   string    `json:"agent_id" nullable:"true" doc:"The agent that holds the mission, or held it until this change; null if no agent was involved."`
}

// EventType returns [TypeMissionStatusChanged].
func (p MissionStatusChanged) EventType() string { return TypeMissionStatusChanged }

// AppendJSON implements [Payload].
func (p MissionStatusChanged) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionLogAppended reports a new entry in a mission's log. The event does not
// contain the entry's data; request the log from the supervisor.
type MissionLogAppended struct {
	MissionID  string    `json:"mission_id" doc:"The mission's ID."`
	LogLevel   string    `json:"log_level" values:"debug info warning error" doc:"The severity of the entry."`
	Message    string    `json:"message" doc:"The text of the entry."`
	AppendedAt time.Time `json:"appended_at" doc:"When the entry was stored."`
}

// EventType returns [TypeMissionLogAppended].
func (p MissionLogAppended) EventType() string { return TypeMissionLogAppended }

// AppendJSON implements [Payload].
func (p MissionLogAppended) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionProgressed reports the progress of a running mission.
type MissionProgressed struct {
	MissionID    string    `json:"mission_id" doc:"The mission's ID."`
	Percent      float64   `json:"percent" unit:"percent, 0 to 100" max:"100" doc:"How much of the work is done."`
	Message      string    `json:"message" doc:"The current step, for people; may be empty."`
	ProgressedAt time.Time `json:"progressed_at" doc:"When the report was stored."`
}

// EventType returns [TypeMissionProgressed].
func (p MissionProgressed) EventType() string { return TypeMissionProgressed }

// AppendJSON implements [Payload].
func (p MissionProgressed) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

const exampleMission = "018c8231-5a07-7c3e-9d0b-6f1f6f0c2a11"

var missionEntries = []Entry{
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Description:  "A mission was accepted and stored.",
		When:         "Sent once per mission, as its first event.",
		Example: MissionCreated{
			MissionID: exampleMission, Name: "Survey sector 7", Description: "Map the northern ridge.",
			Type: "survey", Priority: "HIGH", Status: "PENDING", CreatedAt: exampleTime,
		},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission's status changed.",
		When:         "Sent once per change: claimed, completed, failed, requeued, cancelled or retried.",
		Example: MissionStatusChanged{
			MissionID: exampleMission, OldStatus: "PENDING", NewStatus: "RUNNING", ChangedAt: exampleTime,
			Reason: "claimed", Attempt: 1, AgentID: "rover-1",
		},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission's log has a new entry.",
		When:         "Sent once per entry, without the entry's data.",
		Example: MissionLogAppended{
			MissionID: exampleMission, LogLevel: "info", Message: "ridge reached", AppendedAt: exampleTime,
		},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Telemetry,
		Targeted:     true,
		Description:  "A running mission made progress.",
		When:         "Sent once per progress report from the agent that holds the mission.",
		Example: MissionProgressed{
			MissionID: exampleMission, Percent: 62.5, Message: "5 of 8 tiles", ProgressedAt: exampleTime,
		},
	},
}
