package charter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/charter"
)

// The allocations for one event, from the fact to its bytes: the boxed payload, its
// JSON together with the target, and the envelope.
const mostAllocs = 3 + raceAllocs

func TestEncodeAllocations(t *testing.T) {
	at := micros(1703001234_567000)
	long := charter.MissionLogAppended{
		MissionID: goldenMission, LogLevel: "info", Message: strings.Repeat("x", 8<<10), AppendedAt: at,
	}
	payloads := []charter.Payload{long}
	for _, entry := range charter.Catalogue() {
		payloads = append(payloads, entry.Example)
	}
	buf := make([]byte, 0, 16<<10)
	for _, p := range payloads {
		// The boxed payload is not counted here: it was made above.
		allocs := testing.AllocsPerRun(100, func() {
			e := charter.New(p, at)
			if _, err := charter.Encode(&e); err != nil {
				t.Error(err)
			}
		})
		if allocs > mostAllocs-1 {
			t.Errorf("%s: %v allocations beside the payload's own, want at most %d", p.EventType(), allocs, mostAllocs-1)
		}
	}
	for name, once := range map[string]func(){
		"fresh buffer": func() {
			e := charter.New(changed(at.UnixMicro()), at)
			_, _ = charter.Encode(&e)
		},
		"reused buffer": func() {
			e := charter.New(changed(at.UnixMicro()), at)
			buf, _ = e.AppendJSON(buf[:0])
		},
	} {
		if allocs := testing.AllocsPerRun(100, once); allocs > mostAllocs {
			t.Errorf("%s: %v allocations, want at most %d", name, allocs, mostAllocs)
		}
	}
}

func changed(at int64) charter.MissionStatusChanged {
	return charter.MissionStatusChanged{
		MissionID: goldenMission, OldStatus: "PENDING", NewStatus: "RUNNING",
		ChangedAt: micros(at), Reason: "claimed", Attempt: 1, AgentID: "rover-1",
	}
}

func queried(at int64) charter.StatusQueried {
	return charter.StatusQueried{
		TotalMissions: 150, RunningMissions: 5, PendingMissions: 3, CompletedMissions: 130,
		FailedMissions: 10, CancelledMissions: 2, AgentCount: 4, QueriedAt: micros(at),
	}
}

// BenchmarkEncode creates an event from a payload and encodes it.
func BenchmarkEncode(b *testing.B) {
	at := micros(1703001234_567000)
	buf := make([]byte, 0, 1<<10)
	b.Run("status_queried/fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := charter.New(queried(at.UnixMicro()), at)
			if _, err := charter.Encode(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("status_queried/reused", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := charter.New(queried(at.UnixMicro()), at)
			if _, err := e.AppendJSON(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("status_changed/fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := charter.New(changed(at.UnixMicro()), at)
			if _, err := charter.Encode(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEncodeRelayed encodes an event with what the relay adds to its meta.
func BenchmarkEncodeRelayed(b *testing.B) {
	at := micros(1703001234_567000)
	name := json.RawMessage(`"1f0c9f3e5b7a"`)
	b.ReportAllocs()
	for b.Loop() {
		e := charter.New(changed(at.UnixMicro()), at)
		e.Meta.Extra = map[string]json.RawMessage{"outbox": name, "outbox_position": json.RawMessage("1234567")}
		if _, err := charter.Encode(&e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	text := golden(b, "mission.status_changed")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := charter.Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePayload(b *testing.B) {
	e := decode(b, golden(b, "mission.status_changed"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := charter.DecodePayload(&e); err != nil {
			b.Fatal(err)
		}
	}
}
