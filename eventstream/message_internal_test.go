package eventstream

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

func TestHeaderValue(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                 "",
		"mission_m-1":      "mission_m-1",
		"a b":              "a%20b",
		`say "50%"`:        "say%20%2250%25%22",
		"Müller":           "M%C3%BCller",
		"line\r\nInjected": "line%0D%0AInjected",
		"€":                "%E2%82%AC",
	} {
		if got := headerValue(in); got != want {
			t.Errorf("headerValue(%q) = %q, want %q", in, got, want)
		}
	}
}

// An encoder is reused; nothing of one event may appear in the next.
func TestEncoderForgets(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("east", 3600))
	enc := newEncoder()
	first := charter.New(charter.MissionProgressed{MissionID: "x", Percent: 1, ProgressedAt: at}, at)
	first.Meta.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if _, err := enc.encode(&first); err != nil {
		t.Fatal(err)
	}
	second := charter.New(charter.HealthChecked{Status: "ok", CheckedAt: at}, at)
	msg, err := enc.encode(&second)
	if err != nil {
		t.Fatal(err)
	}
	id := second.ID.String()
	want := nats.Header{
		"Nats-Msg-Id": {id}, "ce-specversion": {"1.0"}, "ce-id": {id}, "ce-type": {"supervisor.health_checked"},
		"ce-source": {"supervisor_service"}, "ce-time": {"2026-01-02T02:04:05.000000Z"}, "content-type": {"application/json"},
	}
	if !maps.EqualFunc(msg.Header, want, func(a, b []string) bool { return len(a) == 1 && a[0] == b[0] }) {
		t.Errorf("headers = %v\nwant      %v", msg.Header, want)
	}
	if msg.Subject != "events.supervisor.health_checked" {
		t.Errorf("subject = %q", msg.Subject)
	}
}

// Events that differ only in their IDs are encoded once and patched. Their messages are those
// of an encoder that knows nothing of the event before.
func TestEncoderPatches(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	enc := newEncoder()
	e := charter.New(charter.HealthChecked{Status: "ok", CheckedAt: at}, at)
	for i := range 10 {
		if i%4 == 3 {
			e.Meta.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0" + string(rune('0'+i))
		}
		e = e.Again()
		msg, err := enc.encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := newEncoder().encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		if string(msg.Data) != string(want.Data) || msg.Subject != want.Subject ||
			!maps.EqualFunc(msg.Header, want.Header, func(a, b []string) bool { return slices.Equal(a, b) }) {
			t.Fatalf("got  %v %s\nwant %v %s", msg.Header, msg.Data, want.Header, want.Data)
		}
	}
}

// BenchmarkEncode measures the encoding of telemetry for requests that share an answer, and
// of events that have nothing in common.
func BenchmarkEncode(b *testing.B) {
	now := time.Now()
	e := charter.New(charter.StatusQueried{TotalMissions: 1_000_000, QueriedAt: now}, now)
	enc := newEncoder()
	b.Run("shared", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			again := e.Again()
			if _, err := enc.encode(&again); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("other", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			again := e.Again()
			again.Timestamp = again.Timestamp.Add(time.Microsecond)
			e.Timestamp = again.Timestamp
			if _, err := enc.encode(&again); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	if got := eventSubject("mission.>"); got != "events.mission.>" {
		t.Errorf("Subject = %q", got)
	}
	if got, ok := EventType("events.mission.created"); got != "mission.created" || !ok {
		t.Errorf("EventType = %q, %v", got, ok)
	}
	if _, ok := EventType("other.created"); ok {
		t.Error("EventType accepts a foreign subject")
	}
	if got := deadLetterSubject("d"); got != "deadletter.d" {
		t.Errorf("deadLetterSubject = %q", got)
	}
}

func TestParseAck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data    string
		seq     uint64
		dup     bool
		err     error
		noReply bool
		none    bool // not an acknowledgement
	}{
		"stored":        {data: `{"stream":"EVENTS","seq":7}`, seq: 7},
		"spaced":        {data: `{"stream":"EVENTS", "seq": 7, "duplicate": true}`, seq: 7, dup: true},
		"domain":        {data: `{"stream":"EVENTS","domain":"hub","seq":9}`, seq: 9},
		"refused":       {data: `{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"EVENTS","seq":0}`, err: ErrRefused},
		"too large":     {data: `{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}`, err: ErrUnpublishable},
		"no sequence":   {data: `{"stream":"EVENTS"}`, none: true},
		"no stream":     {data: `{"seq":7}`, none: true},
		"other stream":  {data: `{"stream":"OTHER","seq":7}`, none: true},
		"a reply":       {data: `{"cancel":[],"lost":[]}`, none: true},
		"not an ack":    {data: `hello`, none: true},
		"empty":         {data: ``, none: true},
		"no responders": {noReply: true, err: ErrNoStream},
	} {
		msg := &nats.Msg{Data: []byte(c.data)}
		if c.noReply {
			msg.Header = nats.Header{"Status": {"503"}}
		}
		got, ok := parseAck(msg, "EVENTS")
		if ok == c.none || got.seq != c.seq || got.duplicate != c.dup || !errors.Is(got.err, c.err) || (c.err == nil) != (got.err == nil) {
			t.Errorf("%s: %+v, %t; want sequence %d, duplicate %v, error %v, %t", name, got, ok, c.seq, c.dup, c.err, !c.none)
		}
	}
}
