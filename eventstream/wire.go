package eventstream

import "strings"

// Names on the wire: subjects, streams, buckets and headers. External programs
// depend on them; they are not configurable.
const (
	// SubjectPrefix and an event's type form its subject: an event of type
	// mission.created is published to events.mission.created.
	SubjectPrefix = "events."
	// SubjectAll covers every event.
	SubjectAll = SubjectPrefix + ">"
	// DefaultStreamName is the stream that holds the events.
	DefaultStreamName = "EVENTS"

	// DeadLetterPrefix and a consumer's durable name form the subject of its dead
	// letters.
	DeadLetterPrefix = "deadletter."
	// DeadLetterAll covers the dead letters of every consumer.
	DeadLetterAll = DeadLetterPrefix + ">"
	// DeadLetterStreamName is the stream that holds the dead letters.
	DeadLetterStreamName = "DEADLETTERS"

	// LedgerBucket is the key-value bucket of remembered deliveries. Its keys are
	// <durable>.<stream sequence>.
	LedgerBucket = "consumer_ledger"

	// AckPrefix begins the subjects on which JetStream acknowledges events. They
	// are separate from inboxes: every receiver of an event sees its reply subject,
	// and a client that can direct a reply to any inbox could forge JetStream's
	// acknowledgements. Only publishers of events may subscribe to these subjects,
	// and no client may publish to them. [missioncontrol/supervisor] sends no reply
	// to a subject with this prefix.
	AckPrefix = "supervisor.acks."

	// ConnectionName is the name of our connection at the broker.
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

	// An event stored in an atomic batch keeps JetStream's batch headers; readers
	// can ignore them.
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"

	// SpecVersion is the CloudEvents version of the headers.
	SpecVersion = "1.0"
	// ContentType is the media type of the body, a Charter envelope.
	ContentType = "application/json"
)

// Headers of a dead letter, in addition to those of the original message.
const (
	HeaderDeadStream   = "Deadletter-Stream"   // stream of the original message
	HeaderDeadSequence = "Deadletter-Sequence" // its sequence in that stream
	HeaderDeadSubject  = "Deadletter-Subject"  // its subject
	HeaderDeadDurable  = "Deadletter-Durable"  // the consumer that gave up
	HeaderDeadError    = "Deadletter-Error"    // the reason, as text
	HeaderDeadAttempts = "Deadletter-Attempts" // the number of deliveries
	// HeaderDeadTruncated is "true" if the body was left out because the broker
	// does not accept a message of that size.
	HeaderDeadTruncated = "Deadletter-Truncated"
	// HeaderDeadOriginal prefixes headers of the original that have a meaning for
	// JetStream, such as Nats-Msg-Id, so that they are kept without effect.
	HeaderDeadOriginal = "Deadletter-"
)

// natsHeaderPrefix marks the headers that JetStream interprets.
const natsHeaderPrefix = "Nats-"

// Subject returns the subject for events of the given type. It also converts a type
// filter such as "mission.>" to a subject filter.
func Subject(eventType string) string { return SubjectPrefix + eventType }

// EventType is the inverse of [Subject]; ok is false for any other subject.
func EventType(subject string) (eventType string, ok bool) {
	return strings.CutPrefix(subject, SubjectPrefix)
}

// DeadLetterSubject returns the subject for the dead letters of a durable consumer.
func DeadLetterSubject(durable string) string { return DeadLetterPrefix + durable }
