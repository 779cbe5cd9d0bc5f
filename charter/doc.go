// Package charter is the vocabulary of Mission Control's events: the Charter v1.0
// envelope, and the catalogue of every event type with its typed payload. It does
// no I/O and knows nothing of brokers or stores. It converts facts to bytes that
// any JSON reader understands, and back.
//
// # The envelope
//
// One JSON object per event, UTF-8:
//
//	{"id":"<uuid>","type":"supervisor.status_queried","source":"supervisor_service","target":null,
//	 "timestamp":1703001234.567,"payload":{...},"meta":{...}}
//
// The seven fields are always present. target is null for a broadcast, or names
// what the event concerns, such as mission_<id>. The timestamp and every field
// whose name ends in _at are Unix seconds in UTC, as a JSON number with microsecond
// precision. They are written from integer microseconds, never through a float64,
// always with a decimal point and never with an exponent, so that readers which
// distinguish integers from floats see one type.
//
// # Strict in reading, faithful in forwarding
//
// [Decode] rejects what breaks the contract, with a [FieldError] that names the
// field: a field that is missing or mistyped, a duplicate name, invalid UTF-8,
// nesting that is too deep, trailing data, or more than [MaxSize] bytes. Names
// match exactly, including case. Decode is lenient in two ways: a timestamp may be
// an ISO-8601 string, and meta may be empty.
//
// Unknown content is kept: unknown top-level fields and unknown keys of meta pass
// through decoding and encoding with their values unchanged, byte for byte, as does
// the payload.
//
// # Telemetry and durable events
//
// The catalogue says for each type whether it is [Telemetry], sent best effort, or
// [Durable], stored together with the change it reports. Charter only names the
// difference; publishers implement it.
//
// # Evolution
//
// Version 1 grows only by addition. A new event type, payload field, meta key or
// string value may appear at any time, so readers ignore what they do not know.
// What has been released is never renamed, retyped or removed, and does not change
// its meaning. A change that cannot keep this promise gets a new event type, or
// raises meta.schema_version, which is 1 in every event that this package creates.
// The golden envelopes in testdata/v1 enforce this.
//
// # Documentation for other languages
//
// EVENTS.md and the JSON Schemas under schema/ are generated from the catalogue;
// [Schema] returns the latter at run time.
//
// Everything here is safe for concurrent use, except that an [Event] must not be
// changed while another goroutine uses it.
package charter

//go:generate go run ./gen
