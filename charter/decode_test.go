package charter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/charter"
)

// envelopeWith returns a valid envelope, except for the fields passed as name and
// JSON. The JSON "-" leaves the field out.
func envelopeWith(fields ...string) string {
	values := map[string]string{
		"id":        `"0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b01"`,
		"type":      `"credits.charged"`,
		"source":    `"credits_service"`,
		"target":    `null`,
		"timestamp": `1703001234.567`,
		"payload":   `{}`,
		"meta":      `{}`,
	}
	for i := 0; i < len(fields); i += 2 {
		values[fields[i]] = fields[i+1]
	}
	var members []string
	for _, name := range []string{"id", "type", "source", "target", "timestamp", "payload", "meta", "extra"} {
		if v, ok := values[name]; ok && v != "-" {
			members = append(members, fmt.Sprintf("%q:%s", name, v))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

// wantField fails unless err rejects that field for that reason.
func wantField(t *testing.T, err error, field, reason string) {
	t.Helper()
	var fe *charter.FieldError
	if !errors.As(err, &fe) {
		t.Fatalf("got error %v, want a FieldError", err)
	}
	if fe.Field != field || !strings.Contains(fe.Reason, reason) {
		t.Errorf("got field %q, reason %q; want field %q, reason with %q", fe.Field, fe.Reason, field, reason)
	}
	if !errors.Is(err, charter.ErrInvalid) {
		t.Errorf("%v does not match ErrInvalid", err)
	}
}

func TestDecodeRefusesMissingAndMistyped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ field, json, reason string }{
		{"id", "-", "is missing"},
		{"type", "-", "is missing"},
		{"source", "-", "is missing"},
		{"target", "-", "is missing"},
		{"timestamp", "-", "is missing"},
		{"payload", "-", "is missing"},
		{"meta", "-", "is missing"},
		{"id", `null`, "must be a string, not null"},
		{"id", `7`, "must be a string, not a number"},
		{"type", `["a.b"]`, "must be a string, not an array"},
		{"source", `true`, "must be a string, not a boolean"},
		{"source", `""`, "is empty"},
		{"target", `""`, "is empty"},
		{"target", `7`, "must be a string, not a number"},
		{"target", `{}`, "must be a string, not an object"},
		{"timestamp", `null`, "must be a number, not null"},
		{"timestamp", `true`, "must be a number, not a boolean"},
		{"payload", `null`, "must be an object, not null"},
		{"payload", `[]`, "must be an object, not an array"},
		{"payload", `"{}"`, "must be an object, not a string"},
		{"meta", `null`, "must be an object, not null"},
		{"meta", `[]`, "must be an object, not an array"},
		{"meta", `1`, "must be an object, not a number"},
	} {
		_, err := charter.Decode([]byte(envelopeWith(c.field, c.json)))
		t.Run(c.field+" "+c.json, func(t *testing.T) { wantField(t, err, c.field, c.reason) })
	}
}

func TestDecodeRefusesBadValues(t *testing.T) {
	t.Parallel()
	const uuidReason, types, times = "must be a UUID of 36 characters", "must be lower-case dotted names", "must be finite"
	for _, c := range []struct{ field, json, reason string }{
		{"id", `""`, uuidReason},
		{"id", `"not-a-uuid"`, uuidReason},
		{"id", `"0b5b7f0e6f0c4f0e8f435d2f3f0a9b01"`, uuidReason},
		{"id", `"{0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b01}"`, uuidReason},
		{"id", `"urn:uuid:0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b01"`, uuidReason},
		{"id", `"0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b0g"`, uuidReason},
		{"id", `"0b5b7f0e-6f0c-4f0e-8f43-5d2f3f0a9b0"`, uuidReason},
		{"id", `"00000000-0000-0000-0000-000000000000"`, "is the nil UUID"},
		{"type", `""`, types},
		{"type", `"charged"`, types},
		{"type", `"Credits.charged"`, types},
		{"type", `"credits.Charged"`, types},
		{"type", `"credits..charged"`, types},
		{"type", `".credits.charged"`, types},
		{"type", `"credits.charged."`, types},
		{"type", `"credits.1charged"`, types},
		{"type", `"_credits.charged"`, types},
		{"type", `"credits.char-ged"`, types},
		{"type", `"credits.*"`, types},
		{"type", `"credits.>"`, types},
		{"type", `"credits.charged\n"`, types},
		{"type", `"crédits.charged"`, types},
		{"type", `"a.` + strings.Repeat("b", 254) + `"`, types},
		{"timestamp", `-1`, times},
		{"timestamp", `-0.000000001`, times},
		{"timestamp", `1e400`, times},
		{"timestamp", `1e99999999999999999999`, times},
		{"timestamp", `253402300800`, times},
		{"timestamp", `253402300799.9999996`, times},
		{"timestamp", `9223372036854775808`, times},
		{"timestamp", `""`, "ISO-8601"},
		{"timestamp", `"1703001234.567"`, "ISO-8601"},
		{"timestamp", `"2023-12-19"`, "ISO-8601"},
		{"timestamp", `"2023-12-19T15:53"`, "ISO-8601"},
		{"timestamp", `"2023-02-30T15:53:54Z"`, "ISO-8601"},
		{"timestamp", `"2023-12-19T5:53:54Z"`, "ISO-8601"},
		{"timestamp", `"1969-12-31T23:59:59Z"`, "ISO-8601"},
		{"timestamp", `"2023-12-19T15:53:54+99:00"`, "ISO-8601"},
	} {
		_, err := charter.Decode([]byte(envelopeWith(c.field, c.json)))
		t.Run(c.field+" "+clip(c.json), func(t *testing.T) { wantField(t, err, c.field, c.reason) })
	}
}

func TestDecodeRefusesBadMeta(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ json, field, reason string }{
		{`{"schema_version":"1"}`, "meta.schema_version", "must be a number, not a string"},
		{`{"schema_version":null}`, "meta.schema_version", "must be a number, not null"},
		{`{"schema_version":0}`, "meta.schema_version", "must be a whole number from 1 up"},
		{`{"schema_version":-1}`, "meta.schema_version", "must be a whole number"},
		{`{"schema_version":1.5}`, "meta.schema_version", "must be a whole number"},
		{`{"schema_version":2147483648}`, "meta.schema_version", "must be a whole number from 1 up"},
		{`{"producer":7}`, "meta.producer", "must be a string, not a number"},
		{`{"producer":""}`, "meta.producer", "is empty"},
		{`{"source_module":{}}`, "meta.source_module", "must be a string, not an object"},
		{`{"correlation_id":null}`, "meta.correlation_id", "must be a string, not null"},
		{`{"traceparent":[]}`, "meta.traceparent", "must be a string, not an array"},
		{`{"traceparent":"\udc00"}`, "meta.traceparent", "surrogate"},
		{`{"shard":1,"shard":1}`, "meta.shard", "is given twice"},
		{`{"shard":1,"\u0073hard":1}`, "meta.shard", "is given twice"},
		{`{"\ud800":1}`, "meta", "surrogate"},
	} {
		_, err := charter.Decode([]byte(envelopeWith("meta", c.json)))
		t.Run(c.json, func(t *testing.T) { wantField(t, err, c.field, c.reason) })
	}
}

