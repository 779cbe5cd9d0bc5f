package charter_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

const goldenMission = "018cbf2e-9d40-7a31-8c11-5e2f7a9b0c01"

// ours are the events in the golden files of our own types.
var ours = map[string]charter.Event{
	"supervisor.health_checked": goldenEvent("01", 1703001234_567000,
		charter.HealthChecked{Status: "ok", CheckedAt: micros(1703001234_567000)}),
	"supervisor.status_queried": goldenEvent("02", 1703001234_567000,
		charter.StatusQueried{
			TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
			FailedMissions: 10, CancelledMissions: 2, AgentCount: 0, QueriedAt: micros(1703001234_567000),
		}),
	"supervisor.agents_listed": goldenEvent("03", 1703001235_000000,
		charter.AgentsListed{AgentCount: 0, QueriedAt: micros(1703001235_000000)}),
	"supervisor.alert_raised": goldenEvent("04", 1703001300_000001,
		charter.AlertRaised{
			Rule: "low-success", Metric: "success_rate", Value: 0.815, Threshold: 0.9,
			Since: micros(1703001240_250000), RaisedAt: micros(1703001300_000000),
		}),
	"supervisor.alert_resolved": goldenEvent("05", 1703001400_500000,
		charter.AlertResolved{
			Rule: "low-success", Metric: "success_rate", Value: math.NaN(), Threshold: 0.9,
			Since: micros(1703001240_250000), ResolvedAt: micros(1703001400_499999),
		}),
	"mission.created": goldenEvent("06", 1703001234_567891,
		charter.MissionCreated{
			MissionID: goldenMission, Name: "Vermessung Süd", Type: "survey",
			Priority: "NORMAL", Status: "PENDING", CreatedAt: micros(1703001234_567890),
		}),
	"mission.status_changed": correlated(goldenEvent("07", 1703001236_100000,
		charter.MissionStatusChanged{
			MissionID: goldenMission, OldStatus: "PENDING", NewStatus: "RUNNING",
			ChangedAt: micros(1703001236_100000), Reason: "claimed", Attempt: 1, AgentID: "rover-1",
		})),
	"mission.status_changed.no_agent": goldenEvent("08", 1703001237_020000,
		charter.MissionStatusChanged{
			MissionID: goldenMission, OldStatus: "PENDING", NewStatus: "CANCELLED",
			ChangedAt: micros(1703001237_020000),
		}),
	"mission.log_appended": goldenEvent("09", 1703001238_003000,
		charter.MissionLogAppended{
			MissionID: goldenMission, LogLevel: "info",
			Message:    "say \"hi\" \\ </b> & 日本 🚀\n\t\r\x00\x1b\u2028\u2029\ufffd",
			AppendedAt: micros(1703001238_003000),
		}),
	"mission.progressed": goldenEvent("0a", 1703001239_000400,
		charter.MissionProgressed{
			MissionID: goldenMission, Percent: 62.5, Message: "5 of 8 tiles",
			ProgressedAt: micros(1703001239_000400),
		}),
	"mission.waiting": goldenEvent("0d", 1703001239_000500,
		charter.MissionWaiting{
			MissionID: goldenMission, Conditions: []charter.Condition{{Mission: "build"}, {Batch: "tests-7"}, {Signal: "approved"}},
			Until: micros(1703087639_000500), Turn: 2, ChangedAt: micros(1703001239_000500),
		}),
	"mission.waiting.for_ever": goldenEvent("0e", 1703001239_000600,
		charter.MissionWaiting{MissionID: goldenMission, Conditions: []charter.Condition{}, ChangedAt: micros(1703001239_000600)}),
	"mission.ready": goldenEvent("0f", 1703001240_000000,
		charter.MissionReady{MissionID: goldenMission, Reason: "signal approved", ChangedAt: micros(1703001240_000000)}),
	"mission.signalled": goldenEvent("10", 1703001240_000001,
		charter.MissionSignalled{MissionID: goldenMission, Seq: 3, Name: "approved", By: "alice", SignalledAt: micros(1703001240_000001)}),
	"mission.signalled.by_nobody": goldenEvent("11", 1703001240_000002,
		charter.MissionSignalled{MissionID: goldenMission, Seq: 4, Name: "steer", SignalledAt: micros(1703001240_000002)}),
	"mission.signal_seen": goldenEvent("12", 1703001241_500000,
		charter.MissionSignalSeen{MissionID: goldenMission, Seq: 3, AgentID: "rover-1", SeenAt: micros(1703001241_500000)}),
	"limit.changed": goldenEvent("16", 1703001242_000002,
		charter.LimitChanged{Name: "anthropic", By: "alice", ChangedAt: micros(1703001242_000002)}),
	"schedule.changed": goldenEvent("13", 1703001242_000000,
		charter.ScheduleChanged{ScheduleID: "nightly", By: "alice", ChangedAt: micros(1703001242_000000)}),
	"schedule.changed.by_nobody": goldenEvent("14", 1703001242_000001,
		charter.ScheduleChanged{ScheduleID: "nightly", ChangedAt: micros(1703001242_000001)}),
	"schedule.missed": goldenEvent("15", 1703001243_250000,
		charter.ScheduleMissed{ScheduleID: "nightly", Count: 3, From: micros(1702778400_000000), To: micros(1702951200_000000)}),
	"agent.online": goldenEvent("0b", 1703001230_000050,
		charter.AgentOnline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "registered", ChangedAt: micros(1703001230_000050),
		}),
	"agent.offline": goldenEvent("0c", 1703001250_000000,
		charter.AgentOffline{
			AgentID: "rover-1", Types: []string{}, Reason: "connection lost",
			ChangedAt: micros(1703001250_000000),
		}),
}

