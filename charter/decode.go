package charter

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"github.com/google/uuid"
)

// Decode reads one envelope. The event keeps no reference to b.
//
// Anything that breaks the contract is rejected with a [FieldError] that names the
// field, and more than [MaxSize] bytes with [ErrTooLarge]. The payload can be any
// JSON object; [DecodePayload] decodes it.
func Decode(b []byte) (Event, error) {
	if len(b) > MaxSize {
		return Event{}, tooLarge(len(b))
	}
	s := &scanner{text: bytes.Clone(b)}
	o, err := parseObject(s, "", 1)
	if err != nil {
		return Event{}, err
	}
	if err := s.end(); err != nil {
		return Event{}, invalid("", err.Error())
	}
	e := Event{
		ID:        o.uuid("id"),
		Type:      o.eventType("type"),
		Source:    o.filled("source"),
		Target:    o.target("target"),
		Timestamp: o.timestamp("timestamp"),
		Payload:   o.rawObject("payload"),
		Meta:      o.meta("meta"),
		Extra:     o.rest(envelopeFields),
	}
	if o.err != nil {
		return Event{}, o.err
	}
	return e, nil
}

// uuid reads the canonical form with 36 characters, the only form that readers in
// every language accept.
func (o *object) uuid(name string) uuid.UUID {
	text := o.text(name)
	id, err := uuid.Parse(text)
	switch {
	case err != nil || len(text) != 36:
		o.fail(name, "must be a UUID of 36 characters")
	case id == uuid.Nil:
		o.fail(name, "is the nil UUID")
	}
	return id
}

func (o *object) eventType(name string) string {
	text := o.text(name)
	if !typeFits(text) {
		o.fail(name, typeReason)
	}
	return text
}

// target reads null as "", which is not a valid target.
func (o *object) target(name string) string {
	if o.isNull(name) {
		return ""
	}
	return o.filled(name)
}

func (o *object) timestamp(name string) time.Time {
	raw := o.field(name)
	if raw == nil || raw[0] != '"' {
		return o.time(name)
	}
	t, ok := parseISO(o.text(name))
	if !ok {
		o.fail(name, "must be Unix seconds or an ISO-8601 time in the years 1970 to 9999")
	}
	return t
}

func (o *object) rawObject(name string) json.RawMessage {
	raw := o.typed(name, "an object")
	return raw[:len(raw):len(raw)]
}

func (o *object) meta(name string) Meta {
	raw := o.rawObject(name)
	if raw == nil {
		return Meta{}
	}
	m, err := parseObject(&scanner{text: raw}, o.prefix+name, 2)
	if err != nil {
		m = &object{err: err}
	}
	meta := Meta{
		SchemaVersion: m.version("schema_version"),
		Producer:      m.filledIfAny("producer"),
		SourceModule:  m.filledIfAny("source_module"),
		CorrelationID: m.filledIfAny("correlation_id"),
		Traceparent:   m.filledIfAny("traceparent"),
		Extra:         m.rest(metaFields),
	}
	if o.err == nil {
		o.err = m.err
	}
	return meta
}

const versionReason = "must be a whole number from 1 up"

func (o *object) version(name string) int {
	if !o.has(name) {
		return 0
	}
	n := o.count(name)
	if n < 1 || n > math.MaxInt32 {
		o.fail(name, versionReason)
	}
	return int(n)
}

// filledIfAny reads a string that may be absent, but not empty or null.
func (o *object) filledIfAny(name string) string {
	if !o.has(name) {
		return ""
	}
	return o.filled(name)
}
