package charter

import "time"

// Types of the events about schedules.
const (
	TypeScheduleChanged = "schedule.changed"
	TypeScheduleMissed  = "schedule.missed"
)

// ScheduleChanged reports that a schedule was added, changed, paused or deleted. An empty By means null.
type ScheduleChanged struct {
	ScheduleID string    `json:"schedule_id" doc:"The schedule's ID."`
	By         string    `json:"by" nullable:"true" doc:"Who changed it, which may not be proven; null if that is not known."`
	ChangedAt  time.Time `json:"changed_at" doc:"When the change was stored."`
}

// EventType returns [TypeScheduleChanged].
func (p ScheduleChanged) EventType() string { return TypeScheduleChanged }

// AppendJSON implements [Payload].
func (p ScheduleChanged) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// ScheduleMissed reports that a schedule was due and no mission was created.
type ScheduleMissed struct {
	ScheduleID string    `json:"schedule_id" doc:"The schedule's ID."`
	Count      int64     `json:"count" unit:"occurrences" doc:"How many times it was due."`
	From       time.Time `json:"from" doc:"The first of these times."`
	To         time.Time `json:"to" doc:"The last of these times."`
}

// EventType returns [TypeScheduleMissed].
func (p ScheduleMissed) EventType() string { return TypeScheduleMissed }

// AppendJSON implements [Payload].
func (p ScheduleMissed) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

var scheduleEntries = []Entry{
	{
		Source:       sourceMissions,
		SourceModule: "schedules",
		Kind:         Durable,
		Description:  "A schedule was added, changed, paused or deleted.",
		When:         "Sent once per change; setting a schedule to what it already says is none.",
		Example:      ScheduleChanged{ScheduleID: "nightly", By: "alice", ChangedAt: exampleTime},
	},
	{
		Source:       sourceMissions,
		SourceModule: "schedules",
		Kind:         Durable,
		Description:  "A schedule was due, and no mission was created.",
		When:         "Sent, in parts if there are many, for times that passed while no supervisor ran and are not caught up, or at which the schedule's latest mission had not ended, or its mission could not be created.",
		Example:      ScheduleMissed{ScheduleID: "nightly", Count: 3, From: exampleTime, To: exampleTime.Add(48 * time.Hour)},
	},
}