func goldenEvent(suffix string, at int64, p charter.Payload) charter.Event {
	return charter.NewWithID(uuid.MustParse("6f1d9c0e-3b7a-4c55-9a51-0d2f8e4b7c"+suffix), p, micros(at))
}

func correlated(e charter.Event) charter.Event {
	e.Meta.CorrelationID = "order-4711"
	e.Meta.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	return e
}

func micros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// golden reads a golden file without its final newline.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "v1", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b, []byte("\n"))
}

// goldens names every golden file.
func goldens(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "v1", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(path), ".json")
	}
	return names
}

func decode(t testing.TB, b []byte) charter.Event {
	t.Helper()
	e, err := charter.Decode(b)
	if err != nil {
		t.Fatalf("Decode: %v\n%s", err, b)
	}
	return e
}

func encode(t testing.TB, e charter.Event) []byte {
	t.Helper()
	b, err := charter.Encode(&e)
	if err != nil {
		t.Fatalf("Encode: %v", err)
	}
	return b
}

func TestGoldenOfEveryType(t *testing.T) {
	t.Parallel()
	for _, entry := range charter.Catalogue() {
		if _, ok := ours[entry.Type]; !ok {
			t.Errorf("%s has no golden file", entry.Type)
		}
	}
	for _, name := range goldens(t) {
		if _, ok := ours[name]; !ok && !strings.HasPrefix(name, "foreign_") {
			t.Errorf("golden file %s stands in no test", name)
		}
	}
}

func TestGoldenEncode(t *testing.T) {
	t.Parallel()
	for name, e := range ours {
		if got, want := encode(t, e), golden(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestGoldenDecode(t *testing.T) {
	t.Parallel()
	for name, want := range ours {
		if got := decode(t, golden(t, name)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
}

// Canonical form is returned unchanged, including unknown fields.
func TestGoldenRoundTrip(t *testing.T) {
	t.Parallel()
	canonical := []string{"foreign_minimal", "foreign_target", "foreign_unknown_fields"}
	for name := range ours {
		canonical = append(canonical, name)
	}
	for _, name := range canonical {
		want := golden(t, name)
		if got := encode(t, decode(t, want)); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestGoldenForeignForms(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"foreign_iso_timestamp": `{"id":"0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b04","type":"credits.charged",` +
			`"source":"credits_service","target":null,"timestamp":1703001234.567891,"payload":{"amount":1},"meta":{}}`,
		"foreign_python": `{"id":"0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b05","type":"credits.charged",` +
			`"source":"crédits","target":null,"timestamp":1703001234.567891,` +
			`"payload":{"amount": 1.0, "note": "caf\u00e9"},"meta":{"schema_version":1}}`,
	} {
		if got := encode(t, decode(t, golden(t, name))); string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
