package charter

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"time"
	"unsafe"

	"github.com/google/uuid"
)

// MaxSize is the most bytes that one encoded event may have: 1 MiB. A broker's
// own limit on messages counts headers too, and may be lower.
const MaxSize = 1 << 20

// The values of meta in every event that this package makes.
const (
	schemaVersion = 1
	producer      = "missioncontrol"
)

// Event is one Charter v1.0 envelope.
type Event struct {
	ID        uuid.UUID                  // never the nil UUID
	Type      string                     // lower-case dotted names, at least two
	Source    string                     // who says so; never empty
	Target    string                     // whom it concerns, such as mission_<id>; "" stands for null, a broadcast
	Timestamp time.Time                  // UTC, to the microsecond, in the years 1970 to 9999
	Payload   json.RawMessage            // a JSON object
	Meta      Meta                       // may be empty
	Extra     map[string]json.RawMessage // top-level fields that this version does not know; nil when there are none
}

// Meta says how an event came about. Every part of it may be absent.
type Meta struct {
	SchemaVersion int                        // 1 and up; 0: absent
	Producer      string                     // the program that made the event; "": absent
	SourceModule  string                     // the part of that program; "": absent
	CorrelationID string                     // joins the events of one cause; "": absent
	Traceparent   string                     // W3C trace context; "": absent
	Extra         map[string]json.RawMessage // keys that this version does not know; nil when there are none
}

// New makes the event that tells of p, with a fresh random UUID and the source,
// target and meta that the catalogue gives to its type. The time is cut to the
// microsecond. A payload from outside the catalogue gets an event without a
// source, which [Event.Validate] refuses until the caller has set one.
func New(p Payload, at time.Time) Event {
	return NewWithID(newID(), p, at)
}

// NewWithID is [New] for an event whose id was fixed earlier, as in an outbox,
// where the same event must bear the same id however often it is sent.
func NewWithID(id uuid.UUID, p Payload, at time.Time) Event {
	e := Event{ID: id, Type: p.EventType(), Timestamp: at.UTC().Truncate(time.Microsecond)}
	if entry, ok := entries[e.Type]; ok {
		e.Source = entry.Source
		e.Meta = Meta{SchemaVersion: schemaVersion, Producer: producer, SourceModule: entry.SourceModule}
	}
	e.Payload, e.Target = render(p)
	return e
}

// Again returns an event that tells the same under another id: for something that
// happened several times at once. Both share their payload, which nobody changes.
func (e *Event) Again() Event {
	again := *e
	again.ID = newID()
	return again
}

// render gives the payload's JSON and its target. The two share one allocation:
// the target's bytes stand behind the payload's, beyond the capacity of the
// slice that callers get, so that nobody can reach them to change them. That is
// what makes the string safe.
func render(p Payload) (payload json.RawMessage, target string) {
	size := 512
	if s, ok := p.(interface{ sizeHint() int }); ok {
		size = s.sizeHint()
	}
	buf := p.AppendJSON(make([]byte, 0, size))
	end := len(buf)
	if t, ok := p.(interface{ appendTarget(dst []byte) []byte }); ok {
		buf = t.appendTarget(buf)
		target = unsafe.String(unsafe.SliceData(buf[end:]), len(buf)-end)
	}
	return buf[:end:end], target
}

// newID is uuid.New without its allocation.
func newID() uuid.UUID {
	var id uuid.UUID
	// Not from crypto/rand, which asks the kernel each time: ids have to be distinct,
	// not secret, and the runtime's generator is seeded by the kernel.
	binary.LittleEndian.PutUint64(id[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 0x40 // version 4
	id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
	return id
}

// MarshalJSON lets an Event stand in other JSON; see [Event.AppendJSON].
func (e Event) MarshalJSON() ([]byte, error) { return Encode(&e) }

// UnmarshalJSON is [Decode] for an Event that stands in other JSON.
func (e *Event) UnmarshalJSON(b []byte) error {
	decoded, err := Decode(b)
	if err == nil {
		*e = decoded
	}
	return err
}
