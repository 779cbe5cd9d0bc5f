// Package charter is the vocabulary of Mission Control's events: the Charter
// v1.0 envelope, and the catalogue of every event type with its typed payload.
// It does no I/O and knows nothing of brokers or stores; it turns facts into
// bytes that any JSON reader understands, and such bytes back into facts.
//
// # The envelope
//
// One JSON object per event, UTF-8:
//
//	{"id":"<uuid>","type":"supervisor.status_queried","source":"supervisor_service","target":null,
//	 "timestamp":1703001234.567,"payload":{...},"meta":{...}}
//
// The seven fields always stand there. target is null for a broadcast, or names
// whom the event concerns, such as mission_<id>. The timestamp and every field
// whose name ends in _at are Unix seconds in UTC, as a JSON number to the
// microsecond. They are written from integer microseconds, never through a
// float64, always with a decimal point and never with an exponent, so that
// readers which tell integers from floats see one type.
//
// # Strict in reading, faithful in passing on
//
// [Decode] refuses what does not fit, and a [FieldError] names the field: what
// is missing or mistyped, named twice, not UTF-8, nested too deeply, followed by
// anything else, or longer than [MaxSize]. Names match exactly, upper and lower
// case included. Readers are also given some grace: a timestamp may be an
// ISO-8601 string, and meta may be empty.
//
// What a reader does not know is kept: unknown top-level fields and unknown keys
// of meta come out of decoding and encoding with their values unchanged, byte
// for byte, as does the payload.
//
// # Telemetry and durable events
//
// The catalogue says of each type whether it is [Telemetry], sent at best
// effort, or [Durable], recorded together with the change that it tells of.
// Charter only names the difference; who publishes honours it.
//
// # Evolution
//
// Version 1 grows by addition only. A new event type, a new payload field, a new
// meta key or a new value of a string may appear at any time, so readers ignore
// what they do not know. What has been released is never renamed, retyped or
// taken away, nor does it change its meaning. A change that cannot keep this
// promise gets a new event type, or raises meta.schema_version, which is 1 in
// every event that this package makes. The golden envelopes in testdata/v1 hold
// the package to it.
//
// # Documentation for other languages
//
// EVENTS.md and the JSON Schemas under schema/ are generated from the catalogue;
// [Schema] hands out the latter at run time.
//
// Everything here is safe for concurrent use, except that one [Event] must not
// be changed while another goroutine uses it.
package charter

//go:generate go run ./gen
