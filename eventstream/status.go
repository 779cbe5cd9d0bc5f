package eventstream

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// State is the state of a stream.
type State string

// States of a stream.
const (
	// Connected means that the stream exists and publishes are acknowledged.
	Connected State = "connected"
	// Degraded means that telemetry is dropped and durable publishes fail, until
	// the stream works again.
	Degraded State = "degraded"
)

// Status is a snapshot of a stream's health and counters.
type Status struct {
	State State
	// Reason is one plain sentence that says why the stream is degraded; empty when
	// connected.
	Reason string
	// Since is when the state began.
	Since time.Time
	// Refused is a sentence that says why the broker refuses a consumer to somebody who
	// waits for events on this stream; empty if it refuses none.
	Refused string
	// Published counts acknowledged events, telemetry and durable, including
	// duplicates.
	Published uint64
	// Dropped counts telemetry events that were not stored, or may not have been.
	Dropped uint64
	// Duplicates counts acknowledgements of events that were already stored.
	Duplicates uint64
	// LastError is the text of the most recent failure of any kind, or empty.
	// LastErrorAt is its time.
	LastError   string
	LastErrorAt time.Time
	// Copies is the number of replicas of the stream; 0 if unknown.
	Copies int
	// BrokerURL is the configured broker, without passwords.
	BrokerURL string
}

// health holds a stream's state. The zero value is not usable; see newHealth.
type health struct {
	log    *slog.Logger
	broker string

	published, dropped, duplicates atomic.Uint64

	mu        sync.Mutex
	state     State
	reason    string
	since     time.Time
	announced bool // whether the current state was logged
	lastErr   string
	lastErrAt time.Time
	changed   chan struct{}
	refused   map[any]string // by reader, why the broker refuses its consumer
}

func newHealth(log *slog.Logger, broker string) *health {
	return &health{
		log: log, broker: broker,
		state: Degraded, reason: "no connection has been made yet", since: time.Now(),
		changed: make(chan struct{}), refused: map[any]string{},
	}
}

// snapshot does no I/O and never waits for it.
func (h *health) snapshot() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	refused := ""
	for _, text := range h.refused { // they seldom differ
		refused = max(refused, text)
	}
	return Status{
		State: h.state, Reason: h.reason, Since: h.since, Refused: refused,
		Published: h.published.Load(), Dropped: h.dropped.Load(), Duplicates: h.duplicates.Load(),
		LastError: h.lastErr, LastErrorAt: h.lastErrAt,
		BrokerURL: h.broker,
	}
}

func (h *health) wait() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// connected enters the state Connected.
func (h *health) connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == Connected {
		return
	}
	h.log.Info("event stream connected", "broker", h.broker, "degraded_for", time.Since(h.since).Round(time.Millisecond))
	h.enter(Connected, "")
	h.announced = true
}

// degraded enters the state Degraded, or changes its reason. The log has one line
// per period, with the first reason.
func (h *health) degraded(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.record(reason)
	if h.state == Degraded && h.announced && h.reason == reason {
		return
	}
	if h.state != Degraded || !h.announced {
		h.log.Warn("event stream degraded: telemetry is dropped, durable events wait", "broker", h.broker, "reason", reason)
	}
	h.enter(Degraded, reason)
	h.announced = true
}

// enter is called with the lock held.
func (h *health) enter(state State, reason string) {
	if h.state != state {
		h.since = time.Now()
	}
	h.state, h.reason = state, reason
	close(h.changed)
	h.changed = make(chan struct{})
}

// failed records an error that does not change the state.
func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.record(err.Error())
}

// record is called with the lock held.
func (h *health) record(text string) {
	h.lastErr, h.lastErrAt = text, time.Now()
}

// count counts the outcome of one acknowledged event.
func (h *health) count(o outcome) {
	h.published.Add(1)
	if o.duplicate {
		h.duplicates.Add(1)
	}
}
