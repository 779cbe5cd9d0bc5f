package eventstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// Handler handles one event. nil acknowledges it. An error made by [Permanent]
// makes it a dead letter. Any other error, or a panic, causes redelivery after a
// backoff. ctx ends when Consume is to stop; if the handler then fails, the event
// is returned at once.
type Handler func(ctx context.Context, d Delivery) error

// Delivery is one delivery of an event. It is valid until the handler returns.
type Delivery struct {
	Event charter.Event
	// Seq is the event's sequence in the stream.
	Seq uint64
	// Attempt is 1 for the first delivery. An event that a worker fetched and
	// returned, or held when it crashed, counts as delivered.
	Attempt int
	// Stored is when the broker stored the event.
	Stored time.Time
	// Raw is the message as received.
	Raw jetstream.Msg

	ledger *ledger
}

// ErrNotRemembering is returned by [Delivery.Remember] if ConsumerConfig.Remember
// is off.
var ErrNotRemembering = errors.New("the consumer was not configured to remember")

// Remember records that this durable consumer has handled the event. Once it
// returns nil, the event is not passed to a handler again, even if its
// acknowledgement is lost in a crash. Call it after the handler's effect; a crash
// between the two still repeats the effect.
func (d Delivery) Remember(ctx context.Context) error {
	if d.ledger == nil {
		return ErrNotRemembering
	}
	return d.ledger.remember(ctx, d)
}

// consumer is one Consume call. Its fields belong to the goroutine of run and,
// while a handler runs, to the goroutine of handle.
type consumer struct {
	stream  *Stream
	cfg     ConsumerConfig
	handler Handler
	log     *slog.Logger

	sess    *session
	pulls   jetstream.Consumer
	ledger  *ledger // nil unless cfg.Remember
	created bool    // whether this consumer was created by us
	begun   time.Time

	progress progress
	status   ConsumerStatus
}

// handle settles one message and closes done. In every case the message is
// acknowledged, kept as a dead letter, or redelivered later.
func (c *consumer) handle(ctx context.Context, msg jetstream.Msg, done chan<- struct{}) {
	defer close(done)
	meta, err := msg.Metadata()
	if err != nil {
		c.note(fmt.Errorf("a message that is not from a stream: %w", err))
		return
	}
	d := Delivery{Seq: meta.Sequence.Stream, Attempt: int(meta.NumDelivered), Stored: meta.Timestamp, Raw: msg, ledger: c.ledger.of(c.cfg.Durable)}
	c.progress.delivered(d.Seq)
	c.status.Pending = meta.NumPending

	if d.Attempt > 1 && d.ledger != nil {
		known, err := d.ledger.remembers(ctx, d)
		if err != nil {
			c.retry(ctx, d, fmt.Errorf("reading the ledger: %w", err))
			return
		}
		if known {
			c.acknowledge(ctx, d, &c.status.Remembered)
			return
		}
	}
	if limit := c.cfg.MaxDeliver; limit > 0 && d.Attempt > limit {
		c.giveUp(ctx, d, fmt.Errorf("delivered more than %d times", limit))
		return
	}
	if d.Event, err = charter.Decode(msg.Data()); err != nil {
		c.giveUp(ctx, d, fmt.Errorf("not a charter event: %w", err))
		return
	}
	switch err := c.call(ctx, d); {
	case err == nil:
		c.acknowledge(ctx, d, &c.status.Handled)
	case isPermanent(err):
		c.giveUp(ctx, d, err)
	case c.cfg.MaxDeliver > 0 && d.Attempt >= c.cfg.MaxDeliver && ctx.Err() == nil:
		c.giveUp(ctx, d, fmt.Errorf("failed %d times, the last time with: %w", d.Attempt, err))
	default:
		c.retry(ctx, d, err)
	}
}

// call runs the handler and converts a panic to an error.
func (c *consumer) call(ctx context.Context, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("handler panicked: %v", p)
			c.log.Error("event handler panicked", "seq", d.Seq, "type", d.Event.Type, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return c.handler(ctx, d)
}

// acknowledge settles an event and counts it. A lost acknowledgement means a
// redelivery; where that matters, it waits for confirmation.
func (c *consumer) acknowledge(ctx context.Context, d Delivery, counter *uint64) {
	var err error
	if c.cfg.Remember {
		ctx, cancel := c.detachedContext(ctx)
		err = d.Raw.DoubleAck(ctx)
		cancel()
	} else {
		err = d.Raw.Ack()
	}
	c.progress.settled(d.Seq)
	*counter++
	c.note(err)
}

// retry returns an event for redelivery after a failure.
func (c *consumer) retry(ctx context.Context, d Delivery, err error) {
	c.log.Debug("event will be delivered again", "seq", d.Seq, "attempt", d.Attempt, "error", err)
	if ctx.Err() != nil {
		_ = d.Raw.Nak() // if it is lost, the event is redelivered after AckWait
	} else {
		_ = d.Raw.NakWithDelay(c.cfg.delay(d.Attempt)) // likewise
	}
	c.status.Retried++
	c.note(err)
}

// giveUp makes an event a dead letter. The event is removed from the consumer only
// after the dead letter is stored.
func (c *consumer) giveUp(ctx context.Context, d Delivery, reason error) {
	wordCtx, cancel := c.detachedContext(ctx)
	defer cancel()
	if err := c.keepDeadLetter(wordCtx, d, reason); err != nil {
		c.retry(ctx, d, fmt.Errorf("keeping a dead letter: %w", err))
		return
	}
	c.log.Warn("event became a dead letter", "seq", d.Seq, "subject", d.Raw.Subject(), "error", reason)
	_ = d.Raw.TermWithReason(headerText(reason.Error(), 256)) // if it is lost, the dead letter is stored again, as a duplicate
	c.progress.settled(d.Seq)
	c.status.DeadLettered++
	c.note(reason)
}

// detachedContext returns a context for the final requests to the broker, which are
// sent even while Consume is stopping.
func (c *consumer) detachedContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), c.stream.cfg.AckTimeout)
}

// attached publishes whether the consumer is being pulled from.
func (c *consumer) attached(attached bool) {
	if c.status.Attached != attached {
		c.status.Attached = attached
		c.note(nil)
	}
}

// note publishes the status, with err as its last error if not nil.
func (c *consumer) note(err error) {
	if err != nil {
		c.status.LastError = err.Error()
	}
	if c.cfg.OnStatus != nil {
		c.cfg.OnStatus(c.status)
	}
}

// progress tracks how far a consumer has come, in case the broker loses the
// consumer.
type progress struct {
	stream    time.Time // when the stream was created
	recreated bool      // whether the stream was created again
	highest   uint64    // the highest sequence delivered
	open      map[uint64]struct{}
}

// onStream records the identity of the stream. Sequences of another stream mean
// nothing.
func (p *progress) onStream(created time.Time) {
	if p.stream.Equal(created) {
		return
	}
	*p = progress{stream: created, recreated: !p.stream.IsZero(), open: make(map[uint64]struct{})}
}

func (p *progress) delivered(seq uint64) {
	p.highest = max(p.highest, seq)
	p.open[seq] = struct{}{}
}

func (p *progress) settled(seq uint64) { delete(p.open, seq) }

// resume returns the first sequence that may not be settled; false if nothing was
// delivered.
func (p *progress) resume() (uint64, bool) {
	next := p.highest + 1
	for seq := range p.open {
		next = min(next, seq)
	}
	return next, p.highest > 0
}
