package charter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"missioncontrol/charter"
)

// Decode never panics. What it accepts is valid JSON for other readers, and
// encoding and decoding return it unchanged.
func FuzzDecode(f *testing.F) {
	for _, name := range goldens(f) {
		f.Add(golden(f, name))
	}
	for _, seed := range []string{
		"", "{", "null", "\xff", envelopeWith("timestamp", `-0.0e-9`), envelopeWith("timestamp", `"2023-12-19T15:53:54,5Z"`),
		envelopeWith("payload", `{"a":"\ud800"}`, "extra", `[1e999,"\u0000"]`), envelopeWith("meta", `{"":{},"\u2028":[]}`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		e, err := charter.Decode(text)
		if !bytes.Equal(text, before) {
			t.Fatal("Decode has changed its input")
		}
		if err != nil {
			if !errors.Is(err, charter.ErrInvalid) && !errors.Is(err, charter.ErrTooLarge) {
				t.Fatalf("unknown kind of error: %v", err)
			}
			return
		}
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatal("accepted what is not JSON in UTF-8")
		}
		encoded, err := charter.Encode(&e)
		if errors.Is(err, charter.ErrTooLarge) {
			return // escaping made it longer
		}
		if err != nil {
			t.Fatalf("does not encode: %v", err)
		}
		if !json.Valid(encoded) || !utf8.Valid(encoded) {
			t.Fatalf("encoded to what is not JSON: %s", encoded)
		}
		again, err := charter.Decode(encoded)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("got %+v, %v\nwant %+v", again, err, e)
		}
		p, err := charter.DecodePayload(&e)
		if err != nil && !errors.Is(err, charter.ErrInvalid) && !errors.Is(err, charter.ErrUnknownType) {
			t.Fatalf("unknown kind of error: %v", err)
		}
		if (p == nil) != (err != nil) {
			t.Fatalf("got %v with %v", p, err)
		}
	})
}

// Whatever the texts of a payload and an envelope contain, the event is valid JSON,
// and a reader gets the texts back.
func FuzzEncode(f *testing.F) {
	f.Add("id", "name", "type", "reason", int64(1703001234_567891), int64(1))
	f.Add("", "", "", "", int64(0), int64(0))
	f.Add("\xff\xfe", "\u2028\u2029\ufffd", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "\xed\xa0\x80🚀", int64(-1), int64(-7))
	f.Add("<script>", strings.Repeat("é", 999), `\ud800`, "{}", int64(1)<<62, int64(1)<<62)
	f.Fuzz(func(t *testing.T, a, b, c, d string, at, n int64) {
		mended := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
		for _, p := range []charter.Payload{
			charter.HealthChecked{Status: a, CheckedAt: micros(at)},
			charter.AlertRaised{Rule: a, Metric: b, Since: micros(at), RaisedAt: micros(at)},
			charter.MissionCreated{MissionID: a, Name: b, Description: c, Type: d, Priority: a, Status: b, CreatedAt: micros(at)},
			charter.MissionStatusChanged{MissionID: a, OldStatus: b, NewStatus: c, ChangedAt: micros(at), Reason: d, Attempt: n, AgentID: a},
			charter.MissionLogAppended{MissionID: a, LogLevel: b, Message: c, AppendedAt: micros(at)},
			charter.AgentOnline{AgentID: a, Name: b, Role: c, Types: []string{d, a, b}, Reason: d, ChangedAt: micros(at)},
		} {
			e := charter.New(p, micros(1703001234_567891))
			e.Meta.CorrelationID, e.Meta.Producer = c, d
			e.Extra = map[string]json.RawMessage{"x" + mended(a): json.RawMessage(`[]`)}
			text, err := charter.Encode(&e)
			if errors.Is(err, charter.ErrTooLarge) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var values struct {
				Target  *string
				Payload map[string]any
				Meta    map[string]any
			}
			if err := json.Unmarshal(text, &values); err != nil || !utf8.Valid(text) {
				t.Fatalf("%v: %s", err, text)
			}
			if got, _ := values.Meta["correlation_id"].(string); got != runes(c) {
				t.Errorf("correlation_id: got %q, want %q", got, runes(c))
			}
			if m, ok := p.(charter.MissionStatusChanged); ok {
				if values.Payload["old_status"] != runes(b) || values.Payload["reason"] != runes(d) || *values.Target != "mission_"+runes(m.MissionID) {
					t.Errorf("got %s from %+v", text, p)
				}
			}
			back := decode(t, text)
			if _, err := charter.DecodePayload(&back); err != nil && n >= 0 {
				t.Errorf("%v: %s", err, text)
			}
		}
	})
}

// runes replaces invalid UTF-8 in s byte by byte, like Go's conversion to runes.
func runes(s string) string { return string([]rune(s)) }
