package charter

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"time"
	"unsafe"

	"github.com/google/uuid"
)

// MaxSize is the maximum size of an encoded event: 1 MiB. A broker's own message
// limit includes headers, and may be lower.
const MaxSize = 1 << 20

// targetPrefix and a mission's ID form a target.
const targetPrefix = "mission_"

// Values of meta in every event that this package creates.
const (
	schemaVersion = 1
	producer      = "missioncontrol"
)

// Event is one Charter v1.0 envelope.
type Event struct {
	ID        uuid.UUID                  // never the nil UUID
	Type      string                     // lower-case dotted names, at least two
	Source    string                     // who sent it; never empty
	Target    string                     // what it concerns, such as mission_<id>; "" means null, a broadcast
	Timestamp time.Time                  // UTC, microsecond precision, in the years 1970 to 9999
	Payload   json.RawMessage            // a JSON object; replaced, but never changed in place
	Meta      Meta                       // may be empty
	Extra     map[string]json.RawMessage // top-level fields unknown to this version; nil if there are none

	checked json.RawMessage // the payload that was written or read here, and need not be parsed again
}

// Meta describes the origin of an event. Every field may be absent.
type Meta struct {
	SchemaVersion int                        // 1 and up; 0: absent
	Producer      string                     // the program that created the event; "": absent
	SourceModule  string                     // the part of that program; "": absent
	CorrelationID string                     // links the events of one cause; "": absent
	Traceparent   string                     // W3C trace context; "": absent
	Extra         map[string]json.RawMessage // keys unknown to this version; nil if there are none

	written []byte // further keys, as they are encoded
}

// SetWritten sets keys beyond the known ones in the form in which they are encoded,
// `"name":value` separated by commas and sorted by name. They come before those in Extra,
// where a reader finds them. It is for a writer of many events: it costs no map, and is
// taken for granted, so the caller must see to it that each is valid and given once. The
// bytes must not be changed later.
func (m *Meta) SetWritten(fields []byte) { m.written = fields }

// New returns the event for p, with a new random UUID and the source, target and
// meta that the catalogue defines for its type. The time is truncated to the
// microsecond. A payload that is not in the catalogue gives an event without a
// source, which [Event.Validate] rejects until the caller sets one.
func New(p Payload, at time.Time) Event {
	return NewWithID(newID(), p, at)
}

// NewWithID is [New] for an event with a given ID. An event in an outbox, for
// example, must have the same ID each time it is sent.
func NewWithID(id uuid.UUID, p Payload, at time.Time) Event {
	e := Event{ID: id, Type: p.EventType(), Timestamp: at.UTC().Truncate(time.Microsecond)}
	entry, ok := entries[e.Type]
	if !ok {
		e.Payload = p.AppendJSON(nil)
		return e
	}
	e.Source = entry.Source
	e.Meta = Meta{SchemaVersion: schemaVersion, Producer: producer, SourceModule: entry.SourceModule}
	if value := reflect.Indirect(reflect.ValueOf(p)); value.Type() == reflect.TypeOf(entry.Example) {
		e.Payload, e.Target = entry.render(p, value)
		e.checked = e.Payload
	} else {
		e.Payload = p.AppendJSON(nil)
	}
	return e
}

// Again returns the same event with another ID, for something that happened several
// times at once. Both share their payload, which must not be changed.
func (e *Event) Again() Event {
	again := *e
	again.ID = newID()
	return again
}

// render returns a payload's JSON and its target. The two share one allocation: the
// target's bytes follow the payload's, beyond the capacity of the slice that callers
// get, so that they cannot be changed. That makes the string safe.
func (e *Entry) render(p Payload, value reflect.Value) (payload json.RawMessage, target string) {
	buf := e.append(make([]byte, 0, e.sizeHint(value)), p, value)
	end := len(buf)
	if e.Targeted {
		buf = append(append(buf, targetPrefix...), value.Field(0).String()...) // the mission's id
		target = unsafe.String(unsafe.SliceData(buf[end:]), len(buf)-end)
	}
	return buf[:end:end], target
}

// newID is uuid.New without its allocation.
func newID() uuid.UUID {
	var id uuid.UUID
	// Not from crypto/rand, which calls the kernel each time: IDs must be distinct,
	// not secret, and the runtime's generator is seeded by the kernel.
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id
}

// MarshalJSON encodes an Event inside other JSON; see [Event.AppendJSON].
func (e Event) MarshalJSON() ([]byte, error) { return Encode(&e) }

// UnmarshalJSON is [Decode] for an Event inside other JSON.
func (e *Event) UnmarshalJSON(b []byte) error {
	decoded, err := Decode(b)
	if err == nil {
		*e = decoded
	}
	return err
}
