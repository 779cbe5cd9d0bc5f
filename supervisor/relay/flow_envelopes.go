package relay

import (
	"strings"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// flowPayload returns the payload of an event about what a mission waits for or is told. See
// [missions.Event] for where it has what.
func flowPayload(e *missions.Event) charter.Payload {
	at := e.At.Time()
	switch e.Kind {
	case missions.EventWaiting:
		payload := charter.MissionWaiting{MissionID: e.MissionID, Conditions: conditionsOf(e.Types), Turn: int64(e.Attempt), ChangedAt: at}
		if e.Since != 0 {
			payload.Until = e.Since.Time()
		}
		return payload
	case missions.EventReady:
		return charter.MissionReady{MissionID: e.MissionID, Reason: e.Reason, ChangedAt: at}
	case missions.EventSignalled:
		return charter.MissionSignalled{MissionID: e.MissionID, Seq: int64(e.Attempt), Name: e.Name, By: e.Message, SignalledAt: at}
	}
	return charter.MissionSignalSeen{MissionID: e.MissionID, Seq: int64(e.Attempt), AgentID: e.AgentID, SeenAt: at}
}

// schedulePayload returns the payload of an event about a schedule.
func schedulePayload(e *missions.Event) charter.Payload {
	if e.Kind == missions.EventScheduleChanged {
		return charter.ScheduleChanged{ScheduleID: e.Name, By: e.Message, ChangedAt: e.At.Time()}
	}
	return charter.ScheduleMissed{ScheduleID: e.Name, Count: int64(e.Attempt), From: e.Since.Time(), To: missions.Time(e.Threshold * 1e6).Time()}
}

// conditionsOf reads conditions as [missions.Condition.String] writes them.
func conditionsOf(texts []string) []charter.Condition {
	conditions := make([]charter.Condition, len(texts))
	for i, text := range texts {
		kind, source, _ := strings.Cut(text, " ")
		switch missions.WaitKind(kind) {
		case missions.WaitMission:
			conditions[i].Mission = source
		case missions.WaitBatch:
			conditions[i].Batch = source
		case missions.WaitSignal:
			conditions[i].Signal = source
		}
	}
	return conditions
}
