package charter

import (
	"bytes"
	"encoding/json"
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"
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
	o := object{names: envelopeFields}
	if err := o.parse(bytes.Clone(b), 1); err != nil {
		return Event{}, err
	}
	e := Event{ // by their places in envelopeFields
		ID:        o.uuid(0),
		Type:      o.eventType(1),
		Source:    o.filled(2),
		Target:    o.target(3),
		Timestamp: o.timestamp(4),
		Payload:   json.RawMessage(o.typed(5, jsontext.KindBeginObject)),
		Meta:      o.meta(6),
		Extra:     o.rest,
	}
	if o.err != nil {
		return Event{}, o.err
	}
	e.checked = e.Payload
	return e, nil
}

// uuid reads the canonical form with 36 characters, the only form that readers in
// every language accept.
func (o *object) uuid(i int) uuid.UUID {
	text := o.rawText(i)
	id, err := uuid.ParseBytes(text)
	switch {
	case err != nil || len(text) != 36:
		o.fail(i, "must be a UUID of 36 characters")
	case id == uuid.Nil:
		o.fail(i, "is the nil UUID")
	}
	return id
}

func (o *object) eventType(i int) string {
	text := o.text(i)
	if !typeFits(text) {
		o.fail(i, typeReason)
	}
	return text
}

// target reads null as "", which is not a valid target.
func (o *object) target(i int) string {
	if o.isNull(i) {
		return ""
	}
	return o.filled(i)
}

func (o *object) timestamp(i int) time.Time {
	raw := o.field(i)
	if raw == nil || raw.Kind() != jsontext.KindString {
		return o.time(i)
	}
	t, ok := parseISO(o.text(i))
	if !ok {
		o.fail(i, "must be Unix seconds or an ISO-8601 time in the years 1970 to 9999")
	}
	return t
}

func (o *object) meta(i int) Meta {
	raw := o.typed(i, jsontext.KindBeginObject)
	if raw == nil {
		return Meta{}
	}
	m := object{path: "meta", names: metaFields}
	m.err = m.parse(raw, 2)
	meta := Meta{ // by their places in metaFields
		SchemaVersion: m.version(0),
		Producer:      m.filledIfAny(1),
		SourceModule:  m.filledIfAny(2),
		CorrelationID: m.filledIfAny(3),
		Traceparent:   m.filledIfAny(4),
		Extra:         m.rest,
	}
	if o.err == nil {
		o.err = m.err
	}
	return meta
}

const versionReason = "must be a whole number from 1 up"

func (o *object) version(i int) int {
	if !o.has(i) {
		return 0
	}
	n := o.count(i)
	if n < 1 || n > math.MaxInt32 {
		o.fail(i, versionReason)
	}
	return int(n)
}

// filledIfAny reads a string that may be absent, but not empty or null.
func (o *object) filledIfAny(i int) string {
	if !o.has(i) {
		return ""
	}
	return o.filled(i)
}
