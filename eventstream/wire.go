package eventstream

import "strings"

// Everything that stands on the wire: subjects, streams, buckets and headers.
// Outside programs depend on these names; they are not configuration.
const (
	// SubjectPrefix and an event's type make its subject: an event of type
	// mission.created is published to events.mission.created.
	SubjectPrefix = "events."
	// SubjectAll covers every event.
	SubjectAll = SubjectPrefix + ">"
	// DefaultStreamName is the stream that holds the events.
	DefaultStreamName = "EVENTS"

	// DeadLetterPrefix and a consumer's durable name make the subject of its
	// dead letters.
	DeadLetterPrefix = "deadletter."
	// DeadLetterAll covers the dead letters of every consumer.
	DeadLetterAll = DeadLetterPrefix + ">"
	// DeadLetterStreamName is the stream that holds the dead letters.
	DeadLetterStreamName = "DEADLETTERS"

	// LedgerBucket is the key-value bucket of remembered deliveries; its keys
	// are <durable>.<stream sequence>.
	LedgerBucket = "consumer_ledger"

	// AckPrefix begins the subjects on which JetStream acknowledges events. They are
	// apart from inboxes: whoever receives an event sees its reply subject, and who may
	// have a reply sent to any inbox could acknowledge in JetStream's place. Nobody but
	// a publisher of events may be allowed to listen here, and nobody to publish;
	// [missioncontrol/supervisor] sends no reply to a subject that begins like this.
	AckPrefix = "supervisor.acks."

	// ConnectionName is how the broker sees our connection.
	ConnectionName = "supervisor:events"
)

// Headers of an event's message: JetStream's own for duplicates, and the binary
// content mode of the CloudEvents 1.0 NATS binding.
const (
	HeaderMsgID       = "Nats-Msg-Id"
	HeaderSpecVersion = "ce-specversion"
	HeaderID          = "ce-id"
	HeaderType        = "ce-type"
	HeaderSource      = "ce-source"
	HeaderTime        = "ce-time"
	HeaderSubject     = "ce-subject"
	HeaderContentType = "content-type"
	HeaderTraceparent = "traceparent"

	// An event that was stored in an atomic batch keeps JetStream's headers of it;
	// they mean nothing to a reader.
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"

	// SpecVersion is the CloudEvents version of the headers.
	SpecVersion = "1.0"
	// ContentType is the media type of the body, a Charter envelope.
	ContentType = "application/json"
)

// Headers that a dead letter carries besides those of the original message.
const (
	HeaderDeadStream   = "Deadletter-Stream"   // stream of the original message
	HeaderDeadSequence = "Deadletter-Sequence" // its sequence in that stream
	HeaderDeadSubject  = "Deadletter-Subject"  // its subject
	HeaderDeadDurable  = "Deadletter-Durable"  // the consumer that gave up on it
	HeaderDeadError    = "Deadletter-Error"    // why, as text
	HeaderDeadAttempts = "Deadletter-Attempts" // how often it was delivered
	// HeaderDeadTruncated is "true" when the body had to be left out because
	// the broker does not take a message of that size.
	HeaderDeadTruncated = "Deadletter-Truncated"
	// HeaderDeadOriginal prefixes headers of the original that would mean
	// something to JetStream, such as Nats-Msg-Id, so that they are kept and do
	// nothing.
	HeaderDeadOriginal = "Deadletter-"
)

// natsHeaderPrefix marks the headers that JetStream acts upon.
const natsHeaderPrefix = "Nats-"

// Subject is the subject that an event of the given type is published to. It
// also turns a type filter such as "mission.>" into a subject filter.
func Subject(eventType string) string { return SubjectPrefix + eventType }

// EventType is the inverse of [Subject]; ok is false for a foreign subject.
func EventType(subject string) (eventType string, ok bool) {
	return strings.CutPrefix(subject, SubjectPrefix)
}

// DeadLetterSubject is where the dead letters of a durable consumer are kept.
func DeadLetterSubject(durable string) string { return DeadLetterPrefix + durable }
