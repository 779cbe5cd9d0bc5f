package eventstream

import (
	"slices"
	"strings"
	"time"
)

// StartPolicy sets where a new durable consumer starts. An existing one resumes where
// it stopped.
type StartPolicy string

// Start policies.
const (
	StartAll   StartPolicy = "all"   // with the oldest stored event; the default
	StartNew   StartPolicy = "new"   // with the first event stored after its creation
	StartSince StartPolicy = "since" // with the first event stored at or after Since
	StartAfter StartPolicy = "after" // with the first event after sequence After
)

// Defaults for [ConsumerConfig].
const (
	defaultAckWait       = 30 * time.Second
	defaultMaxAckPending = 256
)

// defaultBackoff returns the waits before redeliveries of an event.
func defaultBackoff() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute}
}

// ConsumerConfig describes a durable consumer. Durable is required.
type ConsumerConfig struct {
	// Durable is the consumer's name, 1 to 64 of A-Z a-z 0-9 _ -. Consumers with
	// the same name, in any process, share the events.
	Durable string
	// Filter lists the wanted event types, with NATS wildcards, such as
	// "mission.>". Empty means all. Filters must not overlap. Changing them changes
	// the consumer; events skipped under the old filters stay skipped.
	Filter []string
	// Start, Since and After say where a new consumer begins.
	Start StartPolicy
	Since time.Time
	After uint64
	// AckWait is how long the broker waits for a silent worker before it delivers
	// the event to another. It does not limit handlers: while one runs, the wait is
	// extended. Default 30 s, at least 100 ms.
	AckWait time.Duration
	// MaxAckPending is the maximum number of delivered events that are not settled,
	// over all workers of the durable consumer. It also limits how many events one
	// worker fetches ahead. Default 256, 1 to 10,000. With 1, events are handled
	// strictly in order, including redeliveries.
	MaxAckPending int
	// Backoff lists the waits before the second, third... delivery of an event
	// whose handler failed; the last one repeats. Default 1 s, 5 s, 15 s, 1 min.
	Backoff []time.Duration
	// MaxDeliver is how often an event is delivered before it becomes a dead
	// letter. 0 means no limit. This package enforces the limit, because the broker
	// would drop such an event instead of keeping it.
	MaxDeliver int
	// Remember enables [Delivery.Remember] and confirmed acknowledgements.
	Remember bool
	// Inactive is how long a consumer may have no pulls before the broker deletes
	// it, together with its position. Default 0: never.
	Inactive time.Duration
	// OnStatus, if set, is called after every change of the counters, by one
	// goroutine at a time. It must not block.
	OnStatus func(ConsumerStatus)
}

// ConsumerStatus holds the counters of one Consume call.
type ConsumerStatus struct {
	Durable string
	// Attached reports whether the consumer exists and is being pulled from.
	Attached bool
	// Pending is the number of events waiting at the broker, as last reported.
	Pending uint64
	// Handled counts events whose handler succeeded.
	Handled uint64
	// Retried counts failed events that were returned for redelivery.
	Retried uint64
	// DeadLettered counts events stored as dead letters.
	DeadLettered uint64
	// Remembered counts redeliveries acknowledged without calling the handler.
	Remembered uint64
	// Refused is a sentence that says why the broker refuses the consumer; empty while
	// it does not.
	Refused string
	// LastError is the text of the most recent failure, of a handler or of the
	// consumer itself.
	LastError string
}

// WithDefaults returns a copy of c with defaults in unset fields.
func (c ConsumerConfig) WithDefaults() ConsumerConfig {
	if c.Start == "" {
		c.Start = StartAll
	}
	if c.AckWait == 0 {
		c.AckWait = defaultAckWait
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = defaultMaxAckPending
	}
	if len(c.Backoff) == 0 {
		c.Backoff = defaultBackoff()
	}
	return c
}

// Validate returns an [ErrConfig] that names the first field out of range.
func (c ConsumerConfig) Validate() error {
	switch {
	case !validName(c.Durable):
		return badConfig("Durable %q is not 1 to %d of A-Z a-z 0-9 _ -", c.Durable, maxNameLen)
	case !slices.Contains([]StartPolicy{StartAll, StartNew, StartSince, StartAfter}, c.Start):
		return badConfig("Start %q is not all, new, since or after", c.Start)
	case (c.Start == StartSince) == c.Since.IsZero():
		return badConfig("Since is set exactly when Start is since")
	case c.After != 0 && c.Start != StartAfter:
		return badConfig("After is set without Start being after")
	case c.Inactive < 0:
		return badConfig("Inactive %v is negative", c.Inactive)
	case c.AckWait < 100*time.Millisecond || c.AckWait > 24*time.Hour:
		return badConfig("AckWait %v is not between 100ms and 24h", c.AckWait)
	case c.MaxAckPending < 1 || c.MaxAckPending > 10_000:
		return badConfig("MaxAckPending %d is not between 1 and 10000", c.MaxAckPending)
	case c.MaxDeliver < 0:
		return badConfig("MaxDeliver %d is negative", c.MaxDeliver)
	}
	for _, d := range c.Backoff {
		if d < 0 {
			return badConfig("Backoff %v is negative", d)
		}
	}
	for _, f := range c.Filter {
		if err := validateFilter(f); err != nil {
			return err
		}
	}
	return nil
}

// validateFilter accepts an event type whose tokens may be wildcards.
func validateFilter(f string) error {
	tokens := strings.Split(f, ".")
	for i, t := range tokens {
		switch {
		case t == "":
			return badConfig("event type %q has an empty token", f)
		case t == "*" || t == ">" && i == len(tokens)-1:
		case strings.ContainsAny(t, " \t\r\n*>"):
			return badConfig("event type %q: %q is neither a name nor a wildcard", f, t)
		}
	}
	return nil
}

// delay returns the wait before the delivery after the given attempt.
func (c ConsumerConfig) delay(attempt int) time.Duration {
	return c.Backoff[min(max(attempt, 1), len(c.Backoff))-1]
}