func TestDecodeRefusesBrokenText(t *testing.T) {
	t.Parallel()
	valid := envelopeWith()
	for _, c := range []struct{ name, text, field, reason string }{
		{"nothing", "", "", "is empty"},
		{"space", " \n\t", "", "is empty"},
		{"null", "null", "", "must be an object, not null"},
		{"array", "[" + valid + "]", "", "must be an object, not an array"},
		{"number", "12", "", "must be an object, not a number"},
		{"word", "hello", "", "is not JSON: unexpected 'h' at byte 0"},
		{"NUL", "\x00", "", `is not JSON: unexpected '\x00' at byte 0`},
		{"byte order mark", "\ufeff" + valid, "", "is not JSON"},
		{"brace", "{", "", "is cut short"},
		{"name", `{"id`, "", "is cut short"},
		{"no value", `{"id":`, "id", "is cut short"},
		{"truncated", valid[:len(valid)-1], "", "is cut short"},
		{"truncated payload", envelopeWith("payload", `{"a":[1,2`)[:160], "payload", "is cut short"},
		{"comma at the end", valid[:len(valid)-1] + ",}", "", "is not JSON"},
		{"comma in front", "{," + valid[1:], "", "is not JSON"},
		{"no colon", `{"id" 7}`, "", "is not JSON"},
		{"single quotes", "{'id':7}", "", "is not JSON"},
		{"comment", "/**/" + valid, "", "is not JSON"},
		{"trailing brace", valid + "}", "", "has trailing data at byte"},
		{"two events", valid + "\n" + valid, "", "has trailing data at byte"},
		{"trailing NUL", valid + "\x00", "", "has trailing data at byte"},
		{"NaN", envelopeWith("timestamp", "NaN"), "timestamp", "is not JSON: unexpected 'N'"},
		{"Infinity", envelopeWith("timestamp", "Infinity"), "timestamp", "is not JSON: unexpected 'I'"},
		{"minus infinity", envelopeWith("timestamp", "-Infinity"), "timestamp", "is not JSON"},
		{"zero in front", envelopeWith("timestamp", "01"), "", "is not JSON"},
		{"plus", envelopeWith("timestamp", "+1"), "timestamp", "is not JSON"},
		{"no decimals", envelopeWith("timestamp", "1."), "timestamp", "is not JSON"},
		{"no exponent", envelopeWith("timestamp", "1e"), "timestamp", "is not JSON"},
		{"word half", envelopeWith("payload", `{"a":tru}`), "payload", "is not JSON"},
		{"escape", envelopeWith("source", `"\x"`), "source", "is not JSON"},
		{"short escape", envelopeWith("source", `"\u12"`), "source", "is not JSON"},
		{"control character", envelopeWith("source", "\"a\nb\""), "source", "is not JSON"},
		{"half a pair", envelopeWith("source", `"\ud83d"`), "source", "surrogate"},
		{"half a pair, then text", envelopeWith("source", `"\ud83dabcdef"`), "source", "surrogate"},
		{"pair the wrong way", envelopeWith("source", `"\ude80\ud83d"`), "source", "surrogate"},
		{"not UTF-8", envelopeWith("source", "\"a\xff\""), "source", "is not UTF-8"},
		{"overlong", envelopeWith("source", "\"\xc0\xaf\""), "source", "is not UTF-8"},
		{"surrogate bytes", envelopeWith("source", "\"\xed\xa0\x80\""), "source", "is not UTF-8"},
		{"payload not UTF-8", envelopeWith("payload", "{\"a\":[\"\xfe\"]}"), "payload", "is not UTF-8"},
		{"meta not UTF-8", envelopeWith("meta", "{\"a\":\"\xfe\"}"), "meta", "is not UTF-8"},
		{"extra not UTF-8", envelopeWith("extra", "\"\xfe\""), "extra", "is not UTF-8"},
		{"name not UTF-8", "{\"\xfe\":1}", "", "is not UTF-8"},
		{"name twice", envelopeWith("extra", `1,"extra":1`), "extra", "is given twice"},
		{"id twice", envelopeWith("extra", `1,"\u0069d":1`), "id", "is given twice"},
		{"one of many twice", envelopeWith("extra", `1,"a1":1,"a2":1,"a3":1,"a4":1,"a5":1,"a6":1,"a7":1,"a8":1,"a9":1,"a5":1`), "a5", "is given twice"},
		{"deep payload", envelopeWith("payload", `{"a":`+nested(127)+`}`), "payload", "is nested more than 128 levels deep"},
		{"very deep payload", envelopeWith("payload", strings.Repeat(`{"a":`, 100_000)), "payload", "is nested more than 128 levels deep"},
		{"deep extra", envelopeWith("extra", nested(128)), "extra", "is nested more than 128 levels deep"},
		{"deep array", nested(400_000), "", "is nested more than 128 levels deep"},
	} {
		_, err := charter.Decode([]byte(c.text))
		t.Run(c.name, func(t *testing.T) { wantField(t, err, c.field, c.reason) })
	}
}

func TestDecodeNamesStayShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	_, err := charter.Decode([]byte(`{"` + long + `":?}`))
	wantField(t, err, strings.Repeat("x", 80)+"...", "is not JSON")
}

func TestDecodeSize(t *testing.T) {
	t.Parallel()
	padded := func(size int) []byte {
		text := envelopeWith("payload", `{"a":""}`)
		return []byte(strings.Replace(text, `""`, `"`+strings.Repeat("x", size-len(text))+`"`, 1))
	}
	e, err := charter.Decode(padded(1_048_576))
	if err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	if len(e.Payload) < 1_048_000 {
		t.Errorf("1 MiB: the payload has %d bytes", len(e.Payload))
	}
	_, err = charter.Decode(padded(1_048_577))
	if !errors.Is(err, charter.ErrTooLarge) || errors.Is(err, charter.ErrInvalid) {
		t.Errorf("1 MiB and a byte: got %v, want ErrTooLarge", err)
	}
}

func TestDecodeDepthAllowed(t *testing.T) {
	t.Parallel()
	decode(t, []byte(envelopeWith("payload", `{"a":`+nested(126)+`}`, "extra", nested(127))))
}

func TestDecodeTimestamps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		`0`:                                  0,
		`-0`:                                 0,
		`-0.000`:                             0,
		`1703001234`:                         1703001234_000000,
		`1703001234.5`:                       1703001234_500000,
		`1703001234.567891`:                  1703001234_567891,
		`1703001234.5678914`:                 1703001234_567891,
		`1703001234.5678915`:                 1703001234_567892,
		`1703001234.9999999`:                 1703001235_000000,
		`1.703001234567891e9`:                1703001234_567891,
		`1703001234567891E-6`:                1703001234_567891,
		`17.03001234567891e+8`:               1703001234_567891,
		`0.0000005`:                          1,
		`0.0000004`:                          0,
		`1e-400`:                             0,
		`0e99999999999999999999`:             0,
		`8589934592.000001`:                  8589934592_000001,
		`253402300799.999999`:                253402300799_999999,
		`"2023-12-19T15:53:54Z"`:             1703001234_000000,
		`"2023-12-19T15:53:54"`:              1703001234_000000,
		`"2023-12-19T15:53:54.567891"`:       1703001234_567891,
		`"2023-12-19T15:53:54.567891+00:00"`: 1703001234_567891,
		`"2023-12-19T16:53:54.5+01:00"`:      1703001234_500000,
		`"2023-12-19T10:23:54-0530"`:         1703001234_000000,
		`"2023-12-19T17:53:54+02"`:           1703001234_000000,
		`"2023-12-19T15:53:54.5678914Z"`:     1703001234_567891,
		`"2023-12-19T15:53:54.5678916Z"`:     1703001234_567892,
		`"1970-01-01T00:00:00Z"`:             0,
	} {
		got := decode(t, []byte(envelopeWith("timestamp", text))).Timestamp
		if got.UnixMicro() != want || got.Nanosecond()%1000 != 0 || got.Location() != time.UTC {
			t.Errorf("%s: got %v (%d), want %d", text, got, got.UnixMicro(), want)
		}
	}
}

func TestDecodeTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"plain"`:                      "plain",
		`"\"\\\/\b\f\n\r\t"`:           "\"\\/\b\f\n\r\t",
		`"\u0041\u00e9\u00E9\u2028"`:   "Aéé\u2028",
		`"\ud83d\ude80, \uD83D\uDE80"`: "🚀, 🚀",
		`"\u0000\uffff"`:               "\x00\uffff",
		"\"\u2028\x7f日本\"":             "\u2028\x7f日本",
	} {
		if got := decode(t, []byte(envelopeWith("source", text))).Source; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestDecodeKeepsManyUnknownFields(t *testing.T) {
	t.Parallel()
	fields := `true,"a1":false,"a2":null,"a3":[],"a4":[true,false,null,-0.5e-3],"a5":{"id":1},"a6":"\u00e9","ID":"",` +
		`"a7":1,"a8":1,"a9":1,"a10":1,"a11":1`
	e := decode(t, []byte(envelopeWith("extra", fields)))
	if len(e.Extra) != 13 || string(e.Extra["a4"]) != `[true,false,null,-0.5e-3]` || string(e.Extra["a6"]) != `"\u00e9"` {
		t.Errorf("got %v", e.Extra)
	}
}

func TestDecodeKeepsNoReference(t *testing.T) {
	t.Parallel()
	text := []byte(envelopeWith("payload", `{"a":"before"}`, "extra", `"before"`))
	e := decode(t, text)
	clear(text)
	if string(e.Payload) != `{"a":"before"}` || string(e.Extra["extra"]) != `"before"` {
		t.Errorf("the event has changed with its text: %s, %s", e.Payload, e.Extra["extra"])
	}
	e.Payload = append(e.Payload, "overrun"...)
	if string(e.Extra["extra"]) != `"before"` {
		t.Errorf("appending to the payload has changed another field: %s", e.Extra["extra"])
	}
}

func clip(s string) string { return s[:min(len(s), 60)] }
