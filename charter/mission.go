package charter

import "time"

// Types of mission events.
const (
	TypeMissionCreated       = "mission.created"
	TypeMissionStatusChanged = "mission.status_changed"
	TypeMissionLogAppended   = "mission.log_appended"
	TypeMissionProgressed    = "mission.progressed"
)

// targetPrefix and a mission's ID form a target.
const targetPrefix = "mission_"

func appendMissionTarget(dst []byte, missionID string) []byte {
	return append(append(dst, targetPrefix...), missionID...)
}

// MissionCreated reports that a mission was accepted and stored.
type MissionCreated struct {
	MissionID   string
	Name        string
	Description string
	Type        string // which agents may work on it
	Priority    string // "LOW", "NORMAL", "HIGH" or "CRITICAL"
	Status      string // always "PENDING"
	CreatedAt   time.Time
}

// EventType returns [TypeMissionCreated].
func (p MissionCreated) EventType() string { return TypeMissionCreated }

// AppendJSON implements [Payload].
func (p MissionCreated) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("mission_id", p.MissionID).
		text("name", p.Name).
		text("description", p.Description).
		text("type", p.Type).
		text("priority", p.Priority).
		text("status", p.Status).
		time("created_at", p.CreatedAt).
		close()
}

func (p MissionCreated) sizeHint() int {
	return 160 + len(p.MissionID) + len(p.Name) + len(p.Description) +
		len(p.Type) + len(p.Priority) + len(p.Status)
}

func decodeMissionCreated(o *object) Payload {
	return MissionCreated{
		MissionID:   o.text("mission_id"),
		Name:        o.text("name"),
		Description: o.text("description"),
		Type:        o.text("type"),
		Priority:    o.text("priority"),
		Status:      o.text("status"),
		CreatedAt:   o.time("created_at"),
	}
}

// MissionStatusChanged reports that a mission's status changed.
type MissionStatusChanged struct {
	MissionID string
	OldStatus string // "PENDING", "RUNNING", "COMPLETED", "FAILED" or "CANCELLED"
	NewStatus string // one of the same values
	ChangedAt time.Time
	Reason    string // for people; may be empty
	Attempt   int64  // number of attempts started, including a running one
	AgentID   string // the agent of the attempt; "" means null: no agent was involved
}

// EventType returns [TypeMissionStatusChanged].
func (p MissionStatusChanged) EventType() string { return TypeMissionStatusChanged }

// AppendJSON implements [Payload].
func (p MissionStatusChanged) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("mission_id", p.MissionID).
		text("old_status", p.OldStatus).
		text("new_status", p.NewStatus).
		time("changed_at", p.ChangedAt).
		text("reason", p.Reason).
		count("attempt", p.Attempt).
		textOrNull("agent_id", p.AgentID).
		close()
}

func (p MissionStatusChanged) sizeHint() int {
	return 192 + 2*len(p.MissionID) + len(p.OldStatus) + len(p.NewStatus) + len(p.Reason) + len(p.AgentID)
}

func (p MissionStatusChanged) appendTarget(dst []byte) []byte {
	return appendMissionTarget(dst, p.MissionID)
}

func decodeMissionStatusChanged(o *object) Payload {
	return MissionStatusChanged{
		MissionID: o.text("mission_id"),
		OldStatus: o.text("old_status"),
		NewStatus: o.text("new_status"),
		ChangedAt: o.time("changed_at"),
		Reason:    o.text("reason"),
		Attempt:   o.count("attempt"),
		AgentID:   o.textOrNull("agent_id"),
	}
}

// MissionLogAppended reports a new entry in a mission's log. The event does not
// contain the entry's data; request the log from the supervisor.
type MissionLogAppended struct {
	MissionID  string
	LogLevel   string // such as "info"
	Message    string
	AppendedAt time.Time
}

// EventType returns [TypeMissionLogAppended].
func (p MissionLogAppended) EventType() string { return TypeMissionLogAppended }

// AppendJSON implements [Payload].
func (p MissionLogAppended) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("mission_id", p.MissionID).
		text("log_level", p.LogLevel).
		text("message", p.Message).
		time("appended_at", p.AppendedAt).
		close()
}

func (p MissionLogAppended) sizeHint() int {
	return 112 + 2*len(p.MissionID) + len(p.LogLevel) + len(p.Message)
}

func (p MissionLogAppended) appendTarget(dst []byte) []byte {
	return appendMissionTarget(dst, p.MissionID)
}

func decodeMissionLogAppended(o *object) Payload {
	return MissionLogAppended{
		MissionID:  o.text("mission_id"),
		LogLevel:   o.text("log_level"),
		Message:    o.text("message"),
		AppendedAt: o.time("appended_at"),
	}
}

// MissionProgressed reports the progress of a running mission.
type MissionProgressed struct {
	MissionID    string
	Percent      float64 // 0 to 100
	Message      string  // the current activity, for people; may be empty
	ProgressedAt time.Time
}

// EventType returns [TypeMissionProgressed].
func (p MissionProgressed) EventType() string { return TypeMissionProgressed }

// AppendJSON implements [Payload].
func (p MissionProgressed) AppendJSON(dst []byte) []byte {
	return open(dst).
		text("mission_id", p.MissionID).
		number("percent", p.Percent).
		text("message", p.Message).
		time("progressed_at", p.ProgressedAt).
		close()
}

func (p MissionProgressed) sizeHint() int { return 144 + 2*len(p.MissionID) + len(p.Message) }

func (p MissionProgressed) appendTarget(dst []byte) []byte {
	return appendMissionTarget(dst, p.MissionID)
}

func decodeMissionProgressed(o *object) Payload {
	return MissionProgressed{
		MissionID:    o.text("mission_id"),
		Percent:      o.percent("percent"),
		Message:      o.text("message"),
		ProgressedAt: o.time("progressed_at"),
	}
}

func (o *object) percent(name string) float64 {
	f := o.number(name)
	if f < 0 || f > 100 {
		o.fail(name, "must be from 0 to 100")
	}
	return f
}
