package relay

import (
	"reflect"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// Events about schedules say what the store has recorded of them, and have no mission.
func TestPayloadsOfSchedules(t *testing.T) {
	t.Parallel()
	at, from, to := missions.Time(1703001234_567000), missions.Time(1702778400_000000), missions.Time(1702951200_000000)
	for _, c := range []struct {
		entry missions.Event
		want  charter.Payload
	}{
		{missions.Event{Kind: missions.EventScheduleChanged, Name: "s", Message: "alice"}, charter.ScheduleChanged{ScheduleID: "s", By: "alice", ChangedAt: at.Time()}},
		{
			missions.Event{Kind: missions.EventScheduleMissed, Name: "s", Attempt: 3, Since: from, Threshold: to.Seconds()},
			charter.ScheduleMissed{ScheduleID: "s", Count: 3, From: from.Time(), To: to.Time()},
		},
	} {
		c.entry.At = at
		got, err := payloadOf(&c.entry)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.entry.Kind, got, err, c.want)
		}
		if e := charter.New(got, at.Time()); e.Target != "" {
			t.Errorf("%s: target %q", e.Type, e.Target)
		}
	}
}

// Events about waits and signals say what the store has recorded of them.
func TestPayloadsOfWaitsAndSignals(t *testing.T) {
	t.Parallel()
	at, until := missions.Time(1703001234_567000), missions.Time(1703009999_000000)
	conditions := []missions.Condition{{Mission: "build", When: missions.WhenEnded}, {Batch: "tests-7"}, {Signal: "approved", Prompt: "Deploy?"}}
	var texts []string
	for i := range conditions {
		texts = append(texts, conditions[i].String())
	}
	sources := []charter.Condition{{Mission: "build"}, {Batch: "tests-7"}, {Signal: "approved"}}
	for _, c := range []struct {
		entry missions.Event
		want  charter.Payload
	}{
		{
			missions.Event{Kind: missions.EventWaiting, Types: texts, Since: until, Attempt: 2},
			charter.MissionWaiting{MissionID: "m", Conditions: sources, Until: until.Time(), Turn: 2, ChangedAt: at.Time()},
		},
		{
			missions.Event{Kind: missions.EventWaiting},
			charter.MissionWaiting{MissionID: "m", Conditions: []charter.Condition{}, Until: time.Time{}, ChangedAt: at.Time()},
		},
		{
			missions.Event{Kind: missions.EventReady, Reason: "signal approved"},
			charter.MissionReady{MissionID: "m", Reason: "signal approved", ChangedAt: at.Time()},
		},
		{
			missions.Event{Kind: missions.EventSignalled, Name: "approved", Attempt: 3, Message: "alice"},
			charter.MissionSignalled{MissionID: "m", Seq: 3, Name: "approved", By: "alice", SignalledAt: at.Time()},
		},
		{
			missions.Event{Kind: missions.EventSignalSeen, Attempt: 3, AgentID: "a"},
			charter.MissionSignalSeen{MissionID: "m", Seq: 3, AgentID: "a", SeenAt: at.Time()},
		},
	} {
		c.entry.MissionID, c.entry.At = "m", at
		got, err := payloadOf(&c.entry)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.entry.Kind, got, err, c.want)
		}
		if e := charter.New(got, at.Time()); e.Target != "mission_m" {
			t.Errorf("%s: target %q", e.Type, e.Target)
		}
	}
}
