package charter_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

func validEvent() charter.Event {
	return charter.Event{
		ID:        uuid.MustParse("0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b01"),
		Type:      "credits.charged",
		Source:    "credits_service",
		Timestamp: micros(1703001234_567000),
		Payload:   json.RawMessage(`{}`),
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	type extra = map[string]json.RawMessage
	for _, c := range []struct {
		name          string
		change        func(*charter.Event)
		field, reason string
	}{
		{"nothing set", func(e *charter.Event) { *e = charter.Event{} }, "id", "is the nil UUID"},
		{"type", func(e *charter.Event) { e.Type = "Credits" }, "type", "must be lower-case dotted names"},
		{"source", func(e *charter.Event) { e.Source = "" }, "source", "is empty"},
		{"no time", func(e *charter.Event) { e.Timestamp = time.Time{} }, "timestamp", "must be finite, not negative"},
		{"before 1970", func(e *charter.Event) { e.Timestamp = micros(-1) }, "timestamp", "not negative"},
		{"year 10000", func(e *charter.Event) { e.Timestamp = micros(253402300800_000000) }, "timestamp", "before the year 10000"},
		{"far future", func(e *charter.Event) { e.Timestamp = time.Unix(1<<60, 0) }, "timestamp", "before the year 10000"},
		{"no payload", func(e *charter.Event) { e.Payload = nil }, "payload", "is missing"},
		{"null payload", func(e *charter.Event) { e.Payload = json.RawMessage(`null`) }, "payload", "must be an object, not null"},
		{"array payload", func(e *charter.Event) { e.Payload = json.RawMessage(` [] `) }, "payload", "must be an object, not an array"},
		{"two payloads", func(e *charter.Event) { e.Payload = json.RawMessage(`{},"x":{}`) }, "payload", "has trailing data"},
		{"broken payload", func(e *charter.Event) { e.Payload = json.RawMessage(`{"a":1`) }, "payload", "is cut short"},
		{"payload not UTF-8", func(e *charter.Event) { e.Payload = json.RawMessage("{\"a\":\"\xff\"}") }, "payload", "is not UTF-8"},
		{"deep payload", func(e *charter.Event) { e.Payload = json.RawMessage(`{"a":` + nested(127) + `}`) }, "payload", "is nested more than 128"},
		{"schema version", func(e *charter.Event) { e.Meta.SchemaVersion = -1 }, "meta.schema_version", "from 1 up"},
		{"schema version too high", func(e *charter.Event) { e.Meta.SchemaVersion = math.MaxInt32; e.Meta.SchemaVersion++ }, "meta.schema_version", "from 1 up"},
		{"known extra", func(e *charter.Event) { e.Extra = extra{"target": json.RawMessage(`1`)} }, "target", "cannot be extra"},
		{"known meta extra", func(e *charter.Event) { e.Meta.Extra = extra{"producer": json.RawMessage(`1`)} }, "meta.producer", "cannot be extra"},
		{"extra without value", func(e *charter.Event) { e.Extra = extra{"x": nil} }, "x", "is missing"},
		{"broken extra", func(e *charter.Event) { e.Extra = extra{"x": json.RawMessage(`1 2`)} }, "x", "has trailing data"},
		{"broken meta extra", func(e *charter.Event) { e.Meta.Extra = extra{"x": json.RawMessage(`{`)} }, "meta.x", "is cut short"},
		{"extra's name", func(e *charter.Event) { e.Extra = extra{"\xff": json.RawMessage(`1`)} }, "", "whose name is not UTF-8"},
		{"meta extra's name", func(e *charter.Event) { e.Meta.Extra = extra{"\xff": json.RawMessage(`1`)} }, "meta", "whose name is not UTF-8"},
		{"deep meta extra", func(e *charter.Event) { e.Meta.Extra = extra{"x": json.RawMessage(nested(127))} }, "meta.x", "is nested more than 128"},
	} {
		e := validEvent()
		c.change(&e)
		b, err := e.AppendJSON([]byte("before"))
		t.Run(c.name, func(t *testing.T) {
			wantField(t, err, c.field, c.reason)
			if string(b) != "before" {
				t.Errorf("dst has become %q", b)
			}
		})
	}
}

// A payload that was written or read here is not parsed again; one that has been
// replaced is.
func TestEncodeParsesReplacedPayloads(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]charter.Event{
		"new":     charter.New(changed(1703001234_567000), micros(1703001234_567000)),
		"decoded": decode(t, golden(t, "mission.status_changed")),
	} {
		for _, payload := range []json.RawMessage{nil, {}, e.Payload[:len(e.Payload)-1], e.Payload[1:], json.RawMessage(`null`)} {
			broken := e.Again()
			broken.Payload = payload
			if _, err := charter.Encode(&broken); !errors.Is(err, charter.ErrInvalid) {
				t.Errorf("%s with the payload %q: got %v, want ErrInvalid", name, payload, err)
			}
		}
		e.Payload = json.RawMessage(`{"a":1}`)
		if got := decode(t, encode(t, e)); string(got.Payload) != `{"a":1}` {
			t.Errorf("%s: got the payload %s", name, got.Payload)
		}
	}
}

func TestEncodeSize(t *testing.T) {
	t.Parallel()
	e := validEvent()
	rest := len(encode(t, e)) - len(`{}`)
	e.Payload = json.RawMessage(`{"a":"` + strings.Repeat("x", 1_048_576-rest-len(`{"a":""}`)) + `"}`)
	if got := len(encode(t, e)); got != 1_048_576 {
		t.Fatalf("got %d bytes, want 1 MiB", got)
	}
	e.Source += "s"
	b, err := e.AppendJSON([]byte("before"))
	if !errors.Is(err, charter.ErrTooLarge) || string(b) != "before" {
		t.Errorf("got %d bytes and %v, want ErrTooLarge", len(b), err)
	}
}

func TestEncodeTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{micros(0), "0.0"},
		{micros(1), "0.000001"},
		{micros(100_000), "0.1"},
		{micros(1703001234_000000), "1703001234.0"},
		{micros(1703001234_567000), "1703001234.567"},
		{micros(1703001234_000010), "1703001234.00001"},
		{time.Unix(1703001234, 567_891_999), "1703001234.567891"},
		{micros(8589934592_000001), "8589934592.000001"},
		{micros(253402300799_999999), "253402300799.999999"},
		{time.Date(2023, 12, 19, 17, 53, 54, 0, time.FixedZone("", 2*3600)), "1703001234.0"},
	} {
		e := validEvent()
		e.Timestamp = c.at
		if got := string(encode(t, e)); !strings.Contains(got, `,"timestamp":`+c.want+`,`) {
			t.Errorf("%v: want %s in %s", c.at, c.want, got)
		}
	}
}

// Encoding a payload cannot fail, so the result must be valid whatever it contains.
func TestPayloadMendsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    charter.Payload
		want string
	}{
		{charter.HealthChecked{}, `{"status":"","checked_at":0.0}`},
		{charter.HealthChecked{CheckedAt: micros(-1)}, `{"status":"","checked_at":0.0}`},
		{charter.HealthChecked{CheckedAt: time.Unix(1<<60, 0)}, `{"status":"","checked_at":253402300799.999999}`},
		{charter.HealthChecked{Status: "a\xffb\xed\xa0\x80"}, `{"status":"a` + "\ufffd" + `b` + "\ufffd\ufffd\ufffd" + `","checked_at":0.0}`},
		{
			charter.AlertRaised{Value: math.Inf(1), Threshold: 1e21},
			`{"rule":"","metric":"","value":null,"threshold":1e+21,"since":0.0,"raised_at":0.0}`,
		},
		{
			charter.AlertRaised{Value: 1e-7, Threshold: 123456789012},
			`{"rule":"","metric":"","value":1e-07,"threshold":123456789012,"since":0.0,"raised_at":0.0}`,
		},
		{
			charter.AgentOnline{},
			`{"agent_id":"","name":"","role":"","types":[],"reason":"","changed_at":0.0}`,
		},
	} {
		if got := string(c.p.AppendJSON(nil)); got != c.want {
			t.Errorf("%+v:\n got %s\nwant %s", c.p, got, c.want)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 12, 19, 16, 53, 54, 567_891_234, time.FixedZone("", 3600))
	a := charter.New(charter.MissionProgressed{MissionID: "m1", Percent: 5}, at)
	b := charter.New(charter.MissionProgressed{MissionID: "m1", Percent: 5}, at)
	if a.ID == b.ID || a.ID.Version() != 4 || a.ID.Variant() != uuid.RFC4122 {
		t.Errorf("ids %v and %v, want two different of version 4", a.ID, b.ID)
	}
	if a.Type != "mission.progressed" || a.Source != "missions_service" || a.Target != "mission_m1" {
		t.Errorf("got %+v", a)
	}
	if !a.Timestamp.Equal(micros(1703001234_567891)) || a.Timestamp.Location() != time.UTC {
		t.Errorf("got timestamp %v", a.Timestamp)
	}
	if err := a.Validate(); err != nil {
		t.Error(err)
	}
}

// The target shares memory with the payload; neither may be reachable through the
// other.
func TestTargetIsOutOfReach(t *testing.T) {
	t.Parallel()
	e := charter.New(charter.MissionLogAppended{MissionID: "m1"}, micros(0))
	_ = append(e.Payload, "overrun-overrun"...)
	clear(e.Payload[:cap(e.Payload)])
	if e.Target != "mission_m1" {
		t.Errorf("got target %q", e.Target)
	}
}

type foreignPayload struct{}

func (foreignPayload) EventType() string            { return "credits.charged" }
func (foreignPayload) AppendJSON(dst []byte) []byte { return append(dst, `{"amount":1}`...) }

func TestNewOfForeignPayload(t *testing.T) {
	t.Parallel()
	e := charter.New(foreignPayload{}, micros(1703001234_567000))
	wantField(t, e.Validate(), "source", "is empty")
	e.Source = "credits_service"
	want := `{"id":"` + e.ID.String() + `","type":"credits.charged","source":"credits_service","target":null,` +
		`"timestamp":1703001234.567,"payload":{"amount":1},"meta":{}}`
	if got := string(encode(t, e)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestEventInOtherJSON(t *testing.T) {
	t.Parallel()
	var list []charter.Event
	text := "[" + envelopeWith("payload", `{"a":1}`) + "]"
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(list); err != nil || string(got) != text {
		t.Errorf("got %s, %v\nwant %s", got, err, text)
	}
	err := json.Unmarshal([]byte("["+envelopeWith("source", `7`)+"]"), &list)
	wantField(t, err, "source", "must be a string, not a number")
}

func TestErrorsReadAsSentences(t *testing.T) {
	t.Parallel()
	_, err := charter.Decode([]byte(envelopeWith("payload", "null")))
	if got := err.Error(); got != "charter: field payload must be an object, not null" {
		t.Error(got)
	}
	_, err = charter.Decode([]byte("{}x"))
	if got := err.Error(); got != "charter: the event has trailing data at byte 2" {
		t.Error(got)
	}
	_, err = charter.Decode(make([]byte, 1_048_577))
	if got := err.Error(); got != "charter: event too large: 1048577 bytes, at most 1048576" {
		t.Error(got)
	}
}
