package charter_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"missioncontrol/charter"
)

func TestDecodePayload(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]charter.Payload{
		"supervisor.health_checked": charter.HealthChecked{Status: "ok", CheckedAt: micros(1703001234_567000)},
		"supervisor.status_queried": charter.StatusQueried{
			TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
			FailedMissions: 10, CancelledMissions: 2, QueriedAt: micros(1703001234_567000),
		},
		"supervisor.agents_listed": charter.AgentsListed{QueriedAt: micros(1703001235_000000)},
		"supervisor.alert_raised": charter.AlertRaised{
			Rule: "low-success", Metric: "success_rate", Value: 0.815, Threshold: 0.9,
			Since: micros(1703001240_250000), RaisedAt: micros(1703001300_000000),
		},
		"mission.created": charter.MissionCreated{
			MissionID: goldenMission, Name: "Vermessung Süd", Type: "survey",
			Priority: "NORMAL", Status: "PENDING", CreatedAt: micros(1703001234_567890),
		},
		"mission.status_changed": charter.MissionStatusChanged{
			MissionID: goldenMission, OldStatus: "PENDING", NewStatus: "RUNNING",
			ChangedAt: micros(1703001236_100000), Reason: "claimed", Attempt: 1, AgentID: "rover-1",
		},
		"mission.status_changed.no_agent": charter.MissionStatusChanged{
			MissionID: goldenMission, OldStatus: "PENDING", NewStatus: "CANCELLED",
			ChangedAt: micros(1703001237_020000),
		},
		"mission.log_appended": charter.MissionLogAppended{
			MissionID: goldenMission, LogLevel: "info",
			Message:    "say \"hi\" \\ </b> & 日本 🚀\n\t\r\x00\x1b\u2028\u2029\ufffd",
			AppendedAt: micros(1703001238_003000),
		},
		"mission.progressed": charter.MissionProgressed{
			MissionID: goldenMission, Percent: 62.5, Message: "5 of 8 tiles", ProgressedAt: micros(1703001239_000400),
		},
		"mission.waiting": charter.MissionWaiting{
			MissionID: goldenMission, Conditions: []charter.Condition{{Mission: "build"}, {Batch: "tests-7"}, {Signal: "approved"}},
			Until: micros(1703087639_000500), Turn: 2, ChangedAt: micros(1703001239_000500),
		},
		"mission.waiting.for_ever": charter.MissionWaiting{
			MissionID: goldenMission, Conditions: []charter.Condition{}, ChangedAt: micros(1703001239_000600),
		},
		"mission.ready": charter.MissionReady{
			MissionID: goldenMission, Reason: "signal approved", ChangedAt: micros(1703001240_000000),
		},
		"mission.signalled": charter.MissionSignalled{
			MissionID: goldenMission, Seq: 3, Name: "approved", By: "alice", SignalledAt: micros(1703001240_000001),
		},
		"mission.signalled.by_nobody": charter.MissionSignalled{
			MissionID: goldenMission, Seq: 4, Name: "steer", SignalledAt: micros(1703001240_000002),
		},
		"mission.signal_seen": charter.MissionSignalSeen{
			MissionID: goldenMission, Seq: 3, AgentID: "rover-1", SeenAt: micros(1703001241_500000),
		},
		"limit.changed":              charter.LimitChanged{Name: "anthropic", By: "alice", ChangedAt: micros(1703001242_000002)},
		"schedule.changed":           charter.ScheduleChanged{ScheduleID: "nightly", By: "alice", ChangedAt: micros(1703001242_000000)},
		"schedule.changed.by_nobody": charter.ScheduleChanged{ScheduleID: "nightly", ChangedAt: micros(1703001242_000001)},
		"schedule.missed": charter.ScheduleMissed{
			ScheduleID: "nightly", Count: 3, From: micros(1702778400_000000), To: micros(1702951200_000000),
		},
		"agent.online": charter.AgentOnline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "registered", ChangedAt: micros(1703001230_000050),
		},
		"agent.offline": charter.AgentOffline{
			AgentID: "rover-1", Types: []string{}, Reason: "connection lost", ChangedAt: micros(1703001250_000000),
		},
	} {
		e := decode(t, golden(t, name))
		got, err := charter.DecodePayload(&e)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

func TestDecodePayloadWithoutValue(t *testing.T) {
	t.Parallel()
	e := decode(t, golden(t, "supervisor.alert_resolved"))
	p, err := charter.DecodePayload(&e)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.(charter.AlertResolved); !math.IsNaN(got.Value) || got.Threshold != 0.9 ||
		!got.ResolvedAt.Equal(micros(1703001400_499999)) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodePayloadUnknownType(t *testing.T) {
	t.Parallel()
	e := decode(t, golden(t, "foreign_minimal"))
	p, err := charter.DecodePayload(&e)
	if p != nil || !errors.Is(err, charter.ErrUnknownType) || errors.Is(err, charter.ErrInvalid) {
		t.Errorf("got %v, %v; want ErrUnknownType", p, err)
	}
	if !strings.Contains(err.Error(), `"credits.charged"`) {
		t.Errorf("%q does not name the type", err)
	}
}

// Every field of every type must be present and of its type.
func TestDecodePayloadRefusesEveryField(t *testing.T) {
	t.Parallel()
	for _, c := range contract {
		event := decode(t, golden(t, c.eventType))
		for _, field := range strings.Fields(c.fields) {
			var values map[string]any
			if err := json.Unmarshal(event.Payload, &values); err != nil {
				t.Fatal(err)
			}
			t.Run(c.eventType+"."+field, func(t *testing.T) {
				values[field] = map[string]any{}
				wantField(t, payloadError(t, event, values), "payload."+field, ", not an object")
				values[field] = nil
				if !nullable(c.eventType, field) {
					wantField(t, payloadError(t, event, values), "payload."+field, ", not null")
				}
				delete(values, field)
				wantField(t, payloadError(t, event, values), "payload."+field, "is missing")
			})
		}
	}
}

func nullable(eventType, field string) bool {
	entry, _ := charter.Lookup(eventType)
	return slices.ContainsFunc(entry.Fields, func(f charter.Field) bool { return f.Name == field && f.Nullable })
}

func payloadError(t *testing.T, e charter.Event, values map[string]any) error {
	t.Helper()
	b, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	e.Payload = b
	p, err := charter.DecodePayload(&e)
	if p != nil {
		t.Errorf("got payload %+v", p)
	}
	return err
}

func TestDecodePayloadRefusesBadValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ golden, old, new, field, reason string }{
		{"supervisor.health_checked", `"ok"`, `true`, "payload.status", "must be a string, not a boolean"},
		{"supervisor.health_checked", `1703001234.567`, `-1`, "payload.checked_at", "not negative"},
		{"supervisor.health_checked", `1703001234.567`, `1e999`, "payload.checked_at", "must be finite"},
		{"supervisor.health_checked", `1703001234.567`, `"2023-12-19T15:53:54Z"`, "payload.checked_at", "must be a number, not a string"},
		{"supervisor.health_checked", `"status"`, `"checked_at":1,"status"`, "payload.checked_at", "is given twice"},
		{"supervisor.status_queried", `150`, `150.5`, "payload.total_missions", "must be a whole number"},
		{"supervisor.status_queried", `150`, `-150`, "payload.total_missions", "must be a whole number"},
		{"supervisor.status_queried", `150`, `"150"`, "payload.total_missions", "must be a number, not a string"},
		{"supervisor.status_queried", `150`, `9223372036854775808`, "payload.total_missions", "must be a whole number"},
		{"supervisor.status_queried", `150`, `1e19`, "payload.total_missions", "must be a whole number"},
		{"supervisor.alert_raised", `0.815`, `-1e999`, "payload.value", "is not finite"},
		{"mission.progressed", `62.5`, `100.1`, "payload.percent", "must be from 0 to 100"},
		{"mission.progressed", `62.5`, `-0.1`, "payload.percent", "must be from 0 to 100"},
		{"mission.status_changed", `"rover-1"`, `7`, "payload.agent_id", "must be a string, not a number"},
		{"mission.waiting", `{"mission":"build"}`, `"build"`, "payload.conditions[0]", "must be an object, not a string"},
		{"mission.waiting", `"tests-7"`, `7`, "payload.conditions[1].batch", "must be a string, not a number"},
		{"mission.waiting", `"batch":"tests-7"`, `"batch":"x","batch":"y"`, "payload.conditions[1].batch", "is given twice"},
		{"mission.waiting", `1703087639.0005`, `"soon"`, "payload.until", "must be a number, not a string"},
		{"agent.online", `"default"`, `7`, "payload.types", "must hold strings only, not a number"},
		{"agent.online", `"default"`, `"\ud800"`, "payload.types", "surrogate"},
		{"agent.online", `"Rover 1"`, `"\ud800"`, "payload.name", "surrogate"},
	} {
		e := decode(t, golden(t, c.golden))
		e.Payload = json.RawMessage(strings.Replace(string(e.Payload), c.old, c.new, 1))
		_, err := charter.DecodePayload(&e)
		t.Run(c.golden+" "+c.new, func(t *testing.T) { wantField(t, err, c.field, c.reason) })
	}
	for _, c := range []struct{ payload, reason string }{
		{``, "is empty"}, {`null`, "must be an object, not null"}, {`{`, "is cut short"}, {`{}{}`, "has trailing data"},
	} {
		e := decode(t, golden(t, "supervisor.health_checked"))
		e.Payload = json.RawMessage(c.payload)
		_, err := charter.DecodePayload(&e)
		t.Run("payload "+c.payload, func(t *testing.T) { wantField(t, err, "payload", c.reason) })
	}
}

// A newer writer may add fields, and another language may write numbers
// differently.
func TestDecodePayloadIsTolerant(t *testing.T) {
	t.Parallel()
	e := decode(t, golden(t, "supervisor.agents_listed"))
	e.Payload = json.RawMessage(` { "queried_at": 1703001235, "agent_count": 4.0e0, "Agent_Count": "x", "more": [{}] } `)
	got, err := charter.DecodePayload(&e)
	want := charter.AgentsListed{AgentCount: 4, QueriedAt: micros(1703001235_000000)}
	if err != nil || got != charter.Payload(want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	e.Payload = json.RawMessage(`{"agent_count":9223372036854775807,"queried_at":0}`)
	got, err = charter.DecodePayload(&e)
	want = charter.AgentsListed{AgentCount: 9223372036854775807, QueriedAt: micros(0)}
	if err != nil || got != charter.Payload(want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}
