package eventstream

import (
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

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
	// deadLetterAll covers the dead letters of every consumer.
	deadLetterAll = DeadLetterPrefix + ">"
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

	// connectionName is the name of our connection at the broker.
	connectionName = "supervisor:events"
)

// Headers of an event's message: JetStream's own for duplicates, and the binary
// content mode of the CloudEvents 1.0 NATS binding.
const (
	headerMsgID       = "Nats-Msg-Id"
	headerSpecVersion = "ce-specversion"
	headerID          = "ce-id"
	headerType        = "ce-type"
	headerSource      = "ce-source"
	headerTime        = "ce-time"
	headerSubject     = "ce-subject"
	headerContentType = "content-type"
	headerTraceparent = "traceparent"

	// An event stored in a chain keeps the ID of the event that had to be stored just
	// before it; readers can ignore it.
	headerPrevious = jetstream.ExpectedLastMsgIDHeader

	// An event stored in an atomic batch keeps JetStream's batch headers; readers
	// can ignore them.
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"

	// specVersion is the CloudEvents version of the headers.
	specVersion = "1.0"
	// contentType is the media type of the body, a Charter envelope.
	contentType = "application/json"
)

// Headers of a dead letter, in addition to those of the original message.
const (
	headerDeadStream   = "Deadletter-Stream"   // stream of the original message
	headerDeadSequence = "Deadletter-Sequence" // its sequence in that stream
	headerDeadSubject  = "Deadletter-Subject"  // its subject
	headerDeadDurable  = "Deadletter-Durable"  // the consumer that gave up
	headerDeadError    = "Deadletter-Error"    // the reason, as text
	headerDeadAttempts = "Deadletter-Attempts" // the number of deliveries
	// headerDeadTruncated is "true" if the body was left out because the broker
	// does not accept a message of that size.
	headerDeadTruncated = "Deadletter-Truncated"
	// headerDeadOriginal prefixes headers of the original that have a meaning for
	// JetStream, such as Nats-Msg-Id, so that they are kept without effect.
	headerDeadOriginal = "Deadletter-"
)

// natsHeaderPrefix marks the headers that JetStream interprets.
const natsHeaderPrefix = "Nats-"

// eventSubject returns the subject for events of the given type. It also converts a type
// filter such as "mission.>" to a subject filter.
func eventSubject(eventType string) string { return SubjectPrefix + eventType }

// EventType returns the type of the events with a subject; ok is false if the subject
// is not an event's. It also converts a subject filter.
func EventType(subject string) (eventType string, ok bool) {
	return strings.CutPrefix(subject, SubjectPrefix)
}

// deadLetterSubject returns the subject for the dead letters of a durable consumer.
func deadLetterSubject(durable string) string { return DeadLetterPrefix + durable }
