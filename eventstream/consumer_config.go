package eventstream

import (
	"slices"
	"strings"
	"time"
)

// StartPolicy says where a durable consumer begins when it is created. One that
// exists goes on where it was.
type StartPolicy string

// The start policies.
const (
	StartAll   StartPolicy = "all"   // with the oldest stored event; the default
	StartNew   StartPolicy = "new"   // with the first event stored after its creation
	StartSince StartPolicy = "since" // with the first event stored at or after Since
	StartAfter StartPolicy = "after" // with the first event behind the sequence After
)

// The defaults of [ConsumerConfig].
const (
	DefaultAckWait       = 30 * time.Second
	DefaultMaxAckPending = 256
)

// DefaultBackoff are the waits before the redeliveries of an event.
func DefaultBackoff() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute}
}

// ConsumerConfig describes a durable consumer. Durable is required.
type ConsumerConfig struct {
	// Durable is the consumer's name, 1 to 64 of A-Z a-z 0-9 _ -. Consumers of
	// one name, in whatever process, share the events among them.
	Durable string
	// Filter are the event types wanted, with the wildcards of NATS, such as
	// "mission.>". Empty: all. Filters must not overlap.
	Filter []string
	// Start, Since and After say where a new consumer begins.
	Start StartPolicy
	Since time.Time
	After uint64
	// AckWait is how long the broker waits for a worker that has fallen silent
	// before it delivers the event to another. It does not limit handlers: while
	// one runs, the broker is told so. Default 30 s, at least 100 ms.
	AckWait time.Duration
	// MaxAckPending is how many events are delivered and not yet settled, over
	// all workers of the durable; also the most that one worker fetches ahead.
	// Default 256, 1 to 10,000. With 1, events are handled strictly in order,
	// redeliveries included.
	MaxAckPending int
	// Backoff are the waits before the second, third... delivery of an event
	// whose handler failed; the last one repeats. Default 1 s, 5 s, 15 s, 1 min.
	Backoff []time.Duration
	// MaxDeliver is how often an event is delivered before it becomes a dead
	// letter. 0: without end. The limit is kept here and not by the broker,
	// which would forget such an event instead of keeping it.
	MaxDeliver int
	// Remember makes [Delivery.Remember] available and acknowledgements
	// confirmed.
	Remember bool
	// Inactive is how long nobody may pull before the broker drops the consumer, and
	// with it the place where it was. Default 0: never.
	Inactive time.Duration
	// OnStatus, when set, is called after every change of the counters, by one
	// goroutine at a time. It must not block.
	OnStatus func(ConsumerStatus)
}

// ConsumerStatus counts what one Consume call has done.
type ConsumerStatus struct {
	Durable string
	// Attached says that the consumer exists and is being pulled from.
	Attached bool
	// Pending is how many events waited at the broker when it last said so.
	Pending uint64
	// Handled counts events whose handler succeeded.
	Handled uint64
	// Retried counts failures after which the event was given back.
	Retried uint64
	// DeadLettered counts events that were kept as dead letters.
	DeadLettered uint64
	// Remembered counts redeliveries that were acknowledged without calling the
	// handler.
	Remembered uint64
	// LastError is the text of the most recent failure, of a handler or of the
	// consumer itself.
	LastError string
}

// WithDefaults returns a copy of c in which unset fields have their defaults.
func (c ConsumerConfig) WithDefaults() ConsumerConfig {
	if c.Start == "" {
		c.Start = StartAll
	}
	if c.AckWait == 0 {
		c.AckWait = DefaultAckWait
	}
	if c.MaxAckPending == 0 {
		c.MaxAckPending = DefaultMaxAckPending
	}
	if len(c.Backoff) == 0 {
		c.Backoff = DefaultBackoff()
	}
	return c
}

// Validate reports the first field that is out of range, by name; the error is
// an [ErrConfig].
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

// validateFilter accepts an event type in which tokens may be wildcards.
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

// delay is the wait before the delivery that follows the given attempt.
func (c ConsumerConfig) delay(attempt int) time.Duration {
	return c.Backoff[min(max(attempt, 1), len(c.Backoff))-1]
}
